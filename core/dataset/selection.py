"""What a run learns from, what chooses its checkpoint, and what a later split leaves it of both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from core.config import Config, Include
from core.dataset.columns import SegmentColumns
from core.dataset.inclusion import IncludedRows, included, included_rows, is_unreviewed
from core.dataset.leak import sharing_audio
from core.dataset.lineage import Lineage, refs_of
from core.dataset.split import TEST, TRAIN, By, split_segments
from core.errors import UserError
from core.store import Segment
from core.text import normalise

T = TypeVar("T")
VALIDATION_SHARE = 0.1
LEAST_TO_CUT = 100
"""Fewer training segments than this are all trained on: a block of less than ten, whose error rate chance moves by more
than checkpoints differ, chooses no better than none does, and with its guard costs a sixth of them."""
MOST_LOST = 1 / 3
"""A validation block that costs more of the training segments, its guard included, is not worth it."""


@dataclass(frozen=True)
class UsableSegments:
    """by_id: every segment that may be learnt from or measured with. train, test: those of the current split, and how
    it was made (split_by). others: the silent and unreviewed ones, see `core.dataset.inclusion`."""

    by_id: dict[str, Segment]
    train: list[Segment]
    test: list[Segment]
    split_by: str
    others: list[Segment] = field(default_factory=list)

    def seconds(self, ids: Iterable[str]) -> float:
        """How much audio these segments are, overlaps counted twice."""
        return sum(self.by_id[id].end_ms - self.by_id[id].start_ms for id in ids) / 1000


@dataclass(frozen=True)
class RunSelection:
    """What a new run is given. learn: what it learns from. choices: what that would be by each [train] include."""

    lineage: Lineage
    learn: list[Segment]
    choices: tuple[IncludedRows, ...]


def select_for_run(usable: UsableSegments, config: Config, base: Lineage | None = None) -> RunSelection:
    """What a new run on the current split is given. base: the base model's own list, if it was tuned itself."""
    leaking = sharing_audio(usable.train, usable.test)
    clean = [row for row in usable.train if row.id not in leaking]
    if not clean:
        raise UserError(
            "there is nothing to train on", "all of it shares audio with the test part", "whispersmith split"
        )
    accepted, block = cut_validation(clean, config)
    choices = included(accepted, [*usable.test, *block], usable.others, round(config.split.guard_s * 1000))
    learn = choices[config.train.include]
    given = Lineage(refs_of(learn), refs_of(block), inherited=base.heard if base else ())
    lineage = measured_segments(given, block, usable.test, config.train.eval_segments)
    return RunSelection(lineage, learn, included_rows(choices))


def select_for_resume(
    before: Lineage, usable: UsableSegments, config: Config, include: Include = "reviewed"
) -> tuple[Lineage, list[Segment]]:
    """What a run goes on with under the current split: (its list, the segments still to learn from).

    A run keeps its own segments. Those that are rejected now, or no longer accepted (unless what it was begun with,
    `include`, takes such, too), or that share audio with what is the test part now, are neither learnt from nor
    measured on any more; the list keeps them, for the model has heard them.
    """
    barred = sharing_audio((*before.trained, *before.validated), usable.test)
    now = {id: row for id, row in usable.by_id.items() if id not in barred}
    own = [now[one.id] for one in before.trained if one.id in now]
    learn = own if include != "reviewed" else [row for row in own if not is_unreviewed(row)]
    block = [now[one.id] for one in before.validated if one.id in now and now[one.id].usable]
    if not learn:
        raise UserError(
            "nothing is left of what this run learns from",
            "its segments are test segments now, or no longer accepted",
            "train anew: whispersmith train --name another",
        )
    return measured_segments(before, block, usable.test, config.train.eval_segments), learn


def measured_segments(lineage: Lineage, block: list[Segment], test: list[Segment], most: int) -> Lineage:
    """Settle what is measured during training: the validation block if there is one; else test segments, for show,
    of which the model has heard none."""
    block = [row for row in block if normalise(row.text)]
    known = sharing_audio(test, lineage.heard)
    shown = evenly([row for row in test if normalise(row.text) and row.id not in known], most)
    on = "validation" if block else "test" if shown else None
    return replace(lineage, on=on, measured=tuple(row.id for row in block or shown))


def cut_validation(rows: list[Segment], config: Config) -> tuple[list[Segment], list[Segment]]:
    """(train, validation) of the train part: a tenth of it, at most eval_segments, sharing no audio with the rest.

    Parted like train and test: whole videos, or stretches of time with a guard; the way that leaves more to train on.
    The same rows give the same block. No block (an empty list) where there are too few rows for one.
    """
    most = config.train.eval_segments
    if len(rows) < LEAST_TO_CUT:
        return rows, []
    share = min(VALIDATION_SHARE, most / len(rows))
    columns = SegmentColumns.of(rows)
    ways: tuple[By, ...] = ("video", "time")
    found: list[tuple[list[Segment], list[Segment]]] = []
    for by in ways:
        try:
            parts = split_segments(columns, by, share, round(config.split.guard_s * 1000), config.split.seed).parts
        except UserError:
            continue  # one video, or too little: there is no block of this kind
        rest = [rows[place] for place in sorted(columns.place[parts == TRAIN])]
        tested = [rows[place] for place in sorted(columns.place[parts == TEST])]
        block = [row for row in tested if normalise(row.text)]
        if block and len(rows) - len(rest) <= MOST_LOST * len(rows):
            found.append((rest, evenly(block, most)))
    return max(found, key=lambda pair: len(pair[0]), default=(rows, []))


def evenly(segments: list[T], count: int) -> list[T]:
    """At most `count` of them, spread evenly; the same ones each time."""
    if len(segments) <= count:
        return list(segments)
    return [segments[index * len(segments) // count] for index in range(count)]
