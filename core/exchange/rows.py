"""Transcripts by the names of their files, as every table has them: which columns, which clip a name means."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from core.errors import UserError
from core.spans import parse_segment_name
from core.timed_text import Cue

NAME_COLUMNS = (
    "file_name",
    "filename",
    "file",
    "path",
    "audio",
    "audio_path",
    "audio_filepath",
    "wav",
    "segment",
    "id",
    "name",
    "檔名",
    "檔案",
    "檔案名稱",
    "文件名",
    "音檔",
)
TEXT_COLUMNS = (
    "transcription",
    "text",
    "transcript",
    "sentence",
    "label",
    "normalized_text",
    "文字",
    "文本",
    "逐字稿",
    "內容",
    "内容",
    "字幕",
)
MOST_LINES = 1_000_000
"""Of a table; two thousand hours have as many segments."""

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".m4a", ".mp4", ".ogg", ".opus", ".webm", ".aac")

_SHOWN = 8


@dataclass(frozen=True)
class MetadataRow:
    """One row. line: where it begins in the file, from 1. name: as it stands there, path and all."""

    line: int
    name: str
    text: str

    @property
    def stem(self) -> str:
        """The file's name without folders (of either kind of slash) and without an audio suffix."""
        return stem_of(self.name)


@dataclass(frozen=True)
class MetadataTable:
    """rows in file order. cues: where rows tell when they are said instead, by the file name of their recording.

    taken: how the file was read. notes: what was found odd and how it was taken. Both for the job's log.
    """

    path: Path
    rows: list[MetadataRow]
    notes: list[str] = field(default_factory=list)
    taken: str = ""
    cues: dict[str, list[Cue]] = field(default_factory=dict)

    def audio_of(self, row: MetadataRow) -> Path | None:
        """The file that a row names, beside the table; None if it is not there, or the name leads out of the folder."""
        relative = PurePosixPath(row.name.replace("\\", "/"))
        if relative.is_absolute() or ".." in relative.parts or "\0" in row.name:
            return None
        audio = self.path.parent / relative
        # Not Path.is_file: a name that is too long for this disk is that of no file here.
        return audio if os.path.isfile(audio) else None


def lines_of(path: Path, text: str, longest: int) -> list[str]:
    """The lines of a table, without their ends. UserError for more than `MOST_LINES`, or one of more than `longest`
    characters."""
    if text.count("\n") + text.count("\r") > 2 * MOST_LINES:
        why = f"more than {MOST_LINES} lines are not read"
        raise UserError(f"{path.name} has too many lines", why, "part it into several tables")
    lines = re.split(r"\r\n|\n|\r", text)  # not splitlines(): it also breaks at characters that stand inside texts
    if long := [number for number, line in enumerate(lines, start=1) if len(line) > longest]:
        why = f"more than {longest} characters in a line are not read"
        raise UserError(f"{path.name}, {lines_in_words(long)}: too long for a row", why, "check that it is a table")
    return lines


def base_name(name: str) -> str:
    """A file's name without folders, of either kind of slash."""
    # Label Studio names a local file so: /data/local-files/?d=a.wav
    return PurePosixPath(PureWindowsPath(name.strip().rpartition("?d=")[2]).as_posix()).name


def stem_of(name: str) -> str:
    base = base_name(name)
    for suffix in AUDIO_SUFFIXES:
        if base.lower().endswith(suffix):
            return base[: -len(suffix)]
    return base


def looks_like_name(cell: str) -> bool:
    """Whether a cell holds the name of a clip, or of the column of names."""
    base = cell.lower()
    return base in NAME_COLUMNS or base.endswith(AUDIO_SUFFIXES) or parse_segment_name(stem_of(cell)) is not None


def lines_in_words(numbers: Sequence[int]) -> str:
    """`line 3`, or `lines 3, 5 and 12 more`."""
    shown = ", ".join(map(str, numbers[:_SHOWN]))
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{more}"
