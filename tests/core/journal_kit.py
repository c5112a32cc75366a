"""What a journal says, and a database that has not all of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from core.store import Store
from core.store.connection import Connection
from core.store.journal import JOURNAL, read
from core.store.journaling import CatchingUp, Journaling
from tests.core.store_kit import fill, machine, text_of


def journal_of(store: Store) -> Path:
    return store.path.with_name(JOURNAL)


def told(store: Store) -> dict[str, tuple[str, str, str]]:
    """By segment, what the journal says of it last; without those of which nothing is left."""
    last = {line.segment: line for line in read(journal_of(store)) if line is not None}
    return {id: (line.text, line.origin, line.review) for id, line in last.items() if line.text is not None}


def given(store: Store) -> dict[str, tuple[str, str | None, str]]:
    """By segment, what people gave, as the database says."""
    return {row.id: text_of(store, row.id) for row in store.segments.all() if row.is_reviewed}


def only_in_the_journal(store: Store, ids: list[str], *, known: bool) -> dict[str, tuple[str, str | None, str]]:
    """Let the database know nothing of what a person has done in these segments of a machine, nor, unless `known`, of
    which journal that is; what they gave."""
    store.transcripts.save("talk_0_10", "一")
    size = journal_of(store).stat().st_size
    store.transcripts.accept_all(ids)
    store.transcripts.save(ids[300], "三百")
    wanted = given(store)
    with sqlite3.connect(store.path) as db:
        machines = "review = 'pending', origin = 'machine', text = '機器寫的'"
        db.execute(f"UPDATE transcripts SET {machines} WHERE segment LIKE 'long%'")
        db.execute("DELETE FROM edits WHERE id > (SELECT MIN(id) FROM edits WHERE who = 'person')")
        db.execute("DELETE FROM batches")
        db.execute("DELETE FROM sqlite_sequence WHERE name = 'batches'")
        db.execute("UPDATE journal SET position = ?, id = CASE WHEN ? THEN id ELSE 'another' END", (size, known))
    db.close()
    return wanted


def open_and_die(path: Path, slices: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Amid taking in what only the journal has, after so many slices of it."""
    take_in = Journaling.take_in

    def counted(self: Journaling, db: Connection, work: CatchingUp, size: int | None) -> bool:
        nonlocal slices
        slices -= 1
        if slices < 0:
            raise KeyboardInterrupt
        return take_in(self, db, work, size)

    with monkeypatch.context() as patch:
        patch.setattr(Journaling, "take_in", counted)
        with pytest.raises(KeyboardInterrupt):
            Store(path)


def killed_amid_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> tuple[list[str], dict[str, tuple[str, str | None, str]]]:
    """Segments of which much is only in the journal, and a process was killed that had taken in one slice of it; what
    the journal says of them."""
    ids = sorted(fill(store, 600, "long"))
    machine(store, *ids)
    wanted = only_in_the_journal(store, ids, known=known)
    open_and_die(store.path, 1, monkeypatch)
    return ids, wanted
