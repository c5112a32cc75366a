"""The recording in four parts, each held out once: what is learnt, chosen by and measured shares no sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.training.windows import Row

PARTS = 4
TEST = PARTS - 1
"""The part that nothing is chosen by: its figures are those that are told."""

CHOOSING = 10
"""Rows, beside the held-out part, that the share of the base's weights is chosen by."""


@dataclass(frozen=True)
class Fold:
    learnt: list[Row]
    chosen_by: list[Row]
    held_out: list[Row]


def fold(rows: Sequence[Row], part: int, choosing: int = CHOOSING) -> Fold:
    """Rows of one recording in its order. choosing: how many rows to choose by."""
    size = -(-len(rows) // PARTS)
    begin, end = part * size, min((part + 1) * size, len(rows))
    held_out = list(rows[begin:end])
    before = part == PARTS - 1
    beside = rows[:begin][::-1] if before else rows[end:]
    chosen_by = sorted(_apart(beside, held_out)[:choosing], key=lambda row: row.start_ms)
    learnt = _apart(_apart(rows, held_out), chosen_by)
    return Fold(learnt, chosen_by, held_out)


def _apart(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """The rows that share no sound with any of the others."""
    return [
        row for row in rows if not any(row.start_ms < other.end_ms and other.start_ms < row.end_ms for other in others)
    ]
