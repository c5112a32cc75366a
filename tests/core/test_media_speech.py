"""The speech detector: blocks of any size, what follows from its frames, and what stands in for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from core.media import RATE, Span
from core.media.silero import SileroScorer, frames_as_rows
from core.media.speech import (
    FRAME,
    FRAME_MS,
    EnergyScorer,
    Scorer,
    listen,
    pauses,
    speech_probabilities,
    speech_regions,
    speech_share,
)
from tests.core.media_kit import speech_like

YES, NO, BETWEEN = 0.9, 0.1, 0.4


def frames(*runs: tuple[float, int]) -> np.ndarray:
    """Probabilities as (probability, frames) one after the other."""
    return np.concatenate([np.full(count, value, np.float32) for value, count in runs])


@pytest.mark.parametrize("scorer", [SileroScorer, EnergyScorer])
def test_blocks_of_any_size_give_what_one_pass_over_the_whole_gives(scorer: Callable[[], Scorer]) -> None:
    samples = np.concatenate([speech_like(11.37), np.zeros(RATE, np.int16), speech_like(3, seed=5)])
    (*whole, last) = listen([samples], scorer())
    expected = np.concatenate([block.speech for block in (*whole, last)])
    assert expected.shape == (-(-len(samples) // FRAME),)
    assert len(np.unique(expected)) > 1  # something was heard, and something was not
    for sizes in ([1, 511, 512, 513, 40_000], [7_000], [63, 64, 65]):
        edges = np.cumsum(np.resize(sizes, len(samples) // min(sizes)))
        found = list(listen(np.split(samples, edges[edges < len(samples)]), scorer()))
        assert all(len(block.samples) % FRAME == 0 for block in found[:-1])
        assert np.array_equal(np.concatenate([block.samples for block in found]), samples)
        np.testing.assert_allclose(np.concatenate([block.speech for block in found]), expected, atol=1e-6)


def test_the_detector_hears_what_faster_whisper_hears() -> None:
    """Whole frames, the last of silence: faster-whisper blanks the last 64 samples of what it gets."""
    code = """
import numpy as np
from core.media.speech import speech_probabilities
from tests.core.media_kit import babble
samples = np.concatenate([babble(512 * 300 / 16_000), np.zeros(512, np.int16)])
ours = speech_probabilities([samples])
assert 0.5 < (ours > 0.5).mean() < 1, ours
from faster_whisper.vad import get_vad_model
theirs = get_vad_model()(samples.astype(np.float32) / 32768)
np.testing.assert_allclose(ours, theirs, atol=1e-4)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_network_that_is_built_otherwise_is_left_as_it_is() -> None:
    with pytest.raises(ValueError, match="another way"):
        frames_as_rows(b"")


def test_silence_and_nothing_hold_no_speech() -> None:
    assert speech_probabilities([np.zeros(RATE * 2, np.int16)]).max() < 0.1
    assert speech_probabilities([]).shape == (0,)


def test_loudness_stands_in_for_the_detector() -> None:
    def share(samples: np.ndarray) -> float:
        return speech_share(np.concatenate([block.speech for block in listen([samples], EnergyScorer())]))

    assert share(speech_like(10)) == pytest.approx(0.6, abs=0.07)
    assert share(np.zeros(RATE, np.int16)) == 0
    assert share(np.random.default_rng(0).normal(0, 30, RATE * 5).astype(np.int16)) < 0.05
    without_pause = (np.sin(np.arange(RATE * 5) / 9) * 9000).astype(np.int16)
    assert share(without_pause) == pytest.approx(1, abs=0.01)


# -- what follows from frames


def test_the_share_is_that_of_frames_at_the_threshold() -> None:
    assert speech_share(frames((YES, 10), (BETWEEN, 20), (NO, 10))) == 0.25
    assert speech_share(frames((0.5, 1), (0.499, 1))) == 0.5
    assert speech_share(np.zeros(0, np.float32)) == 0


def test_speech_begins_at_one_threshold_and_ends_below_another() -> None:
    found = frames((BETWEEN, 5), (YES, 10), (BETWEEN, 9), (YES, 1), (NO, 3), (BETWEEN, 2), (NO, 20))
    assert speech_regions(found) == [Span(5 * FRAME_MS, 25 * FRAME_MS)]


def test_a_short_silence_parts_nothing_and_short_speech_is_none() -> None:
    found = frames((YES, 10), (NO, 3), (YES, 10), (NO, 4), (YES, 7), (NO, 9))
    assert speech_regions(found) == [Span(0, 23 * FRAME_MS)]
    assert speech_regions(found, min_speech_ms=200) == [Span(0, 23 * FRAME_MS), Span(27 * FRAME_MS, 34 * FRAME_MS)]
    assert speech_regions(found, min_silence_ms=1000) == [Span(0, 34 * FRAME_MS)]
    assert speech_regions(found[:0]) == []


def test_speech_that_lasts_to_the_end_ends_there() -> None:
    assert speech_regions(frames((NO, 4), (YES, 10))) == [Span(4 * FRAME_MS, 14 * FRAME_MS)]


def test_pauses_are_what_is_left() -> None:
    found = frames((NO, 4), (YES, 10), (NO, 6), (YES, 10))
    assert pauses(found) == [Span(0, 4 * FRAME_MS), Span(14 * FRAME_MS, 20 * FRAME_MS)]
    assert pauses(frames((NO, 5))) == [Span(0, 5 * FRAME_MS)]
    assert pauses(frames((YES, 10))) == []
