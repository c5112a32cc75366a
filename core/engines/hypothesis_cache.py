"""What models wrote for segments, kept on disk batch by batch: a killed evaluation goes on, and no model is asked
twice for the same text."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = ".~heard"
"""In a workspace's models/; no run can be called so."""

DECODING = 2
"""To be raised with every change of `core.engines.decoding` that makes a model write something else."""


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
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return {}
        entries = [entry for line in lines if (entry := _entry(line)) is not None]
        states = {id: audio_state(wavs[id]) for id in {entry["segment"] for entry in entries} if id in wavs}
        return {e["segment"]: e["text"] for e in entries if e["mark"] == states.get(e["segment"])}

    def add(self, texts: Mapping[str, str], wavs: Mapping[str, Path]) -> None:
        """Append a batch in one write, durable on return."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        entries = [{"segment": id, "mark": audio_state(wavs[id]), "text": text} for id, text in texts.items()]
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


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    keys = ("segment", "mark", "text")
    return entry if isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in keys) else None
