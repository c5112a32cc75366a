"""Hugging Face's audiofolder: wav files beside a metadata file, in train/ and test/ or in one folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import UserError
from core.exchange.formats.tables import Table, read_table

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.tsv")
PARTS = {"train": "train", "test": "test", "validation": "test", "valid": "test", "dev": "test"}

# What pandas, which the loader reads CSV with, takes for "no value" (its documented default of `na_values`).
_PANDAS_NOTHING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"}
    | {"NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)


@dataclass(frozen=True)
class Entry:
    """One clip. audio: its file, None if it is not there. part: train or test, None where the folders do not say."""

    name: str
    stem: str
    text: str
    audio: Path | None
    part: str | None
    table: Path
    line: int


@dataclass(frozen=True)
class Clip:
    """What is written: a file's new name, its text, and where its audio lies."""

    name: str
    text: str
    audio: Path


def find_tables(folder: Path) -> list[Path]:
    """The metadata files at the top and one folder down, one for each folder (JSON lines before CSV), in order."""
    found = []
    for place in [folder, *sorted(entry for entry in folder.iterdir() if entry.is_dir())]:
        there = [place / name for name in METADATA if (place / name).is_file()]
        found += there[:1]
    return found


def read_audiofolder(folder: Path) -> tuple[list[Entry], list[Table]]:
    """(clips in file order, the tables they came from). UserError if there is no metadata file, or one is broken."""
    paths = find_tables(folder)
    if not paths:
        raise UserError(
            f"{folder} is not an audiofolder",
            "neither it nor a folder in it holds metadata.csv or metadata.jsonl",
            "name a CSV, TSV, JSONL, SRT or VTT file, or a folder with metadata.csv beside its wav files",
        )
    tables = [read_table(path) for path in paths]
    return [entry for table in tables for entry in entries_of(table)], tables


def entries_of(table: Table) -> list[Entry]:
    """The rows with the files they name, looked for beside the table. Names that lead out of its folder find none."""
    root = table.path.parent
    entries = []
    for row in table.rows:
        relative = PurePosixPath(row.name.replace("\\", "/"))
        inside = not relative.is_absolute() and ".." not in relative.parts
        audio = root / relative if inside else None
        part = PARTS.get(root.name)
        if inside and len(relative.parts) > 1:
            part = PARTS.get(relative.parts[0], part)
        there = audio if audio is not None and audio.is_file() else None
        entries.append(Entry(row.name, row.stem, row.text, there, part, table.path, row.line))
    return entries


def survives_csv(texts: Sequence[str]) -> bool:
    """Whether pandas would read these texts back from a CSV as they are.

    It makes None of an empty text and of "NA" and its like, and numbers or truth values of a column (it is read
    in chunks of 10 000 rows) that holds nothing else; quotes do not help.
    """
    if any(text in _PANDAS_NOTHING or "\r" in text or "\0" in text for text in texts):
        return False
    chunks = [texts[begin : begin + 10_000] for begin in range(0, len(texts), 10_000)]
    return all(any(_is_plain_text(text) for text in chunk) for chunk in chunks)


def _is_plain_text(text: str) -> bool:
    if text.strip().lower() in ("true", "false", "inf", "-inf", "infinity", "-infinity"):
        return False
    try:
        complex(text.strip().replace(",", ""))
    except ValueError:
        return True
    return False


def metadata_format(parts: Mapping[str, Sequence[Clip]]) -> str:
    """csv, unless a text would not survive it; one for all parts, since the loader refuses two kinds together."""
    safe = all(survives_csv([clip.text for clip in clips]) for clips in parts.values() if clips)
    return "csv" if safe else "jsonl"


def write_audiofolder(
    folder: Path, parts: Mapping[str, Sequence[Clip]], step: Callable[[int], object] = lambda count: None
) -> str:
    """Write train/ and test/ (those that have clips) into `folder`, which is empty; returns "csv" or "jsonl".

    Every metadata file is quoted where CSV needs it and UTF-8 without a mark, so that
    `load_dataset("audiofolder", data_dir=folder)` reads back the same names, texts and sound. step: called with the
    number of clips written, after each; it may raise to stop.
    """
    form, count = metadata_format(parts), 0
    for part, clips in parts.items():
        if not clips:
            continue
        place = folder / part
        place.mkdir(parents=True)
        for clip in clips:
            link_or_copy(clip.audio, place / clip.name)
            count += 1
            step(count)
        text = _csv(clips) if form == "csv" else _jsonl(clips)
        write_durably(place / f"metadata.{form}", text)
    return form


def _csv(clips: Sequence[Clip]) -> str:
    rows = [("file_name", "transcription"), *((clip.name, clip.text) for clip in clips)]
    return "".join(f"{_cell(name)},{_cell(text)}\n" for name, text in rows)


def _cell(text: str) -> str:
    """Quoted where CSV needs it, and where a reader might take spaces at an end for layout."""
    needed = any(sign in text for sign in ',"\r\n') or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if needed else text


def _jsonl(clips: Sequence[Clip]) -> str:
    rows = [json.dumps({"file_name": clip.name, "transcription": clip.text}, ensure_ascii=False) for clip in clips]
    return "".join(row + "\n" for row in rows)


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link where the file system allows it, else a copy. UserError if the source is not there."""
    try:
        os.link(source, target)
    except FileNotFoundError as error:
        raise UserError(f"{source.name} is gone", f"{source} is not there", "whispersmith segment") from error
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def write_durably(path: Path, text: str) -> None:
    """Write a file inside a folder nobody looks at yet, and force it to the disk."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
