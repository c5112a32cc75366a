"""The transcripts screen on real stores: a review by hand, what is never lost, jobs that write meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from core.errors import UserError
from core.events import Item, ItemState, Outcome
from core.jobs import list_jobs
from core.store import Segment, Store, Video
from core.workspace import Workspace, create
from tests.tui.fake_job import FakeJob
from tests.tui.test_app_terminal import Terminal, wait_for
from tests.tui.transcripts_kit import TEXTS, filled, machine, open_app, row, screen_of, segment, workspace
from tests.tui.wait import hidden_characters, screen_lines, screen_text, wait_until, wrong_widths
from tui.app import WhispersmithApp
from tui.screens.transcripts.editor.editor import Editor, EditorPanel, Notice
from tui.screens.transcripts.review_place import read_place
from tui.screens.transcripts.screen import TranscriptsScreen
from tui.screens.transcripts.table.rows import tail
from tui.widgets.dialog import Choice, HelpScreen, TextPrompt

__all__ = ["workspace"]


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_the_review_is_seen_whole_at_every_size(workspace: Workspace, size: tuple[int, int]):
    app = open_app(workspace)
    async with app.run_test(size=size) as pilot:
        screen = await filled(pilot, app)
        await wait_until(pilot, lambda: "0 of 8 reviewed" in screen_text(app))
        await pilot.press("down", "down")
        await wait_until(pilot, lambda: "! loop" in screen_text(app))
        text = screen_text(app)
        assert "before 今天要來吃到飽" in text
        assert "after 是我喜歡的口感" in text
        assert "machine wrote 嗯嗯" in text
        assert "0:16–0:26" in text
        assert "pending, by a machine" in text
        assert wrong_widths(app) == []
        assert hidden_characters(app) == []
        assert "? help" in screen_lines(app)[-1]
        assert {"flags", "text", "state"} <= set(screen.table.shown_columns)
        # A stranger's markup and escapes are text.
        assert "[bold]字幕[/bold]製作" in text
        await pilot.press("e")
        await wait_until(pilot, lambda: "save, next" in screen_lines(app)[-1])
        # A question mark is text here.
        assert all(line.endswith(" F1 help ") for line in (screen_lines(app)[1], screen_lines(app)[-1]))
        assert wrong_widths(app) == []
        await pilot.press("了", "f1")
        await wait_until(
            pilot, lambda: isinstance(app.screen, HelpScreen) and "4 Transcripts: the text" in screen_text(app)
        )
        # What is being typed is neither taken as finished by that, nor lost.
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is screen)
        assert (screen.editor.dirty, screen.editor.text) == (True, "了")
        assert row(workspace, 2).review == "pending"


async def test_enter_saves_and_goes_on_and_stays_in_the_editor(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.focused, Editor))
        # Everything in one go, as an input method or a paste sends it: what follows Enter belongs to the next row.
        await pilot.press(*"歡迎", "enter", *"對", "enter")
        await wait_until(pilot, lambda: screen.table.cursor == 2)
        assert isinstance(app.focused, Editor)
        assert (row(workspace, 0).text, row(workspace, 1).text) == ("大家好我是千千歡迎", "今天要來吃到飽對")
        assert row(workspace, 0).origin == "human"
        assert row(workspace, 0).review == "accepted"
        assert row(workspace, 0).raw == "大家好我是千千"
        # Unchanged: the verdict is a person's, the text stays the machine's.
        await pilot.press("enter")
        await wait_until(pilot, lambda: row(workspace, 2).review == "accepted")
        assert row(workspace, 2).origin == "machine"
        await wait_until(pilot, lambda: "3 of 8 reviewed" in screen_text(app))
        assert "✓ accepted" in screen_text(app)


async def test_a_long_text_is_read_from_its_beginning_and_typed_at_its_end(workspace: Workspace):
    with Store(workspace.db_path) as store:
        store.transcripts.write_machine([machine(1, f"頭{'嗯' * 400}尾")])
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await filled(pilot, app)
        editor = screen.query_one(Editor)

        def seen() -> str:
            top = editor.region.y
            return "".join(screen_lines(app)[top : top + editor.region.height])

        await pilot.press("down")
        await wait_until(pilot, lambda: "頭" in seen() and "尾" not in seen())
        await pilot.press("enter")
        await wait_until(pilot, lambda: "尾" in seen())


async def test_an_input_methods_commit_of_eight_characters_arrives_whole(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("G", "e")
        await wait_until(pilot, lambda: isinstance(app.focused, Editor))
        from textual._xterm_parser import XTermParser

        for event in XTermParser(debug=False).feed("它的筋吃起來很軟"):
            app.post_message(event)
        await wait_until(pilot, lambda: screen.editor.text == "它的筋吃起來很軟")
        await pilot.press("enter")
        await wait_until(pilot, lambda: row(workspace, 7).text == "它的筋吃起來很軟")


async def test_accept_reject_undo_keep_the_machines_text(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await filled(pilot, app)
        EditorPanel().show(None, screen._session, Notice(), "")  # one whose widgets are not there yet
        await pilot.press("a", "x")
        await wait_until(pilot, lambda: screen.table.cursor == 2 and row(workspace, 1).review == "rejected")
        assert row(workspace, 0).review == "accepted"
        assert (row(workspace, 0).text, row(workspace, 1).text) == (TEXTS[0], TEXTS[1])
        await wait_until(pilot, lambda: "u undoes" in screen_text(app))
        # A verdict that is there already is no change, and does not say that undo takes it back.
        await pilot.press("g", "a")
        await wait_until(pilot, lambda: "0:00 was accepted already" in screen_text(app))
        assert "u undoes" not in screen_text(app)
        await pilot.press("G", "u")
        await wait_until(pilot, lambda: row(workspace, 1).review == "pending" and screen.table.cursor == 1)
        await pilot.press("u")
        await wait_until(pilot, lambda: row(workspace, 0).review == "pending" and screen.table.cursor == 0)
        await pilot.press("u")
        await wait_until(pilot, lambda: "nothing to take back" in screen_text(app))


async def test_accepting_a_row_without_text_is_refused_with_what_to_do(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("G", "a")
        await wait_until(pilot, lambda: "no text to accept" in screen_text(app))
        assert screen.table.cursor == 7
        await pilot.press("x")
        await wait_until(pilot, lambda: row(workspace, 7).review == "rejected")


@pytest.mark.parametrize("way", ["screen", "tab", "row", "q", "exit"])
async def test_what_was_typed_is_saved_whichever_way_one_leaves(workspace: Workspace, way: str):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("e", *"了")
        await wait_until(pilot, lambda: screen.editor.dirty)
        assert row(workspace, 0).origin == "machine"
        if way == "screen":
            app.action_step("playlist")
            await wait_until(pilot, lambda: app.current_mode == "playlist")
        elif way == "tab":
            await pilot.press("tab")
            await wait_until(pilot, lambda: app.focused is screen.table)
        elif way == "row":
            screen.table.cursor = 3
        elif way == "q":
            screen.table.focus()
            await pilot.press("q")
        else:
            app.exit(return_code=0)
        if way != "exit":
            await wait_until(pilot, lambda: row(workspace, 0).text == TEXTS[0] + "了")
    assert row(workspace, 0).text == TEXTS[0] + "了"
    assert row(workspace, 0).origin == "human"


async def test_leaving_unchanged_text_writes_nothing(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("e", *"了", "backspace", "tab")
        await wait_until(pilot, lambda: app.focused is screen.table)
        await pilot.press("down", "e", "tab")
        await wait_until(pilot, lambda: app.focused is screen.table)
    with Store(workspace.db_path) as store:
        assert [len(store.transcripts.history(segment(number).id)) for number in range(2)] == [1, 1]


async def test_escape_puts_the_text_back_and_undo_brings_it_again(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("e", *"了", "escape")
        await wait_until(pilot, lambda: app.focused is screen.table)
        assert screen.editor.text == TEXTS[0]
        assert row(workspace, 0).origin == "machine"
        await pilot.press("u")
        await wait_until(pilot, lambda: isinstance(app.focused, Editor) and screen.editor.text == TEXTS[0] + "了")
        await pilot.press("enter")
        await wait_until(pilot, lambda: row(workspace, 0).text == TEXTS[0] + "了")


async def test_a_paste_of_several_lines_is_saved_as_one_without_control_characters(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("G", "e")
        await wait_until(pilot, lambda: isinstance(app.focused, Editor))
        app.post_message(events.Paste("第一行\n第二\x1b[31m行\u202e"))
        await wait_until(pilot, lambda: "第一行" in screen.editor.text)
        await pilot.press("enter")
        await wait_until(pilot, lambda: row(workspace, 7).text == "第一行 第二行")


async def test_a_job_that_writes_neither_moves_the_cursor_nor_touches_typed_text(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        job = FakeJob(workspace, "label")
        await pilot.press("G", "e", *"口")
        await wait_until(pilot, lambda: screen.editor.dirty)
        with Store(workspace.db_path) as store:
            store.transcripts.write_machine([machine(number, "機器寫的") for number in (6, 7)])
        job.emit(Item(id=segment(6).id, state=ItemState.LABELLED))
        job.progress(done=1, total=2)
        await wait_until(pilot, lambda: "機器寫的" in screen_text(app) and "labelling  50%" in screen_text(app))
        assert screen.table.cursor == 7
        assert screen.editor.text == "口"
        await pilot.press("enter")
        await wait_until(pilot, lambda: row(workspace, 7).text == "口")
        assert row(workspace, 6).text == "機器寫的"
        await pilot.press("tab", "up")
        await wait_until(pilot, lambda: screen.editor.text == "機器寫的")
        job.finish()
        await wait_until(pilot, lambda: "labelling" not in screen_text(app))


async def test_one_line_says_which_rows_are_shown_and_a_menu_writes_into_it(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(140, 45), notifications=True) as pilot:
        screen = await filled(pilot, app)
        assert "recording" not in screen.table.shown_columns
        # Another order is read from its top.
        await pilot.press("a", "x", "o")
        await wait_until(pilot, lambda: "8 rows, most suspicious first" in screen_text(app))
        assert (screen.table.cursor, screen.table.cursor_key) == (0, segment(2).id)
        assert "▄▄▄▄▄▄" in screen_text(app)
        # The menu tells how many rows each choice shows, beside what is asked for already.
        await pilot.press("f")
        await wait_until(pilot, lambda: line_with(app, "nobody has judged it").split()[-2] == "6")
        await pilot.press("space")
        await wait_until(pilot, lambda: line_with(app, "repeats itself").split()[-2] == "1")
        assert line_with(app, "for training").split()[-2] == "1"
        # What is chosen already stays so.
        await pilot.press("enter")
        await wait_until(pilot, lambda: screen.table.row_count == 6 and "6 of 8 rows" in screen_text(app))
        assert screen._panes.filter.value == "state:pending"
        # A row that is dealt with stays until other rows are asked for.
        await pilot.press("a")
        await wait_until(pilot, lambda: row(workspace, 2).review == "accepted")
        screen.store_changed()
        await wait_until(pilot, lambda: "3 of 8 reviewed, 5 left  0.3 min" in screen_text(app))
        assert screen.table.row_count == 6
        # The cursor stays by its row; where that is not shown any more, by the one that comes next.
        assert screen.table.go_to_key(segment(4).id)
        await pilot.press("slash", *"!甜")
        await wait_until(pilot, lambda: screen.table.row_count == 4)
        assert screen.table.cursor_key == segment(3).id
        # What is wrong is told, and what is right beside it counts; what could stand next is told too.
        await pilot.press(*" /[/")
        await wait_until(pilot, lambda: "! /[/ is no regular expression" in screen_text(app))
        assert screen.table.row_count == 4
        screen._panes.filter.value = "fl"
        await pilot.press("tab", "l", "tab")
        assert screen._panes.filter.value == "flag:loop"
        await wait_until(pilot, lambda: screen.table.row_count == 1 and "repeats itself" in screen_text(app))
        # What was looked for is marked.
        screen._panes.filter.value = "/我.歡/"
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.focused is screen.table and marked(screen) == ["我喜歡"])
        # Undo goes to its row even where the filter hides it.
        await pilot.press("u")
        await wait_until(pilot, lambda: screen.table.cursor_key == segment(2).id and screen.table.row_count == 8)
        await pilot.press("slash", *"zzz", "escape")
        await wait_until(pilot, lambda: screen.table.row_count == 8 and app.focused is screen.table)
        await wait_until(pilot, lambda: "reviewed" in screen_lines(app)[2])
        # A pattern that tries every way is given up, and what was shown stays.
        with Store(workspace.db_path) as store:
            store.transcripts.write_machine([machine(7, "嗯" * 300 + "啊b")])
        await wait_until(pilot, lambda: (last := screen._session.index.get(segment(7).id)) and last.text)
        screen._panes.filter.value = "/(嗯|嗯嗯)+啊$/"
        await wait_until(pilot, lambda: "takes too long; write it without nesting" in screen_text(app))
        assert screen.table.row_count == 8
        # It does not come back by itself with what is read meanwhile: a recording more, and its rows.
        with Store(workspace.db_path) as store:
            store.videos.add(Video("later", title="later"))
            store.segments.add([Segment("later_0_10", "later", 0, 10_000, "segments/later/later_0_10.wav")])
        await wait_until(pilot, lambda: screen.table.row_count == 9)
        await wait_until(pilot, lambda: "recording" in screen.table.shown_columns and "later" in screen_text(app))


def line_with(app: WhispersmithApp, words: str) -> str:
    return next((line for line in screen_lines(app) if words in line), "- -")


def marked(screen: TranscriptsScreen) -> list[str]:
    """What is marked in the text of the first row."""
    text = screen.table.source.cells(0)[-1]
    return [] if isinstance(text, str) else [text.plain[span.start : span.end] for span in text.spans]


async def test_accept_all_says_how_many_and_is_taken_back_whole(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await filled(pilot, app)
        await pilot.press("x", "A")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice) and "Accept 5 rows?" in screen_text(app))
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, TranscriptsScreen))
        assert row(workspace, 1).review == "pending"
        await pilot.press("A")
        # The one that repeats itself is told of, and left out.
        await wait_until(pilot, lambda: "1 loop: it repeats itself without end" in screen_text(app))
        await pilot.press("y")
        await wait_until(
            pilot,
            lambda: [row(workspace, n).review for n in (0, 1, 2, 5)] == ["rejected", "accepted", "pending", "accepted"],
        )
        await wait_until(pilot, lambda: "5 of 8 reviewed" in screen_text(app))
        await pilot.press("u")
        await wait_until(pilot, lambda: row(workspace, 5).review == "pending")
        assert row(workspace, 0).review == "rejected"


async def test_captions_beside_the_recordings_are_offered_and_imported(workspace: Workspace):
    for name in ("talk.zh-TW.srt", "stranger.srt"):
        (workspace.media / name).write_text("1\n00:00:49,000 --> 00:00:57,000\n字幕說的話\n", encoding="utf-8")
    with Store(workspace.db_path) as store:
        store.transcripts.save(segment(0).id, "人寫的")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await filled(pilot, app)
        await pilot.press("i")
        await wait_until(
            pilot, lambda: isinstance(app.screen, TextPrompt) and "beside the recordings" in screen_text(app)
        )
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice) and "a second opinion" in screen_text(app))
        await pilot.press("enter")
        await wait_until(pilot, lambda: row(workspace, 6).text == "字幕說的話", timeout=60)
        await wait_until(pilot, lambda: "字幕說的話" in screen_text(app))
        assert row(workspace, 0).text == "人寫的"
        await wait_until(pilot, lambda: not app.live, timeout=60)
        await wait_until(pilot, lambda: "1 row of the import belongs to no segment here" in screen_text(app))
        assert "why  stranger.srt" in screen_text(app)
        assert [job.stage for job in list_jobs(workspace)] == ["import"]


async def test_a_running_labeller_is_shown_and_can_be_stopped(workspace: Workspace):
    job = FakeJob(workspace, "label")
    job.progress(done=63, total=100, unit="s", note="16 windows, 12.3 s of sound a second")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await filled(pilot, app)
        await wait_until(pilot, lambda: "● labelling  63%" in screen_text(app))
        assert "16 windows, 12.3 s of sound a second" in screen_text(app)
        await pilot.press("b")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("s")
        await wait_until(pilot, lambda: job.asked_to_stop)
        job.finish(Outcome.FAILED, UserError("the GPU's memory ran out", "too big", "choose a smaller labeller"))
        await wait_until(pilot, lambda: "✗ the GPU's memory ran out" in screen_text(app))
        assert "fix  choose a smaller labeller" in screen_text(app)
        # It keeps no rows from being seen for longer than a person wants; after it esc is of the filter.
        screen_of(app)._panes.write_filter("nobody")
        await wait_until(pilot, lambda: "esc shows all" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: "the GPU's memory" not in screen_text(app) and "esc shows" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: screen_of(app).table.row_count == 8)


async def test_an_empty_workspace_has_no_dead_keys(tmp_path: Path):
    workspace = create(tmp_path / "empty")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "no segments yet" in screen_text(app))
        await pilot.press("D")
        await wait_until(pilot, lambda: "Nothing is accepted yet to check" in screen_text(app))
        for key in ("e", "enter", "a", "x", "u", "f", "o", "A", "b", "B", "H", "h", "E", "down", "G"):
            app.clear_notifications()
            await pilot.press(key)
            await pilot.pause()
        assert "? help" in screen_lines(app)[-1]
        assert list(workspace.jobs.iterdir()) == []


def test_the_end_of_a_text_is_cut_by_cells():
    assert tail("是我喜歡的口感", 7) == "…的口感"
    assert tail("是我喜歡的口感", 14) == "是我喜歡的口感"


def test_a_terminal_that_hangs_up_does_not_take_what_was_typed(workspace: Workspace):
    terminal = Terminal(workspace.root)
    terminal.shows("Set")
    terminal.type("4")
    terminal.shows("of 8 reviewed")
    terminal.shows(TEXTS[0])
    terminal.type("e")
    terminal.shows("save, next")
    terminal.type("掛斷之前打的字")
    terminal.shows("掛斷之前打的字")
    terminal.close()
    try:
        wait_for(lambda: row(workspace, 0).text == TEXTS[0] + "掛斷之前打的字")
    finally:
        terminal.kill()
    assert row(workspace, 0).origin == "human"


async def test_the_review_goes_on_where_it_was_left(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app)
        await pilot.press("o", "o", "slash", *"state:pending by:machine", "enter")
        await wait_until(pilot, lambda: "6 of 8 rows, most errors a minute first" in screen_text(app))
        await pilot.press("g", "down", "down", "down")
        left = screen.table.cursor_key
        assert screen.table.cursor == 3
        await pilot.press("a")
        on = screen.table.cursor_key
        await pilot.press("up")
        assert screen.table.cursor_key == left
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await filled(pilot, app, count=5)
        # The row is accepted, so that it is not shown any more: it is the next one's turn.
        assert "state:pending by:machine" in screen_text(app)
        await wait_until(pilot, lambda: "5 of 8 rows, most errors a minute first" in screen_text(app))
        await wait_until(pilot, lambda: screen.table.cursor_key == on)
        await pilot.press("escape")
        await wait_until(pilot, lambda: screen.table.row_count == 8)
        assert screen.table.cursor_key == on
    # A file that somebody else has written is nothing to go by.
    for text in ("", "[]", '{"order": "backwards"}', '{"row": 5}', '{"query": "conf<low", "row": "gone"}'):
        (workspace.logs / "review.json").write_text(text)
        assert read_place(workspace).order == "time"
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: "low is no number" in screen_text(app))
        await filled(pilot, app)
