"""Which columns of a table hold the names of clips, the texts, the times: by their titles, else by what is in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from core.exchange.rows import NAME_COLUMNS, TEXT_COLUMNS, looks_like_name, stem_of
from core.spans import parse_segment_name
from core.text import nfkc

START_COLUMNS = ("start", "start_time", "begin", "start_ms", "開始", "開始時間", "开始时间")
END_COLUMNS = ("end", "end_time", "stop", "end_ms", "結束", "結束時間", "结束时间")

SAMPLE = 200
"""Rows that a guess looks at."""

MOST_COLUMNS = 100
"""That are told apart: a text without quotes may have thousands of commas."""

LEAST_NAMES = 0.5
"""Share of a column's cells that look like names of clips, where that is what it holds."""

LEAST_LETTERS = 2
"""Of the median cell of a column of texts."""

RIVAL = 0.5
"""Share of the letters of the column with the most, from which on another one may be the text as well."""

ALIKE = 0.5
"""Share of their letters that two columns have in common where one is the other, written out or corrected."""

SHORTEST_ROW_MS = 100
"""Nobody says anything in less: whole numbers that are closer are no milliseconds."""

_MOMENT = re.compile(r"(?:(?:(\d{1,5}):)?(\d{1,2}):)?(\d{1,9})(?:[.,](\d{1,9}))?")


@dataclass(frozen=True)
class Columns:
    """Numbers of columns, from 0. times: of start and end, where the rows tell when they are said. header: whether the
    first row only names the columns. titles: what the columns are called, "" where nobody says."""

    text: int
    name: int | None = None
    times: tuple[int, int] | None = None
    header: bool = False
    titles: tuple[str, ...] = ()

    @property
    def needed(self) -> int:
        """How many cells a row must have."""
        return max(self.text, self.name or 0, *(self.times or (0,))) + 1

    def title(self, number: int) -> str:
        """`column “text”`, or `column 2`."""
        named = self.titles[number] if number < len(self.titles) else ""
        return f"column “{named}”" if named else f"column {number + 1}"


def find_columns(rows: Sequence[Sequence[str]], in_texts: bool) -> Columns | None:
    """The columns of a table by its first rows; None where it is a name and a text, and nothing tells otherwise.

    in_texts: the delimiter stands in texts as well, so that as many cells in every row may be chance. ValueError, of
    what is wrong and why, where a header names clips and no column holds text, or nothing tells which of two does.
    """
    titles = tuple(cell.strip() for cell in rows[0])
    keys = [_key(title) for title in titles]
    name, text = _first(keys, NAME_COLUMNS), _first(keys, TEXT_COLUMNS)
    start, end = _first(keys, START_COLUMNS), _first(keys, END_COLUMNS)
    body = rows[1 : SAMPLE + 1]
    if text is not None and start is not None and end is not None and (name is None or _name_recordings(body, name)):
        return Columns(text, name, (start, end), True, titles)
    if name is None and text is not None and len(titles) > 1 and not any(map(looks_like_name, titles)):
        # A header whose column of names has a title of its own.
        name = _name_column(body, without=text)
        name = (0 if text else 1) if name is None else name
    if name is not None and (text is not None or not _is_row(rows[0])):
        if text is None:
            text = _text_column(body, without=name)
        if text is None:
            raise ValueError("no column holds the text", f"its columns are {', '.join(titles)}")
        return Columns(text, name, None, True, titles)
    return _without_header(rows[:SAMPLE], in_texts)


def known_titles(cells: Sequence[str]) -> int:
    """How many of the cells are titles of columns that are known."""
    known = {*NAME_COLUMNS, *TEXT_COLUMNS, *START_COLUMNS, *END_COLUMNS}
    return sum(_key(cell.strip('"')) in known for cell in cells)


def _without_header(rows: Sequence[Sequence[str]], in_texts: bool) -> Columns | None:
    """The columns of three or more cells in every row: times and a text, or a name among others."""
    count = len(rows[0])
    if count < 3 or any(len(row) != count for row in rows):
        return None
    timed = [
        row for row in rows if row[0].strip() and to_seconds(row[0]) is not None and to_seconds(row[1]) is not None
    ]
    if len(timed) == len(rows):
        return Columns(2, None, (0, 1))
    name = _name_column(rows)
    if in_texts and not name:
        return None
    text = _text_column(rows, without=name or 0)
    return None if text is None else Columns(text, name or 0)


def _key(title: str) -> str:
    return re.sub(r"[\s\-.]+", "_", nfkc(title).strip().lower())


def _first(keys: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((keys.index(key) for key in wanted if key in keys), None)


def _is_row(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and parse_segment_name(stem_of(cells[0])) is not None


def _cells(rows: Sequence[Sequence[str]], column: int) -> list[str]:
    return [row[column].strip() if column < len(row) else "" for row in rows]


def _columns(rows: Sequence[Sequence[str]]) -> range:
    return range(min(MOST_COLUMNS, max(map(len, rows), default=0)))


def _name_recordings(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether a column names whole recordings, each for several rows: then their times tell what they are."""
    names = _cells(rows, column)
    return len(set(names)) < len(names) and not any(parse_segment_name(stem_of(name)) for name in names)


def _name_column(rows: Sequence[Sequence[str]], without: int | None = None) -> int | None:
    shares = {
        column: sum(map(looks_like_name, _cells(rows, column))) / max(len(rows), 1)
        for column in _columns(rows)
        if column != without
    }
    best = max(shares, key=lambda column: shares[column], default=None)
    return best if best is not None and shares[best] >= LEAST_NAMES else None


def _text_column(rows: Sequence[Sequence[str]], without: int) -> int | None:
    """The one with the most letters in its median cell; of two alike the later, which is the normalised one.

    ValueError where another has about as many, and says something else: a translation, or how it is spoken.
    """
    cells = {column: _cells(rows, column) for column in _columns(rows) if column != without}
    sizes = {
        column: median(sum(map(str.isalpha, cell)) for cell in found)
        for column, found in cells.items()
        if not all(map(looks_like_name, found))
    }
    best = max(sizes, key=lambda column: (sizes[column], column), default=None)
    if best is None or sizes[best] < LEAST_LETTERS:
        return None
    for column, size in sizes.items():
        # What is the same in most rows, a speaker or a source, is no text.
        is_varied = len(set(cells[column])) > len(rows) / 2
        if size >= max(LEAST_LETTERS, RIVAL * sizes[best]) and is_varied and not _are_alike(cells[column], cells[best]):
            first, second = sorted((column + 1, best + 1))
            raise ValueError("two columns could be the text", f"columns {first} and {second} say different things")
    return best


def _are_alike(texts: Sequence[str], others: Sequence[str]) -> bool:
    def share(first: str, second: str) -> float:
        # One of them may be in capitals, or in letters of full width.
        one, other = (Counter(filter(str.isalpha, nfkc(text).casefold())) for text in (first, second))
        return (one & other).total() / max(1, one.total(), other.total())

    return median(map(share, texts, others)) >= ALIKE


def to_seconds(cell: str) -> float | None:
    """`12.5`, `0:12.5` or `00:00:12,500` in seconds; None for what is no time."""
    found = _MOMENT.fullmatch(cell.strip())
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(f"{seconds}.{fraction or 0}")


def to_ms(cells: Sequence[tuple[str, str]], titles: tuple[str, str] = ("", "")) -> list[tuple[int, int]]:
    """Starts and ends in ms. Whole numbers are milliseconds, as Whisper writes them, unless rows were too short then;
    any numbers are where the titles say so, as `start_ms` does.

    ValueError with the number of the row, from 0, that has no times.
    """
    if not cells:
        return []
    spans = []
    for number, (start, end) in enumerate(cells):
        first, last = to_seconds(start), to_seconds(end)
        if first is None or last is None or last < first:
            raise ValueError(number)
        spans.append((first, last))
    whole = all(cell.strip().isdigit() for pair in cells for cell in pair)
    in_ms = all(_key(title).endswith("_ms") for title in titles) and not any(
        ":" in cell for row in cells for cell in row
    )
    in_ms = in_ms or (whole and median(last - first for first, last in spans) >= SHORTEST_ROW_MS)
    return [
        (round(first), round(last)) if in_ms else (round(first * 1000), round(last * 1000)) for first, last in spans
    ]
