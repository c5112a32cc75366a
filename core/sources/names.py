"""What a person may give as a source: a link or a path; and YouTube's own ids and links."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path

from core.errors import UserError
from core.ids import is_safe
from core.links import is_youtube, url_parts
from core.text import clean

_YOUTUBE_ID_LENGTH = 11
_YOUTUBE_ID = re.compile(rf"[A-Za-z0-9_-]{{{_YOUTUBE_ID_LENGTH}}}")
_HANDLE = re.compile(r"@[\w.-]{1,60}")
_BARE_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?/\S*", re.IGNORECASE)


def is_youtube_id(id: str) -> bool:
    return _YOUTUBE_ID.fullmatch(id) is not None


def watch_url(id: str) -> str:
    return f"https://www.youtube.com/watch?v={id}"


def parse(what: str, cwd: Path | None = None) -> str | Path:
    """A link (as str) or a path of this machine (as Path). UserError for a text that is neither.

    cwd: the folder that a relative path is meant from; default: that of this process.
    """
    text = what.strip()
    if not text:
        raise UserError("nothing was given to add", "the text is empty", "give a link, a file or a folder")
    path = _at_home(text) if cwd is None else cwd / _at_home(text)
    if _exists(path):
        return path
    parts = url_parts(text) if "://" in text else None
    if parts is not None and parts.scheme.lower() == "file":
        return Path(urllib.parse.unquote(parts.path))
    if parts is not None:
        return _link(text, parts)
    if _BARE_HOST.fullmatch(text) and Path(text).suffix.lower() not in _FILE_LIKE:
        return f"https://{text}"
    raise UserError(
        f"{clean(text, 200)} is neither a link nor a file here",
        f"there is no such path, and a link begins with https:// (looked in {cwd or Path.cwd()})",
        _meant(text) or "check the spelling; links with & must stand in quotes on the command line",
    )


def _meant(text: str) -> str:
    """What to give instead of a bare id of YouTube, which could as well be a misspelled name; "" for another text."""
    if is_youtube_id(text):
        return f"if it is the id of a video: whispersmith add https://youtu.be/{text}"
    if is_safe(text) and text.startswith(("PL", "UU", "OLAK")) and len(text) > _YOUTUBE_ID_LENGTH:
        return f"if it is the id of a playlist: whispersmith add https://www.youtube.com/playlist?list={text}"
    if _HANDLE.fullmatch(text):
        return f"if it is the name of a channel: whispersmith add https://www.youtube.com/{text}"
    return ""


# Endings of recordings that would else pass for the name of a host, such as talk.mp3.
_FILE_LIKE = frozenset(
    (".mp3", ".mp4", ".m4a", ".wav", ".flac", ".ogg", ".opus", ".webm", ".mkv", ".mov", ".aac", ".srt", ".vtt", ".txt")
)


def _at_home(text: str) -> Path:
    """The path that `~` and `~name` stand for; where there is no such person the text is a name like any other."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL inside: no path of this machine
        return False


def _link(text: str, parts: urllib.parse.SplitResult) -> str:
    if parts.scheme and parts.scheme.lower() not in ("http", "https"):
        raise UserError(
            f"{clean(parts.scheme, 20)}:// links cannot be listed",
            "only http and https are understood",
            "give the https:// link of a video, a playlist, a channel or a podcast feed",
        )
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:  # a port that is no number
        host = None
    if not host or any(char.isspace() for char in text):
        raise UserError(
            f"{clean(text, 200)} is not a link", "the host is missing, or there is a space in it", "copy the link again"
        )
    return text


def youtube_parts(url: str) -> tuple[str, str]:
    """(video, list) as a YouTube link names them; "" for what it does not name.

    A "mix" (list=RD…) never ends and differs from person to person: it counts as no list.
    """
    if not is_youtube(url):
        return "", ""
    parts = urllib.parse.urlsplit(url)
    query = urllib.parse.parse_qs(parts.query)
    video, playlist = query.get("v", [""])[0] or _in_path(parts), query.get("list", [""])[0]
    if playlist.startswith("RD") or not is_safe(playlist):
        playlist = ""
    return (video if is_youtube_id(video) else ""), playlist


def _in_path(parts: urllib.parse.SplitResult) -> str:
    """The video of youtu.be/ID, /shorts/ID, /live/ID and /embed/ID; "" for another path."""
    steps = parts.path.strip("/").split("/")
    if (parts.hostname or "").endswith("youtu.be"):
        return steps[0]
    return steps[1] if len(steps) == 2 and steps[0] in ("shorts", "live", "embed", "v") else ""
