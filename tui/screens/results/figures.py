"""The figures of an evaluation as text: base beside tuned, and what they were measured on. Pure functions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from core.error_rates import difference_interval
from core.store import Evaluation, EvaluationRow, Segment
from core.text import percent, plural
from core.training.weight_trials import BASE, TUNED, Weights
from tui.widgets import cells, marks
from tui.widgets.columns import Column

_TRIED = {TUNED: "tuned alone", BASE: "base"}
"""What weights are called that are no share of the tuned ones."""


def measured_on(evaluation: Evaluation) -> str:
    """`31 test segments, 1 240 characters, leak 0`: a figure says what it was measured on."""
    result = evaluation.result
    characters = f"{result.get('characters', 0):,}".replace(",", " ")
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(evaluation.at / 1000))
    leak, excluded = result.get("leak"), result.get("excluded")
    warning = "" if not leak else " (these share audio with training: the figures flatter)"
    barred = f", {excluded} left out that were trained on" if excluded else ""
    segments = plural(result.get("segments", 0), "test segment")
    return f"{segments}, {characters} characters, leak {leak}{warning}{barred}   {when}"


def points(value: float | None, ascii: bool) -> str:
    """A difference in percentage points with its sign: `–7.3`, `+0.4`."""
    if value is None:
        return "-" if ascii else "–"
    sign = "+" if value > 0.0005 else ("-" if ascii else "–") if value < -0.0005 else " "
    return f"{sign}{abs(value) * 100:.1f}"


def lines(evaluation: Evaluation, width: int, ascii: bool) -> list[str]:
    """The table of figures, a header first; columns of equal width."""
    models: Mapping[str, Any] = evaluation.result.get("models", {})
    base, tuned = models.get("base") or {}, models.get("tuned") or {}
    wide = 12 if width < 100 else 34
    column = max(12, min(28, (width - wide) // 3))
    rows = [
        ("", "base", str(tuned.get("name", "tuned")), "difference"),
        ("CER" if width < 100 else "CER (character error rate)", *_rates(base, tuned, ascii)),
        ("S / D / I" if width < 100 else "substituted / deleted / inserted", *_edits(base, tuned, ascii)),
        ("loops, empty", *(f"{m.get('loops', 0)}, {m.get('empty', 0)}" for m in (base, tuned)), ""),
    ]
    return [
        cells.fit(row[0], wide) + "".join(cells.fit(cells.harmless(part), column, "right") for part in row[1:])
        for row in rows
    ]


def difference_line(evaluation: Evaluation, ascii: bool) -> str:
    """`–10.6 points (95 %: –13.0 to –8.1), not chance`; "" where nothing was measured."""
    rows = evaluation.rows
    bounds = difference_interval(
        [row.base_errors for row in rows], [row.tuned_errors for row in rows], [row.characters for row in rows]
    )
    if bounds is None:
        return ""
    total = sum(row.characters for row in rows)
    mean = sum(row.tuned_errors - row.base_errors for row in rows) / max(1, total)
    low, high = (points(bound, ascii).strip() for bound in bounds)
    chance = "may be chance" if bounds[0] <= 0 <= bounds[1] else "not chance"
    return f"{points(mean, ascii).strip()} points (95 %: {low} to {high}), {chance}"


def weights_line(weights: Weights, ascii: bool) -> str:
    """`kept 0.3 base + 0.7 tuned   on validation: tuned alone 24.2 %, 0.7 23.0 %`: after the last step, without
    what was broken off as worse; or `kept 0.3 base + 0.7 tuned, as usual without a validation block`."""
    measured = [trial for trial in weights.tried if trial.cer is not None]
    tried = ", ".join(f"{_TRIED.get(trial.weights, trial.weights)} {percent(trial.cer)}" for trial in measured)
    chosen = f"   on validation: {tried}" if weights.chosen else f", {weights.why_unchosen}"
    general = [trial for trial in weights.tried if trial.weights == weights.kept and trial.general is not None]
    heard = "".join(
        f"   general set {percent(weights.general_base)}, now {percent(trial.general)}" for trial in general
    )
    line = f"kept {weights.said}{chosen}{heard}"
    return marks.in_ascii(line) if ascii else line


def _rates(base: Mapping[str, Any], tuned: Mapping[str, Any], ascii: bool) -> tuple[str, str, str]:
    before, after = base.get("cer"), tuned.get("cer")
    change = after - before if before is not None and after is not None else None
    return _rate(base, ascii), _rate(tuned, ascii), f"{points(change, ascii)} points"


def _rate(model: Mapping[str, Any], ascii: bool) -> str:
    """`18.6 % (15.7–21.5)`: the interval holds the rate with 95 %."""
    low, high, dash = model.get("cer_low"), model.get("cer_high"), "-" if ascii else "–"
    if model.get("cer") is None:
        return dash
    interval = f" ({low * 100:.1f}{dash}{high * 100:.1f})" if low is not None and high is not None else ""
    return f"{model['cer'] * 100:.1f} %{interval}"


def _edits(base: Mapping[str, Any], tuned: Mapping[str, Any], ascii: bool) -> tuple[str, str, str]:
    kinds = ("substitutions", "deletions", "insertions")
    said = [" / ".join(str(model.get(kind, 0)) for kind in kinds) for model in (base, tuned)]
    total = sum(tuned.get(kind, 0) - base.get(kind, 0) for kind in kinds)
    return said[0], said[1], f"{total:+d}".replace("-", "-" if ascii else "–") + " edits"


def columns(wide: bool) -> list[Column]:
    shown = [Column("time", "time", 8, "right"), Column("change", "change", 10, "right")]
    names = ("truth", "base", "tuned") if wide else ("truth", "tuned")
    return [*shown, *(Column(name, name, None, least=10) for name in names)]


def change(row: EvaluationRow) -> float:
    """How the share of wrong characters changed; negative is better."""
    return (row.tuned_errors - row.base_errors) / max(1, row.characters)


def rows(
    evaluated: Sequence[EvaluationRow], segments: Mapping[str, Segment], wide: bool, ascii: bool
) -> list[tuple[str, list[str]]]:
    """A table row for each segment, the largest change first as the store gives them."""
    found = []
    for row in evaluated:
        texts = [row.reference, row.base, row.tuned] if wide else [row.reference, row.tuned]
        cells_of = [when(row, segments), f"{points(change(row), ascii)} pt", *texts]
        found.append((row.segment, cells_of))
    return found


def when(row: EvaluationRow, segments: Mapping[str, Segment]) -> str:
    segment = segments.get(row.segment)
    return marks.length(segment.start_ms) if segment is not None else row.segment
