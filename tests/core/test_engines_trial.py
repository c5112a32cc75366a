"""Which of two engines is better: by what they write, then by how long they take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from core.engines import Clip, EngineInfo, Hypothesis, PcmWindow
from core.engines.trial import try_engines
from core.errors import UserError
from core.media import RATE
from core.timed_text import TimedText

WINDOWS = [PcmWindow(number * 30 * RATE, np.zeros(30 * RATE, np.int16)) for number in range(4)]


class Fake:
    """Takes `pace_s` for each window, and writes a loop in so many of them."""

    def __init__(self, name: str, pace_s: float, loops: int = 0, check: Callable[[], object] = lambda: None) -> None:
        self.info = EngineInfo(name, "model", "cpu", "fp32", 30.0)
        self._pace_s, self._loops, self._check = pace_s, loops, check
        self.heard = 0

    def hypotheses(self, clips: Iterable[Clip]) -> Iterator[list[tuple[Clip, Hypothesis]]]:
        raise AssertionError("a trial is of recordings")

    def hear(self, windows: Iterable[PcmWindow]) -> Iterator[list[tuple[PcmWindow, TimedText]]]:
        for number, window in enumerate(windows):
            self._check()
            time.sleep(self._pace_s * window.seconds / 30)
            self._check()
            self.heard += 1
            flags = ("loop",) if window.seconds == 30 and number < self._loops else ()
            yield [(window, TimedText(window.start_ms, window.end_ms, "text", -0.1, 0.0, (), flags))]


def test_the_slower_one_is_broken_off() -> None:
    others: list[Fake] = []

    def load(name: str, check: Callable[[], object]) -> Fake:
        others.append(Fake(name, 0.5, check=check))
        return others[-1]

    better = try_engines(Fake("ctranslate2", 0.01), "transformers", load, WINDOWS)
    assert better.engine.info.name == "ctranslate2"
    assert better.why.startswith("of 120 s of speech it took ")
    assert better.why.endswith(" s, and transformers longer")
    assert others[0].heard < len(WINDOWS)


def test_the_quicker_one_is_taken() -> None:
    other = Fake("transformers", 0.001)
    better = try_engines(Fake("ctranslate2", 0.05), "transformers", lambda name, check: other, WINDOWS)
    assert better.engine is other  # loaded once
    assert "of 120 s of speech it took" in better.why


@pytest.mark.parametrize(("loops", "name"), [(3, "transformers"), (2, "ctranslate2")])
def test_clearly_fewer_odd_texts_count_more_than_time(loops: int, name: str) -> None:
    def load(name: str, check: Callable[[], object]) -> Fake:
        return Fake(name, 0.15, loops=1, check=check)  # slower, yet not broken off

    better = try_engines(Fake("ctranslate2", 0.1, loops=loops), "transformers", load, WINDOWS)
    assert better.engine.info.name == name
    assert (better.why == "of 120 s of speech 1 of its texts are odd, 3 of ctranslate2's") == (loops == 3)


def test_the_limit_ends_with_the_trial() -> None:
    checks: list[Callable[[], object]] = []

    def load(name: str, check: Callable[[], object]) -> Fake:
        checks.append(check)
        return Fake(name, 0.0, check=check)

    try_engines(Fake("ctranslate2", 0.02), "transformers", load, WINDOWS)
    time.sleep(0.1)
    checks[0]()


def test_one_that_does_not_fit_beside_it() -> None:
    def load(name: str, check: Callable[[], object]) -> Fake:
        raise UserError("the model does not fit", "memory", "a smaller one")

    first = Fake("ctranslate2", 0.0)
    assert try_engines(first, "transformers", load, WINDOWS) == (
        first,
        "transformers cannot run here: the model does not fit",
    )


def test_what_ends_the_job_passes_through() -> None:
    class Cancelled(Exception):
        pass

    def load(name: str, check: Callable[[], object]) -> Fake:
        def cancelled() -> None:
            raise Cancelled

        return Fake(name, 0.0, check=cancelled)

    with pytest.raises(Cancelled):
        try_engines(Fake("ctranslate2", 0.0), "transformers", load, WINDOWS)
