"""Links as strangers write them: their parts, and whose they are."""

from __future__ import annotations

import urllib.parse

_YOUTUBE_HOSTS = ("youtube.com", "youtu.be", "youtube-nocookie.com")


def url_parts(url: str) -> urllib.parse.SplitResult:
    """The parts of a stranger's link, all empty where it is none, such as http://[x."""
    try:
        return urllib.parse.urlsplit(url)
    except ValueError:
        return urllib.parse.urlsplit("")


def is_youtube(url: str) -> bool:
    host = url_parts(url).hostname or ""
    return any(host == name or host.endswith("." + name) for name in _YOUTUBE_HOSTS)
