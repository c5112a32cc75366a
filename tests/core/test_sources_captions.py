"""Which track is taken of what a site lists, and what YouTube's json3 says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.config import Config
from core.errors import UserError
from core.sources.captions import Track, beside, choices, choose, family, parse_json3, read, spoken, wanted
from core.timed_text import Cue

ZH = family("zh")


def listed(*codes: str, extra: str = "") -> dict[str, Any]:
    forms = ("json3", "srv1", "vtt")
    return {code: [{"ext": form, "url": f"https://x/{code}?fmt={form}{extra}"} for form in forms] for code in codes}


def taken(info: dict[str, Any], patterns: tuple[str, ...] = ZH, *, automatic: bool = False) -> tuple[str, bool] | None:
    track = choose(info, patterns, automatic=automatic)
    return None if track is None else (track.language, track.automatic)


@pytest.mark.parametrize(
    ("codes", "language"),
    [
        (("en", "zh", "zh-Hant", "zh-TW"), "zh-TW"),
        (("zh-HK", "zh-Hant"), "zh-Hant"),
        (("zh-Hant-HK", "zh-HK"), "zh-HK"),
        (("zh", "zh-TW-Anna", "zh-Hant-HK"), "zh-Hant-HK"),
        (("zh-Hans", "zh", "zh-TW-Anna"), "zh-TW-Anna"),
        (("zh-Hans", "zh"), "zh"),
        (("ja", "zh-Hans", "zh-CN"), "zh-Hans"),
        (("zh_tw",), "zh_tw"),
        (("en", "ja", "live_chat"), None),
        ((), None),
    ],
)
def test_the_order_of_chinese(codes: tuple[str, ...], language: str | None) -> None:
    assert taken({"subtitles": listed(*codes)}) == (None if language is None else (language, False))


def test_recognition_only_if_asked_for_and_only_where_nobody_wrote() -> None:
    info = {"subtitles": listed("en"), "automatic_captions": listed("ja", "zh-TW-orig", "zh-TW", "zh-Hant")}
    assert taken(info) is None
    assert taken(info, automatic=True) == ("zh-TW", True)
    assert taken(info | {"subtitles": listed("zh")}, automatic=True) == ("zh", False)


def test_a_machine_translation_is_never_taken() -> None:
    heard = {"automatic_captions": listed("en-orig", "en", "zh-TW", "zh-Hant", "zh-Hant-en")}
    assert taken(heard, automatic=True) is None
    assert taken({"subtitles": listed("zh-TW", extra="&tlang=zh-TW")}) is None
    assert taken({"automatic_captions": listed("zh-TW-orig", extra="&tlang=zh-TW")}, automatic=True) is None


def test_the_languages_of_the_settings() -> None:
    config = Config.model_validate({"captions": {"languages": ["yue", "zh-TW"]}})
    assert taken({"subtitles": listed("zh-TW", "zh", "yue-HK")}, wanted(config)) == ("yue-HK", False)
    assert taken({"subtitles": listed("zh", "zh-TW-name")}, wanted(config)) == ("zh-TW-name", False)
    assert taken({"subtitles": listed("zh")}, wanted(config)) is None


def test_other_languages_and_their_regions() -> None:
    english = wanted(Config.model_validate({"project": {"language": "en"}}))
    assert taken({"subtitles": listed("en-GB", "zh-TW")}, english) == ("en-GB", False)
    assert taken({"subtitles": listed("en-GB", "en")}, english) == ("en", False)
    assert taken({"subtitles": listed("zh-TW", "enm")}, english) is None
    assert taken({"subtitles": listed("iw")}, family("he")) == ("iw", False)


def test_auto_goes_by_what_is_spoken() -> None:
    auto = wanted(Config.model_validate({"project": {"language": "auto"}}))
    made = {"subtitles": listed("ja", "en", "zh-Hans", "zh-HK")}
    assert taken(made, auto) == ("ja", False)
    assert taken(made | {"language": "en-US"}, auto) == ("en", False)
    assert taken(made | {"language": "zh-TW"}, auto) == ("zh-HK", False)
    assert taken(made | {"language": "de"}, auto) is None  # all of them are translations
    dubs = [{"language": "en", "language_preference": -1}, {"language": "zh-TW", "language_preference": 10}]
    assert taken(made | {"formats": dubs}, auto) == ("zh-HK", False)
    assert spoken({"automatic_captions": listed("en", "ja-orig")}) == "ja"
    assert taken(made | {"automatic_captions": listed("zh-TW-orig")}, auto) == ("zh-HK", False)


def test_only_forms_that_can_be_read() -> None:
    lists = [{"ext": "vtt", "url": "https://x/a.m3u8", "protocol": "m3u8_native"}]
    assert taken({"subtitles": {"zh-TW": lists, "zh": [{"ext": "ttml", "url": "https://x/b"}]}}) is None
    track = choose({"subtitles": {"zh-TW": [{"ext": "srt", "data": "x"}, {"ext": "vtt", "url": "https://x/c"}]}}, ZH)
    assert track is not None
    assert (track.form, track.url) == ("vtt", "https://x/c")


@pytest.mark.parametrize(
    "info",
    [
        {"subtitles": None, "automatic_captions": None},
        {"subtitles": {"zh-TW": None}},
        {"subtitles": {"zh-TW": [None, "x", {"ext": "json3"}]}},
        {"subtitles": []},
    ],
)
def test_a_strange_list_holds_nothing(info: dict[str, Any]) -> None:
    assert list(choices(info, ZH, automatic=True)) == []


# -- json3


def of(*events: object) -> str:
    return json.dumps({"wireMagic": "pb3", "events": list(events)})


def line(start: object, length: object, *texts: str, **more: object) -> dict[str, object]:
    return {"tStartMs": start, "dDurationMs": length, "segs": [{"utf8": text} for text in texts], **more}


def test_json3_as_people_write_it() -> None:
    text = of(
        {"id": 1, "wpWinPosId": 0},
        line(3000, 2000, "第二句"),
        line(0, 2500, "大家", "好"),
        line(5000, 1000, "兩行\n的字"),
        line(6000, 1000, "two\nlines"),
        line(7000, 1000, "\u200b \n"),
        line(8000, 1000, "{\\an8}[音樂]"),
    )
    assert parse_json3(text) == [
        Cue(0, 2500, "大家好"),
        Cue(3000, 5000, "第二句"),
        Cue(5000, 6000, "兩行的字"),
        Cue(6000, 7000, "two lines"),
        Cue(8000, 9000, "[音樂]"),
    ]


def test_automatic_lines_end_where_the_next_begins() -> None:
    text = of(
        {"tStartMs": 0, "dDurationMs": 60_000, "id": 1},
        line(100, 4500, "今天", "我們", "去"),
        line(2000, 2600, "\n", aAppend=1),
        line(2010, 5000, "吃飯"),
        line(9000, 1000, "再見"),
    )
    assert parse_json3(text) == [Cue(100, 2010, "今天我們去"), Cue(2010, 7010, "吃飯"), Cue(9000, 10_000, "再見")]
    # People's own captions may overlap: two of them speak.
    both = of(line(0, 3000, "甲"), line(1000, 3000, "乙"))
    assert parse_json3(both) == [Cue(0, 3000, "甲"), Cue(1000, 4000, "乙")]
    assert parse_json3(both, automatic=True) == [Cue(0, 1000, "甲"), Cue(1000, 4000, "乙")]


def test_a_line_without_length_lasts_until_the_next() -> None:
    text = of(
        line(0, 0, "一"), line(1000, None, "二"), line(1000, -5, "三"), {"tStartMs": 20_000, "segs": [{"utf8": "四"}]}
    )
    assert parse_json3(text) == [
        Cue(0, 1000, "一"),
        Cue(1000, 6000, "二"),
        Cue(1000, 6000, "三"),
        Cue(20_000, 25_000, "四"),
    ]


def test_json3_from_a_stranger() -> None:
    text = of(
        None,
        7,
        {"segs": "x", "tStartMs": 0},
        {"segs": [None, {"utf8": 5}, {"utf8": "好"}], "tStartMs": "1500", "dDurationMs": "900"},
        line(True, 1, "a"),
        line(-5, 100, "b"),
        line(float("nan"), 100, "c"),
        line(10**30, 100, "d"),
        line([], 100, "e"),
        line(3000, 10**30, "\x1b[31m紅\x1b[0m\u202e\x07 [/red] \ud800"),
        line(9000, 1000, "長" * 5000),
    )
    found = parse_json3(text)
    assert found[:2] == [Cue(1500, 2400, "好"), Cue(3000, 8000, "紅 [/red]")]
    assert (len(found), len(found[2].text)) == (3, 1000)


@pytest.mark.parametrize("text", ["", "<html>", "[]", "{}", '{"events": 3}', "[" * 100_000])
def test_what_is_no_json3_is_told(text: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        parse_json3(text)


def test_reading_what_came() -> None:
    assert read(Track("zh", False, "json3"), b" \n") == []
    assert read(Track("zh", False, "json3"), of(line(0, 1000, "好")).encode()) == [Cue(0, 1000, "好")]
    vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\n\u202e好\x1b[0m\n"
    assert read(Track("zh", False, "vtt"), vtt.encode()) == [Cue(1000, 2000, "好")]
    assert read(Track("zh", False, "srt"), "1\n00:00:01,000 --> 00:00:02,000\n好\n".encode("big5")) == [
        Cue(1000, 2000, "好")
    ]
    with pytest.raises(UserError):
        read(Track("zh", False, "vtt"), b"<html>429</html>")


# -- beside the recordings


def test_files_beside_a_recording(tmp_path: Path) -> None:
    names = [
        "talk.mp4",
        "talk.srt",
        "talk.en.srt",
        "talk.zh-TW.vtt",
        "talk.zh.srt",
        "other.VTT",
        "third.ja.srt",
        ".srt",
    ]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "folder.srt").mkdir()
    found = {id: [(code, path.name) for code, path in files] for id, files in beside(tmp_path, ZH).items()}
    assert found == {
        "talk": [("zh-TW", "talk.zh-TW.vtt"), ("zh", "talk.zh.srt"), ("und", "talk.srt")],
        "other": [("und", "other.VTT")],
        "third": [],
    }
    assert [code for code, _ in beside(tmp_path, ())["talk"]] == ["und", "en", "zh-TW", "zh"]
    assert beside(tmp_path / "nowhere", ZH) == {}
