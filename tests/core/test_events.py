"""Events as lines of a log: what is written is read again, yesterday's lines too, and nothing else is an event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from core.errors import UserError
from core.events import (
    Blocked,
    Cancelling,
    Evaluated,
    Event,
    Finished,
    GpuChosen,
    Item,
    ItemFailed,
    ItemState,
    LogLine,
    Metric,
    Outcome,
    Paused,
    Progress,
    Resumed,
    Running,
    RunStarted,
    Sample,
    Saved,
    Started,
    TranscribedWindow,
    TransferProgress,
    Unblocked,
    Waiting,
)
from core.jobs import event_log
from core.jobs.event_line import LogEntry, Unreadable, format_line, parse_line
from core.jobs.event_log import EventReader, EventWriter, read_tail
from tests.fakes.damaged_jobs import LAST_LINES, event

ERROR = UserError("the disk is full", "no room", "delete something", "ENOSPC")
TRANSFER = TransferProgress("v", 1.0, 2.0, 3.5, 4.0, 5.0, 6.0, 7.0)
EVENTS: list[Event] = [
    Started("train", 4711, {"steps": 3, "name": None}),
    Waiting("gpu"),
    Running("gpu"),
    GpuChosen("GPU-1", "NVIDIA T4"),
    Progress(1.5, None, "videos", "標題", TRANSFER),
    Progress(3, 4, "step"),
    LogLine("一行\n\x1b[31m", "warning"),
    Paused(),
    Resumed(),
    Blocked("a wall", "bot wall", "why", "wait", ("wait", "proxy"), 1_700_000_000_000, True, 3),
    Blocked("a wall"),
    Unblocked(),
    Cancelling(),
    Finished(Outcome.DONE, {"path": "models/a", "deep": {"list": [1, None]}}, 2),
    Finished(Outcome.FAILED, error=ERROR),
    Item("v", ItemState.AGAIN, 1_700_000_000_000),
    Item("v", ItemState.LISTED),
    ItemFailed("v", ERROR),
    ItemFailed("v", ERROR, ItemState.CAPTIONS),
    RunStarted("run-01", 500, 120, 40),
    Metric(3, 10, 0.5, 0.4, 1e-5, 1.2, 5.3),
    Metric(3),
    Evaluated(3, 1.25, "validation", 12, 0.4, 9.0),
    Sample(3, "a_0_10", "真", "假"),
    Saved(3, "models/.run-01/checkpoint-3"),
    TranscribedWindow(0, 30_000, "文字"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_what_is_written_is_read_again(event: Event) -> None:
    entry = LogEntry(12, 1_700_000_000_123, event)
    line = format_line(entry)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line)["kind"] == event.kind
    assert parse_line(line) == entry


def test_every_kind_is_written_and_read_above() -> None:
    assert {type(one) for one in EVENTS} == set(get_args(Event))


def test_what_a_result_holds_beyond_json_is_written_as_text() -> None:
    # Lone halves of characters come in file names that are no UTF-8.
    line = format_line(LogEntry(1, 1, Finished(Outcome.DONE, {"path": Path("a/b"), "name": "\udcff"})))
    found = parse_line(line)
    assert isinstance(found, LogEntry)
    assert found.event == Finished(Outcome.DONE, {"path": "a/b", "name": "?"})


YESTERDAY: list[tuple[dict[str, Any], Event]] = [
    ({"kind": "started", "stage": "fetch", "pid": 7, "params": {"all": True}}, Started("fetch", 7, {"all": True})),
    ({"kind": "waiting", "resource": "gpu"}, Waiting("gpu")),
    ({"kind": "running", "resource": "gpu"}, Running("gpu")),
    ({"kind": "gpu", "uuid": "GPU-1", "name": "NVIDIA T4"}, GpuChosen("GPU-1", "NVIDIA T4")),
    (
        {"kind": "progress", "done": 2.5, "total": 10, "unit": "videos", "note": "a", "all_bytes": 5, "all_eta": None},
        Progress(2.5, 10, "videos", "a", TransferProgress(all_bytes=5)),
    ),
    (
        {"kind": "progress", "done": 1, "total": None, "unit": "B", "note": "", "bytes_per_s": 3, "left_s": 4},
        Progress(1, unit="B"),
    ),
    ({"kind": "log", "text": "run-03: 55 steps", "level": "info"}, LogLine("run-03: 55 steps")),
    ({"kind": "item", "id": "a", "state": "listed", "title": "t", "source": 1}, Item("a", ItemState.LISTED)),
    (
        {"kind": "item", "id": "a", "state": "fetching", "done": 3, "total": None, "speed": None, "eta": 1.5},
        Item("a", ItemState.FETCHING),
    ),
    ({"kind": "item", "id": "a", "state": "again", "at": 17, "what": "it broke"}, Item("a", ItemState.AGAIN, 17)),
    (
        {"kind": "item", "id": "a", "state": "labelled", "text": "字", "flags": ["loop"], "suspicion": 0.5},
        Item("a", ItemState.LABELLED),
    ),
    ({"kind": "item", "id": "a", "state": "failed", "error": ERROR.as_dict()}, ItemFailed("a", ERROR)),
    (
        {"kind": "item", "id": "a", "state": "captions", "cues": 0, "error": ERROR.as_dict() | {"kind": "network"}},
        ItemFailed("a", ERROR, ItemState.CAPTIONS),
    ),
    ({"kind": "paused"}, Paused()),
    ({"kind": "resumed"}, Resumed()),
    (
        {"kind": "blocked", "cause": "bot wall", "what": "a wall", "why": "w", "fix": "f", "steps": ["f"]}
        | {"until": None, "waits": False, "left": 4},
        Blocked("a wall", "bot wall", "w", "f", ("f",), None, False, 4),
    ),
    ({"kind": "unblocked"}, Unblocked()),
    (
        {"kind": "metric", "step": 1, "total": 9, "epoch": 0.1, "loss": None, "learning_rate": 0.0, "grad_norm": None}
        | {"samples_per_second": 2},
        Metric(1, 9, 0.1, None, 0.0, None, 2),
    ),
    (
        {"kind": "evaluated", "step": 0, "cer": 0.5, "on": "test", "loss": None, "seconds": 2.5},
        Evaluated(0, 0.5, "test", seconds=2.5),
    ),
    (
        {"kind": "sample", "step": 0, "segment": "a_0_10", "reference": "r", "hypothesis": ""},
        Sample(0, "a_0_10", "r", ""),
    ),
    ({"kind": "saved", "step": 5, "path": "models/run-01"}, Saved(5, "models/run-01")),
    ({"kind": "window", "start_ms": 0, "end_ms": 10, "text": "t"}, TranscribedWindow(0, 10, "t")),
    ({"kind": "cancelling"}, Cancelling()),
    (
        {"kind": "finished", "outcome": "cancelled", "result": {}, "failed": 0, "error": None},
        Finished(Outcome.CANCELLED),
    ),
    (
        {"kind": "finished", "outcome": "failed", "result": {}, "failed": 0, "error": ERROR.as_dict()},
        Finished(Outcome.FAILED, error=ERROR),
    ),
]


@pytest.mark.parametrize(
    ("line", "event"), YESTERDAY, ids=lambda value: value["kind"] if isinstance(value, dict) else ""
)
def test_a_line_of_yesterday_reads(line: dict[str, Any], event: Event) -> None:
    found = parse_line(json.dumps({"v": 1, "seq": 3, "t": 1_700_000_000_000, **line}).encode())
    assert found == LogEntry(3, 1_700_000_000_000, event)


@pytest.mark.parametrize("line", LAST_LINES.values(), ids=LAST_LINES.keys())
def test_what_has_another_shape_is_no_event(line: bytes) -> None:
    found = parse_line(line)
    assert isinstance(found, Unreadable)
    assert found.why
    assert len(found.why) <= 200


@pytest.mark.parametrize("cls", get_args(Event), ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("value", [None, [], {}, "x", -1, 1e308, 10**4000, True, [[]], {"a": {}}], ids=str)
def test_no_value_of_any_field_is_more_than_unreadable(cls: type[Event], value: object) -> None:
    """What is taken for an event holds what its class says, so that it can be written, and shown, again."""
    for name in cls.__dataclass_fields__:
        fields = {one: value if one == name else GOOD.get(one, "a") for one in cls.__dataclass_fields__}
        found = parse_line(event(**(fields | {"kind": cls.kind})))
        if isinstance(found, LogEntry):
            assert parse_line(format_line(found)) == found
            json.dumps(json.loads(format_line(found)))


GOOD: dict[str, object] = {
    "error": ERROR.as_dict(),
    "outcome": "done",
    "state": "listed",
    "step": 1,
    "steps": 1,
    "segments": 1,
    "start_ms": 0,
    "end_ms": 1,
    "level": "info",
    "on": "test",
    **dict.fromkeys(("pid", "left", "failed", "done", "resumed_from"), 1),
    **dict.fromkeys(("total", "epoch", "loss", "learning_rate", "grad_norm", "samples_per_second", "cer", "seconds")),
    **dict.fromkeys(("at", "until", "transfer")),
    "params": {},
    "result": {},
    "waits": False,
}
"""A value for each field, beside the one that is tried."""


def test_a_reader_skips_and_counts_what_is_no_event(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    writer.emit(Metric(1))
    with path.open("ab") as log:
        log.write(b"".join(line + b"\n" for line in LAST_LINES.values()))
    writer.emit(Metric(2))
    reader = EventReader(path)
    assert [entry.event for entry in reader.all()] == [Metric(1), Metric(2)]
    assert reader.unreadable == len(LAST_LINES)
    writer.emit(Metric(3))
    assert [(entry.seq, entry.event) for entry in reader.read()[0]] == [(3, Metric(3))]


def test_a_line_without_end_is_passed_over_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "LINE_BYTES", 1000)
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    writer.emit(Metric(1))
    with path.open("ab") as log:
        log.write(b"x" * 3500)
    reader = EventReader(path)
    assert [entry.event for entry in reader.all()] == [Metric(1)]
    with path.open("ab") as log:
        log.write(b"x" * 200 + b"\n")
    writer.emit(Metric(2))
    assert [entry.event for entry in reader.all()] == [Metric(2)]
    assert reader.unreadable == 1


def test_who_comes_late_begins_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    reader = EventReader(path)
    assert reader.skip_to_last() == 0
    for step in range(2000):
        writer.emit(Metric(step))
    with path.open("ab") as log:
        log.write(b'{"v":1,"seq":2001,"t"')
    assert reader.skip_to_last() == 2000
    assert reader.read() == ([], False)
    with path.open("ab") as log:
        log.write(b':5,"kind":"cancelling"}\n')
    assert [entry.event for entry in reader.read()[0]] == [Cancelling()]


def test_the_end_of_a_log_is_found_however_long_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert read_tail(path).empty
    writer = EventWriter(path)
    writer.emit(Started("transcribe"))
    assert read_tail(path).finished is None
    end = Finished(Outcome.DONE, {"text": "長" * 200_000})
    writer.emit(end)
    assert read_tail(path).finished == end
