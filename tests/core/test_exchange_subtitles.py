"""Subtitle files as the formats ask for them."""

import json

from core.exchange.formats.subtitles import clock, to_json, to_srt, to_txt, to_vtt
from core.timed_text import Cue

CUES = [Cue(0, 10_000, "今天\n天氣 <好> & 熱"), Cue(10_000, 20_000, ""), Cue(3_723_004, 3_725_000, "再見")]


def test_clock() -> None:
    assert clock(3_723_004, ",") == "01:02:03,004"
    assert clock(0, ".") == "00:00:00.000"
    assert clock(360_000_000, ".") == "100:00:00.000"


def test_srt_numbers_what_is_spoken() -> None:
    assert to_srt(CUES) == (
        "1\n00:00:00,000 --> 00:00:10,000\n今天 天氣 <好> & 熱\n\n2\n01:02:03,004 --> 01:02:05,000\n再見\n"
    )


def test_vtt_escapes() -> None:
    assert to_vtt(CUES) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:10.000\n今天 天氣 &lt;好&gt; &amp; 熱\n\n"
        "01:02:03.004 --> 01:02:05.000\n再見\n"
    )


def test_txt_and_json() -> None:
    assert to_txt(CUES[1:]) == "再見\n"
    data = json.loads(to_json(CUES))
    assert [cue["start_ms"] for cue in data["segments"]] == [0, 10_000, 3_723_004]
    assert data["text"].endswith("再見")
    assert to_srt([]) == ""
