"""A line of a job's log (`events.jsonl`), written and read here alone. A log holds one event a line:

    {"v": 1, "seq": 12, "t": 1722870000123, "kind": "metric", "step": 31, "loss": 0.412, ...}

A line that has another shape is `Unreadable`. Fields that are None are left out of a line.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from core import typed_json
from core.events import KINDS, Event, Item, ItemFailed, LogLine, Progress, TransferProgress, as_json
from core.redaction import redact, redact_values
from core.typed_json import MAX_MILLIS

VERSION = 1


@dataclass(frozen=True)
class LogEntry:
    """A line of a log. seq: its number, from 1; t: when, in milliseconds since 1970."""

    seq: int
    t: int
    event: Event


@dataclass(frozen=True)
class Unreadable:
    """A line that is no event of this version: torn by a crash of the machine, damaged, or written by a later one."""

    why: str


def format_line(entry: LogEntry) -> bytes:
    """One line of UTF-8 with its newline, without secrets. What a result holds beyond JSON is written as its `str`."""
    event = entry.event
    fields = redact_values(as_json(event))
    if isinstance(event, LogLine):
        fields["text"] = redact(event.text)
    line = {"v": VERSION, "seq": entry.seq, "t": entry.t, "kind": event.kind, **fields}
    # A file's name may hold bytes that are no UTF-8; a log that cannot be written would end the job.
    return (json.dumps(line, ensure_ascii=False, default=str) + "\n").encode("utf-8", "replace")


def parse_line(line: bytes) -> LogEntry | Unreadable:
    try:
        data = typed_json.parse(line)
        if data.get("v") != VERSION:
            return Unreadable(f"version {data.get('v')!r:.20}")
        return LogEntry(_count(data, "seq"), _count(data, "t"), _event(data))
    except ValueError as error:
        return Unreadable(str(error)[:200])


def _event(data: dict[str, Any]) -> Event:
    kind = data.get("kind")
    cls = KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ValueError(f"no such kind of event: {kind!r:.40}")
    if cls is Item and data.get("error") is not None:
        cls = ItemFailed
    elif cls is Progress and any(one.name in data for one in dataclasses.fields(TransferProgress)):
        data["transfer"] = dict(data)
    return typed_json.build(cls, data)


def _count(data: dict[str, Any], name: str) -> int:
    value = data.get(name)
    if type(value) is not int or not 0 <= value <= MAX_MILLIS:
        raise ValueError(f"{name}: no number of a line")
    return value
