"""A podcast on loopback, for yt-dlp's generic extractor: an RSS feed, one HTML page per episode, audio with faults.

with FeedServer(tmp_path, [Episode("one"), Episode("two", cut_at=40_000)]) as server:
    server.feed_url, server.page_url("one"), server.media_url("one"), server.audio("one")
    server.requests("media", "one")
"""

from __future__ import annotations

import base64
import contextlib
import html
import shutil
import subprocess
import threading
import time
import urllib.parse
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_KINDS = {"m4a": "audio/mp4", "mp4": "video/mp4", "mp3": "audio/mpeg"}


@dataclass
class Episode:
    """One recording. guid "" leaves the element out.

    cut_at: a transfer that starts at byte 0 breaks off there; one that asks for a later Range goes through.
    status: the audio is answered with this HTTP status, for the first `refusals` requests. rate: bytes a second.
    promised: the length the feed claims, in seconds, where it lies.
    """

    id: str
    title: str = ""
    seconds: int = 6
    guid: str | None = None
    ext: str = "m4a"
    cut_at: int | None = None
    status: int | None = None
    refusals: int = 1_000_000
    rate: int | None = None
    promised: int | None = None
    silent: bool = False


@dataclass(frozen=True)
class Request:
    """what: feed, page or media. start: first byte asked for. sent: bytes of the body that left."""

    what: str
    episode: str
    status: int
    start: int = 0
    sent: int = 0


def ffmpeg() -> str:
    if found := shutil.which("ffmpeg"):
        return found
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


def make_audio(path: Path, seconds: float, *, tone: int = 440, silent: bool = False) -> Path:
    """An audio file by the suffix of `path`: a tone in noise (a bare tone is encoded to almost nothing), or silence.

    An mp4 gets a black picture, too: a file that holds both.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sources = ["-f", "lavfi", "-i", f"sine=frequency={tone}:duration={seconds}"]
    sources += ["-f", "lavfi", "-i", f"anoisesrc=duration={seconds}:amplitude=0.05:seed={tone}"]
    chain = ["-filter_complex", "amix=inputs=2"]
    if silent:
        sources, chain = ["-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono", "-t", str(seconds)], []
    if path.suffix == ".mp4":
        sources += ["-f", "lavfi", "-i", f"color=black:size=64x64:rate=5:duration={seconds}"]
    shape = ["-ar", "48000" if path.suffix in (".webm", ".opus") else "44100", "-ac", "1"]
    subprocess.run([ffmpeg(), "-nostdin", "-loglevel", "error", "-y", *sources, *chain, *shape, str(path)], check=True)
    return path


class FeedServer:
    """The server; a context manager. `log` holds every request in order."""

    def __init__(
        self,
        folder: Path,
        episodes: list[Episode],
        *,
        feed_status: int = 200,
        audio: Path | None = None,
        name: str = "A loopback podcast",
        login: str = "",
        token: str = "",
    ) -> None:
        """audio: one file to serve as every episode, instead of making each. name: of the podcast.

        login, token: a private podcast, `me:password` and the parameter that its links hold; all else is refused."""
        self.login = login
        self.token = token
        self._one = audio
        self.name = name
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.episodes = {episode.id: episode for episode in episodes}
        self.feed_status = feed_status
        self.log: list[Request] = []
        self._lock = threading.Lock()
        self._refused: dict[str, int] = {}
        for episode in episodes if audio is None else ():
            make_audio(self.audio(episode.id), episode.seconds, tone=300 + 50 * len(episode.id), silent=episode.silent)

    def __enter__(self) -> FeedServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"site": self}))
        server.daemon_threads = True
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def base(self) -> str:
        return f"http://{self.login and self.login + '@'}127.0.0.1:{self._server.server_address[1]}"

    @property
    def query(self) -> str:
        return f"?token={self.token}" if self.token else ""

    def admits(self, path: str, authorization: str) -> bool:
        """Whether a request knows what a private podcast asks for."""
        login = "Basic " + base64.b64encode(self.login.encode()).decode()
        return (not self.login or authorization == login) and path.endswith(self.query)

    @property
    def feed_url(self) -> str:
        return f"{self.base}/feed.xml{self.query}"

    def page_url(self, episode: str) -> str:
        return f"{self.base}/page/{episode}.html{self.query}"

    def media_url(self, episode: str) -> str:
        return f"{self.base}/media/{self.audio(episode).name}{self.query}"

    def audio(self, episode: str) -> Path:
        """The file that is served for it."""
        return self._one or self.folder / f"{episode}.{self.episodes[episode].ext}"

    def requests(self, what: str | None = None, episode: str | None = None) -> list[Request]:
        with self._lock:
            return [r for r in self.log if what in (None, r.what) and episode in (None, r.episode)]

    def note(self, request: Request) -> None:
        with self._lock:
            self.log.append(request)

    def refuses(self, episode: Episode) -> bool:
        with self._lock:
            count = self._refused[episode.id] = self._refused.get(episode.id, 0) + 1
        return episode.status is not None and count <= episode.refusals

    def feed(self) -> str:
        items = "".join(self._item(episode) for episode in self.episodes.values())
        return (
            '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" '
            'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">'
            f"<channel><title>{html.escape(self.name)}</title>{items}</channel></rss>"
        )

    def _item(self, episode: Episode) -> str:
        guid = episode.id if episode.guid is None else episode.guid
        length = episode.seconds if episode.promised is None else episode.promised
        return (
            f"<item><title>{html.escape(episode.title or episode.id)}</title>"
            + (f"<guid>{html.escape(guid)}</guid>" if guid else "")
            + "<pubDate>Mon, 06 May 2024 07:08:09 GMT</pubDate>"
            f'<enclosure url="{self.media_url(episode.id)}" type="audio/mp4"/>'
            f"<itunes:duration>{length}</itunes:duration></item>"
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    site: FeedServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        # A client that has seen enough hangs up: that is its right, not a fault of the server.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not self.site.admits(self.path, self.headers.get("Authorization", "")):
            self._reply(401, "who are you", "text/plain")
            return
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        folder, _, name = path.strip("/").rpartition("/")
        episode = self.site.episodes.get(name.rpartition(".")[0])
        if path == "/feed.xml":
            self.site.note(Request("feed", "", self.site.feed_status))
            self._reply(self.site.feed_status, self.site.feed(), "application/rss+xml; charset=utf-8")
        elif episode and folder == "page":
            self.site.note(Request("page", episode.id, 200))
            title, source = html.escape(episode.title or episode.id), self.site.media_url(episode.id)
            head, body = f"<head><title>{title}</title></head>", f'<body><audio src="{source}"></audio></body>'
            self._reply(200, f"<!DOCTYPE html><html>{head}{body}</html>", "text/html; charset=utf-8")
        elif episode and folder == "media":
            self._media(episode)
        else:
            self._reply(404, "nothing here", "text/plain")

    def _reply(self, status: int, body: str, kind: str) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _media(self, episode: Episode) -> None:
        if self.site.refuses(episode):
            self.site.note(Request("media", episode.id, episode.status or 500))
            self._reply(episode.status or 500, "refused", "text/plain")
            return
        data = self.site.audio(episode.id).read_bytes()
        start, status = 0, 200
        if wanted := self.headers.get("Range"):
            start, status = int(wanted.removeprefix("bytes=").partition("-")[0]), 206
        if start >= len(data):
            self.site.note(Request("media", episode.id, 416, start))
            self._reply(416, "", "text/plain")
            return
        self.send_response(status)
        self.send_header("Content-Type", _KINDS.get(episode.ext, f"audio/{episode.ext}"))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data) - start))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        end = len(data) if start or episode.cut_at is None else min(episode.cut_at, len(data))
        sent = self._send(data[start:end], episode.rate)
        self.site.note(Request("media", episode.id, status, start, sent))
        if start + sent < len(data):
            self.close_connection = True

    def _send(self, data: bytes, rate: int | None) -> int:
        step = max(512, rate // 20) if rate else 65_536
        sent = 0
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(data), step):
                self.wfile.write(data[at : at + step])
                sent += len(data[at : at + step])
                if rate:
                    # The pace of a slow server, not a way to wait for something.
                    time.sleep(step / rate)
        return sent
