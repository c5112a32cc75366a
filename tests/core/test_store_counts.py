"""What the store keeps beside its rows: the counts, what has changed since a revision, the split in force."""

from __future__ import annotations

import random
import sqlite3
import threading
from pathlib import Path

import pytest

from core.errors import UserError
from core.store import Segment, SegmentRow, Store, Video
from core.store.connection import StoreFault
from core.store.migrations import MIGRATIONS
from core.store.records import TranscriptRow
from tests.core.store_kit import fill, machine, store

__all__ = ["store"]


def counted(store: Store) -> dict[str, int]:
    """The counts, by looking at every row."""
    rows = store.segments.all()
    accepted = [row for row in rows if row.review == "accepted"]
    return {
        "segments": len(rows),
        "labelled": sum(row.origin is not None for row in rows),
        "accepted": len(accepted),
        "rejected": sum(row.review == "rejected" for row in rows),
        "usable": sum(row.usable for row in accepted),
        "train": sum(row.part == "train" for row in rows),
        "test": sum(row.part == "test" for row in rows),
        "accepted_ms": sum(row.end_ms - row.start_ms for row in accepted),
    }


class Follower:
    """All rows as somebody sees them who reads only what has changed."""

    def __init__(self, store: Store) -> None:
        first = store.segments.rows()
        self.revision, self.rows = first.revision, {row.id: row for row in first.rows}

    def catch_up(self, store: Store) -> None:
        changes = store.segments.changed_since(self.revision)
        assert changes is not None
        assert len({row.id for row in changes.rows} | set(changes.removed)) == len(changes.rows) + len(changes.removed)
        self.revision = changes.revision
        self.rows.update({row.id: row for row in changes.rows})
        for id in changes.removed:
            self.rows.pop(id, None)

    def all(self) -> list[TranscriptRow]:
        return sorted(self.rows.values(), key=lambda row: row[:3])


@pytest.mark.parametrize("seed", range(4))
def test_counts_and_changes_are_exact_after_whatever_happens(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    ids = [*fill(store, 12), *fill(store, 12, "other")]
    follower = Follower(store)

    def some(count: int = 5) -> list[str]:
        return chance.sample(ids, count)

    def judge() -> None:
        verdict = chance.choice(("accepted", "rejected", "pending"))
        if verdict != "accepted" or store.transcripts.history(ids[0]):
            with_text = [id for id in some() if (row := store.segments.get(id)) and row.origin]
            for id in with_text:
                store.transcripts.review(id, verdict)

    def save() -> None:
        if store.segments.get(id := chance.choice(ids)):
            store.transcripts.save(id, chance.choice(("一", "  ", "")))

    deeds = (
        judge,
        save,
        lambda: machine(store, *some(), text=chance.choice(("機器", ""))),
        lambda: store.transcripts.import_human(dict.fromkeys(some(), "匯入")),
        lambda: store.transcripts.accept_all(some(10)),
        lambda: store.transcripts.undo(),
        lambda: store.transcripts.undo(chance.choice(ids)),
        lambda: store.segments.remove(some()),
        lambda: fill(store, 12),
        lambda: store.segments.set_parts({id: chance.choice(("train", "test", None)) for id in some(8)}),
    )
    for _ in range(120):
        chance.choice(deeds)()
        assert store.segments.counts() == counted(store)
    follower.catch_up(store)
    assert follower.all() == store.segments.rows().rows
    assert [(row.id, row.text, row.review, row.flags) for row in follower.all()] == [
        (row.id, row.text, row.review, row.flags) for row in store.segments.all()
    ]
    for video in ("talk", "other", "none"):
        whole = store.segments.all(video=video)
        rows = store.segments.of_recording(video)
        assert rows == [tuple(getattr(one, name) for name in SegmentRow._fields) for one in whole]


def test_what_has_changed_since_comes_once_and_from_every_connection(store: Store) -> None:
    follower = Follower(store)
    assert [row.id for row in follower.all()] == [row.id for row in store.segments.all()]
    with Store(store.path) as other:
        for text in ("一", "二"):
            other.transcripts.save("talk_8_18", text)
        other.segments.remove(["talk_24_34"])
        other.videos.add(Video("more"))
        other.segments.add([Segment("more_0_10", "more", 0, 10_000, "segments/more/more_0_10.wav")])
    changes = store.segments.changed_since(follower.revision)
    assert changes is not None
    assert [(row.id, row.text, row.review) for row in changes.rows] == [
        ("talk_8_18", "二", "accepted"),
        ("more_0_10", "", "pending"),
    ]
    assert changes.removed == ["talk_24_34"]
    assert store.segments.changed_since(changes.revision) is not None
    nothing = store.segments.changed_since(changes.revision)
    assert nothing is not None
    assert (nothing.rows, nothing.removed) == ([], [])
    # So many that all rows are read more quickly.
    assert store.segments.changed_since(follower.revision, most=2) is None


def test_only_so_many_changes_are_remembered(store: Store) -> None:
    before = store.segments.rows().revision
    with store.write() as db:
        for _ in range(9_999):
            db.execute("UPDATE segments SET dbfs = -1 WHERE id = 'talk_0_10'")
    changes = store.segments.changed_since(before)
    assert changes is not None
    assert [row.id for row in changes.rows] == ["talk_0_10"]
    store.transcripts.save("talk_8_18", "一")
    store.transcripts.save("talk_8_18", "二")
    # What came first is forgotten: who has not read on since then reads all.
    assert store.segments.changed_since(before) is None
    assert store.segments.changed_since(before + 2) is not None
    assert store.connection.execute("SELECT COUNT(*) FROM changes").fetchone()[0] == 10_000


def test_a_write_that_is_taken_back_leaves_counts_and_revision(store: Store) -> None:
    before, revision = store.segments.counts(), store.segments.rows().revision

    def change() -> None:
        store.transcripts.save("talk_0_10", "一")
        raise ValueError

    with pytest.raises(ValueError), store.write():  # noqa: PT011 - our own
        change()
    assert (store.segments.counts(), store.segments.rows().revision) == (before, revision)


def test_counts_can_be_made_anew(store: Store) -> None:
    store.transcripts.save("talk_0_10", "一")
    store.segments.set_parts({"talk_0_10": "test", "talk_8_18": "train"})
    right = store.segments.counts()
    # As a file may be that somebody mended by hand.
    store.connection.execute("UPDATE counts SET accepted = 77, segments = 0")
    store.connection.execute("UPDATE splits SET train = 5")
    assert store.segments.counts() != right
    store.segments.recount()
    assert store.segments.counts() == right


def test_a_split_takes_the_place_of_the_one_before_whole(store: Store) -> None:
    ids = fill(store, 3000, "long")
    store.segments.set_parts(dict.fromkeys(ids, "train"), {"by": "first"})
    seen: set[tuple[str, int, int]] = set()
    over = threading.Event()

    def watch() -> None:
        with Store(store.path) as other:
            while not over.is_set():
                with other.read():
                    parts = [row.part for row in other.segments.all(video="long")]
                    note = other.note("split") or {}
                seen.add((note["by"], parts.count("train"), parts.count("test")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        store.segments.set_parts(dict.fromkeys(ids[:1000], "test"), {"by": "second"})
    finally:
        over.set()
        watcher.join()
    assert ("first", 3000, 0) in seen
    assert seen <= {("first", 3000, 0), ("second", 0, 1000)}
    assert [row.part for row in store.segments.all(video="long")].count("test") == 1000
    assert store.segments.get("talk_0_10").part is None  # type: ignore[union-attr]
    assert store.connection.execute("SELECT COUNT(*) FROM parts").fetchone()[0] == 1000


def test_a_split_that_dies_half_way_leaves_the_one_before(store: Store) -> None:
    ids = fill(store, 600, "long")
    store.segments.set_parts(dict.fromkeys(ids, "train"))
    broken = dict.fromkeys(ids, "test") | {ids[-1]: "neither"}
    with pytest.raises(StoreFault, match="IntegrityError"):
        store.segments.set_parts(broken)  # type: ignore[arg-type]
    assert store.segments.counts()["train"] == 600
    # A slice of it is there, and goes with the next one.
    assert store.connection.execute("SELECT COUNT(*) FROM parts").fetchone()[0] > 600
    store.segments.set_parts({ids[0]: "test"})
    assert store.connection.execute("SELECT COUNT(*) FROM parts").fetchone()[0] == 1
    assert store.connection.execute("SELECT COUNT(*) FROM splits").fetchone()[0] == 1


def test_of_two_splits_at_once_one_is_refused_and_none_is_mixed(store: Store) -> None:
    ids = fill(store, 600, "long")

    def parts() -> dict[str, str | None]:
        # As the second one begins to write, another comes whole.
        with Store(store.path) as other:
            other.segments.set_parts(dict.fromkeys(ids, "train"))
        return dict.fromkeys(ids, "test")

    class Late(dict[str, str | None]):
        def items(self):  # type: ignore[no-untyped-def]
            return parts().items()

    with pytest.raises(UserError, match="not kept"):
        store.segments.set_parts(Late())
    assert store.segments.counts()["train"] == 600
    assert store.segments.counts()["test"] == 0


def test_a_store_of_yesterday_keeps_split_counts_and_undo(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "old.db")
    for script in MIGRATIONS[:3]:
        old.executescript(script)
    old.execute("INSERT INTO videos (id, added) VALUES ('talk', 5)")
    old.executemany(
        "INSERT INTO segments (id, video, start_ms, end_ms, path, part) VALUES (?, 'talk', ?, ?, '', ?)",
        [("a", 0, 10, "train"), ("b", 10, 20, "test"), ("c", 20, 30, None)],
    )
    old.executemany(
        "INSERT INTO transcripts (segment, text, origin, review, updated) VALUES (?, ?, 'human', ?, 1)",
        [("a", "甲二", "accepted"), ("b", "乙", "accepted"), ("c", "丙", "rejected")],
    )
    snapshot = '{"text": "%s", "origin": "human", "review": "accepted", "flags": [], "suspicion": 0.0}'
    old.executemany(
        "INSERT INTO edits (id, segment, at, who, before, after, undoes) VALUES (?, ?, 1, 'person', ?, ?, ?)",
        [
            (1, "a", None, snapshot % "甲", None),
            (2, "a", snapshot % "甲", snapshot % "甲二", None),
            (3, "b", snapshot % "乙", snapshot % "乙二", None),
            (4, "b", snapshot % "乙二", snapshot % "乙", 3),
        ],
    )
    old.execute("PRAGMA user_version = 3")
    old.commit()
    old.close()
    with Store(tmp_path / "old.db") as store:
        assert {row.id: row.part for row in store.segments.all()} == {"a": "train", "b": "test", "c": None}
        assert store.segments.counts() == counted(store)
        assert store.segments.counts()["accepted_ms"] == 20
        # Edit 3 was taken back yesterday: the last one in force is the second of a.
        undone = store.transcripts.undo()
        assert undone is not None
        assert undone.segment == "a"
        assert store.segments.get("a").text == "甲"  # type: ignore[union-attr]


def test_other_usable_rows_are_told_apart_also_where_they_are_as_many(store: Store) -> None:
    ids = [row.id for row in store.segments.all()]
    store.transcripts.save(ids[0], "一")
    before = store.segments.usable_digest()
    store.transcripts.save(ids[0], "二")
    assert store.segments.usable_digest() == before
    store.transcripts.review(ids[0], "rejected")
    store.transcripts.save(ids[1], "一")
    assert store.segments.counts()["usable"] == 1
    assert store.segments.usable_digest() != before
