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
USUAL = "0.7"
"""What is kept where nothing may choose: with it a whisper-base tuned on ten minutes heard whole recordings as well as
with all that it had learnt or up to a point better, in four runs (`benchmarks/training`), the best share on other parts
of that recording was 0.5 to 0.65 (`benchmarks/window_trials`), and less is forgotten."""
LESS = ("0.5", "0.3")
MOST_WORSE = 0.005
"""By so much the error rate on the general set may rise: half a point."""


@dataclass(frozen=True)
class WeightTrial:
    """weights: the share of the tuned ones as text, the rest being the base's, or "mean" of the last checkpoints. cer:
    on the validation block, or on the test segments that are shown where there is none; None where it was broken off,
    being worse than another, or was not asked. general: on the general set, None where it was not asked."""

    weights: str
    cer: float | None
    general: float | None = None

    @property
    def said(self) -> str:
        """`0.3 base + 0.7 tuned: CER 24.1 %`."""
        general = f"on the general set {percent(self.general)}" if self.general is not None else ""
        cer = f"CER {percent(self.cer)}" if self.cer is not None else "" if general else "broken off, it was worse"
        return f"{name_of(self.weights)}: {', '.join(part for part in (cer, general) if part)}"


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

    @property
    def chosen(self) -> bool:
        """Whether the validation block chose."""
        return any(trial.weights == TUNED for trial in self.tried)

    @property
    def why_unchosen(self) -> str:
        """Of weights that no block chose."""
        if self.kept == USUAL:
            return "as usual without a validation block"
        return "without a validation block as much as the general set allows"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def name_of(weights: str) -> str:
    names = {TUNED: "the tuned weights", MEAN: "the mean of the last checkpoints", BASE: "the base"}
    return names.get(weights) or f"{1 - float(weights):.1f} base + {weights} tuned"


def read_weights(model: Path) -> Weights | None:
    """What a tuned model's folder tells of it; None where it says nothing of its weights."""
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
        kept, heard, base = _first_allowed(order, general)
        tried = tuple(WeightTrial(name, counted[name], heard.get(name)) for name in names)
        return Weights(kept, found[kept].cer, tried, base)

    @staticmethod
    def usual(shown: Callable[[str], Errors | None] | None, general: Callable[[str], Errors | None] | None) -> Weights:
        """The usual weights where nothing may choose, or those nearer to the base that the general set allows.

        shown: counts of what is kept on test segments, which choose nothing; None without them. general: as of `best`.
        """
        kept, heard, base = _first_allowed((USUAL, *LESS), general)
        count = shown(kept) if shown is not None else None
        cer = None if count is None else count.cer
        asked = [name for name in (USUAL, *LESS) if name in heard or (name == kept and cer is not None)]
        tried = tuple(WeightTrial(name, cer if name == kept else None, heard.get(name)) for name in asked)
        return Weights(kept, cer, tried, base)


def _first_allowed(
    order: Sequence[str], general: Callable[[str], Errors | None] | None
) -> tuple[str, dict[str, float], float | None]:
    """(the first weights that are no more than half a point worse than the base on the general set, or else those that
    are the least worse there; the error rates there of all that were asked; the base's)."""
    heard: dict[str, float] = {}
    if general is None or (before := general(BASE)) is None or (base := before.cer) is None:
        return order[0], heard, None
    for name in order:
        after = general(name)
        heard[name] = 1.0 if after is None or after.cer is None else after.cer
        if heard[name] <= base + MOST_WORSE:
            return name, heard, base
    return min(order, key=lambda name: heard[name]), heard, base
