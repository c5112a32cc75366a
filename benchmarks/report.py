"""How a benchmark prints what it has measured: ours, what it stands against, the ratio, the bound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One thing measured. against: the same done plainly; bound: what `ours` may be at most. None: there is none."""

    name: str
    unit: str
    ours: float
    against: float | None = None
    bound: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.against if self.against else None

    @property
    def holds(self) -> bool:
        return self.bound is None or self.ours <= self.bound


def report(title: str, against: str, figures: Sequence[Figure], *, as_json: bool) -> int:
    """Print the figures; the exit code, 1 where a bound does not hold. against: what they stand against, in words."""
    if as_json:
        rows = [asdict(figure) | {"ratio": figure.ratio, "holds": figure.holds} for figure in figures]
        print(json.dumps({"title": title, "against": against, "figures": rows}, indent=1))
    else:
        width = max(len(figure.name) for figure in figures)
        print(title)
        print(f"{'':{width}}{'ours':>14}{against:>16}{'ratio':>8}{'bound':>12}")
        for figure in figures:
            beside = "" if figure.against is None else f"{_round(figure.against)} {figure.unit}"
            ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
            bound = "" if figure.bound is None else f"{figure.bound:g} {figure.unit}"
            missed = "" if figure.holds else "  missed"
            ours = f"{_round(figure.ours)} {figure.unit}"
            print(f"{figure.name:{width}}{ours:>14}{beside:>16}{ratio:>8}{bound:>12}{missed}")
    return 0 if all(figure.holds for figure in figures) else 1


def _round(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
