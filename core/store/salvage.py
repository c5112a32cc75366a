"""What SQLite can still read of a damaged database, row by row, into a new one."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.store import edits, opening, replay
from core.store.connection import IMMUTABLE, READ_ONLY, Connection, DamagedStore, StoreFault
from core.store.database import Database
from core.store.journal import JOURNAL, JOURNAL_BEFORE, JournalLine, read
from core.store.migrations import TABLES

_UNREADABLE = (UserError, StoreFault)
"""What reading a damaged file may raise: damage, a bad place of the disk, a table whose definition is gone."""

_ALONE = ("journal", "changes", "counts")
"""Tables that follow from the others."""

_BY_KEY = ("parts", "timed_windows", "second_readings")
"""Tables without a rowid."""

_FIRST_TRIES, _TRIES = 100, 3000
"""So many ranges one after the other may be unreadable before a table is given up: before its first row, since then its
root is damaged, and after: some times the rows of a page."""

_LAST_ROW = 2**40
"""Where not even the last number of a table can be read."""


def fault_of(path: Path) -> DamagedStore | None:
    """What is wrong with a database that nobody has open; None where all of it can be read. UserError as in opening."""
    connection = None
    try:
        opening.refuse_lost(path)
        connection = opening.connect(path)
        opening.bring_up_to_date(connection)
        opening.check_whole(connection)
    except DamagedStore as error:
        return error
    finally:
        if connection is not None:
            connection.close()
    return None


def salvage(damaged: Path, database: Database) -> dict[str, int]:
    """Copy every row that can be read of a damaged file into an empty database; how many, by table."""
    try:
        old = _opened(damaged)
    except _UNREADABLE:
        return {}
    copied = {}
    try:
        # Rows come in any order, and those that they name may be lost.
        database.connection.execute("PRAGMA foreign_keys = OFF")
        for table in sorted(TABLES - set(_ALONE)):
            copied[table] = _copy(old, database, table)
        with database.write() as db:
            _settle(db)
            _take_over_split(old, db)
    finally:
        database.connection.execute("PRAGMA foreign_keys = ON")
        old.close()
    return copied


def take_in_journals(root: Path, database: Database, unreadable: Callable[[], object]) -> int:
    """Take the journals of a workspace into its new database, the older one first; how many segments have another text
    or verdict by that. unreadable: called for each line that is none."""

    def lines() -> Iterator[JournalLine]:
        for name in (JOURNAL_BEFORE, JOURNAL):
            for line in read(root / name):
                if line is None:
                    unreadable()
                else:
                    yield line

    with database.write() as db:
        return replay.Replay(db, lines(), has_holes=True).take_in(db)


def take_in_edits(database: Database) -> int:
    """Write the texts and verdicts of people that only their edits tell of any more; how many segments have one by
    that. To be called last: what the journal says of a segment is no older."""
    with database.write() as db:
        held = {str(row[0]) for row in db.execute("SELECT segment FROM transcripts").fetchall()}
        lost = {id: values for id, values in _left_by_edits(db).items() if id not in held}
        written = 0
        for segment, values in lost.items():
            if not edits.is_here(db, segment):
                replay.make_segment_of_name(db, segment)
            if edits.is_here(db, segment):
                edits.write(db, segment, values)
                db.execute("UPDATE transcripts SET model = ? WHERE segment = ?", (values.get("model", ""), segment))
                written += 1
    return written


def _left_by_edits(db: Connection) -> dict[str, dict[str, Any]]:
    """By segment, the transcript that the edits here leave, with its model where that is known. Of people's only: what
    a machine has written it can write again."""
    left: dict[str, dict[str, Any]] = {}
    last: dict[str, int] = {}
    people, unsure = set[str](), set[str]()
    number = begins = 0
    query = "SELECT id, segment, who, before, after, undoes IS NULL AND NOT undone FROM edits ORDER BY id"
    for id, segment, who, before, after, is_in_force in db.execute(query).fetchall():
        if id != number + 1:
            begins = id  # numbers have no gaps: edits before this one are lost
        values = json.loads(after or "{}")
        if values.keys() >= set(edits.KEPT):
            unsure.discard(segment)
        elif last.get(segment, 0) < begins:
            unsure.add(segment)  # of many: it tells only what it has changed, and a lost one may have changed the rest
        left[segment] = {} if after is None else left.get(segment, {}) | json.loads(before or "{}") | values
        number = last[segment] = id
        if is_in_force and who == edits.PERSON:
            people.add(segment)
    whole = {id: values for id, values in left.items() if values.keys() >= set(edits.KEPT)}
    given = {id: values for id, values in whole.items() if id in people or replay.is_given(values)}
    return {id: values | {"review": "pending"} if id in unsure else values for id, values in given.items()}


def _opened(path: Path) -> Connection:
    """UserError, StoreFault where not even the head of the file is one."""
    try:
        old = Connection.open(path, READ_ONLY)
        # So SQLite also reads a file that is shorter than its own head says.
        old.execute("PRAGMA writable_schema = ON")
        old.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except _UNREADABLE:
        old = Connection.open(path, IMMUTABLE)
        old.execute("PRAGMA writable_schema = ON")
        old.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    return old


def _copy(old: Connection, database: Database, table: str) -> int:
    try:
        known = {str(row[1]) for row in old.execute(f"PRAGMA table_info({table})")}
    except _UNREADABLE:
        return 0
    columns = [str(row[1]) for row in database.connection.execute(f"PRAGMA table_info({table})") if row[1] in known]
    if not columns:
        return 0
    rows = _ends(old, table, columns) if table in _BY_KEY else _ranges(old, table, columns)
    statement = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    copied = 0
    with database.write() as db:
        for row in rows:
            try:
                copied += db.execute(statement, tuple(row)).rowcount
            except StoreFault:  # what stands there is not what the table may hold
                continue
    return copied


def _ranges(old: Connection, table: str, columns: Iterable[str]) -> Iterator[Any]:
    """The rows of a table with numbers: what cannot be read in one go is halved, down to the row that is damaged."""
    wanted = f"SELECT rowid, {', '.join(columns)} FROM {table} NOT INDEXED WHERE rowid BETWEEN ? AND ? ORDER BY rowid"
    try:
        last = int(old.execute(f"SELECT COALESCE(MAX(rowid), 0) FROM {table} NOT INDEXED").fetchone()[0])
    except _UNREADABLE:
        last = _LAST_ROW
    # The large ranges first: what is whole is found before the tries are used up on what is damaged.
    todo, tries = deque([(1, last)]), _FIRST_TRIES
    while todo and tries:
        first, end = todo.popleft()
        try:
            for row in old.execute(wanted, (first, end)):
                first, tries = row[0] + 1, _TRIES
                yield row[1:]
        except _UNREADABLE:
            tries -= 1
            if first < end:
                middle = (first + end) // 2
                todo += [(first, middle), (middle + 1, end)]


def _ends(old: Connection, table: str, columns: Iterable[str]) -> Iterator[Any]:
    """The rows of a table without numbers, from its beginning and from its end to what is damaged."""
    keys = [str(row[1]) for row in old.execute(f"PRAGMA table_info({table})") if row[5]]
    for order in ("ASC", "DESC"):
        by = ", ".join(f"{key} {order}" for key in keys)
        try:
            yield from old.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {by}")
        except _UNREADABLE:
            continue
        return


def _settle(db: Connection) -> None:
    """Leave nothing that names what is lost: a transcript gets its segment again, by its name; the rest goes."""
    for (id,) in db.execute(
        "SELECT segment FROM transcripts WHERE segment NOT IN (SELECT id FROM segments)"
    ).fetchall():
        replay.make_segment_of_name(db, id)
    for (video,) in db.execute("SELECT video FROM segments WHERE video NOT IN (SELECT id FROM videos)").fetchall():
        replay.make_video(db, video)
    db.execute("UPDATE videos SET source = NULL WHERE source NOT IN (SELECT id FROM sources)")
    db.execute("UPDATE edits SET undoes = NULL WHERE undoes NOT IN (SELECT id FROM edits)")
    while broken := db.execute("PRAGMA foreign_key_check").fetchall():
        for row in broken:
            if row[1] is None:
                db.execute(f"DELETE FROM {row[0]} WHERE {_lost(db, row[0])}")
            else:
                db.execute(f"DELETE FROM {row[0]} WHERE rowid = ?", (row[1],))


def _lost(db: Connection, table: str) -> str:
    """Of a table without numbers: which rows name what is not there."""
    keys = db.execute(f"PRAGMA foreign_key_list({table})").fetchall()
    return " OR ".join(f"{key[3]} NOT IN (SELECT {key[4]} FROM {key[2]})" for key in keys)


def _take_over_split(old: Connection, db: Connection) -> None:
    try:
        split = old.execute("SELECT split FROM counts").fetchone()
    except _UNREADABLE:
        return
    if split is not None and db.execute("SELECT 1 FROM splits WHERE id = ?", (split[0],)).fetchone():
        db.execute("UPDATE counts SET split = ?", (split[0],))
