"""What a link holds: the rows of a playlist, channel, feed or page, one after the other as they arrive."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.clock import now_ms
from core.errors import UserError
from core.ids import is_safe, stable_id
from core.links import url_parts
from core.redaction import redact_title
from core.sources import failures, names
from core.sources.failures import Failure
from core.sources.licence import facts, licence
from core.sources.ytdlp import REFERENCES, follow_redirects
from core.store.records import Video
from core.text import clean
from core.vault import Vault

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

# A channel's tabs hold lists; a list of lists of lists is a loop.
_DEPTH = 4
_LISTS = frozenset({"YoutubeTab", "YoutubePlaylist"})
_PRIVATE, _DELETED = "[Private video]", "[Deleted video]"
PLACEHOLDERS = (_PRIVATE, _DELETED)
"""What YouTube's lists write in place of the title of a video that they do not show."""


@dataclass(frozen=True)
class Listing:
    """url: what identifies the source. kind: playlist, channel, video or feed. wanted: the id a link pointed at.

    rows: made while it is read, page by page; may raise yt_dlp's YoutubeDLError half-way. count: how many there are
    as the list itself says, hidden ones included; None where it says nothing.
    """

    url: str
    kind: str
    title: str
    rows: Iterator[Video]
    wanted: str = ""
    count: int | None = None


def list_source(url: str, ydl: YoutubeDL) -> Listing:
    """Open a link. ydl: made with `detail_options`, so that one call serves every kind of link.

    `watch?v=X&list=Y` is the playlist Y with X wanted. Raises yt_dlp's YoutubeDLError (see `failures.classify`)
    and UserError where nothing is there.
    """
    wanted, playlist = names.youtube_parts(url)
    if wanted:
        # One form for youtu.be, shorts and the rest: yt-dlp does not take every one of them with a list.
        url = names.watch_url(wanted) + (f"&list={playlist}" if playlist else "")
    info = _resolve(ydl, url)
    kind = _kind(info)
    title = clean(info.get("title") or info.get("id"), 300)
    if kind == "video":
        row = _row(info, 0, {})
        return Listing(row.url or url, kind, title or row.id, iter([row]), row.id)
    count = info.get("playlist_count")
    rows = _with_wanted(_rows(ydl, info), ydl, wanted)
    return Listing(_canonical(info, url), kind, title, rows, wanted, count if isinstance(count, int) else None)


def _resolve(ydl: YoutubeDL, url: str, key: str | None = None) -> dict[str, Any]:
    """The info behind a link, through every redirection."""
    info = follow_redirects(lambda url, key: ydl.extract_info(url, download=False, process=False, ie_key=key), url, key)
    if info is not None:
        return info
    raise failures.classify(ValueError(f"Unsupported URL: {url}")).error()


def _kind(info: Mapping[str, Any]) -> str:
    if info.get("_type", "video") not in ("playlist", "multi_video"):
        return "video"
    if info.get("extractor_key") in _LISTS:
        id = str(info.get("id") or "")
        return "channel" if id.startswith(("UC", "@")) and not id.startswith("UULF") else "playlist"
    return "feed" if info.get("extractor_key") == "Generic" else "playlist"


def _canonical(info: Mapping[str, Any], url: str) -> str:
    """One address per list, however it was reached: adding it again must find the same source."""
    id = str(info.get("id") or "")
    if info.get("extractor_key") in _LISTS and id.startswith(("PL", "UU", "OL", "FL")) and is_safe(id):
        return f"https://www.youtube.com/playlist?list={id}"
    return clean(str(info.get("webpage_url") or url), 4000)


def _with_wanted(rows: Iterator[Video], ydl: YoutubeDL, wanted: str) -> Iterator[Video]:
    """The rows, and at their end the video that the link pointed at, if it is not in its list (any more)."""
    from yt_dlp.utils import DownloadCancelled, YoutubeDLError

    position = 0
    for row in rows:
        position += 1
        wanted = "" if row.id == wanted else wanted
        yield row
    if not wanted:
        return
    try:
        info = _resolve(ydl, names.watch_url(wanted))
    except DownloadCancelled:
        raise
    except (YoutubeDLError, UserError):
        # The list is whole without it; only what made it special is lost.
        return
    yield _row(info, position, {})


def _rows(ydl: YoutubeDL, info: Mapping[str, Any], *, depth: int = 0) -> Iterator[Video]:
    seen: set[str] = set()
    for entry, above in _entries(ydl, info, depth):
        row = _row(entry, len(seen), above)
        if row.id not in seen:
            seen.add(row.id)
            yield row


def _entries(
    ydl: YoutubeDL, info: Mapping[str, Any], depth: int
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """(entry, its list) of every recording, nested lists flattened: a channel's tabs are lists inside its list.

    A list that fails does not hide the ones behind it, unless the site refuses everything; it is raised at the end.
    """
    from yt_dlp.utils import DownloadCancelled, YoutubeDLError

    missed: YoutubeDLError | UserError | None = None
    for entry in info.get("entries") or ():
        if not entry:
            continue
        nested = entry.get("_type") in ("playlist", "multi_video")
        named = entry.get("_type") in REFERENCES and entry.get("ie_key") in _LISTS
        if not (nested or named):
            yield entry, info
        elif depth < _DEPTH:
            try:
                below = _resolve(ydl, entry["url"], entry.get("ie_key")) if named else entry
                yield from _entries(ydl, below, depth + 1)
            except DownloadCancelled:
                raise
            except (YoutubeDLError, UserError) as error:
                if isinstance(error, YoutubeDLError) and failures.classify(error).stops_queue:
                    raise
                missed = missed or error
    if missed is not None:
        raise missed


def _row(entry: Mapping[str, Any], position: int, above: Mapping[str, Any]) -> Video:
    """One recording as it is stored. above: the list it stands in, whose title serves as a feed's channel."""
    found = facts(entry)
    id, url = _identity(entry, above)
    found.setdefault("title", id)
    if above.get("extractor_key") == "Generic":
        found.setdefault("channel", clean(above.get("title"), 200))
        found.setdefault("channel_url", clean(above.get("webpage_url"), 500))
    if _whole(entry):
        found["licence"] = licence(entry)
        # The page of a video was read: the one request that tells more than a list is made.
        found["asked"] = now_ms() if found["licence"] != "unknown" else None
    row = Video(id=id, position=position, url=url, **found)
    failure = state_of(entry)
    return row if failure is None else failed(row, failure)


def _whole(entry: Mapping[str, Any]) -> bool:
    """A flat entry of a list tells nothing of the licence, and must not pass for a page without one."""
    return entry.get("_type", "video") == "video"


def _identity(entry: Mapping[str, Any], above: Mapping[str, Any]) -> tuple[str, str]:
    """(id, link). YouTube's id as it is; every other site's made safe and unique."""
    id = str(entry.get("id") or "")
    key = str(entry.get("ie_key") or entry.get("extractor_key") or "")
    if key == "Youtube" and names.is_youtube_id(id):
        return id, names.watch_url(id)
    url, guid = _unsmuggle(_link(entry, above))
    url = clean(url, 4000)
    if key not in ("", "Generic", "HTML5MediaEmbed") and id:
        # A site with ids of its own.
        return stable_id(f"{key.lower()}-{id}", f"{key} {id}"), url
    stem = urllib.parse.unquote(url_parts(url).path.rstrip("/").rpartition("/")[2]).partition(".")[0]
    identity = f"{_host(above)} {guid}" if guid else url
    return stable_id(stem or id, identity), url


def _link(entry: Mapping[str, Any], above: Mapping[str, Any]) -> str:
    if entry.get("_type") in REFERENCES:
        return str(entry["url"])
    page = entry.get("webpage_url")
    if page and page != above.get("webpage_url"):
        return str(page)
    # One of several recordings on a page: only the file itself tells them apart.
    formats = entry.get("formats") or [entry]
    return str(formats[-1].get("url") or page or "")


def _unsmuggle(url: str) -> tuple[str, str]:
    """yt-dlp hides a feed's guid behind the link of its enclosure."""
    from yt_dlp.utils import unsmuggle_url

    clear, hidden = unsmuggle_url(url, {})
    return clear, str((hidden or {}).get("force_videoid") or "")


def _host(above: Mapping[str, Any]) -> str:
    return url_parts(str(above.get("webpage_url") or "")).hostname or ""


def state_of(entry: Mapping[str, Any]) -> Failure | None:
    """Why a row cannot be fetched, as far as a listing shows it."""
    title, availability = entry.get("title"), entry.get("availability")
    if title == _PRIVATE or availability == "private":
        return failures.PRIVATE
    if title == _DELETED:
        return failures.GONE
    if availability in ("subscriber_only", "premium_only"):
        return failures.MEMBERS
    if entry.get("live_status") == "is_upcoming":
        return failures.UPCOMING
    if entry.get("live_status") in ("is_live", "post_live"):
        return failures.LIVE
    return None


def failed(row: Video, failure: Failure) -> Video:
    """The row with its reason, so that whoever shows it need not try."""
    return replace(row, state="failed", error=failure.as_row())


def sealed(row: Video, vault: Vault) -> Video:
    """The row as it is stored: passwords and tokens of its links are in the vault."""
    links = {name: vault.seal(getattr(row, name)) for name in ("url", "channel_url")}
    return replace(row, **links, title=redact_title(row.title), channel=redact_title(row.channel))


def nothing_found(url: str) -> UserError:
    return UserError(
        f"{clean(url, 200)} lists nothing",
        "it is empty, or everything in it is hidden",
        "open the link in a browser without login to see what others see",
    )
