"""Many rows at once: every change is seen before it is made, and taken back as one; the history of one row."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from queue import SimpleQueue

import pytest

from core.store import Store, TranscriptRow, connection
from core.store.records import ChangedTexts, TextChange
from core.workspace import Workspace
from tests.tui.transcripts_kit import TEXTS, filled, held, open_app, row, segment, workspace
from tests.tui.wait import screen_text, wait_until
from tui.effects import ShowError, Toast
from tui.screens.transcripts.bulk.changes_dialog import ChangesDialog
from tui.screens.transcripts.bulk.file_editing import edit_rows, not_written
from tui.screens.transcripts.bulk.proposals import rewritten
from tui.screens.transcripts.editor.history_dialog import HistoryDialog, steps
from tui.screens.transcripts.saving import ChangeTexts, Written
from tui.screens.transcripts.screen import TranscriptsScreen
from tui.screens.transcripts.session import ReviewSession
from tui.screens.transcripts.table.rows import written_by_machine
from tui.widgets.dialog import Choice, TextPrompt

__all__ = ["workspace"]


def texts(workspace: Workspace) -> list[str]:
    return [row(workspace, number).text for number in range(6)]


async def test_a_mistake_is_fixed_everywhere_and_rows_are_replaced_by_a_pattern(workspace: Workspace) -> None:
    loop = "碎的紙書頁" + "喔" * 300
    with Store(workspace.db_path) as store:
        changes = {0: loop, 1: "黃金蛋糕", 3: "它的金吃起來", 4: "它的金也是", 5: "還有它的金吃"}
        store.transcripts.change_texts(
            [TextChange(segment(number).id, row(workspace, number).text, text) for number, text in changes.items()], "x"
        )
        store.transcripts.review(segment(4).id, "accepted")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await filled(pilot, app)
        # What is corrected in one row is found in the others; what was accepted is not ticked.
        screen.table.go_to_key(segment(3).id)
        await pilot.press("e")
        await wait_until(pilot, lambda: screen.editor.text == "它的金吃起來")
        screen.editor.load_text("它的筋吃起來")
        await pilot.press("enter")
        await wait_until(pilot, lambda: "0:24 saved; Ctrl+G fixes 1 row more; Ctrl+Z undoes" in screen_text(app))
        await pilot.press("shift+tab", "H")
        await wait_until(pilot, lambda: isinstance(app.screen, ChangesDialog))
        assert "Fix everywhere: 金 -> 筋" in screen_text(app)
        assert "2 rows, 1 of them ticked; 1 accepted, or written by a person" in screen_text(app)
        assert "它的[金→筋]也是" in screen_text(app)
        await pilot.press("space", "enter")
        await wait_until(pilot, lambda: row(workspace, 4).text == "它的筋也是")
        assert row(workspace, 4).review == "accepted"
        assert (row(workspace, 5).text, row(workspace, 5).review) == ("還有它的筋吃", "pending")
        assert row(workspace, 1).text == "黃金蛋糕"
        await wait_until(pilot, lambda: "2 rows changed; u undoes" in screen_text(app))
        await pilot.press("u")
        await wait_until(pilot, lambda: row(workspace, 4).text == "它的金也是")

        # A pattern that is none is told; what it would do is seen.
        await pilot.press("B")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("r")
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
        await pilot.press("left_parenthesis", "enter")
        await wait_until(pilot, lambda: "is no regular expression" in screen_text(app))
        await pilot.press("backspace", *"(嗯)+", "enter")
        await wait_until(pilot, lambda: "by what?" in screen_text(app))
        await pilot.press(*r"\2", "enter")
        await wait_until(pilot, lambda: "invalid group reference" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, TranscriptsScreen))
        await pilot.press("B", "r", *"(嗯)+", "enter", *r"\1", "enter")
        await wait_until(pilot, lambda: isinstance(app.screen, ChangesDialog))
        assert "1 row, 1 of them ticked" in screen_text(app)
        await pilot.press("a")
        await wait_until(pilot, lambda: "0 of them ticked" in screen_text(app))
        await pilot.press("enter")  # there is nothing to do
        await pilot.press("a", "enter")
        await wait_until(pilot, lambda: row(workspace, 2).text == "嗯")
        assert (row(workspace, 2).origin, row(workspace, 2).review) == ("machine", "pending")

        # Its history tells who did what, and any of it is taken back.
        screen.table.go_to_key(segment(2).id)
        await pilot.press("h")
        await wait_until(pilot, lambda: isinstance(app.screen, HistoryDialog))
        assert "you: replace /(嗯)+/ by \\1" in screen_text(app)
        assert "label: toy" in screen_text(app)
        await pilot.press("enter")
        await wait_until(pilot, lambda: row(workspace, 2).text == TEXTS[2])
        await wait_until(pilot, lambda: "as it was before that change; u undoes" in screen_text(app))

        # What is hardly suspicious, of the rows shown: the loop is none of it.
        await pilot.press("B", "a")
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
        await pilot.press("enter")
        await wait_until(pilot, lambda: "Accept 3 rows?" in screen_text(app))
        await pilot.press("y")
        await wait_until(pilot, lambda: [row(workspace, n).review for n in (0, 1, 2)] == ["accepted"] * 2 + ["pending"])

        # A correction of a hundred characters is named by its first ones, and what is told of it is seen.
        screen.table.go_to_key(segment(0).id)
        await wait_until(pilot, lambda: screen.editor.text == loop)
        screen.editor.load_text("碎的紫蘇葉")
        await pilot.press("e", "enter", "shift+tab", "H")
        told = "紙書頁喔喔喔喔喔喔喔喔… -> 紫蘇葉: it is nowhere else"
        await wait_until(pilot, lambda: any(toast.message == told for toast in app._notifications))


def test_where_a_machines_text_was_converted_is_seen(workspace: Workspace) -> None:
    converted = dataclasses.replace(row(workspace, 0), text="這個軟體很好", raw="这个软件很好")
    shown = written_by_machine(converted, 80, ascii=False)
    assert shown.plain == "machine wrote [这个软件→這個軟體]很好"
    assert written_by_machine(dataclasses.replace(converted, origin="human"), 80, ascii=False).plain.endswith(
        "软件很好"
    )


def rows_of(workspace: Workspace) -> list[TranscriptRow]:
    with Store(workspace.db_path) as store:
        return store.segments.rows().rows


def test_what_was_rejected_is_left_alone_and_what_a_person_wrote_is_not_ticked(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store:
        store.transcripts.review(segment(0).id, "rejected")
        store.transcripts.save(segment(1).id, "人寫的！")
    found = rewritten(rows_of(workspace), lambda text: text + "!")
    assert [(one.row.id, one.is_ticked) for one in found] == [
        (segment(number).id, number != 1) for number in range(1, 6)
    ]


def test_the_history_follows_a_text_through_edits_that_tell_only_what_they_changed(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store:
        id = segment(0).id
        store.transcripts.save(id, "一")
        store.transcripts.change_texts([TextChange(id, "一", "二")], "replace")
        store.transcripts.accept_all([id])
        store.transcripts.review(id, "rejected")
        store.transcripts.undo()
        found = steps(store.transcripts.history(id))
    assert [(one.who, one.before, one.after, one.words, one.is_undone) for one in found] == [
        ("you, undoing", "二", "二", "accepted", False),
        ("you", "二", "二", "rejected", True),
        ("you: replace", "一", "二", "", False),
        ("you", TEXTS[0], "一", "accepted", False),
        ("label: toy", "", TEXTS[0], "", False),
    ]


def editor(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """An editor of the person's own: a program that changes the file it is given."""
    program = folder / "my editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("VISUAL", f"'{program}' -w")


def test_rows_go_through_an_editor_and_come_back(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, changes, files = rows_of(workspace), [], []

    def change(some: Sequence[TextChange], file: Path | None) -> None:
        changes.extend(some)
        files.append(file)

    def edited(script: str) -> list[object]:
        editor(tmp_path, monkeypatch, script)
        return list(edit_rows(rows, workspace.logs, nullcontext, change))

    assert edited('sed -i "s/千千/仟仟/; /吃到飽/d" "$2"') == [
        Toast("No line was left of 1 row: nothing is changed there")
    ]
    assert changes == [TextChange(segment(0).id, TEXTS[0], "大家好我是仟仟", "pending")]
    # The file stays until they are on the disk.
    (file,) = files
    assert list(workspace.logs.glob("texts-*")) == [file]
    with Store(workspace.db_path) as store:
        assert ChangeTexts((*changes, TextChange(segment(1).id, "else", "x")), "x", True, file).apply(store).left == 1
        assert file.exists()
        assert store.transcripts.undo() is not None
        assert ChangeTexts(tuple(changes), "x", True, file).apply(store).left == 0
    assert list(workspace.logs.glob("texts-*")) == []
    assert edited("true") == [Toast("Nothing was changed")]

    # What cannot be read back is told, and the file stays.
    (told,) = edited('sed -i "s/千千/仟仟/; s/ | 是我/ 是我/" "$2"')
    assert isinstance(told, ShowError)
    assert "1 line could not be read back" in told.error.what
    assert "no line is left of 1 row" in told.error.why
    (kept,) = workspace.logs.glob("texts-*")
    assert str(kept) in told.error.fix
    assert "仟仟" in kept.read_text()
    assert len(changes) == 2
    assert files == [file, None]
    for script, what in (("exit 3", "ended with 3"), ('printf "\\377" >> "$2"', "is not UTF-8")):
        (told,) = edited(script)
        assert isinstance(told, ShowError)
        assert what in told.error.what
    assert len(changes) == 2
    monkeypatch.setenv("VISUAL", "no-such-editor")
    (told,) = edit_rows(rows, workspace.logs, nullcontext, change)
    assert isinstance(told, ShowError)
    assert "no-such-editor" in told.error.why


def test_where_a_text_of_a_file_could_not_be_written_the_file_is_named(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = ChangeTexts((), "x", file=tmp_path)
    assert not_written(Written(edit, ChangedTexts(2, 0))) == []
    assert not_written(Written(ChangeTexts((), "x"), ChangedTexts(0, 2))) == []
    (told,) = not_written(Written(edit, ChangedTexts(1, 2)))
    assert isinstance(told, ShowError)
    assert str(tmp_path) in told.error.fix
    monkeypatch.setattr(connection, "BUSY_S", 0.1)
    file, written = tmp_path / "texts.txt", SimpleQueue[Written]()
    file.write_text("x")
    session = ReviewSession(workspace.db_path, written.put, print)
    with held(workspace):
        session.change_texts([TextChange(segment(0).id, TEXTS[0], "x")], "x", file=file)
        session.take_written(written.get(timeout=30))
    error = session.unsaved_error("p")
    assert error is not None
    assert str(file) in error.fix
    assert file.exists()
    session.close()
