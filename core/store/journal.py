"""edits.jsonl: what a person gave to each segment, once more outside the database, in lines that people can read.

The first line names the file; each other one says what stands in a segment from then on, so the last line of a segment
counts, and taking a line in twice changes nothing. It is written by `journaling`, always under the database's own lock
for writing, and only ever at its end. Once it is long it is begun anew with what stands then, and the file before it
stays as edits.1.jsonl.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import EDQUOT, ENOSPC
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from core import typed_json
from core.errors import UserError
from core.files import append_whole, sync, write_bytes
from core.ids import is_safe
from core.spans import segment_id
from core.store.edits import KEPT
from core.text import hidden_escaped
from core.typed_json import Number

JOURNAL, JOURNAL_BEFORE = "edits.jsonl", "edits.1.jsonl"

VERSION = 1
_ABOUT = "what people wrote and decided, a line each time; the last line of a segment counts; whispersmith keeps it"
_HEAD_BYTES, _LINE_BYTES = 1000, 4_000_000
"""A longer line is none of ours."""

_Milliseconds = Annotated[int, Field(ge=0, le=10**12)]
_Number = Annotated[int, Field(ge=1, le=2**53)]


@dataclass(frozen=True)
class JournalLine:
    """What stands in a segment since `at` (UTC). text: None where nothing does any more. batch, what: of the change of
    many that it came to be so by, as the database numbers and calls it; None where it was one by itself. undo: an undo
    has brought it back."""

    at: str
    who: str
    segment: str
    recording: str
    start_ms: _Milliseconds
    end_ms: _Milliseconds
    text: str | None = None
    origin: Literal["machine", "caption", "human", "imported"] = "human"
    review: Literal["pending", "accepted", "rejected"] = "accepted"
    flags: tuple[str, ...] = ()
    suspicion: Number | None = None
    batch: _Number | None = None
    what: str = ""
    undo: bool = False

    @property
    def key(self) -> tuple[str, int, int]:
        """The segment by recording and time, which no cut changes."""
        return self.recording, self.start_ms, self.end_ms

    @property
    def at_ms(self) -> int:
        return round(datetime.fromisoformat(self.at).timestamp() * 1000)

    @property
    def values(self) -> dict[str, Any] | None:
        """The transcript as edits remember it; None for none."""
        if self.text is None:
            return None
        return {name: getattr(self, name) for name in KEPT} | {"flags": list(self.flags)}


@dataclass(frozen=True)
class _Head:
    journal: str
    v: int


class JournalState(NamedTuple):
    """id: of the file, "" where its first line is not ours. size: in bytes."""

    id: str
    size: int


@lru_cache(maxsize=16)
def utc(at_ms: int) -> str:
    """The time of a line, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def parse(line: bytes) -> JournalLine | None:
    """None for what is no whole line of ours."""
    try:
        found = typed_json.build(JournalLine, typed_json.parse(line))
        is_ours = is_safe(found.recording) and found.start_ms < found.end_ms and found.at_ms >= 0
    except (ValueError, OverflowError):
        return None
    return found if is_ours and found.segment == segment_id(*found.key) else None


def packed(lines: Iterable[str]) -> bytes:
    """Lines, each a JSON object, as they stand in the file."""
    # One look for what is hidden: thousands of lines are written at once.
    return hidden_escaped("".join([f"{line}\n" for line in lines])).encode()


class Journal:
    """The file beside a database. All that writes is called under the database's lock. UserError for a file that cannot
    be read or written, or that is none."""

    def __init__(self, path: Path) -> None:
        self.path, self.before = path, path.with_name(JOURNAL_BEFORE)

    def state(self) -> JournalState | None:
        """None where there is no file."""
        return _state(self.path)

    def state_before(self) -> JournalState | None:
        """Of the file before it."""
        return _state(self.before)

    def append(self, data: bytes, *, durable: bool = True) -> None:
        """All of it or nothing. durable: on the disk on return, else after `sync`; others see it in any case."""
        with _explained(self.path, "written"), _opened(self.path, os.O_WRONLY | os.O_APPEND) as file:
            size = os.fstat(file.fileno()).st_size
            try:
                append_whole(file.fileno(), data)
                if durable:
                    os.fdatasync(file.fileno())
            except OSError:  # what is not on the disk for certain is not to stand there either
                os.ftruncate(file.fileno(), size)
                raise

    def sync(self) -> None:
        with _explained(self.path, "written"):
            sync(self.path)

    def end_line(self) -> None:
        """Where the last line was cut short, the next one is not to be a part of it."""
        with _explained(self.path, "read"), _opened(self.path) as file:
            size = os.fstat(file.fileno()).st_size
            is_ended = not size or os.pread(file.fileno(), 1, size - 1) == b"\n"
        if not is_ended:
            self.append(b"\n")

    def cut_back(self, size: int) -> None:
        """What was written behind `size` has not come to pass."""
        with _explained(self.path, "written"):
            os.truncate(self.path, size)

    def begin(self, lines: Iterable[str]) -> JournalState:
        """Begin it anew with these lines. What was there stays as the file before it, and in its place until then: it
        may have what the database has not committed yet."""
        id = secrets.token_hex(8)
        head = packed([json.dumps({"journal": id, "v": VERSION, "about": _ABOUT})])
        with _explained(self.path, "written"):
            if self.path.exists():
                self._keep()
            write_bytes(self.path, head + packed(lines))
            sync(self.path.parent)
            return JournalState(id, self.path.stat().st_size)

    def _keep(self) -> None:
        self.before.unlink(missing_ok=True)
        try:
            os.link(self.path, self.before)
        except OSError:  # a file system without hard links
            shutil.copyfile(self.path, self.before)


def _state(path: Path) -> JournalState | None:
    try:
        with _opened(path) as file:
            size, first = os.fstat(file.fileno()).st_size, file.readline(_HEAD_BYTES)
    except FileNotFoundError:
        return None
    try:
        head = typed_json.build(_Head, typed_json.parse(first))
    except ValueError:
        return JournalState("", size)
    return JournalState(head.journal if head.v == VERSION else "", size)


def read(path: Path, start: int = 0, end: int | None = None) -> Iterator[JournalLine | None]:
    """The lines of a journal from a byte on, those that begin before `end`, its first line aside; None for each that is
    not ours or not whole. Nothing where there is no file; UserError if it cannot be read."""
    try:
        file = _opened(path)
    except FileNotFoundError:
        return
    with file, _explained(path, "read"):
        file.seek(start)
        if not start:
            file.readline(_HEAD_BYTES)
        while (end is None or file.tell() < end) and (line := file.readline(_LINE_BYTES)):
            yield parse(line) if line.endswith(b"\n") else None


def _opened(path: Path, flags: int = os.O_RDONLY) -> io.FileIO | io.BufferedReader:
    """A regular file; a pipe without an end would hold up an open that blocks. FileNotFoundError, UserError."""
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _user_error(path, "opened", error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        why = f"a folder, a pipe or a device stands at {path}"
        raise UserError(f"{path.name} is no file", why, "move it elsewhere")
    return open(descriptor, "rb") if flags == os.O_RDONLY else open(descriptor, "ab", buffering=0)


@contextmanager
def _explained(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _user_error(path, done, error) from error


def _user_error(path: Path, done: str, error: OSError) -> UserError:
    what = f"{path.name} cannot be {done}"
    if error.errno in (ENOSPC, EDQUOT):
        return UserError(what, f"the disk is full: {path}", "make room on the disk, then try again")
    return UserError(what, f"{error.strerror or error}: {path}", "check the rights of the file and of its folder")
