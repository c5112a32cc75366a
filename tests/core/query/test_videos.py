"""The filter of rows: what each term means, what is forgiven, and what is complained about."""

from __future__ import annotations

import pytest

from core.query.videos import ListedVideo, parse
from core.store import Video

TALK = Video(
    "-abcDEF_123",
    title="第一講：Ｗｈｉｓｐｅｒ 入門 [red] 10:30",
    channel="Straße 頻道",
    duration_ms=605_000,
    upload_date="2023-05-17",
    licence="cc-by",
    captions=("zh-TW", "en:auto"),
    selected=True,
)
BARE = Video("bare")
GONE = Video("gone", state="failed", error={"what": "w", "kind": "private"}, captions=("zh-TW:auto",))
HERE = Video("here", state="fetched", path="media/here.mp4", licence="own", duration_ms=5_400_000)


def hits(text: str, *videos: Video) -> list[str]:
    query = parse(text)
    assert query.complaint == "", query.complaint
    return [
        video.id for video in videos or (TALK, BARE, GONE, HERE) if query.matches(ListedVideo(video, video is HERE))
    ]


@pytest.mark.parametrize(
    "text",
    [
        "whisper",
        "WHISPER 第一講",
        "第一講:",
        "ｗｈｉｓｐｅｒ",
        "strasse",
        "abcdef_",
        "-abcDEF_123",
        "[red]",
        "10:30",
        "第一講：",
        '"whisper 入門"',
        "“Whisper 入門”",
        "length>10m",
        "length > 10m",
        "length>=10:05",
        "length<=10:05",
        "length:10m",
        "length：１０分",
        "長度>10分鐘",
        "length<11",
        "length<1h30",
        "length<1:30:00",
        "length>0.1h",
        "length≥605s",
        "length:5m..11m",
        "date:2023",
        "date:2023-05",
        "date=2023/5/17",
        "date>2022",
        "date>=2023-05",
        "date<=2023-05",
        "date<2024",
        "date:2023-04..2023-06",
        "date：２０２３",
        "licence:cc",
        "license:CC-BY",
        "licence:own,cc",
        "cc",
        "授權：cc",
        "captions:yes",
        "captions:zh",
        "captions:zh-tw",
        "captions:auto",
        "字幕:zh",
        "state:listed",
        "selected",
        "state:selected",
        "channel:頻道",
        'title:"whisper 入門"',
        "cc length>10m whisper captions:yes date:2023 selected",
        "/^第.講/",
        "/\\[RED\\]\\s/ cc",
        "/入門 .red",
        "!licence:standard !straße2 !/入門$/",
        "！授權：own",
        "",
        "   ",
        '""',
    ],
)
def test_terms_that_hold(text: str) -> None:
    assert TALK.id in hits(text)


@pytest.mark.parametrize(
    "text",
    [
        "whispers",
        '"入門 whisper"',
        "length>10:05",
        "length<10m",
        "length:10:04",
        "date>2023",
        "date<2023-05",
        "date:2022",
        "date:2023-06..2024",
        "licence:standard,unknown",
        "captions:no",
        "captions:en",
        "captions:z",
        "captions:here",
        "state:failed",
        "state:here",
        "channel:whisper",
        "whisper length>1h",
        "!whisper",
        "!cc",
        "!/入.*RED/",
        "/^入門/",
    ],
)
def test_terms_that_do_not(text: str) -> None:
    assert TALK.id not in [
        video.id for video in (TALK,) if parse(text).terms and parse(text).matches(ListedVideo(video))
    ]


def test_what_is_not_known_is_neither_long_nor_short() -> None:
    for text in ("length>0", "length<100h", "date>1900", "date<3000"):
        assert "bare" not in hits(text)
    assert hits("licence:unknown") == ["bare", "gone"]


def test_states_and_reasons() -> None:
    assert hits("state:here") == hits("state:fetched") == ["here"]
    assert hits("state:failed") == hits("state:private") == ["gone"]
    assert hits("state:gone") == []
    assert hits("captions:no") == ["bare", "gone"]
    assert hits("captions:yes") == ["-abcDEF_123", "here"]
    assert hits("captions:here") == ["here"]
    assert hits("captions:auto") == ["-abcDEF_123", "gone"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lenght>10m", "lenght is not known here, only length"),
        ("length>", "wants a value: length>10m"),
        ("length>soon", "soon is no length"),
        ("date:may", "may is no date"),
        ("date:2023-13", "2023-13 is no date"),
        ("licence:free", "free is no licence"),
        ("captions:!", "! is no language"),
        ("state:lost", "lost is no state"),
        ("/(/", "/(/ is no regular expression: missing )"),
        ("a:\x1b[31m\u202e", "a is not known"),
    ],
)
def test_complaints_hold_nothing_back(text: str, words: str) -> None:
    query = parse(text)
    assert words in query.complaint
    assert query.matches(ListedVideo(BARE))
    # What is understood beside it counts.
    query = parse(f"whisper {text}")
    assert words in query.complaint
    assert query.matches(ListedVideo(TALK))
    assert not query.matches(ListedVideo(BARE))


def test_nothing_typed_raises() -> None:
    pieces = [
        "length",
        ">",
        ":",
        "=",
        '"',
        "1",
        "h",
        "2023",
        "-",
        "..",
        "，",
        "\ud800",
        "\0",
        "(",
        "[",
        "*",
        " ",
        "字幕",
        "/",
        "!",
    ]
    for first in pieces:
        for second in pieces:
            for third in pieces:
                parse(first + second + third).matches(ListedVideo(TALK))


def test_an_empty_query_asks_for_nothing() -> None:
    assert not parse(" ")
    assert parse("x")
