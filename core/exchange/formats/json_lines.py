"""JSON: an object for each clip, with its name and its text, one a line or in a list; or what is said when, as Whisper
writes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.exchange.clips import LabelledClip, Parts, Step, WrittenDataset, link_or_copy, write_durably
from core.exchange.cues import in_order
from core.exchange.encodings import MOST_BYTES, read_text, shown
from core.exchange.rows import NAME_COLUMNS, TEXT_COLUMNS, MetadataRow, MetadataTable, lines_of
from core.files import MOST_JSON_BYTES, parse_json
from core.timed_text import Cue

LONGEST_LINE = 1_000_000
"""Characters: a clip with the times of all its words, as annotation tools write it, has some thousands."""


def read(path: Path) -> MetadataTable:
    """UserError names the line, or the place in the list, that is no object, or has no name and text."""
    is_document = path.suffix.lower() == ".json"
    text, encoding = read_text(path, MOST_JSON_BYTES if is_document else MOST_BYTES)
    taken = f"{path.name} is read as {shown(encoding)}"
    whole = _document(text) if is_document else None
    if isinstance(whole, dict) and isinstance(whole.get("segments"), list):
        cues = _cues(path, whole["segments"])
        return MetadataTable(path, [], taken=f"{taken}; times and texts from its segments", cues={path.name: cues})
    if isinstance(whole, list):
        rows = [_row(path, number, "object", _labelled(item)) for number, item in enumerate(whole, start=1)]
        return MetadataTable(path, rows, taken=taken)
    lines = ((number, line) for number, line in enumerate(lines_of(path, text, LONGEST_LINE), start=1) if line.strip())
    rows = [_row(path, number, "line", parse_json(line, path.name, number)) for number, line in lines]
    return MetadataTable(path, rows, taken=taken)


def _document(text: str) -> Any:
    """The file as one JSON value; None where it is none, but lines."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _row(path: Path, number: int, place: str, item: Any) -> MetadataRow:
    if not isinstance(item, dict):
        raise UserError(f"{path.name}, {place} {number} is no object", "a list or a bare value", "one object a line")
    name = next((item[key] for key in NAME_COLUMNS if isinstance(item.get(key), str)), None)
    written = next((item[key] for key in TEXT_COLUMNS if key in item), "")
    if name is None or not isinstance(written, str | None):
        raise UserError(
            f"{path.name}, {place} {number} has no file_name and transcription",
            f"its keys are {', '.join(item)[:200]}",
            '{"file_name": "a_0_10.wav", "transcription": "…"}',
        )
    return MetadataRow(number, name, written or "")


def _labelled(task: Any) -> Any:
    """A task of Label Studio's full export as one flat object: its data, and the texts of all regions of its first
    annotation that is not cancelled and has any.

    Where a task can be annotated, the texts in its data are what was shown to the annotator, and nobody's own.
    https://labelstud.io/guide/export: {"data": {…}, "annotations": [{"result": [{"value": {"text": ["…"]}}]}]}
    """
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        return task
    if "annotations" not in task:
        return task["data"]
    data = {key: value for key, value in task["data"].items() if key not in TEXT_COLUMNS}
    for annotation in _items(task, "annotations"):
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        if text := " ".join(filter(None, map(_text_of_region, _items(annotation, "result")))):
            return data | {"transcription": text}
    return data


def _items(item: dict[str, Any], key: str) -> list[Any]:
    found = item.get(key)
    return found if isinstance(found, list) else []


def _text_of_region(result: Any) -> str:
    value = result.get("value") if isinstance(result, dict) else None
    text = value.get("text") if isinstance(value, dict) else None
    lines = [text] if isinstance(text, str) else text if isinstance(text, list) else []
    return " ".join(line.strip() for line in lines if isinstance(line, str))


def _cues(path: Path, segments: list[Any]) -> list[Cue]:
    """Whisper's segments (start, end in seconds), or those that `transcribe --format json` writes (in ms)."""
    found = []
    for number, one in enumerate(segments, start=1):
        try:
            unit = 1 if "start_ms" in one else 1000
            start, end = (one[f"{edge}_ms" if unit == 1 else edge] * unit for edge in ("start", "end"))
            cue = Cue(round(start), round(end), " ".join(one["text"].split()))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            why = f"its keys are {', '.join(one)[:200]}" if isinstance(one, dict) else "it is no object"
            fix = '{"segments": [{"start": 0.0, "end": 2.5, "text": "…"}]}'
            raise UserError(f"{path.name}, segment {number} has no start, end and text", why, fix) from error
        found.append(cue)
    return in_order(found, path.name)


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
