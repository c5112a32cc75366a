"""YouTube on loopback, as far as yt-dlp reads it; the extractor stays as it is and comes here through a proxy.

    talks = [Video("abcdefghijk", "A talk")]
    with YouTube(folder, talks, [Playlist("PLaaaaaaaaaaaa", "Talks", ["abcdefghijk"])]) as site:
        create(tmp_path / "ws", config_text=site.toml())
        site.playlist_url("PLaaaaaaaaaaaa"), site.watch_url("abcdefghijk"), site.channel_url
        site.requests("media", "abcdefghijk"), site.audio("abcdefghijk")

What it proves is this app, not yt-dlp against the real site. Nothing is forwarded: a strange host is answered 502.
"""

from __future__ import annotations

import threading
import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tomlkit

from tests.fakes import youtube_pages as pages
from tests.fakes.feed import ffmpeg
from tests.fakes.youtube_audio import encode
from tests.fakes.youtube_server import Server

CC_BY = "Creative Commons Attribution license (reuse allowed)"
STANDARD = ""
"""The standard licence has no row on the page."""

CHANNEL = "A loopback channel"
CUES: tuple[tuple[float, float, str], ...] = (
    (0.0, 2.0, "各位同學大家好"),
    (2.0, 2.0, "今天我們來看第一個例子"),
    (4.0, 2.0, "接下來請看下一頁"),
)

HOSTILE = {
    "control": "bell\x07 back\x08space tab\tnull\x00 delete\x7f c1\x9b31m",
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;a new title\x07 \x1b[2J\x1b[H",
    "bidi": "\u202egnp.exe\u202c \u2066isolated\u2069 \u200fmark",
    "newlines": "one\ntwo\r\nthree\u2028four\u2029five\x85six",
    "markup": "[red]red[/red] [/] [bold] [link=file:///etc/passwd]x[/link] [@click=app.quit]y[/]",
    "long": "長" * 5_000 + "x" * 5_000,
    "empty": "",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301\u0327\u0308 Z\u0351\u0352\u0353\u0354\u0355a\u0360lgo 日本語",
    "path": "../../../etc/passwd\x00 C:\\con.mp4 ~/x $(reboot) `id` -rf",
    "html": "</script><script>alert(1)</script> &amp; <b>",
}
"""Titles and names of channels as strangers may choose them, by what is wrong with them."""

Where = Literal["watch", "next", "player", "all", "captions", "media", "list"]


@dataclass
class Fault:
    """What goes wrong at the visits skip+1 to skip+times of a place; times None: from then on always.

    where: watch, next, player, captions, media of a video; "all" for the first three together; list of a playlist,
    each of whose pages is a visit, the first one two (yt-dlp asks for it again, with what is hidden). next and player
    count by the watch page, since yt-dlp asks several clients at each try. status: the answer (200: an empty one).
    cut_after: media only, the line breaks after so many bytes. hang_after: media only, nothing more comes after so
    many bytes until `YouTube.release` or the client hangs up.
    """

    where: Where
    status: int | None = None
    cut_after: int | None = None
    hang_after: int | None = None
    skip: int = 0
    times: int | None = 1


@dataclass
class Caption:
    """cues: (start, length, text), in seconds. automatic: heard by a machine. name: of a second track in a language."""

    language: str
    cues: Sequence[tuple[float, float, str]] = CUES
    automatic: bool = False
    name: str = ""


@dataclass
class Track:
    """One spoken language of a video. id: as YouTube's, "zh-TW.4" for the original, "en-US.3" for a dub."""

    id: str
    name: str
    default: bool = False
    channels: int = 1
    tone: int = 440


@dataclass
class Video:
    """state: a key of youtube_pages.STATES. promised: the length the pages claim, in seconds, where it lies.

    The sound is a tone in noise, encoded once for all videos of the same length, tone and kind; audio: bytes to serve
    instead. rate: bytes a second. opus: itag 251 is offered, too. tab: where the channel shows it. captions_hidden:
    the web page's captions need a token that yt-dlp does not have; other clients are shown them.
    """

    id: str
    title: str = "A talk"
    seconds: int = 6
    licence: str = CC_BY
    state: str = "ok"
    channel: str = CHANNEL
    date: str = "2024-05-06"
    captions: list[Caption] = field(default_factory=list)
    captions_hidden: bool = False
    tracks: list[Track] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    promised: int | None = None
    silent: bool = False
    tone: int = 440
    rate: int | None = None
    audio: bytes | None = None
    opus: bool = False
    tab: Literal["videos", "streams", "shorts"] = "videos"

    @property
    def claimed(self) -> int:
        return self.seconds if self.promised is None else self.promised


@dataclass
class Playlist:
    """layout: "lockup" (since 2025) or "classic". error: the site's words where there is no such list.

    gate: every page after the first waits until it is set. delay, page_delay: seconds before the first and before
    each later page, for watching by eye.
    """

    id: str
    title: str
    videos: list[str]
    layout: Literal["lockup", "classic"] = "lockup"
    page_size: int = 100
    error: str = ""
    faults: list[Fault] = field(default_factory=list)
    gate: threading.Event | None = None
    delay: float = 0.0
    page_delay: float = 0.0


@dataclass(frozen=True)
class Request:
    """what: watch, next, player, captions, media, list, channel, script, live, other, or refused (a strange host).

    video: its id, or the list's. start: first byte asked for; sent: bytes of the body that left (media).
    page: of a list, from 0. language, translated: of captions; the second is what machine translation was asked for.
    """

    what: str
    video: str
    status: int
    client: str = ""
    itag: int = 0
    track: str = ""
    start: int = 0
    range: str = ""
    sent: int = 0
    page: int = 0
    language: str = ""
    translated: str = ""


def many(count: int, *, prefix: str = "v", **more: Any) -> list[Video]:
    """`count` videos numbered in their ids and titles. They share one encoded sound."""
    width = 11 - len(prefix)
    return [Video(f"{prefix}{number:0{width}d}", f"Talk {number}", **more) for number in range(count)]


class YouTube:
    """The site. `log` holds every request in order, a transfer when it has ended; see `sent` for what is under way.

    videos, playlists, wall (every player asks for a login), serve and channel (its name) may be changed while it runs.
    folder: where encoded sound is kept; give the same one to several sites and nothing is encoded twice.
    serve: how a client of the player is answered: "direct", "cipher" (signature and n must be solved by the player's
    script, else the sound is 403), "sabr" (no links), "bot". Every other client gets "direct".
    """

    def __init__(self, folder: Path, videos: Iterable[Video], playlists: Iterable[Playlist] = ()) -> None:
        self.folder = folder
        self.videos = {video.id: video for video in videos}
        self.playlists = {playlist.id: playlist for playlist in playlists}
        self.serve = {"WEB": "sabr", "MWEB": "sabr"}
        self.wall = False
        self.page_size = 30
        self.channel = CHANNEL
        self.log: list[Request] = []
        self._lock = threading.Lock()
        self._encoding = threading.Lock()
        self._sent: dict[str, int] = {}
        self._visits: dict[tuple[str, str], int] = {}
        self._go = threading.Event()

    def __enter__(self) -> YouTube:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._server = Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()
        for playlist in self.playlists.values():
            if playlist.gate:
                playlist.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        if self._server.crashes and exc[0] is None:
            raise self._server.crashes[0]

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def watch_url(self, id: str) -> str:
        return f"https://www.youtube.com/watch?v={id}"

    def playlist_url(self, id: str) -> str:
        return f"https://www.youtube.com/playlist?list={id}"

    @property
    def channel_url(self) -> str:
        return f"https://www.youtube.com/{pages.HANDLE}"

    def toml(self, *, fetch: dict[str, Any] | None = None, ytdlp: dict[str, Any] | None = None, **tables: Any) -> str:
        """A whispersmith.toml that leads here and waits for nothing; what is given is laid over it."""
        pauses = ("pause_min_s", "pause_max_s", "request_pause_s", "retry_wait_s")
        return tomlkit.dumps(
            {
                "fetch": {**dict.fromkeys(pauses, 0.0), "lookups_per_hour": 0, **(fetch or {})},
                "ytdlp": {
                    "proxy": self.proxy,
                    "nocheckcertificate": True,
                    "cachedir": False,
                    "retries": 0,
                    "extractor_retries": 0,
                    **(ytdlp or {}),
                },
                **tables,
            }
        )

    def requests(self, what: str | None = None, video: str | None = None) -> list[Request]:
        with self._lock:
            return [r for r in self.log if what in (None, r.what) and video in (None, r.video)]

    def asked(self, what: str) -> list[str]:
        """Ids in the order in which they were asked for, repeats left out."""
        return list(dict.fromkeys(request.video for request in self.requests(what)))

    def sent(self, id: str) -> int:
        """Bytes of a video's sound that have left until now."""
        with self._lock:
            return self._sent.get(id, 0)

    def forget(self) -> None:
        """Empty the log."""
        with self._lock:
            self.log.clear()

    def release(self) -> None:
        """Let go what `hang_after` holds."""
        self._go.set()

    def audio(self, id: str, itag: int = 140, track: str = "") -> bytes:
        """What is served, whole."""
        video = self.videos[id]
        if video.audio is not None:
            return video.audio
        tone = next((spoken.tone for spoken in video.tracks if spoken.id == track), video.tone)
        with self._encoding:
            return encode(self.folder, ffmpeg(), itag, video.seconds, tone, video.silent)

    # What the server asks.

    def note(self, request: Request) -> None:
        with self._lock:
            self.log.append(request)

    def strike(self, where: Where, owner: Video | Playlist | None) -> Fault | None:
        """The fault that meets this visit, which is counted."""
        if owner is None:
            return None
        with self._lock:
            self._visits[where, owner.id] = self._visits.get((where, owner.id), 0) + 1
            counted = "watch" if where in ("next", "player") else where
            visit = max(1, self._visits.get((counted, owner.id), 0))
        places = (where, "all") if where in ("watch", "next", "player") else (where,)
        for fault in owner.faults:
            last = visit if fault.times is None else fault.skip + fault.times
            if fault.where in places and fault.skip < visit <= last:
                return fault
        return None

    def count(self, id: str, sent: int) -> None:
        with self._lock:
            self._sent[id] = self._sent.get(id, 0) + sent

    def held(self, seconds: float) -> bool:
        """Wait a little; True while `release` has not been called."""
        return not self._go.wait(seconds)

    def shown(self, tab: str) -> list[Video]:
        """What the channel shows on a tab."""
        return [video for video in self.videos.values() if video.tab == tab and not pages.STATES[video.state].hidden]

    def tabs(self) -> list[str]:
        return [tab for tab in ("videos", "shorts", "streams") if tab == "videos" or self.shown(tab)]

    def how(self, client: str) -> str:
        return "bot" if self.wall else self.serve.get(client, "direct")

    def media_url(self, video: Video, itag: int, client: str, track: Track | None) -> str:
        query = {"id": video.id, "itag": itag, "c": client}
        if track:
            query["xtags"] = f"lang={track.id}"
        return "https://r1---sn-loopback.googlevideo.com/videoplayback?" + urllib.parse.urlencode(query)
