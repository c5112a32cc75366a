"""A data set on its way out: its clips, and the files they become."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError

Step = Callable[[int], object]
"""Called with the number of clips written so far; it may raise to stop."""


@dataclass(frozen=True)
class LabelledClip:
    """A segment with its accepted text. audio: its 16 kHz mono wav. origin: machine, caption, human or imported."""

    id: str
    text: str
    audio: Path
    video: str = ""
    start_ms: int = 0
    end_ms: int = 0
    origin: str = ""

    @property
    def name(self) -> str:
        return f"{self.id}.wav"

    @property
    def seconds(self) -> float:
        return (self.end_ms - self.start_ms) / 1000


Parts = Mapping[str, Sequence[LabelledClip]]
"""The clips of train and test."""


@dataclass(frozen=True)
class WrittenDataset:
    """metadata: what the names and texts were written as. notes: what a person should know of it."""

    metadata: str
    notes: tuple[str, ...] = ()


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
