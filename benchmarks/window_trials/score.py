"""The table of a run's results: CER as labelling would see it, text to Traditional by OpenCC."""

from __future__ import annotations

import gzip
import importlib
import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.labels import human_texts
from benchmarks.window_trials.run import BEAM, RESULTS
from benchmarks.window_trials.split import TEST, fold
from benchmarks.window_trials.trials import BASE, MixTrial
from core.text import corpus_cer
from core.training.windows import Row


class Rates(NamedTuple):
    """CER in percent of one model of one trial on the rows held out; None: not heard. is_chosen: whether it has the
    share of the tuned weights, alpha, that the rows to choose by were heard best with."""

    trial: MixTrial
    alpha: float
    beam: int
    is_chosen: bool
    whole: float
    clips: float | None


@dataclass(frozen=True)
class RecipeFigures:
    """What a recipe came to: CER in percent, the mean over parts of the mean over seeds, so that a part that more seeds
    were tried on counts no more. trials: how many models; alpha: their mean; test: of the part nothing is chosen by."""

    recipe: str
    trials: int
    alpha: float
    whole_beam: float | None
    whole_greedy: float | None
    clips: float | None
    test_whole_beam: float | None
    test_whole_greedy: float | None
    test_clips: float | None

    @property
    def line(self) -> str:
        rates = (getattr(self, name) for name in RATES)
        shown = " ".join(f"{rate:8.2f}" if rate is not None else f"{'–':>8}" for rate in rates)
        return f"{self.recipe:58} {self.alpha:5.2f} {self.trials:3} {shown}"


RATES = ("whole_beam", "whole_greedy", "clips", "test_whole_beam", "test_whole_greedy", "test_clips")
HEAD = f"{'':58} {'α':>5} {'n':>3} {'beam 5':>8} {'greedy':>8} {'clips':>8} {'beam 5':>8} {'greedy':>8} {'clips':>8}"


def score(speech: Path, out: Path, kept: Path | None = None) -> None:
    """Print the means over parts and seeds, and the test part by itself: where alpha is what the choosing block chose,
    and for every alpha. kept: a JSON file for the first of the two, with what was measured of speed and memory."""
    results = list(read(out / RESULTS))
    measured = [one for one in results if "measured" in one]
    for one in measured:
        print(json.dumps(one))
    rates = [rate for one in results if "heard" in one for rate in rated(one, rows_of(speech))]
    chosen = [*recipes(rates, lambda rate: rate.is_chosen)]
    print(f"\nα as the choosing block chose it; the last three columns: part {TEST} alone\n{HEAD}")
    for recipe in chosen:
        print(recipe.line)
    print(f"\nevery α; beam {BEAM} was heard with few of them, and not on the same parts\n{HEAD}")
    for alpha in sorted({rate.alpha for rate in rates if rate.trial.mix != BASE}):
        for recipe in recipes(rates, lambda rate, alpha=alpha: rate.alpha == alpha):
            print(recipe.line)
    if kept:
        content = {"recipes": [asdict(recipe) for recipe in chosen], "measured": measured}
        kept.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def recipes(rates: Iterable[Rates], wanted: Callable[[Rates], bool]) -> Iterator[RecipeFigures]:
    """The base first, then by CER of whole recordings."""
    by_recipe: dict[str, list[Rates]] = defaultdict(list)
    for rate in rates:
        if wanted(rate):
            by_recipe[BASE if rate.trial.mix == BASE else rate.trial.recipe].append(rate)
    found = [_figures(recipe, rates) for recipe, rates in by_recipe.items()]
    yield from sorted(found, key=lambda one: (one.recipe != BASE, one.whole_beam or 100.0))


def _figures(recipe: str, rates: Sequence[Rates]) -> RecipeFigures:
    beam = [rate for rate in rates if rate.beam == BEAM]
    greedy = [rate for rate in rates if rate.beam == 1]
    found = {
        "whole_beam": _by_part((rate.trial.part, rate.whole) for rate in beam),
        "whole_greedy": _by_part((rate.trial.part, rate.whole) for rate in greedy),
        "clips": _by_part((rate.trial.part, rate.clips) for rate in greedy if rate.clips is not None),
    }
    return RecipeFigures(
        recipe,
        trials=len(greedy),
        alpha=round(statistics.mean(rate.alpha for rate in rates), 2),
        **{name: _mean(of_parts.values()) for name, of_parts in found.items()},
        **{f"test_{name}": of_parts.get(TEST) for name, of_parts in found.items()},
    )


def _by_part(rates: Iterable[tuple[int, float]]) -> dict[int, float]:
    of_part: dict[int, list[float]] = defaultdict(list)
    for part, rate in rates:
        of_part[part].append(rate)
    return {part: round(statistics.mean(found), 2) for part, found in of_part.items()}


def _mean(rates: Iterable[float]) -> float | None:
    told = list(rates)
    return round(statistics.mean(told), 2) if told else None


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The results as far as they are whole: a machine may have been taken away while one was written."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except EOFError:
        return


def rows_of(speech: Path) -> list[Row]:
    path, texts = human_texts(speech)
    return [
        Row(str(span.start_ms), path, text.strip(), path.stem, span.start_ms, span.end_ms)
        for span, text in texts.items()
    ]


def rated(result: dict[str, Any], rows: Sequence[Row]) -> Iterator[Rates]:
    convert = importlib.import_module("opencc").OpenCC("s2twp").convert
    trial = MixTrial(**result["trial"])
    held_out = fold(rows, trial.part).held_out
    for heard in result["heard"]:
        places = {start: place for place, start in enumerate(heard["rows"])}
        asked = [row for row in held_out if row.start_ms in places]

        def cer(
            texts: Sequence[Sequence[str]], places: dict[int, int] = places, asked: list[Row] = asked
        ) -> float | None:
            found = [corpus_cer((row.text, convert(one[places[row.start_ms]])) for row in asked) for one in texts]
            told = [rate for rate in found if rate is not None]
            return 100 * statistics.mean(told) if told else None

        whole = cer(heard["whole"])
        assert whole is not None
        is_chosen = heard["alpha"] == result.get("best", 0.0)
        yield Rates(
            trial, heard["alpha"], heard["beam"], is_chosen, whole, cer([heard["clips"]] if "clips" in heard else [])
        )
