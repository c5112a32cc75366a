"""Many rows written at once: in slices that let others in between, taken back as one, also when it was cut short."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.store import Store
from core.store.connection import POLL_S, Connection
from core.store.migrations import MIGRATIONS
from core.store.records import Undone
from tests.core.store_kit import fill, machine, store, text_of

__all__ = ["store"]

MANY = 5000


def reviews(store: Store) -> list[str]:
    return [row.review for row in store.segments.rows().rows]


@contextmanager
def writing(path: Path, when: str = "SELECT 1") -> Iterator[sqlite3.Connection]:
    """The write lock, held by another connection, as soon as the query `when` finds something."""
    other = sqlite3.connect(path, isolation_level=None, timeout=0)
    deadline = time.monotonic() + 30
    while True:
        try:
            other.execute("BEGIN IMMEDIATE")
            if other.execute(when).fetchone():
                break
            other.rollback()
        except sqlite3.OperationalError:
            pass
        assert time.monotonic() < deadline
        time.sleep(POLL_S)
    try:
        yield other
    finally:
        other.rollback()
        other.close()


def test_all_are_accepted_and_one_undo_takes_them_back_in_another_session(store: Store) -> None:
    machine(store, "talk_0_10", "talk_8_18", "talk_16_26")
    store.transcripts.review("talk_8_18", "rejected")
    store.transcripts.save("talk_16_26", "  ")
    store.transcripts.review("talk_16_26", "pending")
    # Shown in any order; one that was rejected, that says nothing, that has no text, that is gone.
    shown = ["talk_24_34", "talk_16_26", "nothing", "talk_8_18", "talk_0_10"]
    assert store.transcripts.accept_all(shown) == 1
    assert reviews(store) == ["accepted", "rejected", "pending", "pending"]
    store.close()
    with Store(store.path) as tomorrow:
        assert tomorrow.transcripts.undo() == Undone("talk_0_10", 1)
        assert text_of(tomorrow, "talk_0_10") == ("機器寫的", "machine", "pending")
        last = tomorrow.transcripts.history("talk_0_10")[-2:]
        assert [(edit["before"], edit["after"]) for edit in last] == [
            ({"review": "pending"}, {"review": "accepted"}),
            ({"review": "accepted"}, {"review": "pending"}),
        ]
        # And on with what was done before it.
        assert tomorrow.transcripts.undo() == Undone("talk_16_26")


def test_undo_goes_back_in_order_over_batches_and_single_edits(store: Store) -> None:
    machine(store, *fill(store))
    assert store.transcripts.accept_all(["talk_0_10", "talk_8_18", "talk_16_26"]) == 3
    store.transcripts.save("talk_24_34", "一")
    store.transcripts.save("talk_8_18", "二")
    assert store.transcripts.undo() == Undone("talk_8_18")
    assert text_of(store, "talk_8_18") == ("機器寫的", "machine", "accepted")
    assert store.transcripts.undo() == Undone("talk_24_34")
    assert store.transcripts.undo() == Undone("talk_0_10", 3)
    assert reviews(store) == ["pending"] * 4
    assert store.transcripts.undo() is None


def test_undo_of_a_batch_leaves_what_was_changed_since(store: Store) -> None:
    ids = fill(store)
    machine(store, *ids)
    store.transcripts.accept_all(ids)
    store.transcripts.undo(ids[0])
    # As an import was noted before it was a batch of its own.
    store.transcripts.save(ids[1], "匯入的", who="import")
    assert store.transcripts.undo() == Undone(ids[2], 2, 1)
    assert text_of(store, ids[1]) == ("匯入的", "human", "accepted")
    assert reviews(store) == ["pending", "accepted", "pending", "pending"]
    assert store.transcripts.undo() is None


def test_one_row_of_a_batch_is_taken_back_alone(store: Store) -> None:
    ids = fill(store)
    machine(store, *ids)
    store.transcripts.accept_all(ids)
    assert store.transcripts.undo(ids[2]) == Undone(ids[2])
    assert reviews(store) == ["accepted", "accepted", "pending", "accepted"]
    assert text_of(store, ids[2]) == ("機器寫的", "machine", "pending")
    assert store.transcripts.undo() == Undone(ids[0], 3)


def test_a_segment_of_a_batch_that_was_taken_back_goes_on_with_what_was_before(store: Store) -> None:
    """Also in a store in which the edits of such a batch have no mark yet."""
    ids = fill(store)
    machine(store, *ids)
    for id in ids[:2]:
        store.transcripts.save(id, "一")
        store.transcripts.review(id, "pending")
    store.transcripts.accept_all(ids)
    assert store.transcripts.undo() == Undone(ids[0], 4)
    assert store.transcripts.undo(ids[0]) == Undone(ids[0])
    assert text_of(store, ids[0]) == ("一", "human", "accepted")
    assert store.transcripts.undo(ids[3]) is None
    with store.write() as db:
        db.execute("UPDATE edits SET undone = 0 WHERE batch IS NOT NULL")
    for newer in (
        "DROP TABLE journal",
        "DROP INDEX edits_in_force",
        "ALTER TABLE edits DROP COLUMN made",
        "ALTER TABLE batches DROP COLUMN made",
    ):
        store.connection.execute(newer)
    version = next(number for number, script in enumerate(MIGRATIONS) if "of a batch that was taken back" in script)
    store.connection.execute(f"PRAGMA user_version = {version}")
    store.close()
    with Store(store.path) as older:
        assert older.transcripts.undo(ids[1]) == Undone(ids[1])
        assert text_of(older, ids[1]) == ("一", "human", "accepted")


def _accept(path: Path) -> None:
    with Store(path) as store:
        store.transcripts.accept_all([row.id for row in store.segments.rows().rows])


def _undo(path: Path) -> None:
    with Store(path) as store:
        store.transcripts.undo()


def killed_half_way(path: Path, deed: object, begun: str) -> None:
    """Run `deed(path)` in a process that is killed when the query `begun` finds something, and it waits to write on."""
    process = multiprocessing.get_context("spawn").Process(target=deed, args=(path,))  # type: ignore[arg-type]
    process.start()
    assert process.pid is not None
    with writing(path, begun):
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)


def test_killed_while_it_accepts_and_killed_while_it_takes_back(store: Store) -> None:
    machine(store, *fill(store, MANY, "long"))
    killed_half_way(store.path, _accept, "SELECT 1 FROM counts WHERE accepted > 0")
    some = reviews(store).count("accepted")
    assert 0 < some < MANY
    assert store.segments.counts()["accepted"] == some
    assert store.transcripts.accept_all(fill(store, MANY, "long")) == MANY - some
    killed_half_way(store.path, _undo, f"SELECT 1 FROM counts WHERE accepted < {MANY}")
    left = reviews(store).count("accepted")
    assert some < left < MANY
    # The next undo goes on with it, the one after takes back what was accepted before the first kill.
    for count in (left - some, some):
        undone = store.transcripts.undo()
        assert undone is not None
        assert (undone.count, undone.changed) == (count, 0)
    assert set(reviews(store)) == {"pending"}
    assert store.transcripts.undo() is None


def test_what_is_taken_back_while_it_is_still_accepted_stops_there(store: Store) -> None:
    machine(store, *fill(store, MANY, "long"))
    bulk = threading.Thread(target=_accept, args=(store.path,))
    with writing(store.path):
        bulk.start()
    with writing(store.path, "SELECT 1 FROM counts WHERE accepted > 0") as other:
        number = other.execute("SELECT MAX(id) FROM batches").fetchone()[0]
        other.execute("UPDATE batches SET undone = 1 WHERE id = ?", (number,))
        other.commit()
        other.execute("BEGIN")
    bulk.join(30)
    some = reviews(store).count("accepted")
    assert 0 < some < MANY
    assert store.transcripts.undo() == Undone("long_0_10", some)


LONG_WRITES = {
    "accept all": lambda store, ids: store.transcripts.accept_all(ids),
    "label": lambda store, ids: machine(store, *ids, text="又"),
    "import": lambda store, ids: store.transcripts.import_human(dict.fromkeys(ids, "匯入")),
    "split": lambda store, ids: store.segments.set_parts(dict.fromkeys(ids, "train")),
    "cut": lambda store, ids: fill(store, MANY, "new"),
    "remove": lambda store, ids: store.segments.remove(ids),
}


@pytest.mark.parametrize("name", LONG_WRITES)
def test_one_text_is_saved_in_the_middle_of_a_long_write(store: Store, name: str, monkeypatch) -> None:
    ids = fill(store, MANY, "long")
    machine(store, *ids)
    order: list[str] = []
    commit = Connection.commit

    def committed(connection: Connection) -> None:
        commit(connection)
        order.append(threading.current_thread().name)

    def save() -> None:
        # Asks for the lock while the long write holds it.
        with Store(store.path) as other:
            assert begun.wait(30)
            other.transcripts.save("talk_0_10", "一")

    begun = threading.Event()
    long = threading.Thread(target=lambda: LONG_WRITES[name](Store(store.path), ids), name="long")
    one = threading.Thread(target=save, name="one")
    monkeypatch.setattr(Connection, "commit", lambda connection: (begun.set(), committed(connection)))
    long.start()
    one.start()
    for thread in (long, one):
        thread.join(60)
    assert order.count("one") == 1
    assert order.count("long") > 2
    assert order[-1] == "long"
    assert text_of(store, "talk_0_10") == ("一", "human", "accepted")
