"""What any engine makes of what its searches find: loops and passed-over speech are searched again, times are real."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from core.engines.engine import PcmWindow
from core.engines.hearing import HeardWord, WindowText, fill, hear, passed_over
from core.engines.loops import NO_REPEAT
from core.media import RATE
from core.media.speech import FRAME
from core.timed_text import Word

LOOP = "蟹" * 60
TALK = "我今天來到這裡吃飯喝湯"
SECOND = RATE // FRAME  # frames, nearly


def speech(*runs: tuple[int, float]) -> np.ndarray:
    """Probabilities as (speech or not, seconds) one behind the other."""
    parts = [np.full(round(seconds * RATE / FRAME), value, np.float32) for value, seconds in runs]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def window(start_s: float, seconds: float, *runs: tuple[int, float]) -> PcmWindow:
    return PcmWindow(round(start_s * RATE), np.zeros(round(seconds * RATE), np.int16), (), speech(*runs))


def said(*words: tuple[float, float, str]) -> WindowText:
    return WindowText(tuple(HeardWord(start, end, text, -0.1) for start, end, text in words), -0.2, 0.01)


class Searches:
    """Gives what a test has written for each search, and remembers what was asked."""

    def __init__(self, *found: list[WindowText]) -> None:
        self.found = list(found)
        self.asked: list[tuple[list[float], int]] = []

    def __call__(self, windows: Sequence[PcmWindow], no_repeat: int) -> list[WindowText]:
        self.asked.append(([round(one.seconds, 2) for one in windows], no_repeat))
        return self.found.pop(0)


def test_words_get_their_times_in_the_recording() -> None:
    first = PcmWindow(2 * RATE, np.zeros(4 * RATE, np.int16), ((RATE, 5 * RATE),))
    search = Searches([said((0.5, 0.9, "你"), (1.5, 2.0, "好"))])
    (found,) = hear([first], search)
    assert (found.start_ms, found.end_ms, found.text, found.flags) == (2000, 11_000, "你好", ())
    assert found.words == (Word(2500, 2900, "你", -0.1), Word(8500, 9000, "好", -0.1))
    assert (found.avg_logprob, found.no_speech_prob) == (-0.2, 0.01)
    assert search.asked == [([4.0], 0)]


def test_a_loop_is_searched_again_without_repetition() -> None:
    search = Searches([said((0, 1, "好")), said((0, 9, LOOP))], [said((0, 1, "螃蟹"))])
    found = hear([window(0, 5), window(5, 9)], search)
    assert [one.text for one in found] == ["好", "螃蟹"]
    assert search.asked == [([5.0, 9.0], 0), ([9.0], NO_REPEAT)]


def test_what_remains_a_loop_or_was_invented_is_flagged() -> None:
    search = Searches([said((0, 9, LOOP)), said((0, 3, "請不吝點贊訂閱轉發打賞支持明鏡與點點欄目"))], [said()])
    found = hear([window(0, 9), window(9, 9)], search)
    assert [("loop" in one.flags, "phrase" in one.flags) for one in found] == [(True, False), (False, True)]


def test_speech_that_is_passed_over_is_heard_by_itself() -> None:
    before, here = window(0, 5, (1, 5)), window(5, 20, (1, 20))
    search = Searches(
        [
            said(*((n / 2, n / 2 + 0.5, TALK[n]) for n in range(10))),
            said((0, 9, "嗨"), *((n, n + 1, TALK[n - 9]) for n in range(9, 20))),
        ],
        [said((0.2, 0.6, "嗨"), (6.0, 6.5, "大家"), (8.9, 9.3, "好"))],
    )
    found = hear([before, here], search)
    assert search.asked[1] == ([9.0], 0)
    assert found[1].text == "嗨大家好" + TALK
    assert found[1].words[:3] == (
        Word(5200, 5600, "嗨", -0.1),
        Word(11_000, 11_500, "大家", -0.1),
        Word(13_900, 14_000, "好", -0.1),
    )
    assert len(search.asked) == 2


@pytest.mark.parametrize("again", [said(), said((0, 8, LOOP))], ids=["nothing", "a loop"])
def test_what_is_not_heard_there_either_changes_nothing(again: WindowText) -> None:
    search = Searches([said((0, 8, "嗨"), (8, 9, "好"))], [again])
    assert hear([window(0, 9, (1, 9))], search)[0].text == "嗨好"


def test_where_speech_is_passed_over() -> None:
    words = said((1.0, 1.4, "一"), (1.4, 5.0, "二"), (5.0, 5.4, "三"), (9.0, 9.4, "四")).words
    everywhere = passed_over(words, speech((1, 12)))
    assert everywhere == [(1.4, 5.0), (5.4, 9.0), (9.4, pytest.approx(12, abs=0.1))]
    assert passed_over(words, speech((1, 1.4), (0, 4), (1, 6.6))) == everywhere[1:]  # long words over silence are none
    assert passed_over(words, speech((0, 12))) == []
    assert passed_over((), speech((1, 3))) == [(0.0, pytest.approx(3, abs=0.1))]
    assert passed_over(words, speech()) == []  # nobody has looked


def test_filling_keeps_what_lies_outside() -> None:
    whole = said((0, 1, "一"), (1, 6, "二"), (6, 7, "三"))
    filled = fill(whole, 1.0, 6.0, said((0, 1, "四"), (4, 9, "五")))
    assert [(word.start_s, word.end_s, word.text) for word in filled.words] == [
        (0, 1, "一"), (1, 2, "四"), (5, 6, "五"), (6, 7, "三"),
    ]  # fmt: skip


def told(text: str) -> WindowText:
    """Each character is a word of its own; together they last for ten seconds."""
    step = 10 / len(text)
    return said(*((step * place, step * (place + 1), char) for place, char in enumerate(text)))


def test_with_a_prompt_a_text_that_is_much_fuller_without_it_counts() -> None:
    full = "我們現在要吃的呢是晚餐時段因為通常晚餐時段是最豐富的我們就一起來開箱一下吧"
    prompted = Searches([told("鮭魚鮭魚鮭魚"), told(full), told("牛肉湯很好喝")])
    search = Searches([told("一定要夾它有兩種炸蝦"), told("牛肉湯很好呢")])
    found = hear([window(at, 10, (1, 10)) for at in (0, 10, 20)], search, prompted)
    assert [one.text for one in found] == ["一定要夾它有兩種炸蝦", full, "牛肉湯很好喝"]
    # Only what has little text for its speech is searched for again.
    assert (prompted.asked, search.asked) == ([([10.0] * 3, 0)], [([10.0] * 2, 0)])
