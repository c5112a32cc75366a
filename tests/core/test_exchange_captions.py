"""SRT and VTT: their cues."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from core.exchange.captions import parse_captions, read_captions
from core.exchange.formats import srt
from core.timed_text import Cue

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
        (f"1\n{'9' * 5000}:00:01,000 --> 00:00:02,000\nx\n", "line 2: the times cannot be read"),
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


def test_what_is_written_is_read_back() -> None:
    cues = [Cue(0, 1, "a"), Cue(3_723_004, 3_725_000, "千千 & Top"), Cue(3_725_000, 360_000_000, "末")]
    assert parse_captions(srt.render(cues)) == cues


def test_a_sign_of_thousands_of_digits_stays_as_it_is() -> None:
    odd = "&#" + "9" * 5000 + ";"
    assert parse_captions(f"1\n00:00:01,000 --> 00:00:02,000\n{odd} &amp; x\n") == [Cue(1000, 2000, f"{odd} &amp; x")]
