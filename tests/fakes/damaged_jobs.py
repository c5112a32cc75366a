"""Job folders as crashes, other versions and strangers leave them, each with one file that is not what it should be."""

from __future__ import annotations

import json
from pathlib import Path

from core.errors import UserError
from core.events import Finished, Outcome, Started
from core.jobs.event_log import EventWriter
from core.jobs.spec import EVENTS, SPEC, STATUS, create
from core.workspace import Workspace

DEEP = b"[" * 100_000 + b"]" * 100_000
LONG = b"9" * 5000


def event(**fields: object) -> bytes:
    return json.dumps({"v": 1, "seq": 9, "t": 1, **fields}).encode()


LAST_LINES = {
    "a later version": b'{"v":2,"kind":"finished"}',
    "no outcome": event(kind="finished"),
    "an outcome of another type": event(kind="finished", outcome=[1]),
    "an error that is a list": event(kind="finished", outcome="failed", error=[]),
    "an error of numbers": event(kind="finished", outcome="failed", error={"what": 1}),
    "no object": b"[]",
    "a number": b"17",
    "nothing": b"",
    "no JSON": b"\0\0\0\0",
    "half a character": b'{"v":1,"seq":9,"t":1,"kind":"log","text":"\\ud800"}',
    "no UTF-8": b'{"v":1,"seq":9,"t":1,"kind":"log","text":"\xff\xfe"}',
    "deep nesting": b'{"v":1,"seq":9,"t":1,"kind":"finished","outcome":"done","result":' + DEEP + b"}",
    "a long number": b'{"v":1,"seq":9,"t":1,"kind":"metric","step":' + LONG + b"}",
    "a number without end": b'{"v":1,"seq":9,"t":1,"kind":"metric","step":1,"loss":1e999}',
    "a kind that is a list": event(kind=[]),
    "no kind": event(),
    "a step that is a word": event(kind="metric", step="three"),
    "a time before all times": b'{"v":1,"seq":1,"t":-5,"kind":"cancelling"}',
    "a time that no calendar has": b'{"v":1,"seq":1,"t":99999999999999999999,"kind":"cancelling"}',
    "a line without a number": b'{"v":1,"kind":"cancelling"}',
}
"""The last line of a log; none of them is an event of this version."""

SPECS = {
    "no object": b"[]",
    "nothing": b"",
    "deep nesting": DEEP,
    "no fields": b"{}",
    "other types": b'{"v":1,"id":[],"stage":{},"created":"then","params":[]}',
    "a date that no calendar has": b'{"v":1,"id":"a","stage":"label","created":1e30,"params":{}}',
    "a long number": b'{"v":1,"id":"a","stage":"label","created":' + LONG + b',"params":{}}',
    "a later version": b'{"v":2,"id":"a","stage":"label","created":1,"params":{}}',
    "no UTF-8": b"\xff\xfe\x00",
}

STATUSES = {
    "no object": b"[]",
    "deep nesting": DEEP,
    "other types": b'{"phase":[],"pid":"me","started":{},"boot":5,"heartbeat":"now","progress":7}',
    "a long number": b'{"heartbeat":' + LONG + b"}",
    "progress without end": b'{"progress":{"done":1e999,"total":0,"note":5}}',
}
RESULT = {"name": 5, "path": [], "cer": "low", "base_cer": {}, "steps": "many", "stopped": 3, "guard": [], "by": None}
"""Of no type that a screen expects."""


def damaged_log(workspace: Workspace, last: bytes, stage: str = "label") -> Path:
    folder = create(workspace, stage, {})
    EventWriter(folder / EVENTS).emit(Started(stage))
    with (folder / EVENTS).open("ab") as log:
        log.write(last + b"\n")
    return folder


def damaged_spec(workspace: Workspace, content: bytes, stage: str = "label") -> Path:
    folder = ended(workspace, stage)
    (folder / SPEC).write_bytes(content)
    return folder


def damaged_status(workspace: Workspace, content: bytes) -> Path:
    folder = ended(workspace, "label")
    (folder / STATUS).write_bytes(content)
    return folder


def ended(workspace: Workspace, stage: str, result: dict[str, object] | None = None) -> Path:
    folder = create(workspace, stage, {"ids": 5, "name": [], "model": {}, "id": {}, "role": []})
    log = EventWriter(folder / EVENTS)
    log.emit(Started(stage))
    log.emit(Finished(Outcome.DONE, result or {}, error=UserError("it is told twice") if result else None))
    return folder


def all_of_them(workspace: Workspace) -> list[Path]:
    """A folder of every kind, and those of the two stages whose old runs a screen shows."""
    found = [damaged_log(workspace, line) for line in LAST_LINES.values()]
    found += [damaged_log(workspace, line, "train") for line in LAST_LINES.values()]
    found += [damaged_spec(workspace, content) for content in SPECS.values()]
    found += [damaged_status(workspace, content) for content in STATUSES.values()]
    found += [ended(workspace, stage, RESULT) for stage in ("train", "fetch", "split", "evaluate")]
    (workspace.jobs / "notes").mkdir()
    (workspace.jobs / "-").mkdir()
    (workspace.jobs / "-" / EVENTS).write_bytes(b"[]\n")
    spec_is_a_folder = create(workspace, "label", {})
    (spec_is_a_folder / SPEC).unlink()
    (spec_is_a_folder / SPEC).mkdir()
    log_is_a_folder = create(workspace, "label", {})
    (log_is_a_folder / EVENTS).mkdir()
    return [*found, spec_is_a_folder, log_is_a_folder]
