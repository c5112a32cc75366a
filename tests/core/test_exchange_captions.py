"""SRT and VTT: cues, and which segment gets which words."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from core.errors import UserError
from core.exchange.formats.captions import (
    Cue,
    Share,
    assign,
    join,
    parse_captions,
    read_captions,
    shares,
    speech,
    write_srt,
)
from core.media import Span, plan_spans

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>大家好</i>

2
00:00:02,500 --> 00:01:00,000 X1:10 X2:20
first line
second &amp; last

3
00:01:00,000 --> 00:01:01,000
   
"""

VTT = """WEBVTT - title
Kind: captions

NOTE a remark
over two lines

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start position:0%
<v Anna>大家好</v>{\\an8}

01:00:00.000 --> 01:00:01.5
later
"""

ROLLING = """WEBVTT

00:00:00.000 --> 00:00:02.000
 
今天<00:00:00.500><c>我們</c><00:00:01.000><c>去</c>

00:00:02.000 --> 00:00:02.010
今天我們去
 

00:00:02.010 --> 00:00:04.000
今天我們去
吃<00:00:02.500><c>飯</c>
"""


def test_srt() -> None:
    assert parse_captions(SRT) == [Cue(1000, 2500, "大家好"), Cue(2500, 60_000, "first line second & last")]


def test_vtt() -> None:
    assert parse_captions(VTT) == [Cue(1000, 2500, "大家好"), Cue(3_600_000, 3_601_500, "later")]


def test_rolling_captions_are_said_once() -> None:
    assert [cue.text for cue in parse_captions(ROLLING)] == ["今天我們去", "吃飯"]


def test_a_missing_empty_line_and_windows_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(
        "1\r\n00:00:01,000 --> 00:00:02,000\r\n一\r\n2\r\n00:00:02,000 --> 00:00:03,000\r\n二".encode("utf-16")
    )
    assert read_captions(path) == [Cue(1000, 2000, "一"), Cue(2000, 3000, "二")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\n00:00:01,000 --> soon\nx\n", "line 2: the times cannot be read"),
        ("\n\n00:00:05,000 --> 00:00:01,000\nx\n", "line 3: the caption ends before it starts"),
        ("these are only words\n", "holds no captions"),
    ],
)
def test_what_is_malformed_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_captions(text, "a.srt")


def test_nothing_said_is_no_fault() -> None:
    assert parse_captions("WEBVTT\n") == []
    assert parse_captions("") == []


def test_a_cue_inside_a_span_gives_all_its_text() -> None:
    cues = [Cue(1000, 3000, "大家好"), Cue(3000, 9000, "今天"), Cue(8200, 9900, "重疊")]
    assert assign(cues, [Span(0, 10_000), Span(8000, 18_000), Span(16_000, 26_000)]) == ["大家好今天重疊", "重疊", ""]


def test_a_cue_that_is_cut_is_shared_out_by_time() -> None:
    cue = Cue(5000, 15_000, "一二三四五六七八九十")
    assert assign([cue], [Span(0, 10_000), Span(8000, 18_000)]) == ["一二三四五", "四五六七八九十"]


def test_words_are_never_halved() -> None:
    cue = Cue(0, 8000, "hello there 你好 again")
    left, right = assign([cue], [Span(0, 4000), Span(4000, 8000)])
    assert (left, right) == ("hello there", "你好 again")


def test_without_overlap_nothing_is_lost_or_doubled() -> None:
    cues = [Cue(n * 3100, n * 3100 + 2900, f"第{n}句話說了什麼") for n in range(20)]
    spans = plan_spans(62_000, 7000, 0)
    assert "".join(assign(cues, spans)) == "".join(cue.text for cue in cues)


def test_joining() -> None:
    assert join(["大家", "好", "hello", "world", "嗎"]) == "大家好hello world嗎"


def test_what_is_written_is_read_back() -> None:
    cues = [Cue(0, 1, "a"), Cue(3_723_004, 3_725_000, "千千 & Top"), Cue(3_725_000, 360_000_000, "末")]
    assert parse_captions(write_srt(cues)) == cues


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
    assert "".join(assign([cue for cue in cues if cue.end_ms > cue.start_ms], [Span(0, 20_000_000)])).count("句") > 3000


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
