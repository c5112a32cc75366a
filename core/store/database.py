"""Opening the SQLite file: journal mode by file system, one connection a thread, writing in short transactions."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from core.store.connection import Connection
from core.store.migrations import migrate

NETWORK_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs", "9p", "afs")
)

SLICE_S = 0.04
"""What a slice of a long write aims at; nobody who writes one text waits longer than a few of these."""
GAP_S = 0.003
"""Between two slices: time for another process to begin (it tries every `connection.POLL_S`)."""
FIRST_SLICE, SMALLEST_SLICE = 200, 20
"""Rows in the first slice, before the pace of this machine and disk is known, and at least."""


class Database:
    """The SQLite file. Safe from several threads (a connection each) and several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._all: list[tuple[threading.Thread, Connection]] = []
        self._guard = threading.Lock()
        migrate(self.connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connection(self) -> Connection:
        """This thread's connection, opened at first use."""
        found: Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = _connect(self.path)
            self._local.connection = found
            with self._guard:
                # Threads come and go, a screen starts one for every look at the store: what they left is closed.
                for thread, left in self._all:
                    if not thread.is_alive():
                        left.close()
                self._all = [(thread, kept) for thread, kept in self._all if thread.is_alive()]
                self._all.append((threading.current_thread(), found))
        return found

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction: committed, durable, at the end of the block; rolled back on an exception.

        For what is small and must be there whole; many rows are written by `in_slices` or `write_many`.
        """
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        connection.take_lock("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction: all queries of the block see the same moment."""
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.rollback()

    def in_slices(self, step: Callable[[Connection, int], bool]) -> None:
        """Call `step(connection, size)`, each time in a transaction of its own, until it says that nothing is left.

        size: how many rows to write in this one; chosen so that, at the pace of the one before, it holds the lock for
        about SLICE_S. Between two slices others get their turn, so a step finds its place by what is in the store.
        An exception leaves the slices before it. Inside a `write` block all of it belongs to that transaction.
        """
        size, nested = FIRST_SLICE, self.connection.in_transaction
        while True:
            with self.write() as db:
                began = time.monotonic()
                more = step(db, size)
            if not more:
                return
            took = max(time.monotonic() - began, 1e-6)
            size = max(SMALLEST_SLICE, min(2 * size, round(size * SLICE_S / took)))
            if not nested:
                time.sleep(GAP_S)

    def write_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """One statement for each row, in slices: a row is there or not, all of them may be there in part."""
        left = iter(rows)

        def step(db: Connection, size: int) -> bool:
            some = list(itertools.islice(left, size))
            db.executemany(statement, some)
            return len(some) == size

        self.in_slices(step)

    def note(self, key: str) -> dict[str, Any] | None:
        """A small fact about the workspace, e.g. "split": the report of the split in force."""
        row = self.connection.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
        return json.loads(row["value"]) if row else None

    def set_note(self, key: str, value: dict[str, Any]) -> None:
        with self.write() as db:
            packed = json.dumps(value, ensure_ascii=False)
            db.execute("INSERT OR REPLACE INTO notes (key, value) VALUES (?, ?)", (key, packed))

    def version(self) -> int:
        """A number that changes whenever another connection has written; asking costs microseconds."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the connections of every thread; the store is not to be used after it."""
        with self._guard:
            for _, connection in self._all:
                connection.close()
            self._all.clear()
            self._local = threading.local()


def _connect(path: Path) -> Connection:
    connection = Connection.open(path)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    mode = "DELETE" if file_system(path.parent) in NETWORK_FILE_SYSTEMS else "WAL"
    # SQLite does not wait by itself here: two that open a new file at the same moment would find it locked.
    connection.take_lock(f"PRAGMA journal_mode = {mode}")
    # FULL: what a person typed is on the disk before it is called saved.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`, as /proc/mounts names it; "" where that is unknown."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    real, best, kind = os.path.realpath(folder), "", ""
    for line in mounts:
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind
