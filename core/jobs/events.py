"""events.jsonl: append-only, one write a line, numbered; read by offset from any process, at any time."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.clock import now_ms

SLICE_S = 0.05
"""The longest one `read` works before it returns what it has."""


@dataclass(frozen=True)
class Event:
    """One line of a job's log.

    kind: started, waiting, running, gpu, progress, log, item, paused, resumed, blocked, unblocked, metric, evaluated,
    sample, saved, cancelling, finished.
    """

    seq: int
    t: int
    kind: str
    data: dict[str, Any] = field(default_factory=dict)


class EventWriter:
    """The only writer of a log. Safe from several threads."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._lock = threading.Lock()
        self._seq = 0

    def emit(self, kind: str, data: dict[str, Any], *, durable: bool = False) -> None:
        with self._lock:
            self._seq += 1
            line = {"v": 1, "seq": self._seq, "t": now_ms(), "kind": kind, **data}
            text = json.dumps(line, ensure_ascii=False, default=str) + "\n"
            # A file's name may hold bytes that are no UTF-8; a log that cannot be written would end the job.
            os.write(self._descriptor, text.encode("utf-8", "replace"))
            if durable:
                os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class EventReader:
    """Reads a log from where it stopped last. Bears a last line that is not finished yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def read(self, slice_s: float = SLICE_S) -> tuple[list[Event], bool]:
        """New events, and whether more are waiting because the time slice was used up."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return [], False
        events: list[Event] = []
        deadline = time.monotonic() + slice_s
        with file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.offset += len(line)
                event = _parse(line)
                if event is not None:
                    events.append(event)
                if time.monotonic() > deadline:
                    return events, True
        return events, False

    def at_end(self) -> bool:
        """Whether nothing has been written since the last `read`, except perhaps a torn last line."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                return b"\n" not in file.read()
        except FileNotFoundError:
            return True

    def all(self) -> list[Event]:
        """Everything that is there, however long it takes: for short-lived readers, not for a screen."""
        events: list[Event] = []
        more = True
        while more:
            new, more = self.read()
            events += new
        return events


def last_events(path: Path, kinds: frozenset[str], window: int = 65536) -> dict[str, Event]:
    """The newest event of each kind in the last `window` bytes of a log; the last line always, however long."""
    found: dict[str, Event] = {}
    for line in reversed(_last_lines(path, window)):
        event = _parse(line)
        if event is not None and event.kind in kinds:
            found.setdefault(event.kind, event)
            if len(found) == len(kinds):
                break
    return found


def _last_lines(path: Path, window: int) -> list[bytes]:
    lines = list(_tail(path, window))
    # A result can be long: the last line is what matters most, so it is read however far back it begins.
    while not lines and path.exists() and path.stat().st_size > window:
        window *= 4
        lines = list(_tail(path, window))
    return lines


def _tail(path: Path, window: int) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - window))
            if size > window:
                file.readline()
            for line in file:
                if line.endswith(b"\n"):
                    yield line
    except FileNotFoundError:
        return


def _parse(line: bytes) -> Event | None:
    # A crash of the machine can leave a torn line in the middle; it is skipped, the numbering shows the gap.
    try:
        data = json.loads(line)
    except ValueError:
        return None
    if not isinstance(data, dict) or "kind" not in data:
        return None
    rest = {key: value for key, value in data.items() if key not in ("v", "seq", "t", "kind")}
    return Event(int(data.get("seq", 0)), int(data.get("t", 0)), str(data["kind"]), rest)
