"""Text with times as files: plain text, SRT, WebVTT, JSON. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.timed_text import Cue


def clock(ms: int, mark: str) -> str:
    """hours:minutes:seconds and milliseconds after `mark`, e.g. 01:02:03,004."""
    seconds, rest = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{rest:03d}"


def to_txt(cues: Sequence[Cue]) -> str:
    """One line for each cue that says something."""
    return "".join(f"{cue.text}\n" for cue in cues if cue.text)


def to_srt(cues: Sequence[Cue]) -> str:
    """SubRip: numbered blocks, comma before the milliseconds. Empty cues are left out."""
    spoken = [cue for cue in cues if cue.text]
    return "\n".join(
        f"{number}\n{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}\n{_one_line(cue.text)}\n"
        for number, cue in enumerate(spoken, start=1)
    )


def to_vtt(cues: Sequence[Cue]) -> str:
    """WebVTT: a header, full stop before the milliseconds; `&` and `<` are escaped as the format asks."""
    blocks = [
        f"{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}\n"
        f"{_one_line(cue.text).replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}\n"
        for cue in cues
        if cue.text
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def to_json(cues: Sequence[Cue]) -> str:
    """{"text", "segments": [{"start_ms", "end_ms", "text"}]}, one document."""
    return json.dumps(as_result(cues), ensure_ascii=False, indent=1) + "\n"


def as_result(cues: Sequence[Cue]) -> dict[str, object]:
    return {"text": "\n".join(cue.text for cue in cues if cue.text), "segments": [cue._asdict() for cue in cues]}


WRITERS = {"txt": to_txt, "srt": to_srt, "vtt": to_vtt, "json": to_json}


def _one_line(text: str) -> str:
    return " ".join(text.split())
