"""Sound with its texts in a folder that is no part of the workspace: an audiofolder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import UserError
from core.exchange.formats import audiofolder
from core.media import stream_pcm


@dataclass(frozen=True)
class LabelledSound:
    """A media file and what is said in it."""

    audio: Path
    text: str

    def samples(self, check: Callable[[], object]) -> np.ndarray:
        """Mono int16 at 16 kHz (n,). check: called while it is read, what it raises passes through."""
        blocks = list(stream_pcm(self.audio, cancelled=check))
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


def read_labelled(folder: Path) -> list[LabelledSound]:
    """The rows of its metadata whose file is there and whose text is not empty. UserError if there is none."""
    found = []
    if folder.is_dir():
        for metadata in audiofolder.find(folder):
            table = audiofolder.read(metadata)
            rows = ((table.audio_of(row), row.text.strip()) for row in table.rows)
            found += [LabelledSound(audio, text) for audio, text in rows if audio is not None and text]
    if not found:
        raise UserError(
            f"{folder.name} holds no sound with texts",
            f"no metadata.jsonl or metadata.csv in {folder} names a file that is there",
            "give a folder with metadata.csv and its audio, or leave train.general empty",
        )
    return found
