"""events.jsonl: append-only, one write a line, numbered; read by offset from any process, at any time."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

from core.clock import now_ms
from core.events import Event, Finished, Progress, Saved
from core.files import append_whole
from core.jobs.event_line import LogEntry, Unreadable, format_line, parse_line

E = TypeVar("E", bound=Event)

SLICE_S = 0.05
"""The longest one `read` works before it returns what it has."""

LINE_BYTES = 32 * 2**20
"""A longer line is no event: the text of a whole day of speech is a hundredth of it."""

TAIL_BYTES = 2**16


RESERVED_BYTES = 32_768
"""Kept for the last event: a job that a full disk has ended can still say so."""


class EventWriter:
    """The only writer of a log. Safe from several threads."""

    def __init__(self, path: Path) -> None:
        """OSError if there is no room for a log."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()
        self._seq = 0
        # Without a name: whatever ends this process frees it.
        self._reserve = tempfile.TemporaryFile(dir=path.parent, buffering=0)  # noqa: SIM115 - open as long as the log
        self._reserve.write(bytes(RESERVED_BYTES))

    def emit(self, event: Event) -> None:
        """Append one event. One that reports something to be on disk is forced there itself. OSError, and the log is as
        it was, if there is no room for it."""
        with self._lock:
            if isinstance(event, Finished):
                self._reserve.close()
            append_whole(self._descriptor, format_line(LogEntry(self._seq + 1, now_ms(), event)))
            self._seq += 1
            if isinstance(event, (Saved, Finished)):
                os.fsync(self._descriptor)

    def close(self) -> None:
        self._reserve.close()
        os.close(self._descriptor)


class EventReader:
    """Reads a log from where it stopped last. Bears a last line that is not finished yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.unreadable = 0
        """Lines so far that were no events; their numbers are missing between those of their neighbours."""
        self._inside_long_line = False

    def read(self, slice_s: float = SLICE_S) -> tuple[list[LogEntry], bool]:
        """New entries, and whether more are waiting because the time slice was used up.

        A log that is not there, or cannot be read now, has no new ones: a network file system may stumble.
        """
        try:
            file = self.path.open("rb")
        except OSError:
            return [], False
        entries: list[LogEntry] = []
        deadline = time.monotonic() + slice_s
        with file:
            file.seek(self.offset)
            while (line := self._line(file)) is not None:
                found = parse_line(line)
                if isinstance(found, LogEntry):
                    entries.append(found)
                else:
                    self.unreadable += 1
                if time.monotonic() > deadline:
                    return entries, True
        return entries, False

    def _line(self, file: BufferedReader) -> bytes | None:
        """The next whole line; b"" in place of one that is too long; None at the end."""
        while line := file.readline(LINE_BYTES):
            whole = line.endswith(b"\n")
            if not whole and len(line) < LINE_BYTES:
                return None
            self.offset += len(line)
            too_long, self._inside_long_line = self._inside_long_line or not whole, not whole
            if whole:
                return b"" if too_long else line
        return None

    def skip_to_last(self) -> int:
        """Go to the end, and return the number of the last whole entry (0: there is none), for who comes late."""
        try:
            lines, self.offset = _last_lines(self.path)
        except OSError:
            return 0
        found = (parse_line(line) for line in reversed(lines))
        return next((entry.seq for entry in found if isinstance(entry, LogEntry)), 0)

    def at_end(self) -> bool:
        """Whether nothing has been written since the last `read`, except perhaps a torn last line."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                return b"\n" not in file.read()
        except OSError:
            return True

    def all(self) -> list[LogEntry]:
        """Everything that is there, however long it takes: for short-lived readers, not for a screen."""
        entries: list[LogEntry] = []
        more = True
        while more:
            new, more = self.read()
            entries += new
        return entries


def first_event(path: Path, kind: type[E]) -> E | None:
    """The first event of a kind that jobs say near their beginning: only as much of the log is read as one slice of
    time allows."""
    found = (entry.event for entry in EventReader(path).read()[0])
    return next((event for event in found if isinstance(event, kind)), None)


@dataclass(frozen=True)
class LogEnd:
    """How a log ends. empty: it has no line. damaged: why its last line is no event; "" where it is one."""

    empty: bool = True
    finished: Finished | None = None
    ended: int | None = None
    """When it finished, ms since 1970."""
    damaged: str = ""


def read_tail(path: Path) -> LogEnd:
    """The end of a log, by its last line: nothing is written after `finished`. An unfinished line does not count."""
    try:
        lines, _ = _last_lines(path)
    except OSError as error:
        return LogEnd(damaged=str(error))
    if not lines:
        return LogEnd()
    last = parse_line(lines[-1])
    if isinstance(last, Unreadable):
        return LogEnd(empty=False, damaged=last.why)
    if isinstance(last.event, Finished):
        return LogEnd(empty=False, finished=last.event, ended=last.t)
    return LogEnd(empty=False)


def last_progress(path: Path) -> Progress | None:
    """The last one in the end of a log: earlier versions wrote it there."""
    with contextlib.suppress(OSError):
        for line in reversed(_last_lines(path)[0]):
            found = parse_line(line)
            if isinstance(found, LogEntry) and isinstance(found.event, Progress):
                return found.event
    return None


def _last_lines(path: Path) -> tuple[list[bytes], int]:
    """The whole lines in the last `TAIL_BYTES`, the last line however long it is; and the offset where they end."""
    window = TAIL_BYTES
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            while True:
                start = max(0, size - window)
                file.seek(start)
                # The first piece may be the end of a longer line; the last one is not finished yet.
                *lines, torn = file.read(size - start).split(b"\n")
                lines = lines[1:] if start else lines
                if lines or not start or window > LINE_BYTES:
                    return lines, size - len(torn)
                window *= 4
    except FileNotFoundError:
        return [], 0
