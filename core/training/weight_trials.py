"""Which weights are kept after the last step, decided from error counts. Loads no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.files import read_json
from core.text import Errors, percent
from core.typed_json import build

FILE = "weights.json"
"""In a run's folder while weights are tried, in the model's own afterwards."""
TUNED, MEAN, BASE = "1", "mean", "0"
MOST_WORSE = 0.005
"""By so much the error rate on the general set may rise: half a point."""


@dataclass(frozen=True)
class WeightTrial:
    """weights: the share of the tuned ones as text, the rest being the base's, or "mean" of the last checkpoints. cer:
    on the validation block, None where it was broken off, being worse than another. general: on the general set, None
    where it was not asked."""

    weights: str
    cer: float | None
    general: float | None = None

    @property
    def said(self) -> str:
        """`0.3 base + 0.7 tuned: CER 24.1 %`."""
        cer = f"CER {percent(self.cer)}" if self.cer is not None else "broken off, it was worse"
        general = f", on the general set {percent(self.general)}" if self.general is not None else ""
        return f"{name_of(self.weights)}: {cer}{general}"


@dataclass(frozen=True)
class Weights:
    """What is kept, and all that was tried. cer: of what is kept. general_base: the base's own on the general set."""

    kept: str
    cer: float | None
    tried: tuple[WeightTrial, ...]
    general_base: float | None = None

    @property
    def said(self) -> str:
        return name_of(self.kept)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def name_of(weights: str) -> str:
    if weights in (TUNED, MEAN):
        return "the tuned weights" if weights == TUNED else "the mean of the last checkpoints"
    return f"{1 - float(weights):.1f} base + {weights} tuned"


def read_weights(model: Path) -> Weights | None:
    """What a tuned model's folder tells of it; None where nothing was tried."""
    try:
        data = read_json(model / FILE, 1_000_000)
        return build(Weights, data) if isinstance(data, dict) else None
    except (UserError, ValueError):
        return None


@dataclass(frozen=True)
class _Known:
    errors: Errors | None


class Trials:
    """Error counts by block and weights, as far as they are known. A count that was broken off is None."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def as_json(self) -> dict[str, Any]:
        return self._data

    def known(self, block: str, weights: str) -> _Known | None:
        found = self._data.get(block, {}).get(weights, False)
        if found is False:
            return None
        return _Known(None if found is None else Errors(*found))

    def note(self, block: str, weights: str, errors: Errors | None) -> _Known:
        counts = None if errors is None else [getattr(errors, name) for name in Errors.__dataclass_fields__]
        self._data.setdefault(block, {})[weights] = counts
        return _Known(errors)

    @staticmethod
    def best(
        names: Sequence[str],
        errors: Callable[[str, int | None], Errors | None],
        general: Callable[[str], Errors | None] | None,
    ) -> Weights:
        """The weights with the fewest errors, among those that are no more than half a point worse than the base on the
        general set; where none is, those that are the least worse there.

        errors: (weights, the most that are of interest) -> counts on the validation block, None where there are more.
        general: counts on the general set, None without one. With one, nothing is broken off: what is best on the
        validation block may be barred.
        """
        found: dict[str, Errors] = {}
        counted: dict[str, float | None] = {}
        for name in names:
            most = min((one.total for one in found.values()), default=None) if general is None else None
            count = errors(name, most)
            counted[name] = None if count is None else count.cer
            if count is not None:
                found[name] = count
        order = sorted(found, key=lambda name: (found[name].total, names.index(name)))
        heard: dict[str, float] = {}
        kept, base = order[0], None
        if general is not None and (before := general(BASE)) is not None and (base := before.cer) is not None:
            for name in order:
                after = general(name)
                heard[name] = 1.0 if after is None or after.cer is None else after.cer
                if heard[name] <= base + MOST_WORSE:
                    kept = name
                    break
            else:
                kept = min(order, key=lambda name: heard[name])
        tried = tuple(WeightTrial(name, counted[name], heard.get(name)) for name in names)
        return Weights(kept, found[kept].cer, tried, base)
