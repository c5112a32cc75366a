"""What a training window is made of, in every epoch; its labels, token by token; sound as it might have been."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from core.timed_text import Cue
from core.training.windows import (
    Augmentation,
    Row,
    TrainingWindow,
    WavPart,
    WindowMix,
    WindowTokens,
    packed,
    single,
    stretches,
    windows_of_epoch,
)
from core.training.windows.augment import sped

SECOND = 1000
TOKENS = WindowTokens(
    start=100,
    prompt=(101, 102),
    silent=200,
    end=99,
    encode=lambda text: [ord(letter) for letter in text],
    begins=lambda text: range(len(text)),
)


def row(start_s: float, end_s: float, text: str = "", video: str = "talk") -> Row:
    name = f"{video}_{start_s:g}_{end_s:g}"
    return Row(name, Path(f"{name}.wav"), text, video, round(start_s * SECOND), round(end_s * SECOND))


def overlapping(number: int, video: str = "talk") -> list[Row]:
    """Rows of 10 s, each beginning 8 s after the one before, as `segment` cuts them."""
    return [row(8 * place, 8 * place + 10, f"第{place}句話", video) for place in range(number)]


def names(windows: list[TrainingWindow]) -> list[list[str]]:
    return [[one.segment for one in window.rows] for window in windows]


def test_a_single_window_is_the_wav_as_it_is() -> None:
    (window,) = single([row(8, 18, "你好")])
    assert window.audio == (WavPart(Path("talk_8_18.wav"), 0, None),)
    assert window.said == (Cue(0, 10_000, "你好"),)
    assert window.length_ms == 10_000


def test_a_stretch_is_heard_and_told_once() -> None:
    rows = [row(8, 18, "今天我們來吃飯"), row(16, 26, "來吃飯然後喝湯"), row(24, 34, "喝湯好喝")]
    (window,) = stretches(reversed(rows), 30 * SECOND)
    # 8 to 34 s: each wav from where the one before it ends.
    assert [(span.start_ms, span.end_ms) for span in window.audio] == [(0, 10_000), (2000, 10_000), (2000, 10_000)]
    assert window.length_ms == 26_000
    assert window.said == (
        Cue(0, 10_000, "今天我們來吃飯"),
        Cue(10_000, 18_000, "然後喝湯"),
        Cue(18_000, 26_000, "好喝"),
    )


def test_a_stretch_ends_where_a_row_is_missing_the_window_is_full_or_the_recording_is_another() -> None:
    rows = overlapping(5)
    assert names(stretches(rows, 30 * SECOND)) == [
        ["talk_0_10", "talk_8_18", "talk_16_26"],
        ["talk_24_34", "talk_32_42"],
    ]
    assert names(stretches([*rows[:2], *rows[3:]], 30 * SECOND)) == [
        ["talk_0_10", "talk_8_18"],
        ["talk_24_34", "talk_32_42"],
    ]
    assert names(stretches([row(0, 10), row(10, 20, video="other")], 30 * SECOND)) == [["other_10_20"], ["talk_0_10"]]
    copied = [*rows[:2], row(8, 18, "第1句話", "talk")]
    assert sorted(map(len, names(stretches(copied, 30 * SECOND)))) == [1, 2]


def test_silent_rows_of_a_stretch_are_heard_and_nothing_is_told_of_them() -> None:
    (window,) = stretches([row(0, 10, "你好"), row(10, 20), row(20, 30, "再見")], 30 * SECOND)
    assert window.length_ms == 30_000
    assert window.said == (Cue(0, 10_000, "你好"), Cue(20_000, 30_000, "再見"))


def test_packed_rows_share_no_sound_and_follow_each_other() -> None:
    rows = [row(0, 10, "甲"), row(8, 18, "乙"), row(0, 12, "丙", "other"), row(30, 38, "丁")]
    windows = packed(rows, 30 * SECOND)
    assert names(windows) == [["talk_0_10", "other_0_12", "talk_30_38"], ["talk_8_18"]]
    assert windows[0].said == (Cue(0, 10_000, "甲"), Cue(10_000, 22_000, "丙"), Cue(22_000, 30_000, "丁"))
    assert windows[0].audio == tuple(
        WavPart(Path(f"{name}.wav"), 0, end)
        for name, end in (("talk_0_10", 10_000), ("other_0_12", 12_000), ("talk_30_38", 8000))
    )


def test_packing_fills_the_windows() -> None:
    chance = np.random.default_rng(1)
    rows = [row(0, seconds, "話", f"v{place}") for place, seconds in enumerate(chance.uniform(2, 15, 400))]
    windows = packed(rows, 30 * SECOND)
    assert sum(window.length_ms for window in windows) / (30_000 * len(windows)) > 0.9


MIXES = [
    WindowMix(),
    WindowMix(single=0, stretch=1, timestamps=1),
    WindowMix(single=0, packed=1, timestamps=0.8),
    WindowMix(single=0.5, stretch=0.3, packed=0.2, timestamps=0.5),
]


@pytest.mark.parametrize("mix", MIXES)
def test_an_epoch_has_every_row_once_and_its_share_of_times(mix: WindowMix) -> None:
    rows = [*overlapping(40), *overlapping(7, "other")]
    for epoch in range(3):
        windows = windows_of_epoch(rows, mix, 30.0, seed=5, epoch=epoch)
        assert Counter(one.segment for window in windows for one in window.rows) == Counter(one.segment for one in rows)
        assert all(window.length_ms <= 30_000 for window in windows)
        assert sum(window.timestamps for window in windows) == round(mix.timestamps * len(windows))
        assert windows == windows_of_epoch(rows, mix, 30.0, seed=5, epoch=epoch)


@pytest.mark.parametrize("mix", MIXES)
def test_windows_in_which_nobody_speaks_are_few_and_others_in_every_epoch(mix: WindowMix) -> None:
    speech = [row(100 * place, 100 * place + 10, "話") for place in range(40)]
    silence = [row(100 * place, 100 * place + 10, "", "hall") for place in range(40)]
    if mix.packed == 1:  # silence is packed beside speech, where it costs no window
        silence = [row(100 * place, 100 * place + 30, "", "hall") for place in range(40)]
    heard = []
    for epoch in range(3):
        windows = windows_of_epoch([*speech, *silence], mix, 30.0, seed=5, epoch=epoch)
        spoken = [window for window in windows if window.said]
        silent = [one.segment for window in windows if not window.said for one in window.rows]
        assert {one.segment for window in spoken for one in window.rows} >= {one.segment for one in speech}
        assert 1 <= len(windows) - len(spoken) <= 2
        heard.append(silent)
    assert heard[0] != heard[1] or heard[1] != heard[2]
    none = windows_of_epoch([*speech, *silence], dataclasses.replace(mix, silence=0.0), 30.0, seed=5, epoch=0)
    assert all(window.said for window in none)
    assert len(windows_of_epoch(silence, mix, 30.0, seed=5, epoch=0)) >= 1  # there is nothing else


def test_epochs_differ_in_order_edges_and_kinds() -> None:
    rows = overlapping(40)
    half = WindowMix(single=0.5, stretch=0.5)
    first, second, third = (windows_of_epoch(rows, half, 30.0, seed=0, epoch=epoch) for epoch in range(3))
    whole = [{tuple(window.rows) for window in epoch if len(window.rows) > 1} for epoch in (first, second, third)]
    assert whole[0] != whole[1] != whole[2] != whole[0]
    for epoch in (first, second, third):
        stretched = sum(len(window.rows) for window in epoch if len(window.rows) > 1)
        assert 0.3 < stretched / 40 < 0.6


@pytest.mark.parametrize("shares", [{"single": 0.5}, {"single": -1, "packed": 2}, {"timestamps": 1.5}])
def test_shares_that_cannot_be_kept_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(UserError, match="shares"):
        WindowMix(**shares)


def weighed(text: str, weight: float, start_s: float, end_s: float) -> Row:
    return dataclasses.replace(row(start_s, end_s, text), weight=weight)


def test_what_stands_between_two_times_counts_as_its_row_and_the_whole_as_the_mean() -> None:
    rows = [weighed("你好", 1.0, 0, 10), weighed("", 1.0, 10, 14), weighed("再見了", 0.25, 12, 20)]
    (window,) = stretches(rows, 30 * SECOND)
    mean = (1 + 1 + 0.25) / 3
    taught = TOKENS.taught(dataclasses.replace(window, timestamps=True))
    # language, task; <|0.00|> 你 好 <|10.00|>; <|12.00|> 再 見 了 <|20.00|>; the end
    assert taught.weights == (mean, mean, *[1.0] * 4, *[0.25] * 5, mean)
    assert len(taught.targets) == len(taught.weights)
    # language, task, <|notimestamps|>; the text; the end
    assert TOKENS.taught(window).weights == (mean, mean, mean, 1.0, 1.0, 0.25, 0.25, 0.25, mean)
    (filled,) = packed([rows[0], rows[2]], 30 * SECOND)
    assert TOKENS.taught(filled).weights[2:] == (0.625, 1.0, 1.0, 0.25, 0.25, 0.25, 0.625)
    (alone,) = single([rows[2]])
    assert TOKENS.taught(alone).weights == (0.25,) * 7
    (silent,) = single([dataclasses.replace(rows[1], weight=0.5)])
    assert TOKENS.taught(silent).weights == (0.5, 0.0, 0.0, 0.5)
    assert TOKENS.taught(single([row(0, 10, "你")])[0]).weights == (1.0,) * 5


def test_a_token_that_reaches_into_the_next_text_counts_as_that_in_which_it_begins() -> None:
    pairs = WindowTokens(
        100, (), 200, 99, encode=lambda text: [1] * -(-len(text) // 2), begins=lambda text: range(0, len(text), 2)
    )
    window = packed([weighed("甲乙丙", 1.0, 0, 10), weighed("丁戊", 0.5, 10, 20)], 30 * SECOND)[0]
    # 甲乙 丙丁 戊
    assert pairs.taught(window).weights == (0.75, 1.0, 1.0, 0.5, 0.75)
    spaced = packed([weighed("hi", 1.0, 0, 10), weighed("you", 0.5, 10, 20)], 30 * SECOND)[0]
    assert TOKENS.taught(spaced).weights[3:-1] == (1.0, 1.0, 0.5, 0.5, 0.5, 0.5)  # the space is the second's


def told(*cues: Cue, timestamps: bool = False) -> TrainingWindow:
    return TrainingWindow((row(0, 30),), (), cues, timestamps)


def test_a_text_without_times_is_taught_after_its_prompt() -> None:
    taught = TOKENS.taught(told(Cue(0, 2000, "你"), Cue(2000, 4000, "hi"), Cue(4000, 5000, "you")))
    text = [ord(letter) for letter in "你hi you"]
    assert taught.inputs == (100, 101, 102, 200, *text)
    assert taught.targets == (101, 102, 200, *text, 99)


def test_texts_with_times_stand_between_them_in_steps_of_20_ms() -> None:
    taught = TOKENS.taught(told(Cue(0, 2011, "你"), Cue(2011, 30_000, "hi"), timestamps=True))
    # <|0.00|> 你 <|2.02|> <|2.02|> hi <|30.00|>, counted from the token after <|notimestamps|>
    spoken = (201, ord("你"), 302, 302, ord(" "), ord("h"), ord("i"), 1701)
    assert taught.inputs == (100, 101, 102, *spoken)
    assert taught.targets == (101, 102, *spoken, 99)


def test_silence_is_answered_with_no_speech_and_an_end() -> None:
    taught = TOKENS.taught(told(timestamps=True))
    assert taught.inputs == (100, 101, 102, 200)
    assert taught.targets == (199, -100, -100, 99)
    assert taught.weights == (1.0, 0.0, 0.0, 1.0)


def test_a_model_without_languages_or_times_is_taught_the_text_alone() -> None:
    plain = WindowTokens(100, (), None, 99, TOKENS.encode, TOKENS.begins)
    assert plain.taught(told(Cue(0, 2000, "a"), timestamps=True)).inputs == (100, ord("a"))
    assert plain.taught(told()).targets == (99,)


def test_sound_is_changed_within_its_bounds_and_by_its_own_chance() -> None:
    change = Augmentation(speed=0.1, gain_db=6, noise_db=(10, 30))
    tone = (8000 * np.sin(np.arange(16_000) / 5)).astype(np.int16)
    factors, levels = [], []
    for place in range(50):
        factor = change.factor(np.random.default_rng(place), len(tone), 480_000)
        heard = change.sound(tone, factor, np.random.default_rng(place))
        assert np.array_equal(heard, change.sound(tone, factor, np.random.default_rng(place)))
        assert len(heard) == round(16_000 / factor)
        factors.append(factor)
        levels.append(10 * np.log10(np.mean(heard**2) / np.mean((tone / 32768) ** 2)))
    assert 0.9 <= min(factors) < 0.93
    assert 1.07 < max(factors) <= 1.1
    assert -6.5 < min(levels) < -3
    assert 3 < max(levels) < 6.5
    full = change.factor(np.random.default_rng(0), 480_000, 480_000)
    assert full >= 1.0


def test_faster_sound_has_the_pitch_of_a_faster_tape() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    heard = Augmentation(speed=0.1).sound(tone, 1.1, np.random.default_rng(0))
    assert np.argmax(np.abs(np.fft.rfft(heard, 16_000))) == pytest.approx(484, abs=1)
    assert sped([Cue(0, 1100, "a")], 1.1) == (Cue(0, 1000, "a"),)


def test_masks_lie_in_the_sound_and_the_padding_stays() -> None:
    mel = np.random.default_rng(0).normal(size=(80, 3000)).astype(np.float32)
    masked = Augmentation(masks=True).masked(mel, 1000, np.random.default_rng(3))
    assert np.array_equal(masked[:, 1000:], mel[:, 1000:])
    changed = masked[:, :1000] != mel[:, :1000]
    assert 0 < changed.mean() < 0.75
    assert (changed.all(axis=1).sum() > 0) or (changed.all(axis=0).sum() > 0)
