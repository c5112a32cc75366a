"""Tables as people really make them: with and without quotes and titles, parted by commas, tabs, semicolons or bars;
of names and texts, or of times and texts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import UserError
from core.exchange.columns import MOST_COLUMNS, SAMPLE, Columns, find_columns, known_titles, to_ms
from core.exchange.cues import in_order
from core.exchange.encodings import read_text, shown
from core.exchange.rows import MetadataRow, MetadataTable, lines_in_words, lines_of, looks_like_name
from core.timed_text import Cue

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
"""The likeliest first."""

IN_TEXTS = ",;"
"""Those that stand in texts, too: where nothing tells of more columns, only the first one in a line parts."""

LONGEST_LINE = 100_000
"""Characters; nobody says so much in a segment."""
SNIFFED = 1000
"""Lines that the delimiter is guessed by."""

_NAMED_DELIMITER = re.compile(r"sep=([,;|\t])", re.IGNORECASE)


def read(path: Path) -> MetadataTable:
    """UserError names the line that cannot be taken."""
    text, encoding = read_text(path)
    lines = lines_of(path, text, LONGEST_LINE)
    filled = [line for line in lines if line.strip()]
    if not filled:
        raise _empty(path)
    if named := _NAMED_DELIMITER.fullmatch(filled[0]):
        # Excel's own first line; blank, so that the numbers of lines stay.
        delimiter, lines[lines.index(filled[0])] = named[1], ""
    else:
        delimiter = _sniff(path, filled)
    records = _RecordReader(lines, delimiter).all()
    if not records:
        raise _empty(path)
    table = _to_table(path, records, delimiter)
    how = f"{path.name} is read as {shown(encoding)}, parted by {DELIMITERS[delimiter]}s"
    return replace(table, taken=f"{how}; {table.taken}")


def _empty(path: Path) -> UserError:
    return UserError(f"{path.name} is empty", "there is no row in it", "give a table with file_name,transcription")


def _sniff(path: Path, lines: list[str]) -> str:
    """The delimiter that most often leaves something like a name in front of it; of several that leave none, the one
    that parts the first line into the most known titles, then the one that stands in most lines equally often."""
    lines = lines[:SNIFFED]
    present = [delimiter for delimiter in DELIMITERS if any(delimiter in line for line in lines)]
    if not present:
        raise UserError(
            f"{path.name} is not a table",
            f"no line has a {', '.join(DELIMITERS.values())} between name and text",
            "write one row a line: file_name,transcription",
        )

    def score(delimiter: str) -> tuple[int, int, bool, int]:
        heads = [line.split(delimiter, 1)[0].strip(' "') for line in lines if delimiter in line]
        titles = known_titles(lines[0].split(delimiter))
        tabbed = path.suffix.lower() in (".tsv", ".tab") and delimiter == "\t"
        alike = Counter(line.count(delimiter) for line in lines if delimiter in line).most_common(1)[0][1]
        return sum(map(looks_like_name, heads)), titles if titles > 1 else 0, tabbed, alike

    return max(present, key=score)


@dataclass
class _Record:
    """fields: the cells, split at every delimiter outside quotes, up to `MOST_COLUMNS` and one. rest: all behind the
    first delimiter, unsplit."""

    line: int
    fields: list[str]
    rest: str
    quoted: bool


class _RecordReader:
    """Lines to records. A field is quoted only if its quotes close just before a delimiter or the end of the line;
    any other quote is part of the text, as in the tables people type by hand."""

    def __init__(self, lines: list[str], delimiter: str) -> None:
        self.lines = lines
        self.delimiter = delimiter

    def all(self) -> list[_Record]:
        records, index = [], 0
        while index < len(self.lines):
            if not self.lines[index].strip(" " if self.delimiter == "\t" else " \t"):
                index += 1
                continue
            record, used = self._one(index)
            records.append(record)
            index += used
        return records

    def _one(self, index: int) -> tuple[_Record, int]:
        text, used = self.lines[index], 1
        fields, quoted, position, second = [], False, 0, None
        while True:
            cell, position, text, taken, was = self._cell(index, text, position, used)
            used = taken
            quoted = quoted or was
            fields.append(cell)
            if position >= len(text) or len(fields) > MOST_COLUMNS:
                break
            position += 1
            if second is None:
                second = position
        rest = text[second:] if second is not None else ""
        return _Record(index + 1, fields, rest.strip(), quoted), used

    def _cell(self, index: int, text: str, position: int, used: int) -> tuple[str, int, str, int, bool]:
        """One cell from `position`: (cell, position of the delimiter behind it, text, lines used, was it quoted)."""
        begin = position
        while begin < len(text) and text[begin] == " ":
            begin += 1
        if begin < len(text) and text[begin] == '"':
            found = self._quoted(index, text, begin, used)
            if found is not None:
                return *found, True
        end = text.find(self.delimiter, position)
        end = len(text) if end < 0 else end
        return text[position:end].strip(), end, text, used, False

    def _quoted(self, index: int, text: str, begin: int, used: int) -> tuple[str, int, str, int] | None:
        """A quoted cell, over several lines if need be; None if its quotes do not close as they should."""
        position, cell = begin + 1, ""
        while True:
            quote = text.find('"', position)
            if quote < 0:
                # A text goes over a line's end only if some later line closes it; 20 lines are plenty for 10 s.
                if index + used >= len(self.lines) or used > 20:
                    return None
                follower = self.lines[index + used]
                if self.delimiter in follower and looks_like_name(follower.split(self.delimiter, 1)[0].strip(' "')):
                    return None  # the next row: the quote before was part of a text
                text += "\n" + follower
                used += 1
                continue
            cell += text[position:quote]
            if text[quote + 1 : quote + 2] == '"':
                cell += '"'
                position = quote + 2
                continue
            end = quote + 1
            while end < len(text) and text[end] == " " and self.delimiter != " ":
                end += 1
            if end < len(text) and text[end] != self.delimiter:
                return None
            return cell, end, text, used


def _to_table(path: Path, records: list[_Record], delimiter: str) -> MetadataTable:
    try:
        found = find_columns([record.fields for record in records[: SAMPLE + 1]], delimiter in IN_TEXTS)
    except ValueError as error:
        what, why = error.args
        fix = "put titles on its first line: file_name above the clips, transcription above their texts"
        raise UserError(f"{path.name}: {what}", why, fix) from None
    body = records[1:] if found is not None and found.header else records
    if found is not None and found.times is not None:
        start, end = map(found.title, found.times)
        taken = f"times from {start} and {end}, texts from {found.title(found.text)}"
        return MetadataTable(path, [], taken=taken, cues=_timed(path, body, found, found.times))
    notes: list[str] = []
    if found is None or (found.header and (len(found.titles), found.name, found.text) == (2, 0, 1)):
        found = found or Columns(1, 0)
        rows = _two_columns(path, body, delimiter, notes)
    else:
        rows = _named_columns(path, body, found)
    taken = f"names from {found.title(found.name or 0)}, texts from {found.title(found.text)}"
    return MetadataTable(path, rows, notes, taken)


def _timed(path: Path, records: list[_Record], found: Columns, times: tuple[int, int]) -> dict[str, list[Cue]]:
    """What is said when, by the file name of the recording: the table's own where no column names one."""
    _refuse_short(path, records, found)
    try:
        titles = (found.titles[times[0]], found.titles[times[1]]) if found.titles else ("", "")
        spans = to_ms([(record.fields[times[0]], record.fields[times[1]]) for record in records], titles)
    except ValueError as error:
        line = records[error.args[0]].line
        raise UserError(f"{path.name}, line {line}: the times cannot be read", "", "write seconds, or 0:12.5") from None
    cues: dict[str, list[Cue]] = {}
    for record, (start, end) in zip(records, spans, strict=True):
        name = path.name if found.name is None else record.fields[found.name].strip()
        cues.setdefault(name, []).append(Cue(start, end, " ".join(record.fields[found.text].split())))
    return {name: kept for name, rows in cues.items() if (kept := in_order(rows, path.name))}


def _two_columns(path: Path, records: list[_Record], delimiter: str, notes: list[str]) -> list[MetadataRow]:
    """Name and text: the first delimiter parts them, further ones belong to the text."""
    rows, joined, bare = [], [], []
    for record in records:
        if len(record.fields) < 2:
            bare.append(record.line)
            continue
        text = record.fields[1]
        if len(record.fields) > 2:
            text = record.rest
            joined.append(record.line)
        rows.append(MetadataRow(record.line, record.fields[0].strip(), text))
    word = DELIMITERS[delimiter]
    if bare:
        raise UserError(
            f"{path.name}, {lines_in_words(bare)}: no {word} between name and text",
            "every row is a name, then its text",
            f"put a {word} behind the file's name",
        )
    if joined:
        notes.append(f"{path.name}: unquoted {word}s taken as part of the text in {lines_in_words(joined)}")
    return rows


def _named_columns(path: Path, records: list[_Record], found: Columns) -> list[MetadataRow]:
    """A table of several columns: an unquoted delimiter in a text shifts the cells, and nothing tells where."""
    wrong = [record.line for record in records if found.header and len(record.fields) > len(found.titles)]
    if wrong:
        raise UserError(
            f"{path.name}, {lines_in_words(wrong)}: more cells than columns",
            f"the header names {len(found.titles)}; a comma in a text needs quotes around the text",
            "write the text in double quotes, or leave only the columns file_name,transcription",
        )
    _refuse_short(path, records, found)
    name = found.name or 0
    return [MetadataRow(record.line, record.fields[name].strip(), record.fields[found.text]) for record in records]


def _refuse_short(path: Path, records: list[_Record], found: Columns) -> None:
    short = [record.line for record in records if len(record.fields) < found.needed]
    if short:
        raise UserError(
            f"{path.name}, {lines_in_words(short)}: fewer cells than columns",
            f"{found.title(found.needed - 1)} is needed",
            "complete the rows",
        )
