"""The table of a run's results: CER as labelling would see it, text to Traditional by OpenCC."""

from __future__ import annotations

import gzip
import importlib
import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.labels import human_texts
from benchmarks.window_trials.run import RESULTS
from benchmarks.window_trials.split import TEST, fold
from benchmarks.window_trials.trials import BASE, MixTrial
from core.text import corpus_cer
from core.training.windows import Row


class Rates(NamedTuple):
    """CER in percent of one model of one trial: on the rows to choose by and on those held out; None: not heard."""

    trial: MixTrial
    alpha: float
    beam: int
    chosen_by_whole: float | None
    chosen_by_clips: float | None
    whole: float
    clips: float | None


def score(speech: Path, out: Path) -> None:
    """Prints the means over parts and seeds, and the test part by itself."""
    results = list(read(out / RESULTS))
    for one in results:
        if "measured" in one:
            print(json.dumps(one))
    rates = [rate for one in results if "heard" in one for rate in rated(one, rows_of(speech))]
    base = {(rate.trial.part, rate.beam): rate for rate in rates if rate.trial.mix == BASE}
    print(f"{'trial':58} {'α':>4}  {'n':>2}  {'beam 5':>7} {'greedy':>7} {'clips':>7}   (part {TEST}: the same)")
    print(
        _line("base", 0.0, [(base[part, 5], base[part, 1]) for part, beam in base if beam == 5 and (part, 1) in base])
    )
    groups: dict[tuple[str, float], dict[tuple[int, int], dict[int, Rates]]] = defaultdict(lambda: defaultdict(dict))
    for rate in rates:
        if rate.trial.mix != BASE:
            one = rate.trial
            groups[one.recipe, rate.alpha][one.part, one.seed][rate.beam] = rate
    for (recipe, alpha), runs in sorted(groups.items()):
        print(_line(recipe, alpha, [(found.get(5), found.get(1)) for found in runs.values()]))


def _line(recipe: str, alpha: float, runs: Sequence[tuple[Rates | None, Rates | None]]) -> str:
    def means(wanted: Callable[[Rates], bool]) -> str:
        beam = [five.whole for five, _ in runs if five and wanted(five)]
        greedy = [one.whole for _, one in runs if one and wanted(one)]
        clips = [one.clips for _, one in runs if one and one.clips is not None and wanted(one)]
        return " ".join(f"{statistics.mean(all):7.2f}" if all else f"{'–':>7}" for all in (beam, greedy, clips))

    whole, test = means(lambda rate: True), means(lambda rate: rate.trial.part == TEST)
    return f"{recipe:58} {alpha:4g}  {len(runs):2}  {whole}   {test}"


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
    parted = fold(rows, trial.part)
    for heard in result["heard"]:
        places = {start: place for place, start in enumerate(heard["rows"])}

        def cer(wanted: Iterable[Row], texts: Sequence[Sequence[str]], places: dict[int, int] = places) -> float | None:
            asked = [row for row in wanted if row.start_ms in places]
            found = [corpus_cer((row.text, convert(one[places[row.start_ms]])) for row in asked) for one in texts]
            told = [rate for rate in found if rate is not None]
            return 100 * statistics.mean(told) if told else None

        clips = [heard["clips"]] if "clips" in heard else []
        whole = cer(parted.held_out, heard["whole"])
        assert whole is not None
        yield Rates(
            trial,
            heard["alpha"],
            heard["beam"],
            cer(parted.chosen_by, heard["whole"]),
            cer(parted.chosen_by, clips),
            whole,
            cer(parted.held_out, clips),
        )
