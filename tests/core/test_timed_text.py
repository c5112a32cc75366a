"""Cues and windows: which window gets which words, what is spoken, and what overlapping segments both hold."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from core.media import Span, plan_spans
from core.timed_text import Cue, Share, Timed, TimedText, Word, lines, merge_overlaps, said_once, shares, speech


def texts(cues: Sequence[Cue | TimedText], windows: Sequence[Timed]) -> list[str]:
    return [share.text for share in shares(cues, windows)]


def test_a_cue_inside_a_span_gives_all_its_text() -> None:
    cues = [Cue(1000, 3000, "大家好"), Cue(3000, 9000, "今天"), Cue(8200, 9900, "重疊")]
    assert texts(cues, [Span(0, 10_000), Span(8000, 18_000), Span(16_000, 26_000)]) == ["大家好今天重疊", "重疊", ""]


def test_a_cue_that_is_cut_is_shared_out_by_time() -> None:
    cue = Cue(5000, 15_000, "一二三四五六七八九十")
    assert texts([cue], [Span(0, 10_000), Span(8000, 18_000)]) == ["一二三四五", "四五六七八九十"]


def test_words_are_never_halved() -> None:
    cue = Cue(0, 8000, "hello there 你好 again")
    left, right = texts([cue], [Span(0, 4000), Span(4000, 8000)])
    assert (left, right) == ("hello there", "你好 again")


def test_without_overlap_nothing_is_lost_or_doubled() -> None:
    cues = [Cue(n * 3100, n * 3100 + 2900, f"第{n}句話說了什麼") for n in range(20)]
    spans = plan_spans(62_000, 7000, 0)
    assert "".join(texts(cues, spans)) == "".join(cue.text for cue in cues)


WORDS = (
    Word(7000, 7400, "我們", -0.5),
    Word(7600, 8600, "go", -1.0),
    Word(9000, 9400, "home", -0.25),
    Word(9900, 10_100, "吧", -2.0),
)


def window(start_ms: int, end_ms: int, words: tuple[Word, ...] = (), text: str = "", **more: Any) -> TimedText:
    """Timed text as an engine gives it."""
    return TimedText(start_ms, end_ms, text, -0.5, more.pop("no_speech_prob", 0.0), words, **more)


def test_words_are_dealt_by_their_middle_with_their_scores() -> None:
    first, second = shares([window(5000, 12_000, WORDS)], [Span(0, 10_000), Span(8000, 18_000)])
    assert (first.text, first.logprobs) == ("我們go home", (-0.5, -1.0, -0.25))
    # What lies in the overlap belongs to both; the word at 8 s and the one at 10 s to the window of their middle.
    assert (second.text, second.logprobs) == ("go home吧", (-1.0, -0.25, -2.0))


def test_dealing_whole_stretches_loses_and_doubles_nothing() -> None:
    words = [Word(n * 310, n * 310 + 290, chr(0x4E00 + n), -0.1) for n in range(200)]
    stretches = [window(n * 6200, n * 6200 + 6200, tuple(words[n * 20 : n * 20 + 20])) for n in range(10)]
    dealt = shares(stretches, plan_spans(62_000, 7000, 0))
    assert "".join(share.text for share in dealt) == "".join(word.text for word in words)
    assert sum(len(share.logprobs) for share in dealt) == 200


def test_words_without_times_are_taken_as_spoken_evenly() -> None:
    stretch = window(0, 10_000, text="一二三四五六七八九十")
    left, right = shares([stretch], [Span(0, 4000), Span(4000, 10_000)])
    assert (left.text, right.text, left.cut, right.cut) == ("一二三四", "五六七八九十", 1, 1)
    assert (left.logprobs, right.logprobs) == ((-0.5,) * 4, (-0.5,) * 6)


def test_what_was_written_for_a_window_alone_tells_what_it_holds() -> None:
    rows = [
        window(0, 10_000, text="前面重疊"),
        window(8000, 18_000, text="重疊後面"),
        window(16_000, 26_000, text="尾"),
    ]
    assert texts(rows, [Span(8000, 18_000)]) == ["重疊後面"]


def test_silence_is_the_mean_over_a_windows_time() -> None:
    stretches = [window(0, 20_000, no_speech_prob=0.9), window(20_000, 40_000, no_speech_prob=0.1)]
    (share,) = shares(stretches, [Span(15_000, 35_000)])
    assert share.no_speech_prob == pytest.approx(0.25 * 0.9 + 0.75 * 0.1)


def spoken(*words: tuple[int, int, str]) -> TimedText:
    return window(0, 60_000, tuple(Word(start, end, text, -0.1) for start, end, text in words))


def test_captions_end_at_pauses_and_before_they_are_too_long() -> None:
    assert lines([spoken((0, 400, "大家"), (500, 900, "好"), (2000, 2400, "今天"))]) == [
        Cue(0, 900, "大家好"),
        Cue(2000, 2400, "今天"),
    ]
    slow = lines([spoken(*((n * 1000, n * 1000 + 900, "嗯") for n in range(14)))])
    assert [(cue.start_ms, cue.text) for cue in slow] == [(0, "嗯" * 6), (6000, "嗯" * 6), (12_000, "嗯" * 2)]
    quick = lines([spoken(*((n * 100, n * 100 + 90, "快") for n in range(50)))])
    assert [len(cue.text) for cue in quick] == [20, 20, 10]
    assert lines([window(0, 9000, text="沒有時間"), window(9000, 12_000)]) == [Cue(0, 9000, "沒有時間")]


def test_captions_stay_out_of_where_something_else_stands() -> None:
    words = spoken(*((n * 1000, n * 1000 + 1000, chr(0x4E00 + n)) for n in range(10)))
    found = lines([words], [Span(2400, 5600)])
    text = "".join(chr(0x4E00 + n) for n in (0, 1, 6, 7, 8, 9))
    assert "".join(cue.text for cue in found) == text
    assert all(cue.end_ms <= 2400 or cue.start_ms >= 5600 for cue in found)
    # Halved words belong to where their middle lies, and are shown outside only.
    assert [(cue.start_ms, cue.end_ms) for cue in lines([words], [Span(2600, 5400)])] == [(0, 2600), (5400, 10_000)]


def test_what_is_cut_is_counted() -> None:
    cues = [
        Cue(1000, 3000, "大家好"),
        Cue(8000, 12_000, "一二三四"),
        Cue(17_000, 19_000, "二二"),
        Cue(30_000, 31_000, "末"),
    ]
    found = shares(
        cues, [Span(0, 10_000), Span(8000, 18_000), Span(16_000, 26_000), Span(24_000, 31_000), Span(40_000, 50_000)]
    )
    assert [(share.text, share.cut) for share in found] == [
        ("大家好一二", 1),
        ("一二三四二", 1),
        ("二二", 0),
        ("末", 0),
        ("", 0),
    ]
    # A word is never halved, but its sound may be.
    assert shares([Cue(9000, 11_500, "hello")], [Span(0, 10_000), Span(10_000, 20_000)]) == [
        Share("", 1),
        Share("hello", 1),
    ]
    # An edge that goes through the last instant of a cue takes no character from it.
    assert shares([Cue(0, 10_100, "一二三四")], [Span(0, 10_000)])[0].cut == 0


def test_three_hours_are_shared_out_as_each_span_alone_would_be() -> None:
    """Only near cues are looked at: the same texts as from a look at all of them, also where cues overlap."""
    random = Random(4)
    cues = [
        Cue(
            start, start + random.choice((0, 700, 2500, 4000, 90_000 if number % 97 == 0 else 3000)), f"第{number}句 ok"
        )
        for number, start in enumerate(sorted(random.randrange(0, 10_800_000) for _ in range(4000)))
    ]
    random.shuffle(cues)
    spans = plan_spans(10_800_000, 10_000, 2000)
    found = shares(cues, spans)
    assert len(found) == len(spans) == 1350
    for index in range(0, len(spans), 27):
        near = [cue for cue in cues if cue.end_ms > spans[index].start_ms and cue.start_ms < spans[index].end_ms]
        assert found[index] == shares(near, [spans[index]])[0]
    assert "".join(texts([cue for cue in cues if cue.end_ms > cue.start_ms], [Span(0, 20_000_000)])).count("句") > 3000


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("[音樂]", None),
        ("♪♪", None),
        ("【笑聲】 [Applause]", None),
        ("大家好[笑聲]今天", "大家好今天"),
        ("well [laughs] yes", "well yes"),
        ("♪ 小城故事 ♪", "小城故事"),
        (">> Hello", "Hello"),
        ("第 [3] 頁（也就是附錄）", "第 [3] 頁（也就是附錄）"),
        ("print a[i] and b[n]", "print a[i] and b[n]"),
        ("1 > 0 而且 [ 沒有關", "1 > 0 而且 [ 沒有關"),
    ],
)
def test_only_what_is_spoken(text: str, spoken: str | None) -> None:
    cues = [Cue(0, 1000, text)]
    assert speech(cues) == ([] if spoken is None else [Cue(0, 1000, spoken)])


def test_what_two_neighbours_hold_is_said_once() -> None:
    def cue(number: int, text: str) -> Cue:
        return Cue(number * 8000, number * 8000 + 10_000, text)

    said = merge_overlaps(
        [cue(0, "這個裡面所以我打開"), cue(1, "我打開有兩個耶"), cue(2, "拿到空殼"), cue(5, "拿到空殼的")]
    )
    assert [(cue.start_ms, cue.text) for cue in said] == [
        (0, "這個裡面所以我打開"),
        (10_000, "有兩個耶"),
        (18_000, "拿到空殼"),
        (40_000, "拿到空殼的"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        # From the reference run: one overlap, corrected twice.
        (
            "從來沒有拍過的題材欸也不算從來沒有拍過的",
            "也不算從來沒有拍過是在臺灣沒有拍過的題材",
            "是在臺灣沒有拍過的題材",
        ),
        (
            "在它的官網上訂位而且是必須要付定金",
            "而且是必須要付訂金的反正就是我現在其實非常",
            "的反正就是我現在其實非常",
        ),
        ("當然就是要喝一下啤酒啊！", "要喝一下啤酒啊啊而且它是生啤", "啊而且它是生啤"),
        ("we walked to the old harbour", "The Old Harbor was empty", "was empty"),
        ("我現在呢要來去拍", "嗨大家今天", "嗨大家今天"),
        ("一二三四五六", "七八九", "七八九"),
        # Two sentences that are alike: nobody says a whole segment in the time that two of them share.
        ('第0句, 他說"好"', '第1句, 他說"好"', '第1句, 他說"好"'),
        ("說好", "好的", "好的"),
    ],
)
def test_what_was_corrected_twice_is_said_once(first: str, second: str, left: str) -> None:
    both = [Cue(0, 10_000, first), Cue(8000, 18_000, second)]
    assert merge_overlaps(both) == [Cue(0, 10_000, first), Cue(10_000, 18_000, left)]
    # What does not agree was said one after the other.
    edge = 9000 if left == second else 10_000
    assert said_once(both) == [Cue(0, edge, first), Cue(edge, 18_000, left)]
