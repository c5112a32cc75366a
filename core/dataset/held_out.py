"""Which test segments a model may be measured with: those that neither it nor its base has heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.dataset.leak import sharing_audio
from core.dataset.lineage import Lineage
from core.store import Segment


@dataclass(frozen=True)
class HeldOut:
    """segments: the test segments that may be used. excluded: how many may not, since a model was trained on or chosen
    by their audio. leak: how many of `segments` share audio with what the tuned model was trained on, by its own list
    (leak_against "model") or, where it has none, by the train part of the current split ("train")."""

    segments: list[Segment]
    excluded: int
    leak: int
    leak_against: Literal["model", "train"]


def held_out_segments(
    test: Sequence[Segment], train: Sequence[Segment], tuned: Lineage | None, base: Lineage | None
) -> HeldOut:
    """tuned, base: the models' own lists, None for a model without one. A later split may have made test segments of
    what a model was trained on; only its list tells."""
    heard = [*(tuned.heard if tuned else ()), *(base.heard if base else ())]
    excluded = sharing_audio(test, heard)
    left = [segment for segment in test if segment.id not in excluded]
    if tuned is not None:
        return HeldOut(left, len(excluded), len(sharing_audio(left, heard)), "model")
    return HeldOut(left, len(excluded), len(sharing_audio(left, train)), "train")
