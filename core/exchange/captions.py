"""What SRT and WebVTT have in common: how cues are read, and how times are written."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError
from core.exchange.cues import in_order
from core.exchange.encodings import read_text
from core.text import join_texts
from core.timed_text import Cue

MOST_BYTES = 32_000_000
"""Thirty hours as YouTube writes them, with the time of every word."""

_TIME = r"(?:(\d{1,5}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_ARROW = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$")
_TAG = re.compile(r"</?(?:[a-zA-Z][^<>]*|\d[\d:.]*)>|\{\\[^{}]*\}")
_ROLLING = re.compile(r"<\d\d:\d\d:\d\d\.\d{3}>")


def read_captions(path: Path) -> list[Cue]:
    """The cues of an SRT or VTT file in the order of time, those without text left out. UserError with the line."""
    text, _ = read_text(path, MOST_BYTES)
    return parse_captions(text, path.name)


def parse_captions(text: str, name: str = "the captions") -> list[Cue]:
    """As `read_captions`, for the file's text.

    YouTube's automatic VTT rolls: each cue repeats the line before above the new one. Where a file carries word
    times, lines that the cue before has already shown are dropped.
    """
    lines = re.split(r"\r\n|\n|\r", text.lstrip("\ufeff"))
    rolling = _ROLLING.search(text) is not None
    cues: list[Cue] = []
    shown: frozenset[str] = frozenset()
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
        shown = frozenset(body)
        cues.append(Cue(start, end, join_texts(fresh)))
    if not cues and text.strip() not in ("", "WEBVTT"):
        raise UserError(f"{name} holds no captions", "no line reads 00:00:01,000 --> 00:00:02,000", "give SRT or VTT")
    return in_order(cues, name)


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
    text = _TAG.sub("", line)
    with contextlib.suppress(ValueError):  # &#…; with more digits than Python reads: it stays as it is
        text = html.unescape(text)
    return " ".join(text.replace("\u200b", "").split())


def timestamp(ms: int, mark: str) -> str:
    """hours:minutes:seconds and milliseconds after `mark`, e.g. 01:02:03,004."""
    seconds, rest = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{rest:03d}"


def one_line(text: str) -> str:
    return " ".join(text.split())
