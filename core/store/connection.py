"""A connection whose errors a person can understand: what SQLite says of the file and the disk becomes a UserError.

This is the one place where that happens: every statement of the store, and every row it gives, goes through here. What
no person can mend becomes a `StoreFault`, so that no error of SQLite leaves the store.
"""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, Self

from core.errors import UserError

BUSY_S = 30.0
"""How long to wait for another process that writes."""
POLL_S = 0.001
"""How often a waiting writer tries again. SQLite's own handler sleeps up to 100 ms, longer than the gap between two
slices of a long write (see `Database.write_each`), and would wait for the last of them."""

WRITABLE, READ_ONLY, IMMUTABLE = "mode=rwc", "mode=ro", "immutable=1"
"""How a file is opened: made where there is none; only read; only read as one that nobody writes meanwhile, which needs
no other file beside it."""

_TRY_AGAIN = "make room on the disk, then try again"
_RIGHTS = "check the rights of the file and of its folder"
_HELD = ("is held by another program", "close what else writes to it, then try again")
_REASONS: dict[str, tuple[str, str]] = {
    "SQLITE_FULL": ("cannot grow: the disk is full", _TRY_AGAIN),
    "SQLITE_IOERR_SHMSIZE": ("cannot be opened for writing: the disk is full", _TRY_AGAIN),
    "SQLITE_READONLY_DBMOVED": ("was moved away while it was in use", "start again"),
    "SQLITE_READONLY": ("may not be written", _RIGHTS),
    "SQLITE_PERM": ("may not be opened", _RIGHTS),
    "SQLITE_IOERR": ("cannot be read or written", "look at the disk, then try again"),
    "SQLITE_CANTOPEN": ("cannot be opened", "check that the folder is there and may be written"),
    "SQLITE_NOLFS": ("cannot grow: the file system allows no file as large", "put the workspace on another disk"),
    "SQLITE_NOMEM": ("cannot be read: the machine's memory is used up", "close other programs, then try again"),
    "SQLITE_TOOBIG": ("takes no text as long", "shorten it"),
    "SQLITE_BUSY": _HELD,
    "SQLITE_LOCKED": _HELD,
    "SQLITE_PROTOCOL": _HELD,
}
"""What a person can mend beside damage, by the beginning of SQLite's code: what is wrong, and the fix. All else is our
fault."""

_DAMAGE = {"SQLITE_CORRUPT": "is damaged", "SQLITE_NOTADB": "is damaged: it is no database any more"}
_NO_TEXT = "Could not decode to UTF-8"
"""So begins what Python says, without a code of SQLite's, of bytes that the store has never written."""


class DamagedStore(UserError):
    """The database is damaged, empty or missing; `whispersmith repair` mends it."""

    @classmethod
    def of(cls, path: Path, what: str, why: str, detail: str = "") -> Self:
        """what: is wrong, after the name of the file."""
        return cls(f"{path.name} {what}", why, f"whispersmith repair -w {shlex.quote(str(path.parent))}", detail)


class StoreFault(Exception):
    """A fault of ours that SQLite has refused: a wrong statement, a constraint, a store that was closed."""


def explained(error: sqlite3.Error, path: Path) -> UserError | StoreFault:
    """What to tell of an error of SQLite."""
    name = str(getattr(error, "sqlite_errorname", "") or "")
    why = f"{error}: {path}"
    if damage := next((what for code, what in _DAMAGE.items() if name.startswith(code)), ""):
        return DamagedStore.of(path, damage, why, name)
    if not name and str(error).startswith(_NO_TEXT):
        return DamagedStore.of(path, "is damaged: a text in it is none", why[:300])
    reason = next((reason for code, reason in _REASONS.items() if name == code or name.startswith(f"{code}_")), None)
    if reason is None:
        return StoreFault(f"{type(error).__name__}: {why}")
    return UserError(f"{path.name} {reason[0]}", why, reason[1], name)


def _raise(error: sqlite3.Error, path: Path) -> NoReturn:
    raise explained(error, path) from error


def _explains(call: Callable[..., Any]) -> Callable[..., Any]:
    """The method, its errors as `explained`. The first argument has `path`."""

    @wraps(call)
    def explaining(self: Connection | Cursor, *arguments: Any) -> Any:
        try:
            return call(self, *arguments)
        except sqlite3.Error as error:
            _raise(error, self.path)

    return explaining


class Cursor(sqlite3.Cursor):
    """As SQLite's, with `explained` errors, also those that come while rows are read."""

    @property
    def path(self) -> Path:
        return self.connection.path  # type: ignore[attr-defined]

    execute = _explains(sqlite3.Cursor.execute)
    executemany = _explains(sqlite3.Cursor.executemany)
    fetchone = _explains(sqlite3.Cursor.fetchone)
    fetchmany = _explains(sqlite3.Cursor.fetchmany)
    fetchall = _explains(sqlite3.Cursor.fetchall)
    __next__ = _explains(sqlite3.Cursor.__next__)


class Connection(sqlite3.Connection):
    """As SQLite's, in autocommit mode, with `explained` errors."""

    path: Path
    refusal: UserError | None = None
    """Why nothing may be written through this one; None where it may."""

    @classmethod
    def open(cls, path: Path, mode: str = WRITABLE) -> Self:
        """Connect. Only `close` may be called from another thread."""
        address = f"{path.absolute().as_uri()}?{mode}"
        try:
            made = sqlite3.connect(
                address, timeout=BUSY_S, isolation_level=None, check_same_thread=False, factory=cls, uri=True
            )
        except sqlite3.Error as error:
            _raise(error, path)
        made.path = path
        return made

    def cursor(self, factory: Any = None) -> Any:
        try:
            return super().cursor(factory or Cursor)
        except sqlite3.Error as error:
            _raise(error, self.path)

    # SQLite's own of these two do not go through `cursor`.

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        return self.cursor().executemany(sql, parameters)

    commit = _explains(sqlite3.Connection.commit)
    rollback = _explains(sqlite3.Connection.rollback)
    backup = _explains(sqlite3.Connection.backup)

    def checkpoint(self) -> None:
        """Bring what stands in the -wal into the file, as far as nobody is reading what was there before."""
        self.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def take_lock(self, statement: str) -> None:
        """Run a statement that takes a lock; waits up to BUSY_S for whoever has it. UserError if it takes longer."""
        deadline = time.monotonic() + BUSY_S
        self.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    self.execute(statement)
                    return
                except UserError as error:
                    if not error.detail.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or time.monotonic() > deadline:
                        raise
                    time.sleep(POLL_S)
        finally:
            self.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}")
