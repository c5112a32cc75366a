"""Every way a listing or download is known to fail, with the words it is known by. `failures.classify` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.errors import UserError
from core.redaction import redact
from core.sources import remedies
from core.sources.remedies import UPGRADE

Retry = Literal["never", "later", "again", "now"]
"""Whether it is tried once more: never by itself, by the next fetch, by this one after a wait, by this one at once
with a new link and then as "again"."""

MINUTE_S, HOUR_S = 60.0, 3600.0


@dataclass(frozen=True)
class Failure:
    """kind: one word for the row. stops_queue: the next video would fail the same way, or make it worse.

    wait_s: how long such a stop should last before the queue goes on by itself, None where a person is needed first.
    steps: what to do about it, in order. detail: the original words, harmless for a terminal.
    """

    kind: str
    what: str
    why: str
    fix: str
    retry: Retry = "never"
    stops_queue: bool = False
    wait_s: float | None = None
    steps: tuple[str, ...] = ()
    detail: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", redact(self.detail))

    def error(self, again: str = "whispersmith fetch") -> UserError:
        """again: the command that tries it once more, where that is another than fetch."""
        return UserError(self.what, self.why, self.fix.replace("whispersmith fetch", again), self.detail)

    def as_row(self) -> dict[str, str]:
        """What a video's row keeps: the four texts of the error, its kind, and when to try again."""
        return {**self.error().as_dict(), "kind": self.kind, "retry": self.retry}


AGAIN = "try again later: whispersmith fetch"

# Kinds that a listing already shows, or that the caller knows before anything is asked.
PRIVATE = Failure(
    "private",
    "this video is private",
    "only people its owner invited can see it",
    "leave it out, or ask the owner for the file and add that",
)
GONE = Failure(
    "gone",
    "this video is no longer there",
    "it was removed, or its channel was closed",
    "leave it out",
)
LIVE = Failure(
    "live",
    "this is a live stream, not a recording yet",
    "live streams offer no audio of their own; the recording appears some hours after the end",
    "try again when it has ended: whispersmith fetch",
    "later",
)
UPCOMING = Failure(
    "upcoming",
    "this video has not been published yet",
    "it is announced for later",
    "try again after it has started: whispersmith fetch",
    "later",
)
MEMBERS = Failure(
    "members",
    "this video is for the channel's paying members",
    "it needs the login of a member",
    "leave it out, or set ytdlp.cookiefile in whispersmith.toml to the cookies of a member's login",
)
NO_AUDIO = Failure(
    "no audio",
    "no audio track is offered for this video",
    "it is a live stream, a picture, or a form that yt-dlp cannot take",
    "leave it out; if a browser plays its sound: " + UPGRADE,
)
OUTDATED = Failure(
    "outdated",
    "yt-dlp could not make sense of the site's answer",
    "most often yt-dlp is older than the site's last change, or the JavaScript runtime deno is missing",
    UPGRADE + ", then whispersmith check",
    "later",
)
UNKNOWN = Failure(
    "unknown",
    "this could not be fetched",
    "yt-dlp gave a reason that is not known here: see the detail",
    AGAIN + "; if it stays, " + UPGRADE,
    "later",
)
RATE_LIMITED = Failure(
    "rate limited",
    "the site says: too many requests",
    "it refuses this address for a while; going on would make the pause longer",
    "wait an hour or more, then whispersmith fetch; a longer fetch.pause_min_s in whispersmith.toml helps",
    "later",
    True,
    HOUR_S,
    remedies.RATE_LIMITED,
)
COUNTRY = Failure(
    "country",
    "this video is not shown in this country",
    "its owner or a rights holder limits where it can be seen",
    "leave it out, or set ytdlp.proxy in whispersmith.toml to an exit in another country",
)
PROXY = Failure(
    "proxy",
    "the proxy does not answer",
    "ytdlp.proxy in whispersmith.toml, or HTTPS_PROXY, names a proxy that cannot be reached",
    "check its address, or set ytdlp.proxy to an empty text to go without one",
    "later",
    True,
    MINUTE_S,
    remedies.PROXY,
)
REFUSED = Failure(
    "refused",
    "the server refused the audio (403)",
    "the link had expired, or yt-dlp is older than the site's last change",
    AGAIN + "; if it stays, " + UPGRADE,
    "now",
)
TIMED_OUT = Failure(
    "network",
    "the server does not answer",
    "the address cannot be reached from this machine now",
    "check the address and the network, then whispersmith fetch",
    "again",
    wait_s=MINUTE_S,
    steps=remedies.NETWORK,
)
STUCK = Failure(
    "stuck",
    "the site's page could not be worked through",
    "nothing came for minutes; most often the JavaScript runtime deno hangs",
    "whispersmith check looks at deno, then whispersmith fetch",
    "again",
)

DISK = Failure(
    "disk",
    "the file cannot be written",
    "the disk is full, or this folder is read-only",
    "make room or free the folder, then whispersmith fetch",
    "later",
    True,
    steps=remedies.DISK,
)
INCOMPLETE = Failure(
    "incomplete",
    "what came is not as long as the site promised",
    "the server ended early, or another recording was sent",
    AGAIN,
    "again",
)
SILENT = Failure(
    "silent",
    "there is no sound in what came",
    "sites send silence to machines they distrust, or the recording really is silent",
    AGAIN + "; listen to it in a browser to know which",
    "later",
)
COOKIES_OLD = Failure(
    "cookies",
    "the cookies are no longer valid",
    "YouTube has renewed or ended the login they come from; it does so after an hour to some days",
    "export cookies.txt again, or take ytdlp.cookiefile out of whispersmith.toml",
    "later",
    True,
    steps=remedies.COOKIES_OLD,
)

# (fragments of the message, failure): the first that fits counts. The words are those of yt-dlp and of YouTube.
ROWS: tuple[tuple[tuple[str, ...], Failure], ...] = (
    (
        ("not a bot",),
        Failure(
            "bot wall",
            "YouTube asks to prove that this is not a bot",
            "it does not trust this address; machines in data centres meet this first",
            "wait a day or two, or set ytdlp.proxy (another exit) or ytdlp.cookiefile in whispersmith.toml",
            "later",
            True,
            6 * HOUR_S,
            remedies.BOT_WALL,
        ),
    ),
    (
        ("Unable to download video subtitles",),
        Failure(
            "captions",
            "the captions could not be fetched",
            "the site refused them; the audio is not concerned",
            "go on without them, or try again later",
            "later",
        ),
    ),
    (("HTTP Error 429", "Too Many Requests", "rate-limited by YouTube"), RATE_LIMITED),
    (("Unable to connect to proxy", "Tunnel connection failed", "ProxyError"), PROXY),
    (
        ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed"),
        Failure(
            "certificate",
            "the server's certificate is not trusted",
            "the clock is wrong, or a proxy on the way re-signs the traffic",
            "check the date; behind such a proxy point SSL_CERT_FILE at its certificate",
            "later",
            steps=(
                "date",
                "behind a proxy that re-signs the traffic: export SSL_CERT_FILE=/path/to/its.pem",
                remedies.ON,
            ),
        ),
    ),
    (
        ("Cookies file must be Netscape", "cookies database", "CookieLoadError", "failed to load cookies"),
        Failure(
            "cookies",
            "the cookies cannot be read",
            "ytdlp.cookiefile must be a Netscape cookies.txt; over SSH there is no browser to take them from",
            "export cookies.txt again from a browser, or take the setting out of whispersmith.toml",
            "later",
            True,
            steps=remedies.COOKIES_UNREADABLE,
        ),
    ),
    (
        ("No space left", "unable to open for writing", "unable to write data", "Read-only file system", "Disk quota"),
        DISK,
    ),
    (("Private video", "This video is private"), PRIVATE),
    (("members-only", "channel's members", "only available to members"), MEMBERS),
    (
        ("confirm your age", "inappropriate for some users", "age-restricted"),
        Failure(
            "age",
            "this video is only for people who have proved their age",
            "YouTube wants a login for it",
            "leave it out, or set ytdlp.cookiefile in whispersmith.toml to the cookies of a spare account",
        ),
    ),
    (
        ("on copyright grounds", "copyright claim"),
        Failure(
            "copyright", "this video is blocked on copyright grounds", "its rights holder wants it so", "leave it out"
        ),
    ),
    (("available in your country", "in your country", "geo restriction", "geo-restricted"), COUNTRY),
    (("Premieres in", "This live event will begin", "will begin in"), UPCOMING),
    (("currently live", "live event has ended", "Offline"), LIVE),
    (
        ("playlist does not exist", "This channel does not exist", "This playlist type is unviewable"),
        Failure(
            "no list",
            "there is no such list",
            "it is private, was removed, or the link is incomplete",
            "open the link in a browser without login and copy it again",
        ),
    ),
    (
        (
            "removed by the uploader",
            "has been terminated",
            "has been removed",
            "Video unavailable",
            "no longer available",
            "HTTP Error 410",
        ),
        GONE,
    ),
    (
        ("DRM protected",),
        Failure("drm", "this video is copy-protected (DRM)", "yt-dlp does not take such videos", "leave it out"),
    ),
    (("HTTP Error 403",), REFUSED),
    (
        ("HTTP Error 404",),
        Failure(
            "not found",
            "there is nothing at this address (404)",
            "the file or page was moved or removed",
            "check the link in a browser, then add it again",
        ),
    ),
    (
        ("HTTP Error 5",),
        Failure("server", "the server has a fault of its own", "it answered with an error of the 500s", AGAIN, "again"),
    ),
    (
        (
            "more expected",
            "content too short",
            "Did not get any data",
            "Connection reset",
            "Connection broken",
            "IncompleteRead",
            "RemoteDisconnected",
            "EOF occurred",
        ),
        Failure(
            "cut off",
            "the transfer broke off",
            "the line or the server gave up several times; what has arrived is kept",
            "go on where it stopped: whispersmith fetch",
            "again",
        ),
    ),
    (
        (
            "Failed to resolve",
            "name resolution",
            "Name or service not known",
            "nodename nor servname",
            "Connection refused",
            "Network is unreachable",
            "No route to host",
            "timed out",
            "timeout",
        ),
        TIMED_OUT,
    ),
    (("Requested format is not available", "Only images are available"), NO_AUDIO),
    (("No video formats found", "Failed to extract any player response"), OUTDATED),
    (
        ("ffmpeg not found", "ffprobe and ffmpeg not found", "Postprocessing", "Conversion failed"),
        Failure(
            "ffmpeg",
            "the audio could not be put into an mp4",
            "ffmpeg is missing or failed on this file",
            "whispersmith check names the ffmpeg in use; the download is kept: whispersmith fetch",
            "later",
        ),
    ),
    (
        ("Unsupported URL", "is not a valid URL", "No suitable extractor", "no media found"),
        Failure(
            "unsupported",
            "nothing to listen to was found at this address",
            "yt-dlp knows no audio or video there",
            "give the link of a video, a playlist, a channel or a podcast feed",
        ),
    ),
)
