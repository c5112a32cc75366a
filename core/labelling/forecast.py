"""What labelling, or a second opinion, would have to do, and how long it would take. Nothing is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.config import Config
from core.errors import UserError
from core.labelling.recordings import asked_ms, by_video
from core.labelling.sources import unheard
from core.store import Segment, Store
from core.whisper.info import describe
from core.workspace import Workspace

_SPEED = "speed of "
_LEAST_HEARD_S = 60.0
"""Of sound: how quickly less was heard says little of the next time."""


@dataclass(frozen=True)
class LabelForecast:
    """segments: that would get a text, or a second reading, in so many recordings. sound_ms: of what would be heard; 0
    where it was heard before. seconds: at the speed of the last time, None before the first. ids: of the segments,
    where they are to be named. alone: of the texts that `labelled_alone` finds, anew. is_file: `model` names a file
    with texts."""

    model: str
    segments: int
    recordings: int
    sound_ms: int
    seconds: float | None = None
    ids: tuple[str, ...] = ()
    alone: LabelForecast | None = None
    is_file: bool = False


def note_speed(store: Store, model: str, speed: float, heard_s: float) -> None:
    """speed: seconds of sound a second, over heard_s seconds of sound; too few of them leave what was known."""
    if heard_s >= _LEAST_HEARD_S:
        store.set_note(_SPEED + model, {"speed": round(speed, 2)})


def forecast(workspace: Workspace, config: Config, store: Store) -> LabelForecast:
    """Of `label` as it stands."""
    everything = store.segments.all()
    model = config.model.labeller
    found = _forecast(store, [row for row in everything if row.origin is None], model)
    rows = labelled_alone(workspace, config, store, everything)
    alone = replace(_forecast(store, rows, model), ids=tuple(row.id for row in rows)) if rows else None
    return replace(found, alone=alone)


def forecast_second(workspace: Workspace, store: Store, second: str) -> LabelForecast:
    """Of a second opinion by a model, or a file, on all texts of machines and captions that nobody has reviewed."""
    rows = [row for row in store.segments.all(review="pending") if row.origin in ("machine", "caption")]
    if (file := workspace.find(second)).is_file():
        return LabelForecast(file.name, len(rows), len({row.video for row in rows}), 0, is_file=True)
    return _forecast(store, rows, second)


def labelled_alone(workspace: Workspace, config: Config, store: Store, segments: Sequence[Segment]) -> list[Segment]:
    """Texts of the labeller that are no share of what it has heard of their recording, though it could hear that, and
    that nobody has reviewed or changed."""
    model = config.model.labeller
    rows = [row for row in segments if row.model == model and row.origin == "machine" and row.may_be_rewritten]
    if not rows or config.label.by != "recordings" or not _hears_recordings(workspace, model):
        return []
    groups = [(video, own) for video, own in by_video(store, rows) if video.path]
    return [row for video, own in groups for row in unheard(store, video.id, model, own)]


def _hears_recordings(workspace: Workspace, model: str) -> bool:
    try:
        return not describe(model, workspace.root).clips_only
    except UserError:
        return False


def _forecast(store: Store, rows: Sequence[Segment], model: str) -> LabelForecast:
    groups = by_video(store, rows)
    sound = sum(asked_ms(unheard(store, video.id, model, found)) for video, found in groups)
    speed = (store.note(_SPEED + model) or {}).get("speed")
    return LabelForecast(model, len(rows), len(groups), sound, sound / 1000 / speed if speed else None)
