"""Words that are moved across a cut: both rows at once, taken back at once, with what it means for the other row."""

from __future__ import annotations

from queue import SimpleQueue

from core.store import Store
from core.store.records import SeenText, TextChange
from core.timed_text import TimedText, Word
from core.workspace import Workspace
from tests.tui.transcripts_kit import TEXTS, filled, held, open_app, row, segment, workspace
from tests.tui.wait import screen_text, wait_until
from tui.screens.transcripts.saving import Written
from tui.screens.transcripts.session import ReviewSession
from tui.screens.transcripts.table.loader import Reading, read

__all__ = ["workspace"]


def texts(workspace: Workspace, *numbers: int) -> list[str]:
    return [row(workspace, number).text for number in numbers]


async def test_a_word_goes_to_the_neighbour_and_back_in_one_step(workspace: Workspace):
    with Store(workspace.db_path) as store:
        # 口感 is one word, said before the end of segment 3 (24 to 34 s).
        words = (Word(31_000, 31_800, "喜歡的", -0.1), Word(31_800, 33_000, "口感", -0.1))
        store.timed_texts.put("talk", "toy", {}, [TimedText(24_000, 34_000, "喜歡的口感", -0.1, 0.0, words)])
        store.transcripts.review(segment(4).id, "accepted")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        assert screen.table.go_to_key(segment(3).id)
        await pilot.press(">")
        await wait_until(pilot, lambda: texts(workspace, 3, 4) == ["是我喜歡的", "口感接下來我們看甜點"])
        await wait_until(pilot, lambda: "口感 is in 0:32 now, which stays accepted; u undoes" in screen_text(app))
        # It is no verdict on either.
        assert (row(workspace, 3).review, row(workspace, 4).review) == ("pending", "accepted")
        assert screen.editor.text == "是我喜歡的"
        await pilot.press("u")
        await wait_until(pilot, lambda: texts(workspace, 3, 4) == [TEXTS[3], TEXTS[4]])
        await wait_until(pilot, lambda: screen.editor.text == TEXTS[3])
        # In the editor, by keys that type nothing, twice at once; what was typed is saved first.
        await pilot.press("e", *"啊", "ctrl+n", "ctrl+n")
        await wait_until(pilot, lambda: texts(workspace, 3, 4) == ["是我喜歡的", "口感啊接下來我們看甜點"])
        assert screen.editor.has_focus
        assert screen.editor.text == "是我喜歡的"
        await pilot.press("ctrl+z", "ctrl+z")
        await wait_until(pilot, lambda: texts(workspace, 3, 4) == [TEXTS[3] + "啊", TEXTS[4]])
        await pilot.press("escape", "<")
        await wait_until(pilot, lambda: texts(workspace, 2, 3) == [TEXTS[2] + "是", TEXTS[3][1:] + "啊"])
        # What Escape put back comes again with undo, but not in place of what was done since.
        await pilot.press("e", *"嗎", "escape", ">")
        await wait_until(pilot, lambda: row(workspace, 3).text == TEXTS[3][1:])
        await wait_until(pilot, lambda: "啊 is in 0:32 now, which stays accepted; u undoes" in screen_text(app))
        await pilot.press("u")
        await wait_until(pilot, lambda: row(workspace, 3).text == TEXTS[3][1:] + "啊")


def test_what_was_read_before_a_person_wrote_comes_too_late(workspace: Workspace) -> None:
    """As where a text is saved and a word moved out of it at once, and the rows were read between the two."""
    id, saved, moved = segment(3).id, TEXTS[3] + "啊", TEXTS[3]
    written = SimpleQueue[Written]()
    session = ReviewSession(workspace.db_path, written.put, print)

    def since(revision: int | None) -> Reading:
        reading = read(workspace.db_path, revision, 0)
        assert reading is not None
        return reading

    def shown(reading: Reading | None = None) -> str:
        if reading is not None:
            session.apply(reading, None, None)
        now = session.index.get(id)
        assert now is not None
        return now.text

    first = since(None)
    assert first.index is not None
    assert shown(first) == TEXTS[3]
    before = session.index.get(id)
    assert before is not None
    session.save(before, saved, SeenText(TEXTS[3]))
    saving = written.get(timeout=30)
    changes, everything = since(first.index.revision), since(None)
    session.move_word([TextChange(id, saved, moved)], "啊 moved")
    moving = written.get(timeout=30)
    session.take_written(saving)
    session.take_written(moving)
    assert (saving.error, moving.error, len(session.unsaved)) == (None, None, 0)
    assert shown(changes) == shown(everything) == moved
    assert changes.changes is not None
    assert shown(since(changes.changes.revision)) == moved
    with Store(workspace.db_path) as store:
        store.transcripts.save(id, "別人寫的")
    assert shown(since(changes.changes.revision)) == "別人寫的"
    session.close()


async def test_what_cannot_be_moved_is_told_and_loses_nothing(workspace: Workspace):
    with Store(workspace.db_path) as store:
        store.transcripts.save(segment(0).id, "大家好今")
        store.transcripts.review(segment(3).id, "rejected")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("<")
        await wait_until(pilot, lambda: "no row is before it" in screen_text(app))
        # They share two seconds, and the next row has the word.
        await pilot.press(">")
        await wait_until(pilot, lambda: texts(workspace, 0, 1) == ["大家好", TEXTS[1]])
        await wait_until(pilot, lambda: "今 is out; 0:08 has it already" in screen_text(app))
        assert screen.table.go_to_key(segment(2).id)
        await pilot.press(">")
        await wait_until(pilot, lambda: "0:24 is rejected and stays as it is" in screen_text(app))
        await wait_until(pilot, lambda: texts(workspace, 2, 3) == [TEXTS[2][1:], TEXTS[3]])
        assert screen.table.go_to_key(segment(5).id)
        await pilot.press(">")
        await wait_until(pilot, lambda: "the other row has no text yet" in screen_text(app))
        # Somebody else changes the other row before it is written: neither is changed.
        assert screen.table.go_to_key(segment(0).id)
        await pilot.press("down")
        with held(workspace) as other:
            await pilot.press("<")
            await wait_until(pilot, lambda: "2 not saved yet" in screen_text(app))
            other.execute("UPDATE transcripts SET text = '別的' WHERE segment = ?", (segment(0).id,))
            other.commit()
        await wait_until(pilot, lambda: f"✗ {segment(0).id} was written elsewhere" in screen_text(app))
        assert texts(workspace, 0, 1) == ["別的", TEXTS[1]]
        await wait_until(pilot, lambda: "  別的" in screen_text(app) and screen.editor.text == TEXTS[1])
        assert "not saved yet" not in screen_text(app)
