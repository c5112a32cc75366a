"""What a person types to find rows: words, and terms such as `length>10m`, `date>=2023-05`, `licence:cc`. Pure.

Every term must hold. A word is looked for in title, channel and id, without regard to case and width of letters;
"several words" in quotes are one. What is not understood is said in `VideoQuery.complaint` and holds nothing back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from core.store.records import Video
from core.text import clean

Test = Callable[[Video, bool], bool]

HELP = (
    "words · length>10m length<1h30m · date>=2023-05 · licence:cc|standard|unknown|own · "
    "captions:yes|no|zh|auto|here · state:listed|here|failed · selected · channel:words"
)
"""The grammar in one line, for a screen's hint."""

# Also the words that a person who types Chinese already has under the fingers.
_KEYS = {
    **dict.fromkeys(("length", "duration", "長度", "时长", "時長"), "length"),
    **dict.fromkeys(("date", "日期"), "date"),
    **dict.fromkeys(("licence", "license", "授權", "授权"), "licence"),
    **dict.fromkeys(("captions", "caption", "subtitles", "字幕"), "captions"),
    **dict.fromkeys(("state", "狀態", "状态"), "state"),
    **dict.fromkeys(("title", "標題", "标题"), "title"),
    **dict.fromkeys(("channel", "頻道", "频道"), "channel"),
    "id": "id",
}
_LICENCES = {
    **dict.fromkeys(("cc", "cc-by", "ccby", "by", "creative-commons"), "cc-by"),
    **dict.fromkeys(("standard", "youtube"), "standard"),
    **dict.fromkeys(("unknown", "none", "?"), "unknown"),
    **dict.fromkeys(("own", "mine"), "own"),
}
_STATES = ("listed", "here", "fetched", "failed", "selected")
_REASONS = ("private", "gone", "members", "age", "country", "copyright", "live", "upcoming", "licence")

_ITEM = re.compile(r'"[^"]*"?|[^\s"]+(?:"[^"]*"?)?')
_TERM = re.compile(r"([^\W\d_]+)(>=|<=|[<>:=])(.*)", re.DOTALL)
_SPACED = re.compile(rf"(?<!\S)({'|'.join(_KEYS)})\s*(>=|<=|[<>:=])\s*")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})")
_UNITS = re.compile(
    r"(?:(\d+(?:\.\d+)?)(?:h|hr|hrs|hours?|小時|小时))?(?:(\d+(?:\.\d+)?)(?:m|min|mins|minutes?|分鐘|分钟|分))?"
    r"(?:(\d+(?:\.\d+)?)(?:s|sec|secs|seconds?|秒))?"
)
_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?")


@dataclass(frozen=True)
class VideoQuery:
    """complaint: "" or what of the text was not understood, in a short sentence."""

    text: str
    tests: tuple[Test, ...] = ()
    complaint: str = ""

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.tests)

    def matches(self, video: Video, has_captions: bool = False) -> bool:
        """has_captions: whether captions of this video are stored here."""
        return all(test(video, has_captions) for test in self.tests)


def parse(text: str) -> VideoQuery:
    """Never raises: half of a term is what stands there while a person types it."""
    folded = _straight(fold(text))
    tests: list[Test] = []
    complaint = ""
    for item in _ITEM.findall(_SPACED.sub(r"\1\2", folded)):
        test, wrong = _item(item)
        complaint = complaint or wrong
        if test is not None:
            tests.append(test)
    return VideoQuery(text, tuple(tests), complaint)


@lru_cache(maxsize=16_384)
def fold(text: str) -> str:
    """A text as it is compared: one form for each letter, whatever its case and width (NFKC, casefolded)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _straight(text: str) -> str:
    for odd, plain in (("\u201c", '"'), ("\u201d", '"'), ("\u2265", ">="), ("\u2264", "<="), ("\u3002", ".")):
        text = text.replace(odd, plain)
    return text


def _item(item: str) -> tuple[Test | None, str]:
    """(what it asks for, what is wrong with it), one of them empty."""
    if item.startswith('"'):
        return _words(item.strip('"')), ""
    if item == "selected":
        return lambda video, _: video.selected, ""
    if item == "cc":
        return lambda video, _: video.licence == "cc-by", ""
    parts = _TERM.fullmatch(item)
    if parts is None or parts[3].startswith("//"):
        return _words(item), ""
    key = _KEYS.get(parts[1])
    if key is None and not parts[1].isascii():
        # A piece of a title, such as 第一講：前言.
        return _words(item), ""
    if key is None:
        known = "length, date, licence, captions, state, title, channel, id"
        return None, f'{clean(parts[1], 30)} is not known here, only {known}; in "quotes" it is a word'
    value = parts[3].strip('"')
    if not value:
        return None, f"{key}{parts[2]} wants a value: {_EXAMPLES[key]}"
    return _READERS[key](parts[2], value)


def _words(text: str) -> Test | None:
    if not text.strip():
        return None
    return lambda video, _: text in fold(video.title) or text in fold(video.channel) or text in fold(video.id)


def _within(key: str) -> Callable[[str, str], tuple[Test | None, str]]:
    def read(_: str, value: str) -> tuple[Test | None, str]:
        return lambda video, _: value in fold(getattr(video, key)), ""

    return read


# -- length and date


def _length(operator: str, value: str) -> tuple[Test | None, str]:
    low, dots, high = value.partition("..")
    first, last = _milliseconds(low), _milliseconds(high if dots else low)
    if first is None or last is None:
        return None, f"{clean(value, 30)} is no length: {_EXAMPLES['length']}"
    (start, _), (end, step) = first, last
    if dots:
        return lambda video, _: video.duration_ms is not None and start <= video.duration_ms <= end, ""
    compare = _COMPARE.get(operator)
    if compare is None:
        # `length:10m` is what a clock shows as ten minutes and some seconds.
        return lambda video, _: video.duration_ms is not None and start <= video.duration_ms < start + step, ""
    return lambda video, _: video.duration_ms is not None and compare(video.duration_ms, start), ""


def _milliseconds(text: str) -> tuple[int, int] | None:
    """(the length, the smallest unit it names), in milliseconds: 10m, 1h30m, 90s, 1:30:00, 10:30; 10 is ten minutes."""
    if found := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return (hours * 3600 + minutes * 60 + seconds) * 1000, 1000
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        text += "m"
    found = _UNITS.fullmatch(text)
    if not text or found is None:
        # 1h30 is an hour and a half.
        return _milliseconds(text + "m") if re.fullmatch(r"\d+(?:h|小時|小时)\d+", text) else None
    units = (3_600_000, 60_000, 1000)
    given = [(float(part), unit) for part, unit in zip(found.groups(), units, strict=True) if part]
    return round(sum(part * unit for part, unit in given)), given[-1][1]


def _date(operator: str, value: str) -> tuple[Test | None, str]:
    low, dots, high = value.partition("..")
    first, last = _day(low), _day(high if dots else low)
    if first is None or last is None:
        return None, f"{clean(value, 30)} is no date: {_EXAMPLES['date']}"
    compare = _COMPARE.get(operator)
    if dots or compare is None:
        return (
            lambda video, _: bool(video.upload_date) and _cut(video, first) >= first and _cut(video, last) <= last,
            "",
        )
    # Compared as far as the date was given: after 2023 is from 2024 on.
    return lambda video, _: bool(video.upload_date) and compare(_cut(video, first), first), ""


def _day(text: str) -> str | None:
    """YYYY, YYYY-MM or YYYY-MM-DD."""
    found = _DATE.fullmatch(text)
    if found is None or not (1 <= int(found[2] or 1) <= 12 and 1 <= int(found[3] or 1) <= 31):
        return None
    return "-".join([found[1], *(f"{int(part):02}" for part in found.groups()[1:] if part)])


def _cut(video: Video, like: str) -> str:
    return video.upload_date[: len(like)]


_COMPARE: dict[str, Callable[[int | str, int | str], bool]] = {
    ">": lambda a, b: a > b,  # type: ignore[operator]
    ">=": lambda a, b: a >= b,  # type: ignore[operator]
    "<": lambda a, b: a < b,  # type: ignore[operator]
    "<=": lambda a, b: a <= b,  # type: ignore[operator]
}


# -- licence, captions, state: one of several, separated by commas


def _licence(_: str, value: str) -> tuple[Test | None, str]:
    asked = [_LICENCES.get(word) for word in _several(value)]
    if None in asked or not asked:
        return None, f"{clean(value, 30)} is no licence: {_EXAMPLES['licence']}"
    return lambda video, _: video.licence in asked, ""


def _captions(_: str, value: str) -> tuple[Test | None, str]:
    words = _several(value)
    if not words or not all(re.fullmatch(r"[a-z]{2,8}(?:-[a-z0-9]+)*", word) for word in words):
        return None, f"{clean(value, 30)} is no language: {_EXAMPLES['captions']}"
    return lambda video, here: any(_captioned(word, video, here) for word in words), ""


def _captioned(word: str, video: Video, here: bool) -> bool:
    made = [code.casefold() for code in video.captions if not code.endswith(":auto")]
    if word in ("yes", "any"):
        return here or bool(made)
    if word in ("no", "none"):
        return not here and not made
    if word == "here":
        return here
    if word in ("auto", "automatic"):
        return len(made) < len(video.captions)
    return any(code == word or code.startswith(f"{word}-") for code in made)


def _state(_: str, value: str) -> tuple[Test | None, str]:
    words = _several(value)
    if not words or not all(word in _STATES + _REASONS for word in words):
        return None, f"{clean(value, 30)} is no state: {_EXAMPLES['state']}"
    return lambda video, _: any(_is(word, video) for word in words), ""


def _is(word: str, video: Video) -> bool:
    if word in ("here", "fetched"):
        return video.path is not None
    if word == "selected":
        return video.selected
    if word in ("listed", "failed"):
        return video.state == word
    return video.state == "failed" and (video.error or {}).get("kind") == word


def _several(value: str) -> list[str]:
    return [word for word in re.split("[,|、]", value) if word]


_READERS = {
    "length": _length,
    "date": _date,
    "licence": _licence,
    "captions": _captions,
    "state": _state,
    "title": _within("title"),
    "channel": _within("channel"),
    "id": _within("id"),
}
_EXAMPLES = {
    "length": "length>10m, length<1:30:00, length:5m..10m",
    "date": "date>=2023-05, date:2023, date:2023-05..2023-09",
    "licence": "licence:cc, licence:standard, licence:unknown, licence:own",
    "captions": "captions:yes, captions:no, captions:zh, captions:auto, captions:here",
    "state": f"state:{', state:'.join(_STATES)}, and reasons: {', '.join(_REASONS)}",
    "title": 'title:word, title:"several words"',
    "channel": 'channel:word, channel:"several words"',
    "id": "id:abc",
}
