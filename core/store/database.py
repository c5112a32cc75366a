"""The SQLite file: one connection a thread, writing in short transactions, a person's edits in the journal first."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from core.errors import UserError
from core.store import opening
from core.store.connection import Connection, StoreFault
from core.store.hold import Hold
from core.store.journaling import Journaling, Standing

SLICE_S = 0.04
"""What a slice of a long write aims at; nobody who writes one text waits longer than a few of these."""
GAP_S = 0.003
"""Between two slices: time for another process to begin (it tries every `connection.POLL_S`)."""
FIRST_SLICE, SMALLEST_SLICE = 200, 20
"""Rows in the first slice, before the pace of this machine and disk is known, and at least."""


class Database:
    """The SQLite file. Safe from several threads (a connection each) and several processes.

    Opened where nothing may be written, it can be read all the same. DamagedStore if it is damaged, or gone from a
    workspace that had one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._all: list[tuple[threading.Thread, Connection]] = []
        self._guard = threading.Lock()
        self._hold = Hold.shared(path)
        self._journaling = Journaling(path)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        opening.refuse_lost(self.path)
        opening.bring_up_to_date(self.connection)
        self._catch_up()

    def _catch_up(self) -> None:
        """Take in what only the journal has, before anybody reads. Where nothing can be written, the first edit meets
        the same obstacle, and is told of it; that is no reason not to read."""
        connection = self.connection
        with suppress(UserError):
            if connection.refusal is not None or not self._journaling.is_behind(connection):
                return
            with self._locked() as db:
                # Whoever was between journal and commit has committed by now: then there is nothing to take in.
                if not self._journaling.is_behind(db):
                    db.rollback()
                    return
                self._journaling.catch_up(db, may_put_off=True)
            # Of much the lock is not held while it is read, nor from one slice of it to the next.
            if (work := self._journaling.catching_up(connection)) is not None:
                self._slices(lambda db, size: self._journaling.take_in(db, work, size), self._locked)
                standing = self._standing() if work.backlog.is_whole else None
                with self._locked() as db:
                    self._journaling.end(db, work, standing)

    def _standing(self) -> Standing:
        """Read ahead of a lock: who waits for that does not wait until all that stands is read."""
        with self.read() as db:
            return self._journaling.standing(db)

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        """A write transaction of what is in the journal already."""
        connection = self.connection
        connection.take_lock("BEGIN IMMEDIATE")
        try:
            yield connection
            if connection.in_transaction:
                connection.commit()
        finally:
            connection.rollback()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connection(self) -> Connection:
        """This thread's connection, opened at first use."""
        found: Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = opening.connect(self.path)
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
    def write(self, *, may_shorten: bool = True) -> Iterator[Connection]:
        """A write transaction: committed, durable, at the end of the block; rolled back on an exception.

        For what is small and must be there whole; many rows are written by `in_slices` or `write_many`. may_shorten:
        whether a journal that has become long may be begun anew first; not where slices follow.
        """
        with self._transaction(durable=True, may_shorten=may_shorten) as connection:
            yield connection

    @contextmanager
    def _transaction(self, *, durable: bool, may_shorten: bool = False) -> Iterator[Connection]:
        """durable: its edits are also on the disk in the journal at the end, else once that is synced."""
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        if connection.refusal is not None:
            connection = self._try_for_writing()
        standing = None
        if may_shorten and self._journaling.is_long(connection):
            standing = self._standing()
        connection.take_lock("BEGIN IMMEDIATE")
        noted = None
        try:
            edit = self._journaling.catch_up(connection, standing=standing)
            yield connection
            noted = self._journaling.note(connection, edit, durable=durable)
            connection.commit()
        except BaseException:
            try:
                if noted is not None:
                    self._journaling.take_back(noted)
            finally:
                connection.rollback()
            raise

    def _try_for_writing(self) -> Connection:
        """This thread's connection, opened anew: there may be room on the disk by now. UserError if there is not."""
        with self._guard:
            left = self._local.connection
            self._all = [(thread, kept) for thread, kept in self._all if kept is not left]
        left.close()
        del self._local.connection
        if (refusal := self.connection.refusal) is not None:
            raise refusal
        return self.connection

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
        nested = self.connection.in_transaction
        try:
            self._slices(step, lambda: self._transaction(durable=False), 0.0 if nested else GAP_S)
        finally:
            if not nested:
                # Once for all of them: until then a power cut may take lines of what the database has, and they are
                # written anew from it.
                self._journaling.sync()

    def _slices(
        self,
        step: Callable[[Connection, int], bool],
        transaction: Callable[[], AbstractContextManager[Connection]],
        gap_s: float = GAP_S,
    ) -> None:
        size = FIRST_SLICE
        while True:
            with transaction() as db:
                began = time.monotonic()
                more = step(db, size)
            if not more:
                return
            took = max(time.monotonic() - began, 1e-6)
            size = max(SMALLEST_SLICE, min(2 * size, round(size * SLICE_S / took)))
            time.sleep(gap_s)

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

    def check_whole(self) -> None:
        """Read every page, which takes a second for some 50 MB; DamagedStore if one is not as it should be."""
        opening.check_whole(self.connection)

    def copy_to(self, path: Path) -> None:
        """A copy of the whole database as it is at one moment, while others go on writing. `path` is not there yet."""
        copy = Connection.open(path)
        try:
            self.connection.backup(copy)
        finally:
            copy.close()

    def version(self) -> int:
        """A number that changes whenever another connection has written; asking costs microseconds."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the connections of every thread; the store is not to be used after it.

        What was written is brought into the file, so that the least is in the -wal while another program, an app that
        is left open for days, keeps it in use.
        """
        with self._guard:
            for _, connection in self._all:
                # What goes wrong here goes wrong for whoever writes next, and loses nothing.
                with suppress(UserError, StoreFault):
                    if connection.refusal is None and not connection.in_transaction:
                        connection.checkpoint()
                connection.close()
            self._all.clear()
            self._local = threading.local()
        self._hold.release()
