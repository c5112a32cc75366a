"""JSON lines: one object a line, with the name of a clip and its text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.exchange.clips import LabelledClip, Parts, Step, WrittenDataset, link_or_copy, write_durably
from core.exchange.encodings import read_text
from core.exchange.rows import NAME_COLUMNS, TEXT_COLUMNS, MetadataRow, MetadataTable
from core.files import parse_json


def read(path: Path) -> MetadataTable:
    """UserError names the line that is no object, or has no name and text."""
    rows = []
    for number, line in enumerate(read_text(path)[0].split("\n"), start=1):
        if not line.strip():
            continue
        item = parse_json(line, path.name, number)
        if not isinstance(item, dict):
            raise UserError(f"{path.name}, line {number} is no object", "a list or a bare value", "one object a line")
        name = next((item[key] for key in NAME_COLUMNS if isinstance(item.get(key), str)), None)
        written = next((item[key] for key in TEXT_COLUMNS if key in item), "")
        if name is None or not isinstance(written, str | None):
            raise UserError(
                f"{path.name}, line {number} has no file_name and transcription",
                f"its keys are {', '.join(item)[:200]}",
                '{"file_name": "a_0_10.wav", "transcription": "…"}',
            )
        rows.append(MetadataRow(number, name, written or ""))
    return MetadataTable(path, rows)


def write(folder: Path, parts: Parts, step: Step) -> WrittenDataset:
    """`train.jsonl` and `test.jsonl` beside audio/, with all that is known of a clip."""
    write_lines(folder, parts, step, "{part}.jsonl", _fields)
    return WrittenDataset("jsonl")


def _fields(clip: LabelledClip, audio: str) -> dict[str, Any]:
    return {
        "audio": audio,
        "text": clip.text,
        "duration": clip.seconds,
        "id": clip.id,
        "video": clip.video,
        "start_ms": clip.start_ms,
        "end_ms": clip.end_ms,
        "origin": clip.origin,
    }


def write_lines(
    folder: Path, parts: Parts, step: Step, name: str, fields: Callable[[LabelledClip, str], dict[str, Any]]
) -> None:
    """The wavs into audio/, and one line of `fields(clip, path of its wav)` each into `name`, {part} filled in."""
    (folder / "audio").mkdir()
    count = 0
    for part, clips in parts.items():
        lines = []
        for clip in clips:
            audio = f"audio/{clip.name}"
            link_or_copy(clip.audio, folder / audio)
            lines.append(json.dumps(fields(clip, audio), ensure_ascii=False) + "\n")
            count += 1
            step(count)
        if lines:
            write_durably(folder / name.format(part=part), "".join(lines))
