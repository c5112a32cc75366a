"""What a job reports while it works, as data: the events of its log, how far it is, and the states it can be in.

Each kind is a frozen dataclass here; consumers `match` on the classes, and no field needs to be looked at twice. How
they stand in a job's log is in core/jobs/event_line.py.

To add a kind, write its dataclass and name it in `Event`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal, get_args

from core.errors import UserError
from core.typed_json import Count, ErrorField, Millis, Number


class JobState(StrEnum):
    """A job seen from outside. stuck: it is alive and has not written its heartbeat for long."""

    WAITING = "waiting"
    RUNNING = "running"
    STUCK = "stuck"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CRASHED = "crashed"

    @property
    def live(self) -> bool:
        return self in (JobState.WAITING, JobState.RUNNING, JobState.STUCK)


class Outcome(StrEnum):
    """How a job ended, by its own account. A job that gave none has crashed."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemState(StrEnum):
    """What has become of one item (a video, a segment, a file)."""

    LISTED = "listed"
    KNOWN = "known"  # listed before
    QUEUED = "queued"
    FETCHING = "fetching"
    AGAIN = "again"  # it failed and is tried once more
    FETCHED = "fetched"
    SKIPPED = "skipped"  # it was here
    CAPTIONS = "captions"
    CUT = "cut"
    WHOLE = "whole"  # it was cut before
    LABELLED = "labelled"
    IMPORTED = "imported"
    FAILED = "failed"


# -- how far a job is


@dataclass(frozen=True)
class TransferProgress:
    """The figures of a download. all_*: of the whole queue; the others: of the one that comes now, `id`.

    bytes and totals in bytes, speed in bytes a second, eta in seconds; None: not known.
    """

    id: str = ""
    bytes: Number | None = None
    bytes_total: Number | None = None
    speed: Number | None = None
    eta: Number | None = None
    all_bytes: Number | None = None
    all_bytes_total: Number | None = None
    all_eta: Number | None = None


@dataclass(frozen=True)
class Progress:
    """How far a stage is: done of total (None: not known) units, and what it is at. Only the last one counts.

    It stands in status.json. Logs of earlier versions hold it as events, the transfer's figures beside the others.
    """

    kind: ClassVar[str] = "progress"
    done: Number = 0.0
    total: Number | None = None
    unit: str = ""
    note: str = ""
    transfer: TransferProgress | None = None

    @property
    def share(self) -> float | None:
        """0 to 1; None while the total is not known."""
        return min(1.0, self.done / self.total) if self.total else None


# -- events: the job


@dataclass(frozen=True)
class Started:
    """The process is there. Always the first event."""

    kind: ClassVar[str] = "started"
    stage: str
    pid: Count = 0
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Waiting:
    """Another job has the resource."""

    kind: ClassVar[str] = "waiting"
    resource: str = ""


@dataclass(frozen=True)
class Running:
    """The wait for the resource is over. A job that need not wait does not emit it."""

    kind: ClassVar[str] = "running"
    resource: str = ""


@dataclass(frozen=True)
class GpuChosen:
    """The GPU that the job computes on, emitted before torch is loaded."""

    kind: ClassVar[str] = "gpu"
    uuid: str
    name: str = ""


@dataclass(frozen=True)
class LogLine:
    """A line for people. No program takes a fact out of it."""

    kind: ClassVar[str] = "log"
    text: str
    level: Literal["info", "warning", "error"] = "info"


@dataclass(frozen=True)
class Paused:
    kind: ClassVar[str] = "paused"


@dataclass(frozen=True)
class Resumed:
    kind: ClassVar[str] = "resumed"


@dataclass(frozen=True)
class Blocked:
    """A site lets nothing more through, or the line is dead.

    cause: kind of failure (core/sources/failure_table.py). steps: what to do, in this order; fix: the first of them.
    until: when the job resumes by itself; None: it does not. waits: it goes on when resumed; False: it ends.
    left: items that have not been fetched yet.
    """

    kind: ClassVar[str] = "blocked"
    what: str
    cause: str = ""
    why: str = ""
    fix: str = ""
    steps: tuple[str, ...] = ()
    until: Millis | None = None
    waits: bool = False
    left: Count | None = None


@dataclass(frozen=True)
class Unblocked:
    """The wait for the site is over."""

    kind: ClassVar[str] = "unblocked"


@dataclass(frozen=True)
class Cancelling:
    """It was asked to stop, and ends at the next safe point."""

    kind: ClassVar[str] = "cancelling"


@dataclass(frozen=True)
class Finished:
    """The last event of every job that was not killed.

    result: what the stage returned, of the shape that its `run` documents. failed: how many items failed.
    """

    kind: ClassVar[str] = "finished"
    outcome: Outcome
    result: dict[str, Any] = field(default_factory=dict)
    failed: Count = 0
    error: ErrorField | None = None


# -- events: items


@dataclass(frozen=True)
class Item:
    """Something has become of one item: whoever shows its row reads it anew. at: when it is tried again."""

    kind: ClassVar[str] = "item"
    id: str
    state: ItemState
    at: Millis | None = None


@dataclass(frozen=True)
class ItemFailed:
    """One item failed, the rest goes on. state: CAPTIONS where the recording itself came and only these did not."""

    kind: ClassVar[str] = "item"
    id: str
    error: ErrorField
    state: ItemState = ItemState.FAILED


# -- events: training, transcribing


@dataclass(frozen=True)
class RunStarted:
    """A training run begins to learn. resumed_from: the step of the checkpoint it goes on from; None: from nothing.

    measures_anew: what it measured before is forgotten, since it was of other segments, or heard otherwise.
    """

    kind: ClassVar[str] = "run_started"
    name: str
    steps: Count
    segments: Count
    resumed_from: Count | None = None
    measures_anew: bool = False


@dataclass(frozen=True)
class Metric:
    """Training figures at a step: epochs (a fraction), mean loss since the last one, learning rate, gradient norm."""

    kind: ClassVar[str] = "metric"
    step: Count
    total: Count | None = None
    epoch: Number | None = None
    loss: Number | None = None
    learning_rate: Number | None = None
    grad_norm: Number | None = None
    samples_per_second: Number | None = None


@dataclass(frozen=True)
class Evaluated:
    """The held-out segments were transcribed. cer: a fraction, may exceed 1. on: which part they are of.

    validation chooses the checkpoint, test is only shown. segments: how many; loss: mean; seconds: how long it took.
    """

    kind: ClassVar[str] = "evaluated"
    step: Count
    cer: Number | None = None
    on: Literal["validation", "test"] | None = None
    segments: Count | None = None
    loss: Number | None = None
    seconds: Number | None = None


@dataclass(frozen=True)
class Sample:
    """What the model makes of one held-out segment at a step."""

    kind: ClassVar[str] = "sample"
    step: Count
    segment: str
    reference: str = ""
    hypothesis: str = ""


@dataclass(frozen=True)
class Saved:
    """A checkpoint, or the finished model, is on disk. path: relative to the workspace."""

    kind: ClassVar[str] = "saved"
    step: Count
    path: str


@dataclass(frozen=True)
class TranscribedWindow:
    """One window of a recording is transcribed."""

    kind: ClassVar[str] = "window"
    start_ms: Count
    end_ms: Count
    text: str = ""


Event = (
    Started
    | Waiting
    | Running
    | GpuChosen
    | Progress
    | LogLine
    | Paused
    | Resumed
    | Blocked
    | Unblocked
    | Cancelling
    | Finished
    | Item
    | ItemFailed
    | RunStarted
    | Metric
    | Evaluated
    | Sample
    | Saved
    | TranscribedWindow
)

KINDS: dict[str, type[Event]] = {cls.kind: cls for cls in get_args(Event) if cls is not ItemFailed}
"""The class of each kind; an item with an error is an `ItemFailed`."""


def as_json(event: Any) -> dict[str, Any]:
    """The fields of an event, of a Progress or of any other flat dataclass that are not None."""
    fields = ((one.name, getattr(event, one.name)) for one in dataclasses.fields(event))
    return {name: _plain(value) for name, value in fields if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, UserError):
        return value.as_dict()
    return as_json(value) if dataclasses.is_dataclass(value) else value
