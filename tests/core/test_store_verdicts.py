"""A verdict is kept: through an import, an undo, a cut, and a second person at the same row."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from core.errors import UserError
from core.store import Segment, Store
from core.store.cuts import LeavingText
from core.store.edits import WrittenMeanwhile
from core.store.records import SeenText, TextChange, Undone
from tests.core.store_kit import fill, machine, store, text_of

__all__ = ["store"]

MACHINE = ("機器寫的", "machine", "pending")


@pytest.fixture
def ids(store: Store) -> list[str]:
    """Four segments that a machine has written."""
    ids = fill(store)
    machine(store, *ids)
    return ids


def reviews(store: Store, ids: list[str]) -> list[str]:
    return [text_of(store, id)[2] for id in ids]


# -- an import


@pytest.mark.parametrize("text", ["機器寫的", "別的"])
def test_an_import_leaves_what_was_rejected(store: Store, ids: list[str], text: str) -> None:
    store.transcripts.review(ids[0], "rejected")
    assert store.transcripts.import_human({ids[0]: text, ids[1]: text}) == {ids[0]: "kept", ids[1]: "imported"}
    assert text_of(store, ids[0]) == ("機器寫的", "machine", "rejected")


def test_an_import_leaves_what_was_accepted_otherwise(store: Store, ids: list[str]) -> None:
    store.transcripts.accept_all(ids[:2])
    found = store.transcripts.import_human({ids[0]: "別的", ids[1]: "機器寫的"})
    assert found == {ids[0]: "kept", ids[1]: "imported"}
    assert text_of(store, ids[0]) == ("機器寫的", "machine", "accepted")


def test_one_undo_takes_back_an_import_and_what_a_person_did_before_stands(store: Store, ids: list[str]) -> None:
    store.transcripts.accept_all(ids[:1])
    store.transcripts.review(ids[1], "rejected")
    store.transcripts.undo()
    before = [text_of(store, id) for id in ids]
    assert set(store.transcripts.import_human(dict.fromkeys(ids, "機器寫的"), "human.csv").values()) == {"imported"}
    assert {text_of(store, id) for id in ids} == {("機器寫的", "human", "accepted")}
    store.transcripts.review(ids[2], "rejected")
    assert [entry["what"] for entry in store.transcripts.history(ids[3])] == ["", "human.csv"]
    assert store.transcripts.undo() == Undone(ids[2])
    assert store.transcripts.undo() == Undone(ids[0], 4)
    assert [text_of(store, id) for id in ids] == before == [("機器寫的", "machine", "accepted"), *[MACHINE] * 3]
    assert store.segments.get(ids[3]).flags == ("loop",)  # type: ignore[union-attr]
    assert store.transcripts.undo() == Undone(ids[0])
    assert reviews(store, ids) == ["pending"] * 4


def test_an_import_is_taken_back_in_one_row_alone(store: Store, ids: list[str]) -> None:
    new = fill(store, 1, "new")[0]
    store.transcripts.review(ids[0], "accepted")
    store.transcripts.import_human({ids[0]: "機器寫的", ids[1]: "匯入", new: "匯入"})
    assert store.transcripts.undo(ids[0]) == Undone(ids[0])
    assert text_of(store, ids[0]) == ("機器寫的", "machine", "accepted")
    assert store.transcripts.undo(new) == Undone(new)
    assert text_of(store, new) == ("", None, "pending")
    assert store.transcripts.undo() == Undone(ids[1])
    assert text_of(store, ids[1]) == MACHINE
    assert store.transcripts.undo(ids[0]) == Undone(ids[0])
    assert text_of(store, ids[0]) == MACHINE


def test_an_import_that_was_no_batch_yet_is_taken_back_before_what_it_came_upon(store: Store, ids: list[str]) -> None:
    store.transcripts.review(ids[0], "accepted")
    store.transcripts.save(ids[0], "機器寫的", who="import")
    assert store.transcripts.undo(ids[0]) == Undone(ids[0])
    assert text_of(store, ids[0]) == ("機器寫的", "machine", "accepted")


def test_what_a_machine_wrote_elsewhere_is_no_edit_of_a_person(store: Store, ids: list[str]) -> None:
    machine(store, ids[0], text="又一個")
    with store.write() as db:
        db.execute("UPDATE edits SET who = 'import' WHERE segment = ?", (ids[0],))
    assert store.transcripts.undo(ids[0]) is None


def test_an_import_that_is_taken_back_while_it_is_written_ends_and_says_so(store: Store) -> None:
    ids = fill(store, 1000, "long")

    def take_back(outcome: Mapping[str, str]) -> None:
        with store.write() as db:
            db.execute("UPDATE batches SET undone = 1")

    with pytest.raises(UserError, match="taken back while it was written"):
        store.transcripts.import_human(dict.fromkeys(ids, "匯入"), told=take_back)
    some = sum(row.text == "匯入" for row in store.segments.all())
    assert 0 < some < 1000
    assert store.transcripts.undo() == Undone("long_0_10", some)


def test_what_was_written_before_an_import_was_stopped_is_taken_back_as_one(store: Store) -> None:
    ids, seen = fill(store, 1000, "long"), dict[str, str]()

    def stop(outcome: Mapping[str, str]) -> None:
        seen.update(outcome)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.transcripts.import_human(dict.fromkeys(ids, "匯入"), told=stop)
    assert sum(row.text == "匯入" for row in store.segments.all()) == len(seen) > 0
    assert store.transcripts.undo() == Undone("long_0_10", len(seen))


# -- a cut


def test_edits_of_a_text_that_was_moved_away_are_not_undone_on_what_lies_there_now(
    store: Store, ids: list[str]
) -> None:
    """The segment is back, by another cut, and says nothing."""
    store.transcripts.accept_all(ids)
    row = store.segments.get(ids[0])
    assert row is not None
    store.cuts.retire([LeavingText(row.id, row.start_ms, row.end_ms, row.text, False)])
    store.segments.add([Segment(row.id, row.video, row.start_ms, row.end_ms, row.path)])
    assert store.transcripts.undo(ids[0]) is None
    assert text_of(store, ids[0]) == ("", None, "pending")
    # Nor does it stand in the way of the others.
    assert store.transcripts.undo() == Undone(ids[2], 3, 1)


# -- a second person


def test_a_verdict_of_another_person_is_not_written_over(store: Store, ids: list[str]) -> None:
    """One has the row open while the other judges it."""
    id, seen = ids[0], {SeenText("機器寫的")}
    store.transcripts.review(id, "rejected")
    with pytest.raises(WrittenMeanwhile, match="rejected elsewhere"):
        store.transcripts.save(id, "人寫的", seen=seen)
    with pytest.raises(WrittenMeanwhile, match="rejected elsewhere"):
        store.transcripts.review(id, "accepted", seen=seen)
    change = TextChange(id, "機器寫的", "人寫的", "pending")
    assert store.transcripts.change_texts([change], "file", as_human=True).left == 1
    assert text_of(store, id) == ("機器寫的", "machine", "rejected")
    # The same verdict from both is no quarrel, nor is one that is known.
    store.transcripts.review(id, "rejected", seen=seen)
    store.transcripts.save(id, "人寫的", seen={SeenText("機器寫的", "rejected")})
    assert text_of(store, id) == ("人寫的", "human", "accepted")


def test_a_verdict_that_was_taken_back_meanwhile_is_no_quarrel(store: Store, ids: list[str]) -> None:
    store.transcripts.review(ids[0], "accepted")
    store.transcripts.undo()
    store.transcripts.review(ids[0], "rejected", seen={SeenText("機器寫的", "accepted")})
    assert text_of(store, ids[0])[2] == "rejected"
