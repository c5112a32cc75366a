"""The loopback server behind the listening tab: one page, its events, and the sound of segments. Nothing else.

GET  /<token>/                     the page; /<token>/page.js its script
GET  /<token>/events?page=<id>     server-sent events: what the terminal asks for, and a beat while it asks for nothing
POST /<token>/report               what the page does: {"page", "state", "clip", "at_s"}; also its answer to a beat
GET  /<token>/clip/<segment>       Opus; ?form=wav for WAV, ?around=1 with a moment before and after; Range works
GET  /<token>/facts/<segment>      its title, text and peaks, for the page

It listens on 127.0.0.1 only. Who asks must know the token, must have asked for this very host (a page of another site
that resolves its own name to 127.0.0.1 has not), and may be no page of another site. Segments are named, never paths.
It runs an event loop in a thread of its own; everything public here may be called from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import math
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.listen.clips import ENCODERS, PEAKS, EncodedClips
from core.listen.connections import ConnectionLimit
from core.media.peaks import peaks_of

if TYPE_CHECKING:
    from aiohttp import web

HOSTS = ("127.0.0.1", "localhost", "[::1]")
PORT = 8737
PORTS = 20
"""So many ports are tried from the first one on; then any that is free."""
CONNECTIONS = 64
"""More at once are turned away: a page needs three."""
KEEP_ALIVE_S = 600.0
"""A connection that waits saves the next request a round trip; browsers close theirs sooner."""
HEARTBEAT_S = 10.0
SILENT_BEATS = 2.5
"""A side that has heard nothing of the other for so many beats takes the line for broken, though its connection may
stand: an ssh whose line went dead, or whose machine sleeps, says nothing for hours."""
RETRY_MS = 1000
"""So soon a page whose line broke tries again."""
BACKLOG = 32
"""Events that wait for a slow page; beyond that the oldest are dropped, since only the last request counts."""
LONGEST_REPORT = 4096


@dataclass
class Page:
    """An open tab. events: what it has not been sent yet; heard_at: when it last said something (monotonic s)."""

    id: str
    events: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(BACKLOG))
    heard_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Report:
    """What a page said last. state: ready (waits for its one click), idle, loading, playing, paused or failed.

    why: it failed, as it was told.
    """

    page: str
    state: str
    clip: str = ""
    at_s: float = 0.0
    why: str = ""


class ListenServer:
    """start() binds and returns; `port` and `token` make the address; close() ends it with every connection."""

    def __init__(
        self,
        clips: EncodedClips,
        changed: Callable[[Report | None], object] = lambda _: None,
        *,
        port: int = PORT,
        token: str = "",
    ) -> None:
        """changed(report): called in the server's thread when a page reports, comes (None) or goes (None)."""
        self.token = token or secrets.token_urlsafe(16)
        self.port = port
        self._clips = clips
        self._changed = changed
        self._pages: dict[str, Page] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="listen", daemon=True)
        self._bound = threading.Event()
        self._failure: Exception | None = None
        self._stop = asyncio.Event()
        self._last: str | None = None
        """The segment that was asked for last, for a page that opens later."""
        self._form = "opus"
        """In which the page asks for its sound."""
        self._open = 0

    # -- from any thread

    def start(self) -> None:
        """Bind the port and serve. UserError if no port can be had."""
        self._thread.start()
        self._bound.wait()
        if self._failure is not None:
            raise UserError(
                "nothing can be heard in a browser", f"no port can be opened: {self._failure}", "try again"
            ) from self._failure

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=5)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.token}/"

    @property
    def connected(self) -> bool:
        return bool(self._pages)

    def send(self, message: dict[str, Any]) -> None:
        """Ask the page (the one that was opened last) for something."""
        self._loop.call_soon_threadsafe(self._send, message)

    def encode(self, id: str, around: bool) -> None:
        """Begin to encode what a page will ask for in a moment, so that the work and the line's delay overlap."""
        self._loop.call_soon_threadsafe(lambda: self._loop.run_in_executor(None, self._encode, id, around))

    # -- in the server's thread

    def _send(self, message: dict[str, Any]) -> None:
        self._last = message.get("clip", self._last)
        for page in list(self._pages.values())[-1:]:
            self._put(page, _event(message))

    def _encode(self, id: str, around: bool) -> None:
        with contextlib.suppress(UserError, OSError):  # told to the page, when it asks
            self._clips.encoded(id, around, self._form)

    @staticmethod
    def _put(page: Page, text: str) -> None:
        while page.events.full():
            page.events.get_nowait()
        page.events.put_nowait(text)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        from aiohttp import web

        app = web.Application(middlewares=[self._guarded()], client_max_size=LONGEST_REPORT)
        base = f"/{self.token}"
        app.router.add_get(f"{base}/", partial(self._file, "page.html"))
        app.router.add_get(f"{base}/page.js", partial(self._file, "page.js"))
        app.router.add_get(f"{base}/events", self._events)
        app.router.add_post(f"{base}/report", self._report)
        app.router.add_get(base + "/clip/{id}", self._clip)
        app.router.add_get(base + "/facts/{id}", self._facts)
        # A page that is closed ends its handler at once, not only at the next beat.
        runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=KEEP_ALIVE_S, shutdown_timeout=0.5, handler_cancellation=True
        )
        await runner.setup()
        assert runner.server is not None
        connections = self._connections = ConnectionLimit(runner.server)
        try:
            server = await self._bind(connections)
        except OSError as error:
            self._failure = error
            return
        else:
            self.port = int(server.sockets[0].getsockname()[1])
        finally:
            self._bound.set()
        try:
            await self._stop.wait()
        finally:
            server.close()
            for page in self._pages.values():
                self._put(page, "")
            await runner.cleanup()

    async def _bind(self, connections: ConnectionLimit) -> asyncio.Server:
        """On the first free port from `port` on, else on any."""
        for port in (*range(self.port, self.port + PORTS), 0):
            with contextlib.suppress(OSError):
                return await self._loop.create_server(connections, "127.0.0.1", port)
        raise OSError("no port")

    def _guarded(self) -> Any:
        from aiohttp import web

        @web.middleware
        async def guarded(request: web.Request, handler: Any) -> web.StreamResponse:
            # One answer for every kind of stranger, and each costs them a connection: nothing to learn from it.
            given = request.path.split("/")[1] if "/" in request.path else ""
            knows = hmac.compare_digest(given.encode(), self.token.encode())
            if not (knows and _is_own(request.headers.getall("Host", [])) and _is_own_page(request)):
                answer = web.Response(status=404, text="nothing here\n")
                answer.force_close()
                return answer
            self._connections.settle(request.transport)
            if self._open >= CONNECTIONS:
                return web.Response(status=503, text="too many at once\n", headers={"Retry-After": "1"})
            self._open += 1
            try:
                response = await handler(request)
            except UserError as error:
                response = web.Response(status=404, text=f"{error.what}\n")
            finally:
                self._open -= 1
            return response

        return guarded

    async def _file(self, name: str, request: web.Request) -> web.Response:
        """A file of the page's own."""
        from aiohttp import web

        text = files("core.listen").joinpath(name).read_text(encoding="utf-8")
        kind = "text/html" if name.endswith(".html") else "text/javascript"
        return web.Response(text=text, content_type=kind, headers=_NO_STRANGERS)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events until the page goes. The page that comes last is the one that plays."""
        from aiohttp import web

        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        page = Page(request.query.get("page", "")[:64])
        for other in self._pages.values():
            if other.id != page.id:
                self._put(other, _event({"do": "yield"}))
        key = secrets.token_hex(8)
        self._pages[key] = page
        self._changed(None)
        if self._last is not None:
            self._put(page, _event({"do": "follow", "clip": self._last, "ahead": []}))
        try:
            await response.write(f"retry: {RETRY_MS}\n{_beat()}".encode())
            while text := await self._next_event(page):
                await response.write(text.encode())
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._pages.pop(key, None)
            self._changed(None)
        return response

    @staticmethod
    async def _next_event(page: Page) -> str:
        """What the page is to be sent next: "" to end."""
        try:
            return await asyncio.wait_for(page.events.get(), HEARTBEAT_S)
        except TimeoutError:
            return "" if time.monotonic() - page.heard_at > SILENT_BEATS * HEARTBEAT_S else _beat()

    async def _report(self, request: web.Request) -> web.Response:
        from aiohttp import web

        try:
            data = json.loads(await request.text())
            report = Report(
                str(data["page"])[:64],
                str(data["state"])[:16],
                str(data.get("clip", ""))[:300],
                _finite(data["at_s"]),
                str(data.get("why", ""))[:300],
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            return web.Response(status=400)
        for page in self._pages.values():
            if page.id == report.page:
                page.heard_at = time.monotonic()
        newest = next(reversed(self._pages.values()), None)
        if newest is None or newest.id == report.page:  # an older tab has nothing more to say
            self._changed(report)
        return web.Response(status=204)

    async def _clip(self, request: web.Request) -> web.Response:
        from aiohttp import web

        form = request.query.get("form", "opus")
        if form not in ENCODERS:
            return web.Response(status=404)
        self._form = form
        around = request.query.get("around") == "1"
        work = partial(self._clips.encoded, request.match_info["id"], around, form)
        data = await asyncio.get_running_loop().run_in_executor(None, work)
        return _ranged(request, data, ENCODERS[form][0])

    async def _facts(self, request: web.Request) -> web.Response:
        from aiohttp import web

        around = request.query.get("around") == "1"
        work = partial(self._clips.clip, request.match_info["id"], around)
        clip = await asyncio.get_running_loop().run_in_executor(None, work)
        peaks = (abs(peaks_of(clip.samples, PEAKS)).max(axis=1) * 100).round().astype(int).tolist()
        facts = {"title": clip.title, "text": clip.text, "peaks": peaks}
        return web.json_response(facts | {"lead_s": clip.lead_ms / 1000, "length_s": clip.length_ms / 1000})


def _is_own(hosts: Sequence[str]) -> bool:
    """Whether a request names this very host, once: a page that resolves its own name to 127.0.0.1 names another."""
    return len(hosts) == 1 and hosts[0].rpartition(":")[0] in HOSTS


def _is_own_page(request: web.Request) -> bool:
    """Whether it comes from no page, or from one of this host's."""
    origins = request.headers.getall("Origin", [])
    return not origins or (len(origins) == 1 and _is_own([origins[0].removeprefix("http://")]))


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is no time")
    return number


def _event(message: dict[str, Any]) -> str:
    """A message as a server-sent event."""
    return f"data: {json.dumps(message, ensure_ascii=False)}\n\n"


def _beat() -> str:
    """Says that the server is there, and after how long without a word it is not."""
    return _event({"do": "beat", "silent_ms": round(1000 * SILENT_BEATS * HEARTBEAT_S)})


_NO_STRANGERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; "
        "media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def _ranged(request: web.Request, data: bytes, kind: str) -> web.Response:
    """The bytes, or the one range that was asked for (RFC 9110): browsers seek by it."""
    from aiohttp import web

    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    try:
        wanted = request.http_range
    except ValueError:
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{len(data)}"})
    if wanted.start is None and wanted.stop is None:
        return web.Response(body=data, content_type=kind, headers=headers)
    start, stop, _ = wanted.indices(len(data))
    if start >= stop:
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
    return web.Response(status=206, body=data[start:stop], content_type=kind, headers=headers)
