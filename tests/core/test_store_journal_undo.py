"""Undo, where edits come into the database from the journal: it takes them back as if they had always been there."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from core.store import Store
from core.store.journal import JOURNAL
from core.store.records import Undone
from tests.core.journal_kit import given, journal_of, killed_amid_it
from tests.core.store_kit import machine, store, text_of

__all__ = ["store"]


def deeds_taken_back(store: Store) -> list[tuple[str | None, int]]:
    """What one undo after the other takes back: the segment, of a change of many its first, and of how many."""
    return [(one.segment, one.count) for one in iter(store.transcripts.undo, None)]


@pytest.mark.parametrize("known", [True, False], ids=["the end of its journal", "a journal that it does not know"])
def test_undo_takes_the_latest_first_also_where_older_edits_come_in_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    ids, _ = killed_amid_it(store, monkeypatch, known=known)
    store.transcripts.save("talk_8_18", "人")
    store.transcripts.accept_all([ids[590]])
    with Store(store.path) as again:
        assert again.transcripts.reviewed_since(0) == 3
        latest_first = [(ids[590], 1), ("talk_8_18", 1), (ids[300], 1), (ids[0], 598), ("talk_0_10", 1)]
        assert deeds_taken_back(again) == latest_first


def test_undo_takes_the_latest_first_of_what_came_in_one_after_the_other(store: Store) -> None:
    store.transcripts.save("talk_8_18", "人")
    for id in ("talk_16_26", "talk_0_10"):
        size = journal_of(store).stat().st_size
        store.transcripts.save(id, "人")
        with sqlite3.connect(store.path) as db:  # as if that had not been committed
            db.execute("DELETE FROM transcripts WHERE segment = ?", (id,))
            db.execute("DELETE FROM edits WHERE segment = ?", (id,))
            db.execute("UPDATE journal SET position = ?", (size,))
        db.close()
        Store(store.path).close()
    assert deeds_taken_back(store) == [("talk_0_10", 1), ("talk_16_26", 1), ("talk_8_18", 1)]


def test_what_undo_has_brought_back_is_as_old_as_it_was_before_that(store: Store) -> None:
    machine(store, "talk_16_26", "talk_24_34")
    size = journal_of(store).stat().st_size
    store.transcripts.save("talk_0_10", "一")
    store.transcripts.accept_all(["talk_16_26", "talk_24_34"])
    store.transcripts.save("talk_8_18", "二")
    for id in ("talk_0_10", "talk_16_26"):
        store.transcripts.save(id, "三")
        store.transcripts.undo()
    wanted = given(store)
    with sqlite3.connect(store.path) as db:  # as if none of it had been committed
        db.execute("DELETE FROM edits WHERE who = 'person'")
        db.execute("DELETE FROM batches")
        db.execute("DELETE FROM transcripts WHERE origin = 'human'")
        db.execute("UPDATE transcripts SET review = 'pending'")
        db.execute("UPDATE journal SET position = ?", (size,))
    db.close()
    with Store(store.path) as later:
        assert given(later) == wanted
        assert deeds_taken_back(later) == [("talk_8_18", 1), ("talk_16_26", 2), ("talk_0_10", 1)]


def test_undo_takes_the_latest_first_of_what_only_the_database_and_only_the_journal_has(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at, id in enumerate(("talk_16_26", "talk_0_10", "talk_24_34", "talk_8_18")):
        monkeypatch.setattr("core.store.edits.now_ms", lambda at=at: 1_000_000_000_000 + at)
        store.transcripts.save(id, "人")
    latest_first = [(id, 1) for id in ("talk_8_18", "talk_24_34", "talk_0_10", "talk_16_26")]
    store.close()
    with sqlite3.connect(store.path) as db:  # an edit in the middle is lost, and the journal is another one
        db.execute("DELETE FROM edits WHERE segment = 'talk_0_10'")
        db.execute("DELETE FROM transcripts WHERE segment = 'talk_0_10'")
        db.execute("UPDATE journal SET id = 'another'")
    db.close()
    Store(store.path).close()
    # It has begun a journal anew, and a new database gets as much of that.
    (new := tmp_path / "new" / store.path.name).parent.mkdir()
    Store(new).close()
    shutil.copy(journal_of(store), new.with_name(JOURNAL))
    for path in (store.path, new):
        with Store(path) as later:
            assert deeds_taken_back(later) == latest_first


@pytest.mark.parametrize("known", [True, False], ids=["the end of its journal", "a journal that it does not know"])
def test_what_only_the_journal_knows_to_be_taken_back_is_not_given_again(
    store: Store, tmp_path: Path, known: bool
) -> None:
    ids = machine(store, "talk_0_10", "talk_8_18", "talk_16_26", "talk_24_34")
    store.transcripts.save(ids[3], "一")
    store.transcripts.save(ids[3], "二")
    store.transcripts.save(ids[3], "三")
    store.transcripts.accept_all(ids[:3])
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(store.path, tmp_path / "older.db")
    for _ in range(3):
        store.transcripts.undo()
    before = {id: text_of(store, id) for id in ids}
    store.close()
    shutil.copy(tmp_path / "older.db", store.path)
    if not known:
        with sqlite3.connect(store.path) as db:
            db.execute("UPDATE journal SET id = 'another'")
        db.close()
    with Store(store.path) as older:
        assert {id: text_of(older, id) for id in ids} == before
        assert [edit["undone"] for edit in older.transcripts.history(ids[3])] == [0, 0, 1, 1, 0, 0]
        assert deeds_taken_back(older) == [(ids[3], 1)]
        assert text_of(older, ids[3]) == ("機器寫的", "machine", "pending")


def test_a_machines_text_that_undo_has_brought_back_goes_last_where_only_the_journal_is_left(
    store: Store, tmp_path: Path
) -> None:
    ids = machine(store, "talk_0_10", "talk_8_18")
    store.transcripts.save("talk_16_26", "一")
    store.transcripts.accept_all(ids)
    store.transcripts.undo()
    (new := tmp_path / "new" / store.path.name).parent.mkdir()
    Store(new).close()
    shutil.copy(journal_of(store), new.with_name(JOURNAL))
    with Store(new) as later:
        assert later.transcripts.undo() == Undone("talk_16_26")
        assert [text_of(later, id) for id in ids] == [("機器寫的", "machine", "pending")] * 2
