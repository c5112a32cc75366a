"""Pictures of sound: pure functions, against tests/golden/ and against what must be true of any."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from tests.imports import ROOT
from tui.raster.bars import bars
from tui.raster.mel import SHADES, mel_image, mel_text, palette
from tui.raster.strip import SegmentSpans, columns, strip
from tui.raster.time_axis import Stretch, axis, hatching, moment
from tui.raster.waveform import waveform

Golden = Callable[[str, Sequence[str]], None]


def words(count: int = 400) -> np.ndarray:
    """Peaks of something like speech: five words with pauses, the last ones quieter."""
    at = np.linspace(0, 1, count)
    loud = np.abs(np.sin(at * 5 * np.pi)) ** 2 * np.linspace(1, 0.3, count) * (0.6 + 0.4 * np.cos(at * 150))
    return np.stack([-loud * 0.8, loud], axis=1)


def test_nothing_here_loads_a_screen() -> None:
    code = "import sys, tui.raster.plot, tui.raster.mel, tui.raster.waveform, tui.raster.strip, tui.raster.time_axis;"
    code += "print(not {'textual', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "True", done.stderr


# -- the waveform


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("size", [(72, 4), (100, 11)])
def test_speech_looks_as_it_did(golden: Golden, size: tuple[int, int], ascii: bool) -> None:
    golden(f"waveform-{size[0]}x{size[1]}{'-ascii' * ascii}", waveform(words(), *size, ascii))


@pytest.mark.parametrize("ascii", [False, True])
def test_quiet_speech_fills_the_picture_that_is_scaled_to_it(ascii: bool) -> None:
    quiet = words() * 0.03
    assert waveform(quiet, 60, 9, ascii, full=0.03) == waveform(words(), 60, 9, ascii)
    fifth = waveform(quiet, 60, 9, ascii)
    assert [line.strip() for line in (fifth[0], fifth[-1])] == ["", ""]


def test_a_click_is_kept_and_what_is_unknown_is_a_gap() -> None:
    peaks = np.zeros((100_000, 2))
    peaks[50_000] = (-1, 1)
    assert waveform(peaks, 11, 3, ascii=True) == ["     |     ", "-----|-----", "     |     "]
    assert waveform([[np.nan, np.nan], [0, 0]], 2, 1, ascii=True) == [" -"]
    assert waveform([], 3, 2) == ["   ", "   "]
    assert waveform([[-9, 9]], 1, 1) == ["⣿"]


def test_ascii_tells_levels_within_a_cell() -> None:
    heights = np.array([0, 0.1, 0.3, 0.5, 0.75, 1.0])
    lines = waveform(np.stack([-heights, heights], axis=1), 6, 3, ascii=True)
    assert [len(set(line)) > 2 for line in (lines[0], lines[2])] == [True, True]
    assert set("".join(lines)) <= set("|:-'. ")


# -- time and neighbours


def test_moment() -> None:
    assert [moment(ms) for ms in (0, 8000, 8500, 59_990, 3_723_000)] == ["0:00", "0:08", "0:08.5", "0:59.9", "1:02:03"]


@pytest.mark.parametrize("ascii", [False, True])
def test_ticks_stand_where_their_time_is(golden: Golden, ascii: bool) -> None:
    spans = [(0, 10_000), (8000, 18_000), (8500, 12_700), (1_598_000, 1_603_000), (4000, 4300), (3_590_000, 3_620_000)]
    golden(f"axis{'-ascii' * ascii}", [axis(*span, width, ascii) for span in spans for width in (24, 76, 100)])


def test_an_axis_has_ticks_at_any_width_and_length() -> None:
    for width in (0, 1, 5, 9, 80):
        for span in ((0, 0), (0, 1), (0, 300), (7999, 30_000), (0, 10**9), (500, 400)):
            assert len(axis(*span, width)) == width
    line = axis(8000, 18_000, 100)
    assert line.index("╵0:10") == 20


@pytest.mark.parametrize("ascii", [False, True])
def test_what_is_shared_is_hatched_to_scale_and_named(golden: Golden, ascii: bool) -> None:
    cases = [
        [Stretch(0, 0.2, "0"), Stretch(0.8, 1, "2")],
        [Stretch(0.8, 1, "1")],
        [Stretch(0, 0.05, "199"), Stretch(0.9, 1, "201")],
        [Stretch(0, 0.8, "3"), Stretch(0.2, 1, "5")],
        [Stretch(0.3, 0.4, "7")],
        [],
    ]
    golden(f"hatching{'-ascii' * ascii}", [hatching(case, width, ascii) for case in cases for width in (20, 60)])


def test_hatching_takes_any_stretch() -> None:
    odd = [Stretch(0.2, 1.7, "b"), Stretch(-1, 0.1, "a" * 200), Stretch(0.5, 0.5, "c")]
    assert [len(hatching(odd, width)) for width in (0, 1, 7, 80)] == [0, 1, 7, 80]


# -- the recording


@dataclass
class Cut:
    """A recording of `count` segments of 10 s every 8 s."""

    count: int

    def recording(self, speech: Sequence[float] | np.ndarray, reviewed: Sequence[bool] | np.ndarray) -> SegmentSpans:
        starts = np.arange(self.count) * 8000
        ends = starts + 10_000
        return SegmentSpans(
            int(ends[-1]), starts, ends, np.asarray(speech, dtype=float), np.asarray(reviewed, dtype=bool)
        )


@pytest.mark.parametrize("ascii", [False, True])
def test_a_recording_looks_as_it_did(golden: Golden, ascii: bool) -> None:
    cut = Cut(200)
    speech = np.clip(np.sin(np.arange(200) / 9) + 0.3 * np.cos(np.arange(200)), 0, 1)
    speech[120:130] = np.nan
    found = cut.recording(speech, np.arange(200) < 75)
    golden(f"strip{'-ascii' * ascii}", [line for width in (40, 104) for line in strip(found, width, ascii)])


def test_silence_speech_and_nothing_are_told_apart() -> None:
    starts = np.array([0, 10_000, 30_000])
    found = SegmentSpans(40_000, starts, starts + 10_000, np.array([0.01, 0.06, 1.0]), np.array([True, False, True]))
    assert strip(found, 4) == ("▁▂ █", "▔  ▔")
    assert strip(found, 1)[1] == "·"
    assert columns(found, 30_000, 40_000, 4).tolist() == [3, 4]
    assert columns(found, 0, 1, 4).tolist() == [0, 1]
    nothing = SegmentSpans(0, starts[:0], starts[:0], np.zeros(0), np.zeros(0, dtype=bool))
    assert strip(nothing, 3) == ("   ", "   ")


def test_what_lies_in_one_column_only_does_not_reach_into_others() -> None:
    cut = Cut(3000)
    speech = np.zeros(3000)
    speech[1500] = 1.0
    bars_of, _ = strip(cut.recording(speech, np.zeros(3000)), 100)
    assert set(bars_of[:49] + bars_of[52:]) == {"▁"}


def test_bars() -> None:
    assert bars(range(8)) == "▁▂▃▄▅▆▇█"
    assert bars(range(8), ascii=True) == "_.-:=+*#"
    assert bars([0, 50, 100, float("nan")], low=0, high=100) == "▁▅█ "
    assert bars([0, 9, 0, 0], width=2) == "█▁"
    assert bars([1], width=3, low=0, high=1) == "███"
    assert bars([]) == ""
    assert bars([], width=2) == bars([float("nan")] * 2) == "  "


# -- the log-mel


def sweep() -> np.ndarray:
    """A rising tone over a floor, as a log-mel [80, 300]."""
    bins, frames = np.mgrid[0:80, 0:300]
    return np.exp(-((bins - frames / 4) ** 2) / 60)


def test_a_rising_tone_looks_as_it_did(golden: Golden) -> None:
    golden("mel-ascii", mel_text(sweep(), 60, 10))
    shades = {colour: f"{place:x}" for place, colour in enumerate(palette())}
    cells = mel_image(sweep(), 60, 5)
    halves = ["".join(shades[cell[half]] for cell in row) for row in cells for half in (0, 1)]
    golden("mel", halves)


def test_low_tones_lie_at_the_bottom() -> None:
    mel = np.zeros((4, 4))
    mel[0, 1] = 1.0
    assert mel_text(mel, 4, 2) == ["    ", f" {SHADES[-1]}  "]
    dark, light = palette()[0], palette()[-1]
    assert mel_image(mel, 4, 1) == [[(dark, dark), (dark, light), (dark, dark), (dark, dark)]]


def test_mel_of_nothing_and_of_silence() -> None:
    assert mel_text(np.zeros((0, 0)), 3, 1) == mel_text(np.full((80, 9), np.nan), 3, 1) == ["   "]
    picture = mel_image(np.zeros((80, 1000)), 30, 4)
    assert [len(row) for row in picture] == [30] * 4


def test_the_palette_grows_brighter() -> None:
    bright = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in palette()]
    assert bright == sorted(bright)
    assert len(set(bright)) == len(bright)
