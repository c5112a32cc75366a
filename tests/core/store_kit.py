"""A small store: one recording of four segments."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from core.store import Segment, Store, Video
from core.store.transcripts import MachineText

PAGE = 4096


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "whispersmith.db")
    fill(made)
    return made


def fill(store: Store, count: int = 4, video: str = "talk") -> list[str]:
    """A recording cut into `count` segments; their ids."""
    store.videos.add(Video(id=video, title="一席話", licence="own"))
    rows = [
        Segment(f"{video}_{n * 8}_{n * 8 + 10}", video, n * 8000, n * 8000 + 10_000, f"segments/{video}/{n}.wav")
        for n in range(count)
    ]
    store.segments.add(rows)
    return [row.id for row in rows]


def machine(store: Store, *ids: str, text: str = "機器寫的") -> list[str]:
    return store.transcripts.write_machine(
        [MachineText(id, text, text, "m", -0.3, 0.1, 1.1, ("loop",), 0.9) for id in ids]
    )


def text_of(store: Store, id: str) -> tuple[str, str | None, str]:
    """(text, origin, review) of a segment."""
    segment = store.segments.get(id)
    assert segment is not None
    return segment.text, segment.origin, segment.review


def damage(path: Path) -> None:
    """Nonsense over every page behind the table of tables: the file opens, and no row can be read."""
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    content = bytearray(path.read_bytes())
    pages = len(content) // PAGE
    with sqlite3.connect(path) as db:
        roots = {int(row[0]) for row in db.execute("SELECT rootpage FROM sqlite_master WHERE rootpage > 0")}
    db.close()
    assert pages > 30
    for number in roots - {1}:
        content[(number - 1) * PAGE : number * PAGE] = b"\xa5" * PAGE
    path.write_bytes(content)
