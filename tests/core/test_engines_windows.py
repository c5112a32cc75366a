"""Windows over a recording: all speech in one of them, none in two, cut where nobody speaks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from core.engines.engine import EngineInfo, PcmWindow
from core.engines.windows import EDGE_S, PAUSE_S, consecutive, speech_windows, windows_of
from core.media import RATE
from core.media.speech import CONTEXT, FRAME
from core.spans import Span
from tests.core.media_kit import babble

SIZE = 10 * RATE
FRAME_S = FRAME / RATE
LOUD, FAINT, QUIET = 9000, 2000, 0


def sound(*parts: tuple[int, float]) -> np.ndarray:
    """Stretches of a loudness, so long in seconds; no two samples near each other are equal."""
    levels = np.concatenate([np.full(round(seconds * RATE), level, np.int16) for level, seconds in parts])
    return (levels + np.arange(len(levels)) % 97).astype(np.int16)


def by_loudness(frames: np.ndarray) -> np.ndarray:
    """A detector that takes loud for speech, faint for nearly so."""
    return np.clip(frames[:, CONTEXT:].mean(axis=1) * 3, 0, 1).astype(np.float32)


def cut(samples: np.ndarray, size: int = SIZE, block: int = RATE) -> list[PcmWindow]:
    blocks = (samples[at : at + block] for at in range(0, len(samples), block))
    return list(speech_windows(blocks, size, by_loudness))


def positions(window: PcmWindow) -> np.ndarray:
    """Where in the recording each sample of the window is from."""
    edges = [0, *(at for at, _ in window.left_out), len(window.samples)]
    skipped = np.cumsum([0, *(count for _, count in window.left_out)])
    return np.concatenate(
        [np.arange(a, b) + window.start + skip for (a, b), skip in zip(pairwise(edges), skipped, strict=True)]
    )


TALK = sound(
    *[(QUIET, 3), (LOUD, 4), (QUIET, 0.5), (LOUD, 3.5), (QUIET, 1), (LOUD, 6), (QUIET, 7), (LOUD, 2), (QUIET, 0.3)],
    *[(LOUD, 5), (QUIET, 2.5), (LOUD, 25), (QUIET, 0.2), (LOUD, 3), (QUIET, 5)],
)


def test_all_speech_is_in_one_window_and_none_in_two() -> None:
    found = cut(TALK)
    heard = np.concatenate([positions(window) for window in found])
    assert len(np.unique(heard)) == len(heard)
    assert set(np.flatnonzero(TALK >= LOUD)) <= set(heard)
    for window in found:
        assert len(window.samples) <= SIZE
        np.testing.assert_array_equal(window.samples, TALK[positions(window)])
        assert (window.start_ms, window.end_ms) == tuple(
            at * 1000 // RATE for at in (positions(window)[0], positions(window)[-1] + 1)
        )
        assert len(window.speech) == -(-len(window.samples) // FRAME)


def test_what_is_silent_is_left_out_but_for_its_edges() -> None:
    heard = np.concatenate([positions(window) for window in cut(TALK)])
    silent_s = (len(heard) - (TALK >= LOUD).sum()) / RATE
    assert silent_s <= 0.5 + 1 + 0.3 + 0.2 + 8 * (EDGE_S + FRAME_S)  # the short pauses, and an edge of each long one
    (window,) = cut(sound((QUIET, 30), (LOUD, 1), (QUIET, PAUSE_S + 1), (LOUD, 1), (QUIET, 30)))
    assert window.start_ms == pytest.approx(30_000 - 1000 * EDGE_S, abs=40)
    assert window.end_ms == pytest.approx(30_000 + 1000 * (2 + PAUSE_S + 1 + EDGE_S), abs=40)
    ((at, left_out),) = window.left_out
    assert at / RATE == pytest.approx(1 + 2 * EDGE_S, abs=0.1)
    assert left_out / RATE == pytest.approx(PAUSE_S + 1 - 2 * EDGE_S, abs=0.1)


def test_a_pause_that_is_not_long_stays_whole() -> None:
    (window,) = cut(sound((LOUD, 2), (QUIET, PAUSE_S - 0.1), (LOUD, 2)))
    assert window.left_out == ()
    assert len(window.samples) == round((4 + PAUSE_S - 0.1) * RATE)


def test_a_window_ends_at_the_longest_pause_of_its_last_tenth() -> None:
    first, second = cut(sound((LOUD, 7), (QUIET, 1), (LOUD, 1), (QUIET, 0.3), (LOUD, 0.1), (QUIET, 0.1), (LOUD, 5)))
    assert first.end_ms == pytest.approx(9150, abs=50)  # in the middle of the pause
    assert second.start_ms == first.end_ms


def test_without_a_pause_a_window_ends_where_speech_is_least_likely() -> None:
    first, second = cut(sound((LOUD, 9.2), (6000, 0.2), (LOUD, 7)))
    assert first.end_ms == second.start_ms == pytest.approx(9300, abs=60)


def test_the_windows_do_not_depend_on_the_blocks() -> None:
    plain = cut(TALK)
    for block in (511, 700, 50_000, len(TALK)):
        again = cut(TALK, block=block)
        assert [(one.start, one.left_out) for one in again] == [(one.start, one.left_out) for one in plain]


@pytest.mark.parametrize(
    "samples",
    [sound((QUIET, 60)), sound((QUIET, 3), (LOUD, 0.1), (QUIET, 3)), np.zeros(0, np.int16)],
    ids=["silence", "a click", "nothing"],
)
def test_what_holds_no_speech_has_no_windows(samples: np.ndarray) -> None:
    assert cut(samples) == []


def test_a_recording_is_read_no_further_than_its_window() -> None:
    read: list[int] = []

    def blocks() -> Iterator[np.ndarray]:
        for second in range(1000):
            read.append(second)
            yield sound((LOUD, 0.8), (QUIET, 0.2))

    windows = speech_windows(blocks(), SIZE, by_loudness)
    next(windows)
    assert len(read) <= 12


def test_times_in_a_window_become_times_in_the_recording() -> None:
    window = PcmWindow(RATE, np.zeros(4 * RATE, np.int16), ((RATE, 10 * RATE), (3 * RATE, 5 * RATE)))
    assert (window.start_ms, window.end_ms, window.seconds) == (1000, 20_000, 4.0)
    assert window.span(0.2, 0.5) == Span(1200, 1500)
    assert window.span(1.0, 2.0) == Span(12_000, 13_000)
    assert window.span(3.5, 9.0) == Span(19_500, 20_000)
    assert window.span(0.9, 1.4) == Span(12_000, 12_400)  # the longer part: nobody says a word for ten seconds
    assert window.span(2.4, 3.1) == Span(13_400, 14_000)
    assert window.span(9.0, 9.5) == Span(20_000, 20_000)


def test_who_can_hear_clips_only_gets_windows_of_everything() -> None:
    info = EngineInfo("any", "toy", "cpu", "fp32", 2.0, clips_only="it is a toy")
    assert [window.start for window in windows_of([np.zeros(5 * RATE, np.int16)], info)] == [0, 2 * RATE, 4 * RATE]
    hearing = EngineInfo("any", "toy", "cpu", "fp32", 30.0)
    assert list(windows_of([np.zeros(5 * RATE, np.int16)], hearing)) == []
    (window,) = windows_of([np.zeros(9 * RATE, np.int16), babble(5.0), np.zeros(9 * RATE, np.int16)], hearing)
    assert window.start_ms > 8000
    assert window.end_ms < 15_000


def test_windows_one_behind_the_other_keep_every_sample() -> None:
    samples = np.arange(1050, dtype=np.int16)
    found = list(consecutive(np.split(samples, [3, 3, 500, 501]), 200))
    assert [window.start for window in found] == [0, 200, 400, 600, 800, 1000]
    assert [len(window.samples) for window in found] == [200] * 5 + [50]
    np.testing.assert_array_equal(np.concatenate([window.samples for window in found]), samples)
    assert list(consecutive([], 200)) == []
