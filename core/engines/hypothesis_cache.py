"""What models wrote for segments, kept on disk batch by batch: a killed evaluation goes on, and no model is asked
twice for the same text."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from core import typed_json

FOLDER = ".~heard"
"""In a workspace's models/; no run can be called so."""

DECODING = 2
"""To be raised with every change of `core.engines.decoding` that makes a model write something else."""


LINE_BYTES = 1 << 20
"""A longer line is no text of a segment."""


@dataclass(frozen=True)
class _Entry:
    """mark: of its audio, as `audio_state` tells it."""

    segment: str
    mark: str | None
    text: str


class HypothesisCache:
    """Texts of one state of one model, by segment; of each only what was written for its present audio counts."""

    def __init__(self, models: Path, model: Path, language: str) -> None:
        """models: the workspace's models/. model: the folder of the model. Other weights, another language or another
        way of decoding are another cache: their texts cannot be compared."""
        parts = [str(model.resolve()), language, str(DECODING)]
        for weights in sorted(model.glob("*.safetensors")):
            state = weights.stat()
            parts.append(f"{weights.name} {state.st_size} {state.st_mtime_ns}")
        self._path = models / FOLDER / f"{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:20]}.jsonl"

    def read(self, wavs: Mapping[str, Path]) -> dict[str, str]:
        """Texts by segment id, of the given segments. A line cut short by a kill is left out."""
        entries = [entry for entry in _entries(self._path) if entry.segment in wavs and entry.mark is not None]
        states = {id: audio_state(wavs[id]) for id in {entry.segment for entry in entries}}
        return {entry.segment: entry.text for entry in entries if entry.mark == states[entry.segment]}

    def add(self, texts: Mapping[str, str], wavs: Mapping[str, Path]) -> None:
        """Append a batch in one write, durable on return."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        entries = [asdict(_Entry(id, audio_state(wavs[id]), text)) for id, text in texts.items()]
        # A line cut short by a kill gets its end first, so that it spoils nothing but itself.
        data = b"\n" + b"".join(json.dumps(entry, ensure_ascii=False).encode() + b"\n" for entry in entries)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def audio_state(wav: Path) -> str | None:
    """What tells one state of a segment's audio from another; None where there is none."""
    try:
        state = wav.stat()
    except OSError:
        return None
    return f"{state.st_size} {state.st_mtime_ns}"


def _entries(path: Path) -> Iterator[_Entry]:
    """Those of the whole lines that are some; nothing where there is no such file."""
    try:
        file = path.open("rb")
    except OSError:
        return
    with file:
        while line := file.readline(LINE_BYTES):
            try:
                yield typed_json.build(_Entry, typed_json.parse(line))
            except ValueError:  # cut short by a kill, or damaged: it is asked for again
                continue
