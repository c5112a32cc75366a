"""SRT and WebVTT: reading cues, giving their text to segments, writing them."""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from core.errors import UserError
from core.exchange.encodings import read_text
from core.media.spans import Span

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_ARROW = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$")
_TAG = re.compile(r"</?(?:[a-zA-Z][^<>]*|\d[\d:.]*)>|\{\\[^{}]*\}")
# Not after a letter or closing bracket: in `list[i]` nothing is a note.
_NOTE = re.compile(r"(?<![A-Za-z0-9_\])])\[[^\[\]\d]{1,30}\]|［[^［］\d]{1,30}］|【[^【】\d]{1,30}】|[♪♫♬♩]+|^\s*>>+")
_ROLLING = re.compile(r"<\d\d:\d\d:\d\d\.\d{3}>")

_SLACK_MS = 300
"""By so much the times of careful captions miss what is said."""


@dataclass(frozen=True)
class Cue:
    """One caption: milliseconds, the end not part of it, and its text without tags, on one line."""

    start_ms: int
    end_ms: int
    text: str


def read_captions(path: Path) -> list[Cue]:
    """The cues of an SRT or VTT file in the order of time, those without text left out. UserError with the line."""
    text, _ = read_text(path)
    return parse_captions(text, path.name)


def parse_captions(text: str, name: str = "the captions") -> list[Cue]:
    """As `read_captions`, for the file's text.

    YouTube's automatic VTT rolls: each cue repeats the line before above the new one. Where a file carries word
    times, lines that the cue before has already shown are dropped.
    """
    lines = re.split(r"\r\n|\n|\r", text.lstrip("\ufeff"))
    rolling = _ROLLING.search(text) is not None
    cues: list[Cue] = []
    shown: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        if "-->" not in line:
            index += 1
            continue
        start, end = _times(line, name, index + 1)
        index += 1
        body = []
        while index < len(lines) and lines[index].strip() and "-->" not in lines[index]:
            body.append(_plain(lines[index]))
            index += 1
        if index < len(lines) and "-->" in lines[index] and body and body[-1].isdigit():
            body.pop()  # the next cue's number, where the empty line between the two is missing
        body = [part for part in body if part]
        fresh = [part for part in body if part not in shown] if rolling else body
        shown = body
        joined = join(fresh)
        if joined and end > start:
            cues.append(Cue(start, end, joined))
    if not cues and not any("-->" in line for line in lines) and text.strip() not in ("", "WEBVTT"):
        raise UserError(f"{name} holds no captions", "no line reads 00:00:01,000 --> 00:00:02,000", "give SRT or VTT")
    return sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms))


def _times(line: str, name: str, number: int) -> tuple[int, int]:
    match = _ARROW.match(line)
    if match is None:
        raise UserError(
            f"{name}, line {number}: the times cannot be read",
            line.strip()[:80],
            "write them as 00:00:01,000 --> 00:00:02,000",
        )
    start, end = _ms(match.groups()[:4]), _ms(match.groups()[4:])
    if end < start:
        raise UserError(
            f"{name}, line {number}: the caption ends before it starts", line.strip()[:80], "swap the times"
        )
    return start, end


def _ms(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _plain(line: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", line)).replace("\u200b", "").split())


def is_wide(char: str) -> bool:
    """True for scripts written without spaces: Han, kana, bopomofo, and their punctuation."""
    return (
        "\u2e80" <= char <= "\u9fff"
        or "\uf900" <= char <= "\ufaff"
        or "\uff00" <= char <= "\uffef"
        or char >= "\U00020000"
    )


def join(parts: Sequence[str]) -> str:
    """Texts one after the other: a space between words, none where either side is written without spaces."""
    result = ""
    for part in (part.strip() for part in parts):
        if result and part and not (is_wide(result[-1]) or is_wide(part[0])):
            result += " "
        result += part
    return result


@dataclass(frozen=True)
class Share:
    """What one span holds. cut: through how many of its cues an edge goes."""

    text: str
    cut: int


def assign(cues: Sequence[Cue], spans: Sequence[Span]) -> list[str]:
    """The text of each span, as `shares` finds it."""
    return [share.text for share in shares(cues, spans)]


def shares(cues: Sequence[Cue], spans: Sequence[Span]) -> list[Share]:
    """What each span holds; overlapping spans both get what lies in their overlap.

    A cue wholly inside a span gives it all its text. A cue that an edge cuts is taken as spoken evenly: its words
    (single characters in scripts without spaces) get shares of its time by their length, and those whose middle lies
    in the span belong to it. Such a cut is a guess: nobody speaks evenly, and captions stand a moment before and after
    what is said, so that a word or a few characters at the edge may be missing, or be the neighbour's.
    """
    ordered = sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms))
    starts = [cue.start_ms for cue in ordered]
    # The latest end so far: before the first place where it passes a span's start, every cue is over.
    ends = list(accumulate((cue.end_ms for cue in ordered), max))
    result = []
    for span in spans:
        near = ordered[bisect_right(ends, span.start_ms) : bisect_left(starts, span.end_ms)]
        parts = [(cue, _part(cue, span)) for cue in near if cue.end_ms > span.start_ms]
        text = join([part for _, part in parts if part])
        result.append(Share(text, sum(_is_cut(cue, span, part) for cue, part in parts)))
    return result


def _is_cut(cue: Cue, span: Span, part: str) -> bool:
    """Whether the span holds a part of the words, or of the time by more than captions are off anyway."""
    inside = min(cue.end_ms, span.end_ms) - max(cue.start_ms, span.start_ms)
    return 0 < len(part) < len(cue.text.strip()) or _SLACK_MS < inside < cue.end_ms - cue.start_ms - _SLACK_MS


def _part(cue: Cue, span: Span) -> str:
    if span.start_ms <= cue.start_ms and cue.end_ms <= span.end_ms:
        return cue.text
    words = _words(cue.text)
    total = sum(len(word.strip()) for word in words)
    length = cue.end_ms - cue.start_ms
    kept, before = [], 0
    for word in words:
        size = len(word.strip())
        middle = cue.start_ms + (before + size / 2) * length / max(total, 1)
        if span.start_ms <= middle < span.end_ms:
            kept.append(word)
        before += size
    return "".join(kept).strip()


def _words(text: str) -> list[str]:
    """Words with the space behind them, and single characters of scripts without spaces; joined they are `text`."""
    words: list[str] = []
    for char in text:
        spaced = bool(words) and not is_wide(char) and not is_wide(words[-1][0]) and words[-1][-1] != " "
        if spaced or (words and char == " "):
            words[-1] += char
        else:
            words.append(char)
    return words


def speech(cues: Iterable[Cue]) -> list[Cue]:
    """The cues with only what is spoken; those that held nothing else are left out.

    What stands in square brackets ([音樂], [Applause], 【笑聲】) describes a sound, ♪ marks song and >> another
    speaker. Nobody says them, and a model that is trained with them learns to write [音樂] where it should write
    nothing. Round brackets stay: people put words that were spoken in them. So do brackets with figures in them.
    """
    kept = []
    for cue in cues:
        pieces = [piece for piece in _NOTE.split(cue.text) if piece.strip()]
        if pieces:
            text = cue.text if len(pieces) == 1 and pieces[0] == cue.text else join(pieces)
            kept.append(replace(cue, text=text))
    return kept


def write_srt(cues: Sequence[Cue]) -> str:
    """The text of an SRT file."""
    blocks = [
        f"{number}\n{_clock(cue.start_ms)} --> {_clock(cue.end_ms)}\n{cue.text}\n"
        for number, cue in enumerate(cues, start=1)
    ]
    return "\n".join(blocks)


def _clock(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{ms:03}"
