"""A Hugging Face hub on loopback, as far as huggingface_hub asks one for models, with faults.

with Hub({"someone/toy": Repository(folder)}) as hub:
    HF_ENDPOINT=hub.url
    hub.sent("someone/toy", "model.safetensors")   # bytes of the body that left, request by request
    hub.asked()                                    # how many requests came

Files that end in .safetensors are in large storage, as on the real one: `resolve` answers with a redirect to another
path, and their name among the blobs is their sha256. The others are git blobs.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PIECE = 4096


@dataclass
class Repository:
    """A model's files and what goes wrong with them.

    gated: its files are refused with the code of a gated repository; refuse: with this HTTP status.
    busy: (HTTP status, how often) before the hub tells of it at all. cut_at: a transfer of large storage breaks off
    when it has reached this byte of the file, `cuts` times; after_cut: what `busy` is from then on. hold_at: a
    transfer stops there with the line open, until `held` is set. wrong: large files whose bytes are not those that
    were promised. ranges: whether a Range is honoured.
    """

    folder: Path
    gated: bool = False
    refuse: int | None = None
    busy: tuple[int, int] | None = None
    cut_at: int | None = None
    cuts: int = 1
    after_cut: tuple[int, int] | None = None
    hold_at: int | None = None
    wrong: frozenset[str] = frozenset()
    ranges: bool = True
    held: threading.Event = field(default_factory=threading.Event)

    @property
    def files(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in sorted(self.folder.iterdir()) if file.is_file()}

    @property
    def commit(self) -> str:
        return hashlib.sha1(b"".join(etag(name, data).encode() for name, data in self.files.items())).hexdigest()


@dataclass(frozen=True)
class Request:
    """what: info, tree, resolve or content. start: first byte asked for. sent: bytes of the body that left.
    token: whether the person's token came with it."""

    method: str
    what: str
    repository: str
    file: str
    status: int
    start: int = 0
    sent: int = 0
    token: bool = False


def is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".bin"))


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def etag(name: str, data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if is_large(name) else git_id(data)


class Hub:
    """The server, in a thread. `requests` is what was asked, in order, once it was answered."""

    def __init__(self, repositories: dict[str, Repository]) -> None:
        self.repositories = repositories
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        hub = self

        class Handler(_Handler):
            server_hub = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Hub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for repository in self.repositories.values():
            repository.held.set()
        self._server.shutdown()
        self._server.server_close()

    def asked(self, what: str | None = None) -> int:
        with self.lock:
            return sum(what in (None, one.what) for one in self.requests)

    def sent(self, repository: str, file: str) -> list[tuple[int, int]]:
        """(first byte, bytes sent) of each transfer of a large file, in order."""
        with self.lock:
            found = [r for r in self.requests if (r.repository, r.file, r.what) == (repository, file, "content")]
        return [(request.start, request.sent) for request in found if request.method == "GET"]

    def note(self, request: Request) -> None:
        with self.lock:
            self.requests.append(request)


class _Handler(BaseHTTPRequestHandler):
    server_hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        return None

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if found := re.fullmatch(r"/api/models/([^/]+(?:/[^/]+)?)/tree/([^/]+)", path):
            self._tree(found[1])
        elif found := re.fullmatch(r"/api/models/([^/]+(?:/[^/]+)?)(?:/revision/[^/]+)?", path):
            self._info(found[1])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(found[1], found[3])
        elif found := re.fullmatch(r"/large/([^/]+/[^/]+)/([^/]+)", path):
            self._content(found[1], found[2])
        else:
            self._answer("info", "", "", 404, b"{}")

    # -- the interface for programs

    def _find(self, id: str, what: str) -> Repository | None:
        """The repository, or None with the refusal sent. To strangers an unknown one is 401, as on the real one."""
        repository = self.server_hub.repositories.get(id)
        token = self.headers.get("Authorization")
        if token == "Bearer hf_old":
            wrong = {"X-Error-Message": "Invalid credentials in Authorization header"}
            self._answer(what, id, "", 401, b"{}", wrong)
            return None
        if repository is None:
            code = {"X-Error-Code": "RepoNotFound"} if token else {}
            self._answer(what, id, "", 404 if token else 401, b'{"error": "Repository not found"}', code)
            return None
        if repository.busy is not None and repository.busy[1] > 0:
            status, times = repository.busy
            repository.busy = (status, times - 1)
            self._answer(what, id, "", status, b'{"error": "busy"}')
            return None
        return repository

    def _info(self, id: str) -> None:
        if (repository := self._find(id, "info")) is None:
            return
        siblings = []
        for name, data in repository.files.items():
            one: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": git_id(data)}
            if is_large(name):
                one["lfs"] = {"sha256": etag(name, data), "size": len(data), "pointerSize": 135}
            siblings.append(one)
        gated = "manual" if repository.gated else False
        told = {"id": id, "modelId": id, "sha": repository.commit, "gated": gated, "private": False}
        self._json("info", id, told | {"siblings": siblings, "tags": [], "downloads": 0, "likes": 0})

    def _tree(self, id: str) -> None:
        if (repository := self._find(id, "tree")) is None:
            return
        rows = []
        for name, data in repository.files.items():
            row: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": git_id(data)}
            if is_large(name):
                row["lfs"] = {"oid": etag(name, data), "size": len(data), "pointerSize": 135}
            rows.append(row)
        self._json("tree", id, rows)

    # -- files

    def _resolve(self, id: str, name: str) -> None:
        if (repository := self._find(id, "resolve")) is None:
            return
        commit = {"X-Repo-Commit": repository.commit}
        if repository.gated:
            self._answer("resolve", id, name, 403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
            return
        if repository.refuse is not None:
            self._answer("resolve", id, name, repository.refuse, b"")
            return
        data = repository.files.get(name)
        if data is None:
            self._answer("resolve", id, name, 404, b"", commit | {"X-Error-Code": "EntryNotFound"})
            return
        if not is_large(name):
            self._answer("resolve", id, name, 200, data, commit | {"ETag": f'"{git_id(data)}"'})
            return
        # Another host, as it is on the real one: what a client knows by the first answer it must not lose.
        place = {"Location": f"{self.server_hub.url.replace('127.0.0.1', 'localhost')}/large/{id}/{name}"}
        linked = {"X-Linked-ETag": f'"{etag(name, data)}"', "X-Linked-Size": str(len(data))}
        self._answer("resolve", id, name, 302, b"", commit | place | linked)

    def _content(self, id: str, name: str) -> None:
        repository = self.server_hub.repositories[id]
        data = repository.files[name]
        if name in repository.wrong:
            data = data[: len(data) // 2] + bytes(byte ^ 255 for byte in data[len(data) // 2 :])
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if repository.ranges else None
        start = int(asked[1]) if asked else 0
        end = len(data)
        if repository.cut_at is not None and repository.cuts > 0 and start < repository.cut_at:
            repository.cuts -= 1
            repository.busy = repository.after_cut
            end = min(end, repository.cut_at)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        sent = 0
        try:
            if self.command == "GET":
                for place in range(start, end, PIECE):
                    if repository.hold_at is not None and place >= repository.hold_at:
                        self.wfile.flush()
                        repository.held.wait(60)
                    self.wfile.write(data[place : min(place + PIECE, end)])
                    sent = min(place + PIECE, end) - start
        except OSError:
            pass  # the other side has hung up, as it does when it is killed
        finally:
            status, token = 206 if asked else 200, "Authorization" in self.headers
            self.server_hub.note(Request(self.command, "content", id, name, status, start, sent, token))
        if end < len(data):
            self.close_connection = True

    # -- answers

    def _json(self, what: str, id: str, value: object) -> None:
        self._answer(what, id, "", 200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _answer(
        self, what: str, id: str, name: str, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        token = "Authorization" in self.headers
        self.server_hub.note(Request(self.command, what, id, name, status, 0, len(body), token))
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
