"""The figures of an evaluation as pictures: each model's rate with its interval, and what every segment gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.store import Evaluation, EvaluationRow
from tui.raster.bars import bars
from tui.raster.ticks import interval, rounded_out, x_axis
from tui.screens.results.figures import change
from tui.widgets import cells

NAME = 10
"""Cells for a model's name."""
MOST_TICKS = 8


def interval_lines(evaluation: Evaluation, width: int, ascii: bool) -> list[str]:
    """A line for each model that has an interval, on one axis from 0 in percent under them; [] where none has."""
    models: Mapping[str, Any] = evaluation.result.get("models", {})
    known = [
        (name, model)
        for name, model in (("base", models.get("base") or {}), ("tuned", models.get("tuned") or {}))
        if None not in (model.get("cer"), model.get("cer_low"), model.get("cer_high"))
    ]
    if not known or width < 2 * NAME:
        return []
    _, most = rounded_out(0.0, max(100 * model["cer_high"] for _, model in known), MOST_TICKS)
    across = width - NAME
    found = []
    for name, model in known:
        shown = "base" if name == "base" else str(model.get("name", name))
        low, rate, high = (100 * model[key] for key in ("cer_low", "cer", "cer_high"))
        line = interval(low, rate, high, most, across, ascii)
        found.append(f"{cells.fit(cells.harmless(shown), NAME - 1)} {line}")
    _, under = x_axis(0.0, most, across, lambda value: f"{value:g}" if value else "0 %", "", ascii)
    return [*found, " " * NAME + under]


def gains(rows: Sequence[EvaluationRow], width: int, ascii: bool) -> str:
    """`gain of each segment ▇▇▆▅▃▂▁ · · ▁▂ lost`: what the tuned model makes right, the most first, then what it makes
    worse; of many segments a bar is the best or the worst of some."""
    shares = sorted(change(row) for row in rows)
    if not shares:
        return ""
    title, end = "gain of each segment ", " lost"
    room = max(10, width - len(title) - len(end) - 2)
    most = max(map(abs, shares)) or 1.0
    gained, lost = [-one for one in shares if one < 0], [one for one in shares if one > 0]
    same = len(shares) - len(gained) - len(lost)
    scale = min(1.0, room / len(shares))

    def part(values: list[float]) -> str:
        return bars(values, max(1, int(len(values) * scale)), 0.0, most, ascii) if values else ""

    unchanged = ("." if ascii else "·") * (max(1, int(same * scale)) if same else 0)
    pieces = [one for one in (part(gained), unchanged, part(lost)) if one]
    return title + " ".join(pieces) + (end if lost else "")
