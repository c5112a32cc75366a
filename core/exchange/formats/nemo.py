"""The manifest that NVIDIA NeMo reads: JSON lines whose paths are relative to it."""

from __future__ import annotations

from pathlib import Path

from core.exchange.clips import Parts, Step, WrittenDataset
from core.exchange.formats.json_lines import write_lines


def write(folder: Path, parts: Parts, step: Step) -> WrittenDataset:
    """`train_manifest.json` and `test_manifest.json` beside audio/."""
    write_lines(
        folder,
        parts,
        step,
        "{part}_manifest.json",
        lambda clip, audio: {"audio_filepath": audio, "duration": clip.seconds, "text": clip.text},
    )
    return WrittenDataset("nemo")
