"""Name-and-text tables as people really make them: CSV with and without quotes, and TSV."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.exchange.encodings import read_text
from core.exchange.rows import (
    NAME_COLUMNS,
    TEXT_COLUMNS,
    MetadataRow,
    MetadataTable,
    lines_in_words,
    looks_like_name,
    stem_of,
)
from core.spans import parse_segment_name


def read(path: Path) -> MetadataTable:
    """UserError names the line that cannot be taken."""
    text, _ = read_text(path)
    lines = re.split(r"\r\n|\n|\r", text)  # not splitlines(): it also breaks at characters that stand inside texts
    filled = [line for line in lines if line.strip()]
    if not filled:
        raise UserError(f"{path.name} is empty", "there is no row in it", "give a table with file_name,transcription")
    delimiter = _sniff(path, filled)
    records = _RecordReader(lines, delimiter).all()
    return _to_table(path, records, delimiter)


def _sniff(path: Path, lines: list[str]) -> str:
    """Comma or tab: the one that leaves something like a name in front of it more often."""
    if not any("," in line or "\t" in line for line in lines):
        raise UserError(
            f"{path.name} is not a table",
            "no line has a comma or a tab between name and text",
            "write one row a line: file_name,transcription",
        )
    score = {}
    for delimiter in (",", "\t"):
        heads = [line.split(delimiter, 1)[0].strip(' "') for line in lines if delimiter in line]
        score[delimiter] = (sum(looks_like_name(head) for head in heads), len(heads))
    if score[","] == score["\t"]:
        return "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
    return max(score, key=lambda delimiter: score[delimiter])


@dataclass
class _Record:
    """fields: the cells, split at every delimiter outside quotes. rest: all behind the first delimiter, unsplit."""

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
            if not self.lines[index].strip(" \t" if self.delimiter == "," else " "):
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
            if position >= len(text):
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
    header = [cell.strip().lower() for cell in records[0].fields]
    name_at = next((header.index(name) for name in NAME_COLUMNS if name in header), None)
    text_at = next((header.index(name) for name in TEXT_COLUMNS if name in header), None)
    if name_at is None and text_at is not None and len(header) > 1 and not any(map(looks_like_name, header)):
        name_at = 0 if text_at != 0 else 1  # a header whose first column has a name of its own
    has_header = name_at is not None and (text_at is not None or not _looks_like_row(records[0]))
    if has_header and text_at is None:
        raise UserError(
            f"{path.name}: no column holds the text",
            f"its columns are {', '.join(records[0].fields)}",
            "name the column transcription",
        )
    body = records[1:] if has_header else records
    notes: list[str] = []
    if has_header and (len(header) > 2 or name_at != 0):
        assert name_at is not None
        assert text_at is not None
        rows = _named_columns(path, body, len(header), name_at, text_at)
    else:
        rows = _two_columns(path, body, delimiter, notes)
    return MetadataTable(path, rows, notes)


def _looks_like_row(record: _Record) -> bool:
    return len(record.fields) > 1 and parse_segment_name(stem_of(record.fields[0])) is not None


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
    word = "comma" if delimiter == "," else "tab"
    if bare:
        raise UserError(
            f"{path.name}, {lines_in_words(bare)}: no {word} between name and text",
            "every row is a name, then its text",
            f"put a {word} behind the file's name",
        )
    if joined:
        notes.append(f"{path.name}: unquoted {word}s taken as part of the text in {lines_in_words(joined)}")
    return rows


def _named_columns(path: Path, records: list[_Record], columns: int, name_at: int, text_at: int) -> list[MetadataRow]:
    """A table of several named columns: an unquoted delimiter in a text shifts the cells, and nothing tells where."""
    wrong = [record.line for record in records if len(record.fields) > columns]
    if wrong:
        raise UserError(
            f"{path.name}, {lines_in_words(wrong)}: more cells than columns",
            f"the header names {columns}; a comma in a text needs quotes around the text",
            "write the text in double quotes, or leave only the columns file_name,transcription",
        )
    short = [record.line for record in records if len(record.fields) <= max(name_at, text_at)]
    if short:
        raise UserError(
            f"{path.name}, {lines_in_words(short)}: fewer cells than columns",
            f"the header names {columns}",
            "complete the rows",
        )
    return [MetadataRow(record.line, record.fields[name_at].strip(), record.fields[text_at]) for record in records]
