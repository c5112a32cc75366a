"""Whoever else is on this machine, or has a page open in the person's browser, against the listening port."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.listen import connections
from core.listen.server import ListenServer
from tests.core.listen_kit import IDS, serving


@pytest.fixture
def server() -> Iterator[ListenServer]:
    with serving() as found:
        yield found


def connect(server: ListenServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def is_closed(line: socket.socket) -> bool:
    """Waits for what comes: the end, or some bytes."""
    try:
        return line.recv(1) == b""
    except ConnectionError:
        return True


def ask(server: ListenServer, request: bytes, *, ends: bool = False) -> bytes:
    """All that comes back until the connection is closed, b"" where it is reset. ends: nothing more is sent."""
    with connect(server) as line:
        answer = b""
        try:
            line.sendall(request)
            if ends:
                line.shutdown(socket.SHUT_WR)
            while piece := line.recv(65536):
                answer += piece
        except ConnectionError:
            pass
        return answer


def request(server: ListenServer, *lines: str, path: str | None = None) -> bytes:
    path = f"/{server.token}/" if path is None else path
    return "\r\n".join((f"GET {path} HTTP/1.1", *lines, "", "")).encode("utf-8", "surrogateescape")


def is_answered(server: ListenServer) -> bool:
    return ask(server, request(server, f"Host: 127.0.0.1:{server.port}", "Connection: close")).startswith(
        b"HTTP/1.1 200"
    )


def test_every_wrong_guess_is_the_same_answer_and_the_end_of_its_connection(server: ListenServer) -> None:
    guesses = ["", "/", "x" * 22, server.token[:-1], server.token + "x", server.token.swapcase(), "%00", "%E9"]
    guesses += [server.token[:at] + "-" * (22 - at) for at in range(0, 22, 3)]
    for guess in guesses:
        for tail in ("/", "/events", f"/clip/{IDS[0]}", "/page.js"):
            answer = ask(server, request(server, f"Host: 127.0.0.1:{server.port}", path=f"/{guess}{tail}"))
            head, _, body = answer.partition(b"\r\n\r\n")
            assert body == b"nothing here\n", guess
            assert b"connection: close" in head.lower()
    assert len(server.token) >= 22  # 128 bits


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: evil.example"],
        ["Host: evil.example:{port}"],
        ["Host: 127.0.0.1.evil.example:{port}"],
        ["Host: 127.0.0.1@evil.example:{port}"],
        ["Host: evil.example:80:{port}"],
        ["Host: 2130706433:{port}"],
        ["Host: 0.0.0.0:{port}"],
        ["Host: [::ffff:127.0.0.1]:{port}"],
        ["Host:"],
        [],
        ["Host: evil.example", "Host: 127.0.0.1:{port}"],
        ["Host: 127.0.0.1:{port}", "Host: evil.example"],
        ["Host: evil.example", "X-Forwarded-Host: 127.0.0.1:{port}", "Forwarded: host=127.0.0.1"],
        ["Host: 127.0.0.1:{port}", "Origin: http://evil.example"],
        ["Host: 127.0.0.1:{port}", "Origin: null"],
        ["Host: 127.0.0.1:{port}", "Origin: https://127.0.0.1.evil.example:{port}"],
        ["Host: 127.0.0.1:{port}", "Origin: http://127.0.0.1:{port}", "Origin: http://evil.example"],
    ],
)
def test_a_page_of_another_site_is_refused_even_with_the_token(server: ListenServer, lines: list[str]) -> None:
    filled = [line.format(port=server.port) for line in lines]
    for path in (None, f"http://evil.example/{server.token}/", f"/{server.token}/facts/{IDS[0]}"):
        answer = ask(server, request(server, *filled, path=path))
        assert answer[:12] in (b"HTTP/1.1 404", b"HTTP/1.0 404", b"HTTP/1.1 400", b"HTTP/1.0 400", b""), answer[:80]
        assert b"Enable" not in answer
        assert b"peaks" not in answer
    assert is_answered(server)


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/clip/../../page.py",
        "/clip/..%2f..%2f..%2fetc%2fpasswd",
        "/clip/..%252f..%252fetc%252fpasswd",
        "/clip/%c0%ae%c0%ae%c0%afetc%c0%afpasswd",
        "/clip/....//....//etc/passwd",
        "/clip/..\\..\\etc\\passwd",
        "/clip//etc/passwd",
        "/clip/file:///etc/passwd",
        "/clip/%00",
        "/clip/%0d%0aSet-Cookie:%20a=b",
        "/clip/" + "a" * 5000,
        "/facts/..%2f..%2fwhispersmith.toml",
        "/page.js%00.html",
        "/server.py",
        "/page.js/",
    ],
)
def test_no_path_leads_out(server: ListenServer, path: str) -> None:
    head = (f"Host: 127.0.0.1:{server.port}", "Connection: close")
    answer = ask(server, request(server, *head, path=f"/{server.token}{path}"))
    assert answer[:12] in (b"HTTP/1.1 404", b"HTTP/1.0 400", b"HTTP/1.1 400")
    assert b"root:" not in answer
    assert b"set-cookie" not in answer.partition(b"\r\n\r\n")[0].lower()


def test_of_connections_that_say_nothing_the_oldest_go(server: ListenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Today's app has as many descriptors as the system gives; its database needs some of them."""
    monkeypatch.setattr(connections, "MOST_UNKNOWN", 20)
    lines = [connect(server) for _ in range(100)]
    try:
        for line in lines[::2]:
            line.sendall(b"GET /" + server.token.encode() + b"/ HTTP/1.1\r\nHo")
        assert is_answered(server)
        assert all(is_closed(line) for line in lines[:80])
    finally:
        for line in lines:
            line.close()


def drip(line: socket.socket) -> None:
    """A header that never ends, a little at a time."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        line.sendall(b"x")


def test_who_is_slow_to_show_the_token_is_cut_off_and_who_has_shown_it_is_not(
    server: ListenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "UNKNOWN_S", 0.3)
    page = connect(server)
    page.sendall(request(server, f"Host: 127.0.0.1:{server.port}", path=f"/{server.token}/events?page=a"))
    assert page.recv(12) == b"HTTP/1.1 200"
    silent, slow = connect(server), connect(server)
    slow.sendall(b"GET / HTTP/1.1\r\nX: ")
    with pytest.raises(ConnectionError):
        drip(slow)
    assert is_closed(silent)
    assert server.connected
    server.send({"do": "pause"})
    heard = b""
    while b'"pause"' not in heard:
        heard += page.recv(4096)
    for line in (page, silent, slow):
        line.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([b"", b"GET / HTTP/1.1\r\n", b"POST /x/report HTTP/1.1\r\nHost: "]))
def test_bytes_that_are_no_request_do_no_harm(server: ListenServer, data: bytes, head: bytes) -> None:
    answer = ask(server, head + data, ends=True)
    assert answer[:9] in (b"", b"HTTP/1.1 ", b"HTTP/1.0 ")
    assert b"200 OK" not in answer[:20]
    assert b"Traceback" not in answer


def test_after_all_of_it_the_page_is_served(server: ListenServer) -> None:
    for _ in range(3):
        ask(server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ends=True)  # TLS
        ask(server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ends=True)
        ask(
            server,
            b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
            ends=True,
        )
    assert is_answered(server)
