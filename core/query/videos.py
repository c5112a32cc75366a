"""The language that finds recordings: words of title, channel and id, and terms such as `length>10m licence:cc`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from core.query.folding import finder
from core.query.grammar import Attribute, QueryLanguage, Suggestion, Test
from core.query.values import compared, date, milliseconds, one_of, several
from core.store.records import Video

HELP = (
    "words · /regex/ · length>10m length<1h30m · date>=2023-05 · licence:cc|standard|unknown|own · "
    "captions:yes|no|zh|auto|here · state:listed|here|failed · selected · channel:words · !not"
)
"""The language in one line, for a screen's hint."""

_LICENCES = {
    **dict.fromkeys(("cc", "cc-by", "ccby", "by", "creative-commons"), "cc-by"),
    **dict.fromkeys(("standard", "youtube"), "standard"),
    **dict.fromkeys(("unknown", "none", "?"), "unknown"),
    **dict.fromkeys(("own", "mine"), "own"),
}
_STATES = ("listed", "here", "fetched", "failed", "selected")
_REASONS = ("private", "gone", "members", "age", "country", "copyright", "live", "upcoming", "licence")


class ListedVideo(NamedTuple):
    """What a query is asked about. has_captions: captions of this video are stored here."""

    video: Video
    has_captions: bool = False


VideoTest = Test[ListedVideo]


def _word(word: str) -> VideoTest:
    found = finder(word)
    return lambda row: found(row.video.title) or found(row.video.channel) or found(row.video.id)


def _within(get: Callable[[Video], str]) -> Callable[[str, str], VideoTest]:
    def read(_: str, value: str) -> VideoTest:
        found = finder(value)
        return lambda row: found(get(row.video))

    return read


def _captions(_: str, value: str) -> VideoTest:
    words = several(value)
    if not words or not all(re.fullmatch(r"[a-z]{2,8}(?:-[a-z0-9]+)*", word) for word in words):
        raise ValueError(value)
    return lambda row: any(_captioned(word, row) for word in words)


def _captioned(word: str, row: ListedVideo) -> bool:
    made = [code.casefold() for code in row.video.captions if not code.endswith(":auto")]
    if word in ("yes", "any"):
        return row.has_captions or bool(made)
    if word in ("no", "none"):
        return not row.has_captions and not made
    if word == "here":
        return row.has_captions
    if word in ("auto", "automatic"):
        return len(made) < len(row.video.captions)
    return any(code == word or code.startswith(f"{word}-") for code in made)


def _is(row: ListedVideo, word: str) -> bool:
    video = row.video
    if word in ("here", "fetched"):
        return video.path is not None
    if word == "selected":
        return video.selected
    if word in ("listed", "failed"):
        return video.state == word
    return video.state == "failed" and (video.error or {}).get("kind") == word


def _suggested(*values: str) -> tuple[Suggestion, ...]:
    return tuple(Suggestion(value) for value in values)


# The other names are what a person who types Chinese has under the fingers already.
LANGUAGE: QueryLanguage[ListedVideo] = QueryLanguage(
    attributes=(
        Attribute(
            "length",
            "length",
            "length>10m, length<1:30:00, length:5m..10m",
            compared(lambda row: row.video.duration_ms, milliseconds("m")),
            ("duration", "長度", "时长", "時長"),
        ),
        Attribute(
            "date",
            "date",
            "date>=2023-05, date:2023, date:2023-05..2023-09",
            date(lambda row: row.video.upload_date),
            ("日期",),
        ),
        Attribute(
            "licence",
            "licence",
            "licence:cc, licence:standard, licence:unknown, licence:own",
            one_of(lambda row, licence: row.video.licence == licence, _LICENCES),
            ("license", "授權", "授权"),
            _suggested("cc", "standard", "unknown", "own"),
        ),
        Attribute(
            "captions",
            "language",
            "captions:yes, captions:no, captions:zh, captions:auto, captions:here",
            _captions,
            ("caption", "subtitles", "字幕"),
            _suggested("yes", "no", "zh", "auto", "here"),
        ),
        Attribute(
            "state",
            "state",
            f"state:{', state:'.join(_STATES)}, and reasons: {', '.join(_REASONS)}",
            one_of(_is, {name: name for name in _STATES + _REASONS}),
            ("狀態", "状态"),
            _suggested(*_STATES, *_REASONS),
        ),
        Attribute(
            "title", "title", 'title:word, title:"several words"', _within(lambda video: video.title), ("標題", "标题")
        ),
        Attribute(
            "channel",
            "channel",
            'channel:word, channel:"several words"',
            _within(lambda video: video.channel),
            ("頻道", "频道"),
        ),
        Attribute("id", "id", "id:abc", _within(lambda video: video.id)),
    ),
    word=_word,
    pattern=lambda pattern: lambda row: pattern.search(row.video.title) or pattern.search(row.video.channel),
    alone={
        "selected": (lambda row: row.video.selected, "chosen for download"),
        "cc": (lambda row: row.video.licence == "cc-by", "Creative Commons"),
    },
)

parse = LANGUAGE.parse
