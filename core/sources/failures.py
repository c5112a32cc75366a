"""What a failed listing or download means for a person: one class, one reason, one thing to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.errors import UserError
from core.sources import remedies
from core.sources.failure_table import (
    AGAIN,
    COOKIES_OLD,
    COUNTRY,
    DISK,
    GONE,
    HOUR_S,
    INCOMPLETE,
    LIVE,
    MEMBERS,
    NO_AUDIO,
    OUTDATED,
    PRIVATE,
    PROXY,
    RATE_LIMITED,
    REFUSED,
    ROWS,
    SILENT,
    STUCK,
    TIMED_OUT,
    UNKNOWN,
    UPCOMING,
    Failure,
    Retry,
)
from core.sources.remedies import UPGRADE
from core.text import clean, plural

__all__ = [
    "AGAIN",
    "COOKIES_OLD",
    "COUNTRY",
    "DISK",
    "GONE",
    "HOUR_S",
    "INCOMPLETE",
    "LIVE",
    "MEMBERS",
    "NO_AUDIO",
    "OUTDATED",
    "PRIVATE",
    "PROXY",
    "RATE_LIMITED",
    "REFUSED",
    "SILENT",
    "STUCK",
    "TIMED_OUT",
    "UNKNOWN",
    "UPCOMING",
    "UPGRADE",
    "Failure",
    "Retry",
    "broken",
    "classify",
    "from_warnings",
    "is_permanent",
    "link_lost",
    "out_of_date",
    "unexpected",
]

COOKIES_ENDED = "cookies are no longer valid"
"""What yt-dlp warns of, at every request, once the login of a cookie file has ended."""

_LOGIN_WANTED = frozenset(("bot wall", "age", "members"))


def classify(error: BaseException, warnings: Sequence[str] = ()) -> Failure:
    """What went wrong. warnings: what yt-dlp warned of for this video, since its error may hide the cause.

    A refused YouTube page ends as "Failed to extract any player response"; that it was a 429 stands in
    the warnings only, and so does that a login has ended.
    """
    from yt_dlp.utils import ExtractorError, GeoRestrictedError

    inner = _inner(error)
    detail = clean(str(error), 1000)
    if isinstance(inner, GeoRestrictedError):
        where = clean(", ".join((inner.countries or [])[:10]))
        why = f"it is shown only in {where}" if where else COUNTRY.why
        return replace(COUNTRY, why=why, detail=detail)
    said = _row(_words(error, inner))
    hint = from_warnings(warnings)
    if said is None or said.kind == "outdated":
        said = hint if hint is not None and hint.stops_queue else said
    if said is None and getattr(inner, "status", None) == 429:
        said = RATE_LIMITED
    if said is None and isinstance(inner, ExtractorError) and not inner.expected:
        said = OUTDATED
    if said is None:
        said = hint or UNKNOWN
    if said.kind in _LOGIN_WANTED and any(COOKIES_ENDED in line for line in warnings):
        said = COOKIES_OLD
    notes = "".join(f" | {clean(line, 300)}" for line in warnings[-5:])
    return replace(said, detail=clean(detail + notes, 1000))


def from_warnings(warnings: Sequence[str]) -> Failure | None:
    """What yt-dlp only warned of, where it was told to go on without formats; None for nothing known."""
    found = _row("\n".join(_straight(line) for line in warnings))
    return found and replace(found, detail=clean(" | ".join(warnings[-5:]), 1000))


def broken(error: UserError) -> Failure:
    """A file that came whole but is no recording: what the probe said of it."""
    return Failure("broken", error.what, error.why, AGAIN, "later", detail=clean(error.detail, 1000))


def link_lost(error: UserError) -> Failure:
    """A link whose password or token is not in the vault."""
    return Failure("link lost", error.what, error.why, error.fix)


def unexpected(error: Exception) -> Failure:
    """What an extractor raised that is no error of yt-dlp's: strangers' code may raise anything."""
    return replace(OUTDATED, detail=clean(f"{type(error).__name__}: {error}", 1000))


def out_of_date(failure: Failure, version: str, days: int) -> Failure:
    """Why the queue stops when two videos in a row made no sense: their common cause is here, not on the site."""
    return replace(
        failure,
        what="yt-dlp is probably out of date",
        why=f"two videos in a row made no sense to it; yt-dlp {version} is {plural(days, 'day')} old",
        fix=UPGRADE,
        stops_queue=True,
        wait_s=None,
        steps=remedies.OUTDATED,
    )


def is_permanent(error: Mapping[str, str] | None) -> bool:
    """True for the error of a row (`Failure.as_row`) that is never tried again by itself, only when it is named."""
    return (error or {}).get("retry") == "never"


def _inner(error: BaseException) -> BaseException:
    """The cause that yt-dlp's DownloadError wraps, else the error itself."""
    return (getattr(error, "exc_info", None) or (None, None))[1] or error


def _words(error: BaseException, inner: BaseException) -> str:
    names = f"{type(inner).__name__} {type(getattr(inner, 'cause', None)).__name__}"
    return _straight(f"{error}\n{inner}\n{names}")


def _straight(text: str) -> str:
    # YouTube writes curly apostrophes in some messages and straight ones in others.
    return re.sub("[\u2018\u2019]", "'", text)


def _row(text: str) -> Failure | None:
    for fragments, failure in ROWS:
        if any(fragment in text for fragment in fragments):
            return failure
    return None
