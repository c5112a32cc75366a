"""Opening the SQLite file: journal mode by file system, migrations, one connection a thread."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from core.errors import UserError

NETWORK_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs", "9p", "afs")
)

BUSY_S = 30.0
"""How long to wait for another process that writes."""

MIGRATIONS = (
    """
    CREATE TABLE sources (
        id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, title TEXT NOT NULL DEFAULT '',
        added INTEGER NOT NULL
    );
    CREATE TABLE videos (
        id TEXT PRIMARY KEY, source INTEGER REFERENCES sources(id), position INTEGER NOT NULL DEFAULT 0,
        url TEXT NOT NULL DEFAULT '', title TEXT NOT NULL DEFAULT '', channel TEXT NOT NULL DEFAULT '',
        channel_url TEXT NOT NULL DEFAULT '', duration_ms INTEGER, upload_date TEXT NOT NULL DEFAULT '',
        licence TEXT NOT NULL DEFAULT 'unknown', licence_text TEXT NOT NULL DEFAULT '',
        captions TEXT NOT NULL DEFAULT '[]', live_status TEXT NOT NULL DEFAULT '',
        selected INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'listed', path TEXT, bytes INTEGER,
        error TEXT, cut TEXT, added INTEGER NOT NULL
    );
    CREATE TABLE segments (
        id TEXT PRIMARY KEY, video TEXT NOT NULL REFERENCES videos(id) ON DELETE CASCADE,
        start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, path TEXT NOT NULL, dbfs REAL, speech REAL,
        part TEXT CHECK (part IN ('train', 'test')),
        UNIQUE (video, start_ms, end_ms)
    );
    CREATE TABLE transcripts (
        segment TEXT PRIMARY KEY REFERENCES segments(id) ON DELETE CASCADE,
        text TEXT NOT NULL, raw TEXT NOT NULL DEFAULT '',
        origin TEXT NOT NULL CHECK (origin IN ('machine', 'caption', 'human', 'imported')),
        model TEXT NOT NULL DEFAULT '', avg_logprob REAL, no_speech_prob REAL, compression_ratio REAL,
        flags TEXT NOT NULL DEFAULT '[]', suspicion REAL,
        review TEXT NOT NULL DEFAULT 'pending' CHECK (review IN ('pending', 'accepted', 'rejected')),
        updated INTEGER NOT NULL
    );
    -- Append-only, and without a foreign key: the history outlives a segment that is cut anew.
    CREATE TABLE edits (
        id INTEGER PRIMARY KEY AUTOINCREMENT, segment TEXT NOT NULL, at INTEGER NOT NULL, who TEXT NOT NULL,
        before TEXT, after TEXT, undoes INTEGER REFERENCES edits(id)
    );
    CREATE INDEX edits_by_segment ON edits(segment, id);
    CREATE UNIQUE INDEX edits_undone_once ON edits(undoes) WHERE undoes IS NOT NULL;
    CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE evaluations (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, model TEXT NOT NULL, result TEXT NOT NULL
    );
    CREATE TABLE evaluation_rows (
        evaluation INTEGER NOT NULL REFERENCES evaluations(id) ON DELETE CASCADE, segment TEXT NOT NULL,
        reference TEXT NOT NULL, base TEXT NOT NULL, tuned TEXT NOT NULL, base_errors INTEGER NOT NULL,
        tuned_errors INTEGER NOT NULL, characters INTEGER NOT NULL, PRIMARY KEY (evaluation, segment)
    );
    """,
    """
    -- When the list was last read to its end, NULL for never, so that a stopped listing is known as one.
    ALTER TABLE sources ADD COLUMN listed INTEGER;
    -- Of lists that are here already nobody knows, and most were read to their end.
    UPDATE sources SET listed = added;
    -- When the site was last asked what it tells of this video beside the list, NULL for never.
    ALTER TABLE videos ADD COLUMN asked INTEGER;
    -- The captions of a recording: cues as [[start_ms, end_ms, text], ...], error says why there are none.
    CREATE TABLE captions (
        video TEXT PRIMARY KEY REFERENCES videos(id) ON DELETE CASCADE, language TEXT NOT NULL DEFAULT '',
        automatic INTEGER NOT NULL DEFAULT 0, cues TEXT NOT NULL DEFAULT '[]', error TEXT, at INTEGER NOT NULL
    );
    """,
    """
    -- SHA-256 of the wav as it was written, so that nobody reads the audio again to know it. NULL: from before it.
    ALTER TABLE segments ADD COLUMN digest TEXT;
    """,
)


class Database:
    """The SQLite file. Safe from several threads (a connection each) and several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._all: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._guard = threading.Lock()
        _migrate(self.connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, opened at first use."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
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
    def write(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed, durable, at the end of the block; rolled back on an exception."""
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()

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


def _connect(path: Path) -> sqlite3.Connection:
    try:
        # Only `close` crosses threads; every statement runs in the thread that opened the connection.
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        _set_journal(connection, "DELETE" if file_system(path.parent) in NETWORK_FILE_SYSTEMS else "WAL")
        # FULL: what a person typed is on the disk before the cursor moves on.
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error as error:
        raise UserError(
            f"{path} cannot be opened",
            str(error),
            "check that the folder is writable and the file is a whispersmith store",
        ) from error
    return connection


def _set_journal(connection: sqlite3.Connection, mode: str) -> None:
    """SQLite does not wait by itself here: two that open a new file at the same moment would find it locked."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _migrate(connection: sqlite3.Connection) -> None:
    if _user_version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    # Asked again under the lock: another process may have migrated meanwhile.
    version = _user_version(connection)
    if version > len(MIGRATIONS):
        connection.rollback()
        raise UserError(
            "this workspace was made by a newer whispersmith",
            f"its store has version {version}, this program knows {len(MIGRATIONS)}",
            "update whispersmith",
        )
    for number in range(version, len(MIGRATIONS)):
        for statement in MIGRATIONS[number].split(";"):
            if statement.strip():
                connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.commit()


def _user_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


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
