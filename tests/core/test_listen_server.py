"""The server behind the listening tab, asked by a real HTTP client: what it gives to the page, and to nobody else."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import threading
import time
from collections.abc import Iterator

import aiohttp
import pytest
import soundfile

from core.errors import UserError
from core.listen import server as listen
from core.listen.clips import EncodedClips, SegmentClip
from core.listen.server import ListenServer, Report
from tests.core.listen_kit import IDS, load, noise, serving


@pytest.fixture
def server() -> Iterator[ListenServer]:
    with serving() as found:
        yield found


NOT_A_TIME = '{"page": "a", "state": "playing", "at_s": NaN}'


def raw(server: ListenServer, request: str) -> bytes:
    """One request as it stands, over a plain socket: no client tidies the path or the headers."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(request.replace("\n", "\r\n").encode("utf-8", "surrogateescape"))
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    return answer


def get(server: ListenServer, path: str, host: str | None = None, more: str = "") -> bytes:
    host = f"127.0.0.1:{server.port}" if host is None else host
    return raw(server, f"GET {path} HTTP/1.1\nHost: {host}\nConnection: close\n{more}\n")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_the_page_and_the_sound_of_a_segment(server: ListenServer) -> None:
    base = f"/{server.token}"
    page = get(server, f"{base}/")
    assert status(page) == 200
    assert b"Enable sound" in page
    assert b"default-src 'none'" in page
    script = get(server, f"{base}/page.js")
    assert status(script) == 200
    assert b"text/javascript" in script
    for form, kind in (("opus", b"audio/ogg"), ("wav", b"audio/wav")):
        answer = get(server, f"{base}/clip/{IDS[0]}?form={form}")
        assert status(answer) == 200
        assert kind in answer
        samples, rate = soundfile.read(io.BytesIO(answer.partition(b"\r\n\r\n")[2]))
        assert len(samples) / rate == pytest.approx(10.0, abs=0.05)
    around = get(server, f"{base}/clip/{IDS[0]}?form=wav&around=1").partition(b"\r\n\r\n")[2]
    assert soundfile.info(io.BytesIO(around)).duration == pytest.approx(13.0)


def test_a_segment_is_at_most_forty_kilobytes_on_the_line(server: ListenServer) -> None:
    assert len(get(server, f"/{server.token}/clip/{IDS[0]}")) <= 40_000


def test_a_name_in_chinese_is_a_name(server: ListenServer) -> None:
    answer = get(server, f"/{server.token}/facts/%E5%8D%83%E5%8D%83_16_26")
    assert status(answer) == 200
    facts = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert facts["text"] == "大家好 <b>我是</b>"
    assert len(facts["peaks"]) == listen.PEAKS
    assert max(facts["peaks"]) == round(100 * 8000 / 32768)
    assert (facts["lead_s"], facts["length_s"]) == (0, 10)


def test_ranges(server: ListenServer) -> None:
    path = f"/{server.token}/clip/{IDS[0]}?form=wav"
    whole = get(server, path).partition(b"\r\n\r\n")[2]
    for wanted, expected in (("0-43", whole[:44]), ("100-", whole[100:]), ("-10", whole[-10:]), ("5-5", whole[5:6])):
        answer = get(server, path, more=f"Range: bytes={wanted}\n")
        assert status(answer) == 206, wanted
        assert answer.partition(b"\r\n\r\n")[2] == expected
    for wanted in (f"{len(whole)}-", "9-3", "x-y"):
        assert status(get(server, path, more=f"Range: bytes={wanted}\n")) == 416, wanted


def test_who_does_not_know_the_token_learns_nothing(server: ListenServer) -> None:
    known = {
        get(server, path).partition(b"\r\n\r\n")[2]
        for path in ("/", "/x/", "/x/events", f"/{server.token[:-1]}/", "/%ff%fe/", "/%ed%a0%80/", "/%E4%BB%A4/")
    }
    assert known == {b"nothing here\n"}
    assert status(get(server, f"/{server.token.swapcase()}/clip/{IDS[0]}")) == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "", "[::1"])
def test_another_host_is_a_page_that_rebinds_its_name(server: ListenServer, host: str) -> None:
    answer = get(server, f"/{server.token}/", host.format(port=server.port))
    assert status(answer) in (400, 404)
    assert b"Enable" not in answer


@pytest.mark.parametrize("host", ["localhost:{port}", "[::1]:{port}", "127.0.0.1:{port}"])
def test_the_names_of_this_machine_are_its_own(server: ListenServer, host: str) -> None:
    assert status(get(server, f"/{server.token}/", host.format(port=server.port))) == 200


@pytest.mark.parametrize(
    "path",
    [
        "/clip/../../../etc/passwd",
        "/clip/..%2f..%2fetc%2fpasswd",
        "/clip/%2fetc%2fpasswd",
        "/clip/talk_0_10%00",
        "/clip/talk_0_10.wav",
        "/clip/",
        "/page.html",
        "/page.js/../page.html",
        "/../page.js",
        "/clip/talk_0_10?form=exe",
        "//clip/talk_0_10",
    ],
)
def test_paths_lead_nowhere(server: ListenServer, path: str) -> None:
    assert status(get(server, f"/{server.token}{path}")) == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
def test_only_what_the_page_does_is_answered(server: ListenServer, method: str) -> None:
    """And no other site's page is ever told that it may read the answer."""
    head = f"Host: localhost:{server.port}\nOrigin: http://evil.example\nConnection: close\nContent-Length: 0\n\n"
    answer = raw(server, f"{method} /{server.token}/clip/{IDS[0]} HTTP/1.1\n{head}")
    assert status(answer) in (400, 404, 405)
    assert b"access-control" not in answer.lower()
    stranger = raw(server, f"{method} /{'x' * 22}/report HTTP/1.1\n{head}")
    assert status(stranger) in (400, 404)


def test_endless_heads_and_lines_are_cut_short(server: ListenServer) -> None:
    path = f"/{server.token}/"
    assert status(get(server, path, more=f"X: {'x' * 100_000}\n")) == 400
    assert status(get(server, path + "x" * 100_000)) in (400, 414)
    assert status(get(server, path)) == 200


def test_reports_are_taken_or_refused() -> None:
    heard: list[Report | None] = []
    with serving(changed=heard.append) as server:

        def post(body: str) -> int:
            head = f"POST /{server.token}/report HTTP/1.1\nHost: localhost:{server.port}\nConnection: close\n"
            return status(raw(server, f"{head}Content-Length: {len(body.encode())}\n\n{body}"))

        assert post('{"page": "a", "state": "playing", "clip": "talk_0_10", "at_s": 1.5}') == 204
        assert heard == [Report("a", "playing", "talk_0_10", 1.5)]
        assert post('{"page": "a", "state": "failed", "at_s": 0, "why": "' + "w" * 999 + '"}') == 204
        assert heard.pop() == Report("a", "failed", "", 0.0, "w" * 300)
        for bad in ("", "[]", "{}", '{"page": 1}', "[" * 4000, '{"page":"a","state":"b","at_s":"x"}', NOT_A_TIME):
            assert post(bad) == 400, bad[:20]
        assert post('"' + "x" * 10_000 + '"') == 413
        assert len(heard) == 1


async def test_the_newest_page_plays_and_the_older_one_is_told() -> None:
    with serving() as server:
        async with aiohttp.ClientSession() as session:
            first = await session.get(f"{server.address}events?page=one")
            await _until(lambda: server.connected)
            server.send({"do": "play", "clip": IDS[0]})
            assert await _next(first) == {"do": "play", "clip": IDS[0]}
            second = await session.get(f"{server.address}events?page=two")
            assert await _next(first) == {"do": "yield"}
            assert await _next(second) == {"do": "follow", "clip": IDS[0], "ahead": []}
            server.send({"do": "pause"})
            assert await _next(second) == {"do": "pause"}
            second.close()
            first.close()
            # A page that has gone is noticed at the next word to it.
            await _until(lambda: (server.send({"do": "pause"}), not server.connected)[1])


async def test_a_slow_reader_holds_up_nobody_and_gets_the_last_word() -> None:
    with serving() as server:
        async with aiohttp.ClientSession() as session:
            slow = await session.get(f"{server.address}events?page=slow")
            await _until(lambda: server.connected)
            for number in range(20_000):
                server.send({"do": "rate", "rate": number, "padding": "x" * 200})
            began = time.monotonic()
            async with session.get(f"{server.address}clip/{IDS[0]}") as answer:
                assert answer.status == 200
            assert time.monotonic() - began < 10
            while (await _next(slow))["rate"] != 19_999:
                continue
            slow.close()


async def test_who_never_takes_what_it_asked_for_holds_up_nobody() -> None:
    """Fifty readers of a megabyte each that read nothing, beside one that does."""
    long = noise(30.0, 1)
    clips = EncodedClips(lambda id, around: SegmentClip(id, long))
    server = ListenServer(clips, port=0)
    server.start()
    slow: list[socket.socket] = []
    try:
        for _ in range(50):
            line = socket.create_connection(("127.0.0.1", server.port))
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            head = f"HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n"
            line.sendall(f"GET /{server.token}/clip/a?form=wav {head}".encode())
            assert line.recv(12) == b"HTTP/1.1 200"
            slow.append(line)
        async with aiohttp.ClientSession() as session, session.get(f"{server.address}clip/a?form=wav") as answer:
            assert answer.status == 200
            assert len(await answer.read()) == 44 + 2 * len(long)
    finally:
        for line in slow:
            line.close()
        await asyncio.to_thread(server.close)


async def test_two_hundred_connections_that_say_nothing_are_borne() -> None:
    """Half of them have begun to say something."""
    with serving() as server:
        lines = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
        try:
            for line in lines[::2]:
                line.sendall(f"GET /{server.token}/ HTTP/1.1\r\nHo".encode())
            async with aiohttp.ClientSession() as session, session.get(server.address) as answer:
                assert answer.status == 200
        finally:
            for line in lines:
                line.close()


async def test_two_hundred_requests_are_borne() -> None:
    with serving() as server:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            many = await asyncio.gather(*(session.get(f"{server.address}events?page={n}") for n in range(200)))
            codes = [answer.status for answer in many]
            assert codes.count(200) == listen.CONNECTIONS
            assert codes.count(503) == 200 - listen.CONNECTIONS
            for answer in many:
                answer.close()
        async with aiohttp.ClientSession() as session:

            async def works() -> bool:
                async with session.get(server.address) as answer:
                    return answer.status == 200

            deadline = time.monotonic() + 20
            while not await works():
                assert time.monotonic() < deadline
                server.send({"do": "pause"})
                await asyncio.sleep(0.05)


async def test_a_page_that_answers_no_beat_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection stands: an ssh whose line went dead keeps it open for hours."""
    monkeypatch.setattr(listen, "HEARTBEAT_S", 0.1)
    with serving() as server:
        async with aiohttp.ClientSession() as session:
            page = await session.get(f"{server.address}events?page=one")
            for _ in range(10):
                beat = await _next(page, beats=True)
                assert beat == {"do": "beat", "silent_ms": 250}
                report = {"page": "one", "state": "idle", "at_s": 0}
                async with session.post(f"{server.address}report", json=report) as answer:
                    assert answer.status == 204
            assert server.connected
            await _until(lambda: not server.connected)
            page.close()


def test_a_taken_port_is_stepped_over_and_closing_frees_it() -> None:
    with serving() as first:
        second = ListenServer(EncodedClips(load), port=first.port)
        second.start()
        assert second.port != first.port
        assert second.token != first.token
        second.close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", second.port))


def test_without_any_port_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> int:
        raise OSError("no port")

    monkeypatch.setattr(ListenServer, "_bind", none)
    server = ListenServer(EncodedClips(load))
    with pytest.raises(UserError, match="browser"):
        server.start()
    server.close()
    assert all(thread.name != "listen" for thread in threading.enumerate())


async def _until(true: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.01)


async def _next(answer: aiohttp.ClientResponse, *, beats: bool = False) -> dict[str, object]:
    """The next event of the page's stream, without those that only say that the server is there."""
    while True:
        line = await asyncio.wait_for(answer.content.readline(), 20)
        assert line, "the stream has ended"
        event = json.loads(line[6:]) if line.startswith(b"data: ") else {"do": "beat"}
        if event["do"] != "beat" or (beats and "silent_ms" in event):
            return event
