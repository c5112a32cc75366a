"""Flags and expected edits: what a person should see first."""

import dataclasses
import math
from typing import Any

import pytest

from core.review.differences import Difference
from core.review.suspicion import (
    AGREED,
    DISPUTED,
    FLAGS,
    PRIOR,
    EditFeatures,
    expected_edits,
    flags_of,
    usual_rate,
)
from core.timed_text import ScoredWord

TEXT = "今天天氣很好我們出去走走看看風景再回家吃飯吧"


@pytest.mark.parametrize(
    ("text", "seconds", "flags"),
    [
        ("今天天氣很好，我們出去走走。", 4.0, ()),
        ("", 10.0, ("empty",)),
        ("。。。", 10.0, ("empty",)),
        ("謝謝" * 40, 30.0, ("loop",)),
        ("。" * 60, 10.0, ("loop", "empty")),
        (TEXT, 1.0, ("fast",)),
        ("謝謝" * 40, 5.0, ("loop",)),
        ("the quick brown fox", 1.5, ()),
        ("字幕製作人士", 10.0, ("phrase",)),
        ("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", 10.0, ("phrase",)),
        ("Thanks for watching!", 10.0, ("phrase",)),
        ("作詞・作曲・編曲 李宗盛", 10.0, ("phrase",)),
        ("MING PAO CANADA | MING PAO TORONTO", 10.0, ("phrase",)),
        ("中文字幕 by 索兰娅", 10.0, ("phrase",)),
        ("記得按讚還有按訂閱", 4.0, ()),
        ("他自己作詞作曲也上了中文字幕", 4.0, ()),
    ],
)
def test_flags(text: str, seconds: float, flags: tuple[str, ...]) -> None:
    assert flags_of(text, seconds) == flags


def features(text: str = TEXT, **more: Any) -> EditFeatures:
    if "logprobs" in more:
        more["words"] = [ScoredWord("字", logprob) for logprob in more.pop("logprobs")]
    if "differing" in more:
        more["places"] = [Difference(0, 0, "字" * more.pop("differing"))]
    # Without a word on its words they are taken as right, so that the other parts can be seen.
    return dataclasses.replace(EditFeatures(text, 10.0), **({"prior": PRIOR if "places" in more else 0.0} | more))


def edits(text: str = TEXT, **more: Any) -> float:
    return expected_edits(features(text, **more)).edits


def test_it_is_a_number_of_edits_and_no_mean() -> None:
    sure, even, wrong = 0.0, math.log(0.5), -30.0
    few, many = (even, sure) * 3, (even, sure) * 9
    assert edits(logprobs=few) == pytest.approx(1.5)
    assert edits(logprobs=many) == pytest.approx(4.5)
    # One hopeless word is one word, and so is one without a number.
    assert edits(logprobs=(sure, wrong, sure)) == pytest.approx(1.0)
    assert edits(logprobs=(sure, float("nan"), sure)) == pytest.approx(1.0)
    # Of a longer one some characters are right.
    assert edits(words=[ScoredWord("四個字的", even), ScoredWord("字", sure)]) == pytest.approx(1.0)


def test_errors_come_in_runs() -> None:
    sure, even = 0.0, math.log(0.5)
    apart = edits(logprobs=(even, sure, even, sure, even))
    assert edits(logprobs=(even, even, even, sure, sure)) == pytest.approx(apart + 4 * 0.5 * 0.5)


def test_a_mean_over_many_words_tells_of_no_run() -> None:
    assert edits(words=[ScoredWord("字", -0.35, is_mean=True)] * 22) == pytest.approx(7.7)
    assert edits(words=[ScoredWord("字", -12.0, is_mean=True)] * 2) == 4.0
    assert edits(words=[ScoredWord("字", float("nan"), is_mean=True)]) == 2.0


def test_a_second_opinion_where_no_words_are_known() -> None:
    assert edits(differing=10) == pytest.approx(4.0)
    # Nor does the mean of many words tell of any of them.
    assert edits(words=[ScoredWord("字", -2.0, is_mean=True)] * 22, differing=0) == 0.0
    assert edits(prior=0.1) == pytest.approx(2.2)
    # Where people wrote captions for these very words, it is rather the labeller that is wrong.
    assert edits(differing=10, prior=PRIOR / 5) == pytest.approx(0.8)


def test_a_second_opinion_counts_where_the_words_are_doubtful() -> None:
    text, sure, even = "今天，天氣很好", 0.0, math.log(0.5)
    words = [ScoredWord(one, even if one == "氣" else sure) for one in ("今天，", "天", "氣", "很好")]
    read = {"嗎": [Difference(4, 5, "嗎")], "今": [Difference(0, 2, "明日")], "": []}
    assert text[4:5] == "氣"
    assert edits(text, words=words, places=read["嗎"]) == pytest.approx(0.5 * DISPUTED)
    # What is sure stays so: it is the second one's error.
    assert edits(text, words=words, places=read["今"]) == edits(text, words=words, places=read[""])
    assert edits(text, words=words, places=read[""]) == pytest.approx(0.5 * AGREED)
    # What it reads between two words is held against both, and a doubt is never more than a whole one.
    assert edits(text, words=words, places=[Difference(4, 4, "空")]) == pytest.approx(0.5 * DISPUTED)
    wrong = [ScoredWord("字", -30.0)]
    assert edits("字", words=wrong, places=[Difference(0, 1, "句")]) == pytest.approx(1.0)
    # The words as they were written; the text in the other script, and longer by a sign.
    assert edits("今天！！天氣很好", words=words, places=[Difference(5, 6, "嗎")]) == pytest.approx(0.5 * DISPUTED)


def test_what_speech_should_have_and_the_text_lacks() -> None:
    assert edits(speech_s=10.0, rate=5.0) == pytest.approx(0.8 * 50 - 22)
    assert edits(speech_s=5.0, rate=5.0) == 0.0
    little, enough = (expected_edits(features(text, speech_s=10.0, rate=5.0)).flags for text in (TEXT[:19], TEXT[:20]))
    assert (little, enough) == (("slow",), ())
    silent, spoken = (expected_edits(features("", speech_s=speech, rate=5.0)) for speech in (0.5, 8.0))
    assert (silent.edits, silent.flags) == (2.0, ())
    assert (spoken.edits, spoken.flags) == (32.0, ("empty",))


def test_what_nobody_said() -> None:
    unheard = expected_edits(features("謝謝大家", speech_s=0.1))
    assert (unheard.edits, unheard.flags) == (4.0, ("no-speech",))
    assert edits("字幕製作人士") == 4.0
    fast = expected_edits(features(speech_s=1.0, rate=5.0))
    assert (fast.edits, fast.flags) == (12.0, ("fast",))


def test_edges_and_scripts() -> None:
    assert edits(flags=("cut",)) == 1.5
    mixed = expected_edits(features("我来吃一下這個", script="traditional"))
    assert (mixed.edits, mixed.flags) == (0.0, ("script",))
    assert expected_edits(features("我来吃一下这个", script="simplified")).flags == ()


def test_nothing_costs_more_than_to_type_it_anew_and_a_loop_costs_that() -> None:
    assert edits(differing=300, speech_s=10.0, rate=5.0) == 50.0
    assert edits("嗯" * 200, logprobs=(-0.01,) * 200) == 50.0
    assert edits("嗯" * 200, speech_s=10.0, rate=6.0) == 60.0


def test_suspicion_is_0_to_1_in_the_order_of_edits() -> None:
    found = [expected_edits(features(differing=count)) for count in (0, 1, 5, 20, 100)]
    assert [one.suspicion for one in found] == sorted({one.suspicion for one in found})
    assert found[0].suspicion == 0.0
    assert found[-1].suspicion <= 1.0
    assert expected_edits(features(differing=30)).suspicion == pytest.approx(0.632, abs=1e-3)


def test_flags_come_in_the_order_of_the_table() -> None:
    found = expected_edits(
        features("来" * 90, script="traditional", flags=("cut",), differing=90, speech_s=0.0, rate=5.0)
    ).flags
    assert list(found) == [flag for flag in FLAGS if flag in found]
    assert {"loop", "no-speech", "differs", "cut", "script"} == set(found)


def test_the_rate_of_a_recording_is_that_of_its_spoken_rows() -> None:
    rows = [
        ("一二三四五六七八九十", 5.0),
        ("一二三四五六", 3.0),
        ("十個字都在這裡說完了", 2.0),
        ("嗯" * 200, 4.0),
        ("", 9.0),
    ]
    assert usual_rate(rows) == 2.0
    assert usual_rate([("一二三", None)]) is None
