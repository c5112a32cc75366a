"""What one cheap request tells of a video: its licence, captions, channel, date and live state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.sources.names import watch_url
from core.sources.ytdlp import YtdlpLogger, base_options, detail_options
from core.text import clean

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

# YouTube's words, Vimeo's and a feed's short forms, and the licence's own address. Not "-NonCommercial", not "-ND".
_CC_BY = re.compile(
    r"creative commons attribution licen[cs]e|"
    r"(?:cc[ -])?by(?:[ -]\d(?:\.\d)?)?$|"
    r"https?://(?:www\.)?creativecommons\.org/licenses/by/",
    re.IGNORECASE,
)


def licence(info: Mapping[str, Any]) -> str:
    """cc-by, standard or unknown, from yt-dlp's info of one video.

    YouTube shows no row at all for its standard licence, and a refused page shows none either. The channel comes
    from the same block of the page: with a channel the block was read, so the licence is the standard one.
    """
    text = info.get("license")
    if text:
        return "cc-by" if _CC_BY.match(str(text).strip()) else "standard"
    return "standard" if info.get("channel") and info.get("extractor_key") == "Youtube" else "unknown"


def captions(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Languages of the captions: those people made, then recognised speech as `<language>:auto`.

    Of `automatic_captions` only `<language>-orig` was recognised; the rest is machine translation.
    """
    made = [code for code in info.get("subtitles") or {} if code != "live_chat"]
    heard = [
        f"{code.removesuffix('-orig')}:auto" for code in info.get("automatic_captions") or {} if code.endswith("-orig")
    ]
    return tuple(clean(code, 40) for code in (*made, *heard))


def facts(info: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `Video` that an info dict fills, only those that it knows; strangers' text is cleaned."""
    length = info.get("duration")
    found = {
        "title": clean(info.get("title"), 300),
        "channel": clean(info.get("channel") or info.get("uploader"), 200),
        "channel_url": clean(info.get("channel_url") or info.get("uploader_url"), 500),
        "duration_ms": round(length * 1000) if isinstance(length, (int, float)) and length > 0 else None,
        "upload_date": date(info),
        "live_status": clean(info.get("live_status"), 20),
        "captions": captions(info),
        "licence_text": clean(info.get("license"), 300),
    }
    return {name: value for name, value in found.items() if value}


def date(info: Mapping[str, Any]) -> str:
    """YYYY-MM-DD, or "" where the info has no date."""
    import datetime

    day = str(info.get("upload_date") or "")
    if re.fullmatch(r"\d{8}", day):
        return f"{day[:4]}-{day[4:6]}-{day[6:]}"
    at = info.get("timestamp")
    if isinstance(at, (int, float)) and 0 < at < 32_503_680_000:
        return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d")
    return ""


def open_site(table: Mapping[str, Any], root: Path, logger: YtdlpLogger, *, pause_s: float) -> YoutubeDL:
    """The yt-dlp that lists and looks up: cheap requests, no formats. table: `[ytdlp]` of the workspace in `root`.

    pause_s: yt-dlp's own pause between two requests, which nothing interrupts. UserError for a setting that cannot be.
    """
    import yt_dlp

    base = base_options(table, root=root, logger=logger, request_pause_s=pause_s)
    return yt_dlp.YoutubeDL(detail_options(base))  # type: ignore[arg-type]


def look_up(ydl: YoutubeDL, id: str) -> dict[str, Any]:
    """One GET of the watch page of a YouTube video: columns of `Video`, licence included.

    ydl: made with `detail_options`. Raises yt_dlp's YoutubeDLError. A private or removed video raises nothing:
    yt-dlp only warns, and the licence stays unknown.
    """
    info = ydl.extract_info(watch_url(id), download=False, process=False) or {}
    return {**facts(info), "licence": licence(info)}
