"""Names that are safe everywhere: what a person may give as a source, and ids made from strangers' text."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from pathlib import Path

from core.errors import UserError
from core.text import clean

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_YOUTUBE_ID_LENGTH = 11
_YOUTUBE_ID = re.compile(rf"[A-Za-z0-9_-]{{{_YOUTUBE_ID_LENGTH}}}")
_HANDLE = re.compile(r"@[\w.-]{1,60}")
_BARE_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?/\S*", re.IGNORECASE)
_YOUTUBE_HOSTS = ("youtube.com", "youtu.be", "youtube-nocookie.com")


def is_safe(id: str) -> bool:
    """True for what may be a file name, part of a segment's name, and an argument anywhere."""
    return _SAFE.fullmatch(id) is not None


def is_youtube_id(id: str) -> bool:
    return _YOUTUBE_ID.fullmatch(id) is not None


def split(url: str) -> urllib.parse.SplitResult:
    """The parts of a stranger's link, all empty where it is none, such as http://[x."""
    try:
        return urllib.parse.urlsplit(url)
    except ValueError:
        return urllib.parse.urlsplit("")


def is_youtube(url: str) -> bool:
    host = split(url).hostname or ""
    return any(host == name or host.endswith("." + name) for name in _YOUTUBE_HOSTS)


def watch_url(id: str) -> str:
    return f"https://www.youtube.com/watch?v={id}"


def short_hash(text: str, length: int = 8) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:length]


def slug(text: str, limit: int = 40) -> str:
    """The safe characters of a text, runs of others as one `-`; "" where nothing is left of it."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-_")[:limit].strip("-_")


def stable_id(name: str, identity: str) -> str:
    """An id for a recording that has none of YouTube's: its name as far as it is safe, and a hash of its identity.

    The same identity (a feed's guid, else the link) gives the same id on every machine, every time.
    """
    return "-".join(part for part in (slug(name), short_hash(identity)) if part)


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
    parts = split(text) if "://" in text else None
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
