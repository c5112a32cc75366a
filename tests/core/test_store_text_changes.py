"""Many texts changed as one: only what the person saw, one undo, and every change of a row can be taken back alone."""

from __future__ import annotations

import pytest

from core.errors import UserError
from core.store import Store
from core.store.records import ChangedTexts, TextChange, Undone
from tests.core.store_kit import machine, store, text_of

__all__ = ["store"]

FIRST, SECOND, THIRD, FOURTH = "talk_0_10", "talk_8_18", "talk_16_26", "talk_24_34"


def change(id: str, after: str, before: str = "機器寫的") -> TextChange:
    return TextChange(id, before, after)


def test_texts_change_as_one_and_come_back_as_one_another_day(store: Store) -> None:
    machine(store, FIRST, SECOND, THIRD, FOURTH)
    store.transcripts.review(SECOND, "accepted")
    store.transcripts.review(THIRD, "rejected")
    store.transcripts.save(FOURTH, "人寫的")
    changes = [change(id, "機器筋的") for id in (FIRST, SECOND, THIRD, FOURTH, "gone")]
    # What was rejected, what reads otherwise now, what is gone.
    assert store.transcripts.change_texts(changes, "fix everywhere") == ChangedTexts(2, 3)
    assert text_of(store, FIRST) == ("機器筋的", "machine", "pending")
    assert text_of(store, SECOND) == ("機器筋的", "machine", "accepted")
    assert text_of(store, THIRD)[0] == "機器寫的"
    row = store.segments.get(FIRST)
    assert row is not None
    assert (row.flags, row.suspicion, row.raw) == (("loop",), 0.9, "機器寫的")
    last = store.transcripts.history(FIRST)[-1]
    assert (last["before"], last["after"]) == ({"text": "機器寫的"}, {"text": "機器筋的"})
    assert (last["who"], last["what"], last["undone"]) == ("person", "fix everywhere", 0)
    # No labeller writes over it, whatever it is told, until it is taken back.
    assert machine(store, FIRST, text="新的") == []
    store.close()
    with Store(store.path) as tomorrow:
        assert tomorrow.transcripts.undo() == Undone(FIRST, 2)
        assert [text_of(tomorrow, id)[0] for id in (FIRST, SECOND)] == ["機器寫的"] * 2
        assert [text_of(tomorrow, id)[2] for id in (FIRST, SECOND)] == ["pending", "accepted"]
        assert tomorrow.transcripts.history(FIRST)[-2]["undone"]
        assert machine(tomorrow, FIRST, text="新的") == [FIRST]


def test_a_persons_own_texts_are_accepted_also_where_there_was_none(store: Store) -> None:
    machine(store, FIRST)
    changes = [change(FIRST, "我的"), change(SECOND, "也是", ""), change("gone", "x", "")]
    assert store.transcripts.change_texts(changes, "in $EDITOR", as_human=True) == ChangedTexts(2, 1)
    assert text_of(store, FIRST) == ("我的", "human", "accepted")
    assert text_of(store, SECOND) == ("也是", "human", "accepted")
    assert store.transcripts.undo() == Undone(FIRST, 2)
    row = store.segments.get(FIRST)
    assert row is not None
    assert (row.text, row.origin, row.review, row.flags, row.suspicion) == (
        "機器寫的",
        "machine",
        "pending",
        ("loop",),
        0.9,
    )
    assert text_of(store, SECOND) == ("", None, "pending")
    assert store.segments.counts()["labelled"] == 1


def test_undo_leaves_texts_that_were_changed_since(store: Store) -> None:
    machine(store, FIRST, SECOND)
    store.transcripts.change_texts([change(FIRST, "一"), change(SECOND, "二")], "replace")
    store.transcripts.save(SECOND, "我的")
    store.transcripts.undo(SECOND)
    store.transcripts.save(FIRST, "也是我的")
    assert store.transcripts.undo(FIRST) == Undone(FIRST)
    assert text_of(store, FIRST)[0] == "一"
    store.transcripts.save(FIRST, "又是我的")
    assert store.transcripts.undo(SECOND) == Undone(SECOND)  # of the batch, this row alone
    assert text_of(store, SECOND)[0] == "機器寫的"


def test_any_change_of_a_row_is_taken_back_and_that_too(store: Store) -> None:
    machine(store, FIRST)
    store.transcripts.save(FIRST, "一")
    store.transcripts.change_texts([change(FIRST, "二", "一")], "replace")
    store.transcripts.review(FIRST, "rejected")
    wrote, saved, replaced, rejected = store.transcripts.history(FIRST)
    assert wrote["after"]["model"] == "m"
    assert store.transcripts.take_back(FIRST, replaced["id"])
    assert text_of(store, FIRST) == ("一", "human", "rejected")
    assert not store.transcripts.take_back(FIRST, replaced["id"])
    assert store.transcripts.take_back(FIRST, saved["id"])
    assert text_of(store, FIRST) == ("機器寫的", "machine", "pending")
    assert store.transcripts.take_back(FIRST, rejected["id"])
    assert text_of(store, FIRST) == ("二", "human", "accepted")
    assert store.transcripts.take_back(FIRST, wrote["id"])
    assert text_of(store, FIRST) == ("", "human", "pending")
    assert not store.transcripts.take_back(FIRST, wrote["id"])
    assert store.transcripts.undo() == Undone(FIRST)
    assert text_of(store, FIRST) == ("二", "human", "accepted")
    row = store.segments.get(FIRST)
    assert row is not None
    assert (row.raw, row.model, row.avg_logprob) == ("機器寫的", "m", -0.3)
    with pytest.raises(UserError, match="no such edit"):
        store.transcripts.take_back(FIRST, 12345)


def test_no_labeller_writes_over_a_text_that_was_brought_back_from_the_history(store: Store) -> None:
    machine(store, FIRST, SECOND)
    for id in (FIRST, SECOND):
        store.transcripts.review(id, "accepted")
        store.transcripts.save(id, "一")
    store.transcripts.undo()
    store.transcripts.review(SECOND, "pending")
    accepted, saved = store.transcripts.history(FIRST)[1:]
    store.transcripts.take_back(FIRST, saved["id"])
    store.transcripts.take_back(FIRST, accepted["id"])
    assert [text_of(store, id) for id in (FIRST, SECOND)] == [("機器寫的", "machine", "pending")] * 2
    # Of the other one, what was written is undone, and a verdict changes no text.
    assert machine(store, FIRST, SECOND, text="新的") == [SECOND]


def test_a_change_of_a_text_that_is_not_there_any_more_cannot_be_taken_back(store: Store) -> None:
    store.transcripts.save(FIRST, "一")
    store.transcripts.change_texts([change(FIRST, "二", "一")], "replace")
    store.transcripts.undo()
    store.transcripts.undo()
    saved, replaced, _, _ = store.transcripts.history(FIRST)
    with pytest.raises(UserError, match="no text now"):
        store.transcripts.take_back(FIRST, replaced["id"])
    assert not store.transcripts.take_back(FIRST, saved["id"])
    assert text_of(store, FIRST) == ("", None, "pending")
