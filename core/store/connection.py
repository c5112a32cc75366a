"""A connection whose errors a person can understand: what SQLite says of the file and the disk becomes a UserError.

This is the one place where that happens: every statement of the store, and every row it gives, goes through here.
"""

from __future__ import annotations

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

_RECOVER = "keep a copy of it; then: sqlite3 {name} .recover | sqlite3 mended.db, and put mended.db in its place"
_REASONS: dict[str, tuple[str, str]] = {
    "SQLITE_CORRUPT": ("is damaged", _RECOVER),
    "SQLITE_NOTADB": ("cannot be opened: it is not a database", "put back a copy of it, or move it away to begin anew"),
    "SQLITE_FULL": ("cannot grow: the disk is full", "make room on the disk, then try again"),
    "SQLITE_READONLY": ("may not be written", "check the rights of the file and of its folder"),
    "SQLITE_PERM": ("may not be opened", "check the rights of the file and of its folder"),
    "SQLITE_IOERR": ("cannot be read or written", "look at the disk, then try again"),
    "SQLITE_CANTOPEN": ("cannot be opened", "check that the folder is there and may be written"),
    "SQLITE_BUSY": ("is held by another program", "close what else writes to it, then try again"),
    "SQLITE_LOCKED": ("is held by another program", "close what else writes to it, then try again"),
    "SQLITE_PROTOCOL": ("is held by another program", "close what else writes to it, then try again"),
}
"""What a person can mend, by SQLite's primary code: what is wrong with the file, and the fix. All else is our fault."""


def explained(error: sqlite3.Error, path: Path) -> UserError | None:
    """What to tell of an error of SQLite; None for one that no person can mend (a wrong statement, a constraint)."""
    name = str(getattr(error, "sqlite_errorname", "") or "")
    primary = next((code for code in _REASONS if name == code or name.startswith(f"{code}_")), None)
    if primary is None:
        return None
    what, fix = _REASONS[primary]
    return UserError(f"{path.name} {what}", f"{error}: {path}", fix.format(name=path.name), name)


def _raise(error: sqlite3.Error, path: Path) -> NoReturn:
    user_error = explained(error, path)
    if user_error is None:
        raise error
    raise user_error from error


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

    @classmethod
    def open(cls, path: Path) -> Self:
        """Connect, creating the file where there is none. Only `close` may be called from another thread."""
        try:
            made = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, factory=cls)
        except sqlite3.Error as error:
            _raise(error, path)
        made.path = path
        return made

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or Cursor)

    # SQLite's own of these two do not go through `cursor`.

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        return self.cursor().executemany(sql, parameters)

    commit = _explains(sqlite3.Connection.commit)
    rollback = _explains(sqlite3.Connection.rollback)

    def take_lock(self, statement: str) -> None:
        """Run a statement that takes a lock; waits up to BUSY_S for whoever has it. UserError if it takes longer."""
        deadline = time.monotonic() + BUSY_S
        cursor = super().cursor()
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    cursor.execute(statement)
                    return
                except sqlite3.Error as error:
                    if not _is_busy(error) or time.monotonic() > deadline:
                        _raise(error, self.path)
                    time.sleep(POLL_S)
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}")


def _is_busy(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
