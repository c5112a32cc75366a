"""Taking lines of a journal into the database: as edits, so that nothing that stood there is lost by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.clock import now_ms
from core.ids import is_safe
from core.spans import parse_segment_name, segment_id
from core.store import edits
from core.store.connection import Connection
from core.store.journal import JournalLine
from core.store.records import HUMAN


def take_in(db: Connection, lines: Iterable[JournalLine], *, is_newer: bool = False) -> int:
    """Write what the last line of each segment says, where it is not so already; how many segments that was.

    is_newer: all of the lines were written after what the database holds. Else a line yields to what was written later,
    by the clock, unless an earlier line tells just that: clocks are set back.
    A segment that is not here is made, as one of an earlier cut, and its recording with it.
    """
    last: dict[tuple[str, int, int], JournalLine] = {}
    earlier: dict[tuple[str, int, int], set[int]] = {}
    for line in lines:
        if line.key in last and not is_newer:
            earlier.setdefault(line.key, set()).add(_hash(last[line.key].values))
        last[line.key] = line
    return sum(_take_in(db, line, is_newer, earlier.get(key, set())) for key, line in last.items())


def _take_in(db: Connection, line: JournalLine, is_newer: bool, earlier: set[int]) -> bool:
    after = line.values
    row = db.execute("SELECT id FROM segments WHERE video = ? AND start_ms = ? AND end_ms = ?", line.key).fetchone()
    if row is None:
        if after is None:
            return False
        segment = _make_segment(db, *line.key)
    else:
        segment = str(row["id"])
    before = edits.snapshot(db, segment)
    is_retired = after is None and line.who == edits.CUT and before is not None
    if before == after or (after is None and not is_retired and not _is_given(before)):
        return False
    # Of the same millisecond: what stands here is no earlier line, so it was written after this one.
    if not is_newer and _hash(before) not in earlier and _last_edit(db, segment) >= line.at_ms:
        return False
    if is_retired and before is not None:
        edits.retire(db, segment, before, untouched=False, at=line.at_ms)
        return True
    if after is None:
        db.execute("DELETE FROM transcripts WHERE segment = ?", (segment,))
    else:
        edits.write(db, segment, after)
    batch = _batch(db, line)
    edits.record(db, segment, line.who, before, after, batch=batch, at=line.at_ms)
    if batch is not None:
        last = int(db.execute("SELECT MAX(id) FROM edits").fetchone()[0])
        db.execute(
            "UPDATE batches SET last = ?, first = CASE first WHEN 0 THEN ? ELSE first END WHERE id = ?",
            (last, last, batch),
        )
    return True


def _batch(db: Connection, line: JournalLine) -> int | None:
    """The batch that an edit belongs to, made where a kill has kept its own commit from it: one undo takes all of it
    back. None for one by itself, and where that number is another's by now, or was taken back."""
    if line.batch is None:
        return None
    found = db.execute("SELECT who, what, undone FROM batches WHERE id = ?", (line.batch,)).fetchone()
    if found is None:
        statement = "INSERT INTO batches (id, at, who, what) VALUES (?, ?, ?, ?)"
        db.execute(statement, (line.batch, line.at_ms, line.who, line.what))
    elif tuple(found) != (line.who, line.what, 0):
        return None
    return line.batch


def _is_given(values: dict[str, Any] | None) -> bool:
    """By a person; what a machine has written since is no concern of the journal."""
    return values is not None and (values["origin"] in HUMAN or values["review"] != "pending")


def _last_edit(db: Connection, segment: str) -> int:
    query = "SELECT COALESCE(MAX(at), 0) FROM edits WHERE segment = ?"
    return int(db.execute(query, (segment,)).fetchone()[0])


def _hash(values: dict[str, Any] | None) -> int:
    return hash(None if values is None else (values["text"], values["origin"], values["review"]))


def _make_segment(db: Connection, recording: str, start_ms: int, end_ms: int) -> str:
    id = segment_id(recording, start_ms, end_ms)
    make_video(db, recording)
    db.execute(
        "INSERT INTO segments (id, video, start_ms, end_ms, path, kept) VALUES (?, ?, ?, ?, ?, 1)",
        (id, recording, start_ms, end_ms, f"segments/{recording}/{id}.wav"),
    )
    return id


def make_segment_of_name(db: Connection, id: str) -> None:
    """A row for a segment of which only the name is known; without effect for a name that is none."""
    if (found := parse_segment_name(id)) is not None and is_safe(found[0]):
        _make_segment(db, *found)


def make_video(db: Connection, id: str) -> None:
    """A row for a recording of which only the id is known, unless it has one."""
    db.execute("INSERT OR IGNORE INTO videos (id, title, added) VALUES (?, ?, ?)", (id, id, now_ms()))
