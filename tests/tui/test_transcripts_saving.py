"""What is typed while another program holds the store: nothing waits for it, nothing is lost, and the row says so."""

from __future__ import annotations

import threading

import pytest

from core.store import Store, connection
from core.workspace import Workspace
from tests.tui.test_app_terminal import Terminal, wait_for
from tests.tui.transcripts_kit import TEXTS, filled, held, machine, open_app, row, segment, workspace
from tests.tui.wait import screen_lines, screen_text, wait_until
from tui.screens.transcripts.editor.editor import Editor
from tui.screens.transcripts.saving import TranscriptWriter
from tui.terminal.signals import LEAVE_S
from tui.widgets.dialog import Choice

__all__ = ["workspace"]


def line_of(app, number: int) -> str:
    """The line of the table that shows this segment."""
    start = number * 8
    return next(line for line in screen_lines(app) if f" {start // 60}:{start % 60:02d} " in line)


@pytest.mark.parametrize("width", [100, 80])
async def test_rows_say_so_until_they_are_on_the_disk(workspace: Workspace, width: int):
    app = open_app(workspace)
    async with app.run_test(size=(width, 30)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("e")
        with held(workspace):
            await pilot.press(*"了", "enter", *"好", "enter", "tab")
            # All of it was done while nobody could write: the next rows, the keys of the table.
            await pilot.press("x")
            await wait_until(pilot, lambda: screen.table.cursor == 3 and app.focused is screen.table)
            await wait_until(pilot, lambda: "3 not saved yet" in screen_text(app))
            assert [row(workspace, number).review for number in range(3)] == ["pending"] * 3
            for number in range(3):
                assert "●" in line_of(app, number)
                assert ("saving" in line_of(app, number)) == (width == 100)
            assert TEXTS[0] + "了" in line_of(app, 0)
            # Back on it, it is what the person left, not what the store has.
            await pilot.press("g")
            await wait_until(pilot, lambda: screen.editor.text == TEXTS[0] + "了")
            assert "● saving" in screen_text(app)
        await wait_until(pilot, lambda: "not saved yet" not in screen_text(app))
        assert "saving" not in screen_text(app)
        assert "✓" in line_of(app, 0)
        assert [row(workspace, number).text for number in range(2)] == [TEXTS[0] + "了", TEXTS[1] + "好"]
        assert [row(workspace, number).review for number in range(3)] == ["accepted", "accepted", "rejected"]
        await wait_until(pilot, lambda: "3 of 8 reviewed" in screen_text(app))


async def test_what_was_typed_last_is_what_stays(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        with held(workspace):
            for end in "甲乙丙":
                await pilot.press("g", "e", end, "enter", "tab")
            await wait_until(pilot, lambda: len(screen._session.unsaved) == 1)
            await pilot.press("g", "x")
        await wait_until(pilot, lambda: row(workspace, 0).review == "rejected")
        assert row(workspace, 0).text == TEXTS[0] + "甲乙丙"
        with Store(workspace.db_path) as store:
            history = [edit["after"]["text"] for edit in store.transcripts.history(segment(0).id)]
        assert history == [TEXTS[0] + end for end in ("", "甲", "甲乙", "甲乙丙", "甲乙丙")]


async def test_a_text_that_cannot_be_written_is_kept_and_written_later(workspace: Workspace, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_S", 0.1)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        with held(workspace):
            await pilot.press("e", *"了", "enter")
            await wait_until(pilot, lambda: "✗ a text is not saved" in screen_text(app))
            assert "held by another program" in screen_text(app)
            assert "✗ unsaved" in line_of(app, 0)
            # One goes on; a verdict on a text that is not there is a verdict on what is seen.
            await pilot.press(*"好", "enter")
            await wait_until(pilot, lambda: "2 texts are not saved" in screen_text(app))
            await pilot.press("tab", "g")
            await wait_until(pilot, lambda: screen.editor.text == TEXTS[0] + "了")
            assert row(workspace, 0).text == TEXTS[0]
        assert TEXTS[0] + "了" in workspace.log_file.read_text()
        await pilot.press("e", "enter")
        await wait_until(pilot, lambda: row(workspace, 0).text == TEXTS[0] + "了")
        await wait_until(pilot, lambda: "✗ a text is not saved" in screen_text(app))
        await pilot.press("tab", "down", "x") if screen.table.cursor == 0 else await pilot.press("tab", "x")
        await wait_until(pilot, lambda: "not saved" not in screen_text(app))
        assert (row(workspace, 1).text, row(workspace, 1).review) == (TEXTS[1] + "好", "rejected")


async def test_a_verdict_that_cannot_be_written_is_taken_back_and_told(workspace: Workspace, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_S", 0.1)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await filled(pilot, app)
        with held(workspace):
            await pilot.press("a")
            await wait_until(pilot, lambda: "✗ whispersmith.db is held by another program" in screen_text(app))
        await wait_until(pilot, lambda: "pending" in line_of(app, 0))
        assert "not saved" not in screen_text(app)


async def test_leaving_waits_for_what_is_not_on_the_disk(workspace: Workspace):
    app = open_app(workspace)
    with held(workspace) as other:
        async with app.run_test(size=(100, 30)) as pilot:
            screen = await filled(pilot, app)
            await pilot.press("e", *"了", "enter", *"好")
            await wait_until(pilot, lambda: screen.editor.dirty)
            released = threading.Timer(0.3, other.rollback)
            released.start()
            app.exit(return_code=0)
    assert [row(workspace, number).text for number in range(2)] == [TEXTS[0] + "了", TEXTS[1] + "好"]


async def test_leaving_tries_once_more_and_keeps_the_order(workspace: Workspace, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_S", 0.1)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        with held(workspace):
            # The verdict is given before one can know that the text it is on could not be written.
            await pilot.press("e", *"了", "enter", "tab", "g", "x")
            await wait_until(pilot, lambda: "✗ a text is not saved" in screen_text(app))
            await wait_until(pilot, lambda: not any(unsaved.edits for unsaved in screen._session.unsaved))
        assert "✗ unsaved" in line_of(app, 0)
        app.exit(return_code=0)
    assert (row(workspace, 0).text, row(workspace, 0).review) == (TEXTS[0] + "了", "rejected")


async def test_what_can_never_be_written_is_in_the_log(workspace: Workspace, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_S", 0.1)
    app = open_app(workspace)
    with held(workspace):
        async with app.run_test(size=(100, 30)) as pilot:
            screen = await filled(pilot, app)
            await pilot.press("e", *"了")
            await wait_until(pilot, lambda: screen.editor.dirty)
            app.exit(return_code=0)
    assert f"{segment(0).id} could not be saved; its text: {TEXTS[0]}了" in workspace.log_file.read_text()


def test_a_terminal_that_hangs_up_leaves_the_text_in_the_log_before_the_process_ends(workspace: Workspace):
    """Another program holds the store for longer than a process without a terminal may live."""
    assert TranscriptWriter.SOON_S < LEAVE_S
    terminal = Terminal(workspace.root)
    terminal.shows("Set")
    terminal.type("4")
    terminal.shows(TEXTS[0])
    terminal.shows("machine wrote")  # the row under the cursor is in the editor's panel
    terminal.type("e")
    terminal.shows("save, next")
    with held(workspace):
        terminal.type("掛斷之前打的字\r")
        terminal.shows("saving")
        terminal.type("又一行")
        terminal.shows("又一行")
        terminal.close()
        try:
            wait_for(lambda: workspace.log_file.is_file() and "又一行" in workspace.log_file.read_text())
            assert f"{TEXTS[0]}掛斷之前打的字" in workspace.log_file.read_text()
        finally:
            terminal.kill()


async def test_the_line_names_the_key_that_undoes_where_the_focus_is(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("e", *"了", "enter")
        await wait_until(pilot, lambda: "0:00 saved; Ctrl+Z undoes" in screen_text(app))
        assert "Ctrl+Z undo" in " ".join(screen_lines(app)[-1].split())
        await pilot.press("tab")
        await wait_until(pilot, lambda: "0:00 saved; u undoes" in screen_text(app))
        await pilot.press("e")
        await wait_until(pilot, lambda: "0:00 saved; Ctrl+Z undoes" in screen_text(app))
        # What is being typed first, one by one as it was typed; then what was saved.
        await pilot.press(*"天")
        await wait_until(pilot, lambda: screen.editor.text == TEXTS[1] + "天")
        await wait_until(pilot, lambda: "0:00 saved" in screen_text(app) and "undoes" not in screen_text(app))
        await pilot.press("ctrl+z")
        await wait_until(pilot, lambda: screen.editor.text == TEXTS[1])
        await wait_until(pilot, lambda: "0:00 saved; Ctrl+Z undoes" in screen_text(app))
        assert row(workspace, 0).text == TEXTS[0] + "了"
        await pilot.press("ctrl+z")
        await wait_until(pilot, lambda: row(workspace, 0).text == TEXTS[0])
        await wait_until(pilot, lambda: screen.table.cursor == 0 and screen.editor.text == TEXTS[0])
        assert isinstance(app.focused, Editor)
        assert row(workspace, 1).text == TEXTS[1]
        # What Escape put back comes again, and the line tells it with the key that does so; in the table both do.
        await pilot.press(*"喔", "escape")
        await wait_until(pilot, lambda: "as it was; u brings back what you typed" in screen_text(app))
        await pilot.press("ctrl+z")
        await wait_until(pilot, lambda: screen.editor.text == TEXTS[0] + "喔" and screen.editor.has_focus)
        assert "brings back" not in screen_text(app)


async def test_undo_that_comes_late_does_not_move_somebody_who_has_gone_on(workspace: Workspace):
    with Store(workspace.db_path) as store:
        store.transcripts.review(segment(4).id, "rejected")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        with held(workspace):
            await pilot.press("u", "down", "e", *"好")
            await wait_until(pilot, lambda: screen.editor.dirty)
        await wait_until(pilot, lambda: row(workspace, 4).review == "pending")
        await wait_until(pilot, lambda: "pending" in line_of(app, 4))
        assert (screen.table.cursor, screen.editor.text) == (1, TEXTS[1] + "好")


async def test_all_that_was_accepted_is_taken_back_in_another_session(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await filled(pilot, app)
        await pilot.press("A")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("f")
        await wait_until(pilot, lambda: "6 rows accepted; u undoes" in screen_text(app))
        await wait_until(pilot, lambda: "6 of 8 reviewed" in screen_text(app))
    later = open_app(workspace)
    async with later.run_test(size=(100, 30)) as pilot:
        await filled(pilot, later)
        await pilot.press("G", "u")
        await wait_until(pilot, lambda: "6 rows as before" in screen_text(later))
        await wait_until(pilot, lambda: "0 of 8 reviewed" in screen_text(later))
        await wait_until(pilot, lambda: "pending" in line_of(later, 0))
    assert {row(workspace, number).review for number in range(8)} == {"pending"}


async def test_enter_reads_no_list_and_counts_nothing(workspace: Workspace, monkeypatch):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        read: list[str] = []
        for room, name in ((type(screen.store.segments), "rows"), (type(screen.store.segments), "all")):
            monkeypatch.setattr(room, name, lambda *_, name=name, **__: read.append(name))
        await pilot.press("e")
        for number in range(3):
            await pilot.press(*"了", "enter")
            await wait_until(pilot, lambda number=number: f"{number + 1} of 8 reviewed" in screen_text(app))
        # What another program writes comes alone.
        with Store(workspace.db_path) as store:
            store.transcripts.write_machine([machine(7, "機器寫的")])
        await wait_until(pilot, lambda: "機器寫的" in screen_text(app))
        assert read == []
