"""What a model heard, kept on disk batch by batch: a killed evaluation goes on, and the base is decoded once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path


def log_of(folder: Path, model: Path, language: str | None) -> Path:
    """The file for one state of one model: other weights, or another language, are another file."""
    parts = [str(model.resolve()), str(language)]
    for weights in sorted(model.glob("*.safetensors")):
        state = weights.stat()
        parts.append(f"{weights.name} {state.st_size} {state.st_mtime_ns}")
    return folder / f"{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:20]}.jsonl"


def mark(wav: Path) -> str:
    """What tells one state of a segment's audio from another."""
    state = wav.stat()
    return f"{state.st_size} {state.st_mtime_ns}"


def read(path: Path, marks: Mapping[str, str]) -> dict[str, str]:
    """Texts by segment id, of segments whose audio is still the same. A last line cut short by a kill is left out."""
    found: dict[str, str] = {}
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if marks.get(entry["segment"]) == entry["mark"]:
            found[entry["segment"]] = entry["text"]
    return found


def add(path: Path, texts: Mapping[str, str], marks: Mapping[str, str]) -> None:
    """Append a batch in one write, durable on return."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [{"segment": id, "mark": marks[id], "text": text} for id, text in texts.items()]
    # A line cut short by a kill gets its end first, so that it spoils nothing but itself.
    data = b"\n" + b"".join(json.dumps(entry, ensure_ascii=False).encode() + b"\n" for entry in entries)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
