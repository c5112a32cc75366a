"""How long a run takes, by what the last one of its kind was measured to take. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median

from core.events import Evaluated, Event, Metric, RunStarted
from core.jobs.event_log import EventReader
from core.jobs.spec import EVENTS
from core.training import runs
from core.training.plan import Plan
from core.workspace import Workspace

MOST_LOGS = 20
"""Logs are looked through from the newest on, and no more of them."""
STAGES = ("train", "round")
"""Those in whose jobs a model is trained."""
KIND = ("model", "method", "device", "precision", "recompute", "window_s", "windows", "augment", "processes")
"""What of a plan a pace depends on."""


@dataclass(frozen=True)
class Pace:
    """What a run was measured to do. run: its name; segments_per_second: learnt from; measure_s: an evaluation, seconds
    for each of its segments."""

    run: str
    segments_per_second: float
    measure_s: float


def measured_pace(workspace: Workspace, plan: Plan) -> Pace | None:
    """The pace of the newest run here of the same kind; None if there is none."""
    found = (path for stage in STAGES for path in workspace.jobs.glob(f"*-{stage}-*/{EVENTS}"))
    logs = sorted(found, key=lambda path: path.parent.name, reverse=True)
    for path in logs[:MOST_LOGS]:
        events = [entry.event for entry in EventReader(path).all()]
        name = next((event.name for event in events if isinstance(event, RunStarted)), None)
        record = runs.read_record(runs.hidden(workspace.models, name)) if name else None
        if (
            record is None
            or record.plan is None
            or any(getattr(record.plan, one) != getattr(plan, one) for one in KIND)
        ):
            continue
        if found := pace_of(name or "", events):
            return found
    return None


def pace_of(run: str, events: Iterable[Event]) -> Pace | None:
    """The middle of what a run's log tells; None before its first steps. The first counts what is done only once."""
    events = list(events)
    rates = [event.samples_per_second for event in events if isinstance(event, Metric) and event.samples_per_second]
    if not rates:
        return None
    measured = [
        event.seconds / event.segments
        for event in events
        if isinstance(event, Evaluated) and event.seconds and event.segments
    ]
    return Pace(run, median(rates[1:] or rates), median(measured) if measured else 0.0)


def with_time(plan: Plan, pace: Pace | None) -> Plan:
    """The plan with the seconds it will take: its steps, and its evaluations with that of the base model."""
    if pace is None:
        return plan
    evaluations = 1 + -(-plan.steps // plan.eval_every) if plan.measured_segments else 0
    learning = plan.steps * plan.effective_batch / pace.segments_per_second
    seconds = learning + evaluations * plan.measured_segments * pace.measure_s
    return replace(plan, seconds=round(seconds, 1), pace_of=pace.run)
