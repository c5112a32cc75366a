"""How a run goes, beside its curves: learning rate, gradients and speed so far in a line; a loss without its noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from core.events import Metric
from tui.raster.bars import bars as drawn

LEAST_TO_SMOOTH = 20
"""Losses; of fewer the curve itself is read."""
SPAN = 1 / 20
"""Share of the losses that a smooth one is the mean of, about."""
BARS = 12


def smoothed(values: Sequence[float]) -> list[float]:
    """Exponential means, the first as good as the last; what is no number stays so and does not count."""
    keep = 1 - 1 / max(2.0, SPAN * len(values))
    total = weight = 0.0
    found = []
    for value in values:
        if math.isfinite(value):
            total, weight = keep * total + (1 - keep) * value, keep * weight + (1 - keep)
        found.append(total / weight if math.isfinite(value) else value)
    return found


def pace_of(metrics: Sequence[Metric], blocks: str) -> list[str]:
    """`rate 1.1e-05 ▂▅▇▅▃`, `gradient norm 1.3 ▂▂▃▂`, `16 segments/s ▅▅▅▆`; a figure that no step has told is left
    out."""
    told: list[tuple[str, Callable[[Metric], float | None]]] = [
        ("rate {:.2g}", lambda metric: metric.learning_rate),
        ("gradient norm {:.2g}", lambda metric: metric.grad_norm),
        ("{:.3g} segments/s", lambda metric: metric.samples_per_second),
    ]
    parts = []
    for words, figure in told:
        values = [found for metric in metrics if (found := figure(metric)) is not None and math.isfinite(found)]
        if values:
            line = drawn(values, min(BARS, len(values)), low=0.0, ascii=blocks.isascii())
            parts.append(f"{words.format(values[-1])} {line}")
    return parts
