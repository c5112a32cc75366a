"""Subtitle files as the formats ask for them."""

import json

from core.exchange.captions import timestamp
from core.exchange.formats import json_document, plain_text, srt, vtt
from core.timed_text import Cue

CUES = [Cue(0, 10_000, "今天\n天氣 <好> & 熱"), Cue(10_000, 20_000, ""), Cue(3_723_004, 3_725_000, "再見")]


def test_clock() -> None:
    assert timestamp(3_723_004, ",") == "01:02:03,004"
    assert timestamp(0, ".") == "00:00:00.000"
    assert timestamp(360_000_000, ".") == "100:00:00.000"


def test_srt_numbers_what_is_spoken() -> None:
    assert srt.render(CUES) == (
        "1\n00:00:00,000 --> 00:00:10,000\n今天 天氣 <好> & 熱\n\n2\n01:02:03,004 --> 01:02:05,000\n再見\n"
    )


def test_vtt_escapes() -> None:
    assert vtt.render(CUES) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:10.000\n今天 天氣 &lt;好&gt; &amp; 熱\n\n"
        "01:02:03.004 --> 01:02:05.000\n再見\n"
    )


def test_txt_and_json() -> None:
    assert plain_text.render(CUES[1:]) == "再見\n"
    data = json.loads(json_document.render(CUES))
    assert [cue["start_ms"] for cue in data["segments"]] == [0, 10_000, 3_723_004]
    assert data["text"].endswith("再見")
    assert srt.render([]) == ""
