"""The server of the stand-in for YouTube: a proxy that ends TLS itself and plays every host that it lets through."""

from __future__ import annotations

import contextlib
import functools
import json
import select
import ssl
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.fakes import youtube_lists as lists
from tests.fakes import youtube_pages as pages

if TYPE_CHECKING:
    from tests.fakes.youtube import Fault, Video, YouTube

_HOSTS = ("youtube.com", "googlevideo.com", "ytimg.com")
_HTML, _JSON = "text/html; charset=utf-8", "application/json; charset=utf-8"
_BLOCK = 32_768


@functools.cache
def tls_context() -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that no one trusts, made once a process."""
    import trustme

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    names = [name for host in _HOSTS for name in (host, f"*.{host}")]
    trustme.CA().issue_cert(*names).configure_cert(context)
    return context


def _ours(host: str) -> bool:
    return any(host == known or host.endswith(f".{known}") for known in _HOSTS)


class Server(ThreadingHTTPServer):
    """Keeps what went wrong in it, so that a fault of the stand-in is not taken for one of the app."""

    daemon_threads = True

    def __init__(self, site: YouTube) -> None:
        self.crashes: list[BaseException] = []
        super().__init__(("127.0.0.1", 0), type("Bound", (Proxy,), {"site": site, "tls": tls_context()}))

    def handle_error(self, request: object, client_address: object) -> None:
        crash = sys.exc_info()[1]
        if crash is not None and not isinstance(crash, OSError):
            self.crashes.append(crash)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    site: YouTube
    tls: ssl.SSLContext

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        # Whoever has seen enough hangs up, and a killed one never says so: neither is a fault of the server.
        with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def note(self, what: str, video: str, status: int, **more: Any) -> None:
        from tests.fakes.youtube import Request

        self.site.note(Request(what, video, status, **more))

    def reply(self, status: int, body: str | bytes = b"", kind: str = _HTML) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class Proxy(_Handler):
    """What yt-dlp talks to. Behind CONNECT sits a `_Site`; anything else would have to be forwarded and is not."""

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0]
        if not _ours(host):
            self._refuse(host)
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        self.close_connection = True
        with self.tls.wrap_socket(self.connection, server_side=True, suppress_ragged_eofs=True) as secure:
            inner = type("Bound", (_Site,), {"site": self.site, "host": host})
            inner(secure, self.client_address, self.server)

    def do_GET(self) -> None:
        self._refuse(urllib.parse.urlsplit(self.path).hostname or "")

    do_HEAD = do_POST = do_GET

    def _refuse(self, host: str) -> None:
        self.note("refused", host, 502)
        self.close_connection = True
        self.reply(502, "nothing is forwarded", "text/plain")


class _Site(_Handler):
    """One connection to one host of the site."""

    host: str

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if self.host.endswith("googlevideo.com"):
            self._live(query) if url.path.endswith(".m3u8") else self._media(query)
        elif url.path == "/watch" and "v" in query:
            self._watch(query["v"], query.get("list", ""))
        elif url.path in ("/playlist", "/watch"):
            self._playlist_page(query.get("list", ""))
        elif url.path.startswith((f"/{pages.HANDLE}", f"/channel/{pages.CHANNEL_ID}")):
            self._channel_page(url.path.rstrip("/").rpartition("/")[2])
        elif url.path == "/api/timedtext":
            self._captions(query)
        else:
            self._other(url.path)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        endpoint = urllib.parse.urlsplit(self.path).path.removeprefix("/youtubei/v1/")
        if endpoint in ("player", "next"):
            self._ask(endpoint, body)
        elif endpoint == "browse":
            self._browse(str(body.get("continuation") or ""), str(body.get("browseId") or ""))
        elif endpoint == "navigation/resolve_url":
            self._resolve(str(body.get("url") or ""))
        else:
            self._other(self.path)

    def _struck(self, fault: Fault | None, what: str, video: str, **more: Any) -> bool:
        """True where a fault has answered instead."""
        if fault is None or fault.status is None:
            return False
        self.note(what, video, fault.status, **more)
        self.reply(fault.status)
        return True

    def _other(self, path: str) -> None:
        if path.startswith("/s/player/"):
            self.note("script", "", 200)
            self.reply(200, pages.SCRIPT, "text/javascript")
        elif path == "/iframe_api":
            self.note("other", path, 200)
            address = f"https://www.youtube.com{pages.SCRIPT_PATH}".replace("/", "\\/")
            self.reply(200, f"var scriptUrl = '{address}';", "text/javascript")
        elif path.startswith("/embed/") or path in ("/", "/tv"):
            self.note("other", path, 200)
            self.reply(200, pages.page("YouTube"))
        else:
            self.note("other", path, 404)
            self.reply(404)

    # A video

    def _watch(self, id: str, list_id: str) -> None:
        video = self.site.videos.get(id)
        if self._struck(self.site.strike("watch", video), "watch", id):
            return
        self.note("watch", id, 200)
        player = pages.player(self.site, video, id, "WEB")
        data = pages.watch(video, self.site.playlists.get(list_id))
        self.reply(200, pages.page(video.title if video else "YouTube", data=data, player=player))

    def _ask(self, endpoint: str, body: dict[str, Any]) -> None:
        id = str(body.get("videoId") or "")
        client = str(body.get("context", {}).get("client", {}).get("clientName", ""))
        video = self.site.videos.get(id)
        where = "player" if endpoint == "player" else "next"
        if self._struck(self.site.strike(where, video), endpoint, id, client=client):
            return
        self.note(endpoint, id, 200, client=client)
        answer = pages.player(self.site, video, id, client) if endpoint == "player" else pages.watch(video)
        self.reply(200, json.dumps(answer), _JSON)

    def _captions(self, query: dict[str, str]) -> None:
        video = self.site.videos.get(query.get("v", ""))
        asked = {"language": query.get("lang", ""), "translated": query.get("tlang", "")}
        if self._struck(self.site.strike("captions", video), "captions", query.get("v", ""), **asked):
            return
        wanted = (query.get("lang"), query.get("kind") == "asr", query.get("name", ""))
        found = next(
            (c for c in (video.captions if video else ()) if (c.language, c.automatic, c.name) == wanted), None
        )
        known = found is not None and query.get("fmt") == "json3"
        self.note("captions", query.get("v", ""), 200 if known else 404, **asked)
        if found is not None and known:
            self.reply(200, json.dumps(pages.json3(found)), _JSON)
        else:
            self.reply(404)

    # Lists

    def _playlist_page(self, id: str) -> None:
        if self._listed(id, 0):
            data = lists.playlist(self.site, self.site.playlists.get(id))
            self.reply(200, pages.page("a list", data=data))

    def _listed(self, id: str, page: int) -> bool:
        """False where a fault has answered for this page of a list."""
        found = self.site.playlists.get(id)
        if found and page and found.gate:
            found.gate.wait(60)
        if found:
            # A slow site, to be watched; tests use the gate.
            time.sleep(found.page_delay if page else found.delay)
        if self._struck(self.site.strike("list", found), "list", id, page=page):
            return False
        self.note("list", id, 200, page=page)
        return True

    def _channel_page(self, tab: str) -> None:
        tab = tab if tab in self.site.tabs() else "videos"
        self.note("channel", tab, 200)
        self.reply(200, pages.page(self.site.channel, data=lists.channel(self.site, tab)))

    def _resolve(self, url: str) -> None:
        """Where a link leads, which yt-dlp asks when the page itself was refused."""
        list_id = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query)).get("list")
        self.note("other", url, 200)
        target = {"browseId": f"VL{list_id}" if list_id else pages.CHANNEL_ID}
        self.reply(200, json.dumps({"endpoint": {"browseEndpoint": target}}), _JSON)

    def _browse(self, token: str, id: str) -> None:
        first = "tab:videos" if id == pages.CHANNEL_ID else id.removeprefix("VL")
        list_id, _, number = (token or f"{first}/0").rpartition("/")
        page = int(number)
        if list_id.startswith("tab:"):
            tab = list_id.removeprefix("tab:")
            self.note("channel", tab, 200, page=page)
            more = lists.more(lists.channel_rows(self.site, tab, page))
            answer = more if page else lists.channel(self.site, tab)
        elif not self._listed(list_id, page):
            return
        elif page:
            answer = lists.more(lists.playlist_rows(self.site, self.site.playlists[list_id], page))
        else:
            answer = lists.playlist(self.site, self.site.playlists.get(list_id))
        self.reply(200, json.dumps(answer), _JSON)

    # Sound

    def _live(self, query: dict[str, str]) -> None:
        self.note("live", "", 200)
        one = 'BANDWIDTH=700000,RESOLUTION=640x360,CODECS="avc1.4d401e,mp4a.40.2"'
        segments = "https://manifest.googlevideo.com/api/manifest/hls_playlist/itag/93/index.m3u8"
        self.reply(200, f"#EXTM3U\n#EXT-X-STREAM-INF:{one}\n{segments}\n", "application/vnd.apple.mpegurl")

    def _media(self, query: dict[str, str]) -> None:
        video, itag, client = self.site.videos.get(query.get("id", "")), int(query.get("itag", 0)), query.get("c", "")
        asked = self.headers.get("Range", "")
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, track = int(first or 0), query.get("xtags", "").removeprefix("lang=")
        about = {"client": client, "itag": itag, "track": track, "start": start, "range": asked}
        if video is None or itag not in (140, 251) or not self._solved(video, itag, client, query):
            self.note("media", query.get("id", ""), 403, **about)
            self.reply(403)
            return
        fault = self.site.strike("media", video)
        if self._struck(fault, "media", video.id, **about):
            return
        data = self.site.audio(video.id, itag, track)
        if start >= len(data):
            self.note("media", video.id, 416, **about)
            self.reply(416)
            return
        end = min(int(last) + 1 if last else len(data), len(data))
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", "audio/mp4" if itag == 140 else "audio/webm")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.end_headers()
        sent = self._send(data[start:end], video, fault) if self.command != "HEAD" else 0
        self.note("media", video.id, 206 if asked else 200, sent=sent, **about)
        self.close_connection = sent < end - start

    def _solved(self, video: Video, itag: int, client: str, query: dict[str, str]) -> bool:
        if self.site.how(client) != "cipher":
            return True
        n, signature = pages.challenge(video, itag)
        return (query.get("n"), query.get("sig")) == (pages.turned(n, 3), pages.turned(signature, 5))

    def _send(self, data: bytes, video: Video, fault: Fault | None) -> int:
        """Bytes that left. A fault cuts them short, or holds the line open in the middle."""
        end = len(data)
        for stop in (fault.cut_after, fault.hang_after) if fault else ():
            end = end if stop is None else min(end, stop)
        sent = self._pour(data[:end], video)
        if fault and fault.hang_after is not None and sent == end:
            while self.site.held(0.05):
                if select.select([self.connection], [], [], 0)[0]:
                    return sent
            sent += self._pour(data[end:], video)
        return sent

    def _pour(self, data: bytes, video: Video) -> int:
        rate = video.rate
        step = max(512, rate // 20) if rate else _BLOCK
        sent = 0
        with contextlib.suppress(OSError):
            for at in range(0, len(data), step):
                block = data[at : at + step]
                self.wfile.write(block)
                sent += len(block)
                self.site.count(video.id, len(block))
                if rate:
                    # The pace of a slow line, not a way to wait for something.
                    time.sleep(len(block) / rate)
        return sent
