"""Opening the SQLite file: journal mode by file system, only for reading where nothing may be written, never an empty
one in the place of one that is gone."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from core.errors import UserError
from core.store.connection import IMMUTABLE, READ_ONLY, Connection, DamagedStore, StoreFault
from core.store.journal import JOURNAL
from core.store.migrations import MIGRATIONS, TABLES, migrate, user_version

NETWORK_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs", "9p", "afs")
)


def refuse_lost(path: Path) -> None:
    """DamagedStore where there is no database, or an empty file, in a workspace that had one."""
    # What the workspace has comes after its database: looked for first, it is never seen without that.
    trace = _trace(path.parent)
    # An empty file beside a -wal is whole. With no file at all SQLite would remove the -wal and begin anew.
    is_missing = not path.exists()
    if trace and (is_missing or not (_has_wal(path) or path.stat().st_size)):
        what = "is missing" if is_missing else "is empty"
        raise DamagedStore.of(path, what, f"the workspace had one: {trace}")


def _trace(root: Path) -> str:
    """What only a workspace with a database has; "" where there is nothing of it."""
    if (root / JOURNAL).exists():
        return f"{JOURNAL} is here"
    for folder, pattern, what in (("segments", "*/*.wav", "segments are here"), ("media", "*.json", "media are here")):
        if next((root / folder).glob(pattern), None) is not None:
            return what
    return ""


def bring_up_to_date(connection: Connection) -> None:
    """Make the tables, or bring those of an older program to the version of this one. UserError where that cannot be,
    DamagedStore where tables, or their columns, are missing."""
    path, trace = connection.path, _trace(connection.path.parent)
    version = user_version(connection)
    if connection.refusal is not None and version < len(MIGRATIONS):
        raise UserError(
            f"{path.name} was made by an older whispersmith",
            f"it is of version {version}, and nothing may be written here to bring it to version {len(MIGRATIONS)}",
            "copy the workspace to where it may be written",
        )
    if not version and trace:
        raise DamagedStore.of(path, "has lost its tables", f"it is of no version, and not new: {trace}")
    if version != len(MIGRATIONS):
        try:
            migrate(connection)
        except StoreFault as error:
            if not version:
                raise
            # An older program has left all that a migration speaks of.
            raise DamagedStore.of(path, "has lost tables, or parts of them", str(error)) from error
        # Into the file itself: without its -wal it would be one without tables.
        connection.checkpoint()
    if missing := TABLES - _tables(connection):
        raise DamagedStore.of(path, "has lost tables", f"not there: {', '.join(sorted(missing))}")


def check_whole(connection: Connection) -> None:
    """DamagedStore if a page of the file is damaged."""
    problems = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    if problems != ["ok"]:
        raise DamagedStore.of(connection.path, "is damaged", "; ".join(problems)[:300])


def _tables(connection: Connection) -> set[str]:
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def connect(path: Path) -> Connection:
    """A connection that may write; where that cannot be, one that reads, with `refusal`."""
    if path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        why = "it, or its folder, is only to be read"
        refusal = UserError(f"{path.name} may not be written", why, "check the rights, or copy the workspace elsewhere")
        return _set_up(_for_reading(path, refusal))
    try:
        return _for_writing(path)
    except UserError as error:
        # On a full disk there is no room for the file that readers and writers share (-shm).
        if error.detail not in ("SQLITE_IOERR_SHMSIZE", "SQLITE_FULL") or not path.exists():
            raise
        return _set_up(_for_reading(path, error))


def _for_writing(path: Path) -> Connection:
    connection = Connection.open(path)
    try:
        mode = "DELETE" if file_system(path.parent) in NETWORK_FILE_SYSTEMS else "WAL"
        # SQLite does not wait by itself here: two that open a new file at the same moment would find it locked.
        connection.take_lock(f"PRAGMA journal_mode = {mode}")
        # FULL: what a person typed is on the disk before it is called saved.
        connection.execute("PRAGMA synchronous = FULL")
        # The first look makes the shared file, and fails where there is no room for it.
        user_version(connection)
    except BaseException:
        connection.close()
        raise
    return _set_up(connection)


def _for_reading(path: Path, refusal: UserError) -> Connection:
    connection = Connection.open(path, READ_ONLY)
    try:
        user_version(connection)
    except UserError as error:
        connection.close()
        if error.detail.startswith("SQLITE_NOTADB") or isinstance(error, DamagedStore):
            raise
        if _has_wal(path):  # what was written last is in it, and it cannot be read without the shared file
            raise UserError(
                f"{path.name} cannot be read here",
                f"what was written last is still in {path.name}-wal, and nothing may be written beside it",
                "copy the workspace to where it may be written" if refusal.detail == "" else refusal.fix,
            ) from error
        connection = Connection.open(path, IMMUTABLE)
    connection.refusal = refusal
    return connection


def _set_up(connection: Connection) -> Connection:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _has_wal(path: Path) -> bool:
    wal = path.with_name(f"{path.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


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
