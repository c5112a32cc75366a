"""Where nothing may be written all that shows works, in the app as well, and editing says what, why and fix."""

from __future__ import annotations

import asyncio
import contextlib
import io
import shutil
from pathlib import Path

import pytest

from core.cli import AppOptions, main
from core.errors import UserError
from core.store import Store
from core.workspace import Workspace, create, open_workspace
from tests.core.store_kit import fill, machine, text_of
from tests.faults.disks.mounts import fill_up, make_read_only, make_room, on_a_disk
from tests.tui.wait import screen_text, wait_until
from tui.app import WhispersmithApp

READING = (
    *("status", "status --json", "videos", "segments --json", "segments --state accepted", "transcript talk_0_10"),
    *("plan", "jobs", "jobs --json", "model"),
)
WRITING = ("transcript talk_0_10 --set 二", "transcript talk_8_18 --accept", "transcript talk_0_10 --undo")


def call(workspace: Workspace, command: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*command.split(), "-w", str(workspace.root)], lambda *_: 0)
    return code, out.getvalue(), err.getvalue()


def filled(disk: Path) -> Workspace:
    workspace = create(disk / "w")
    with Store(workspace.db_path) as store:
        machine(store, *fill(store, 60))
        store.transcripts.save("talk_0_10", "人寫的")
    return workspace


def read_all(workspace: Workspace) -> None:
    for command in READING:
        code, out, err = call(workspace, command)
        assert (code, "Traceback" in err) == (0, False), (command, err)
        assert command.startswith("jobs") or out, command
    assert "人寫的" in call(workspace, "transcript talk_0_10")[1]


def refuse_all(workspace: Workspace, why: str) -> None:
    for command in WRITING:
        code, out, err = call(workspace, command)
        assert (code, out) == (3, ""), (command, err)
        assert [line[:5] for line in err.splitlines()[1:]] == ["why  ", "fix  "], err
        assert why in err


def _commands_on_a_read_only_disk(disk: Path) -> None:
    workspace = filled(disk)
    before = sorted(path.name for path in workspace.root.iterdir())
    make_read_only(disk)
    read_all(workspace)
    refuse_all(workspace, "only to be read")
    assert sorted(path.name for path in workspace.root.iterdir()) == before


def test_every_command_that_shows_works_on_a_read_only_disk(tmp_path: Path) -> None:
    on_a_disk(_commands_on_a_read_only_disk, tmp_path / "disk")


def _left_by_a_killed_app(disk: Path) -> None:
    """What was written last is in the -wal still, and counts."""
    workspace = filled(disk)
    with Store(workspace.db_path) as store:
        store.transcripts.save("talk_0_10", "最後的話")
        shutil.copytree(workspace.root, disk / "with-shm")
        shutil.copytree(workspace.root, disk / "without-shm", ignore=shutil.ignore_patterns("*-shm"))
    make_read_only(disk)
    with Store(open_workspace(disk / "with-shm").db_path) as store:
        assert text_of(store, "talk_0_10")[0] == "最後的話"
    with pytest.raises(UserError, match="cannot be read here") as told:
        Store(open_workspace(disk / "without-shm").db_path)
    assert "-wal" in told.value.why


def test_what_a_killed_app_has_left_is_read_or_told_on_a_read_only_disk(tmp_path: Path) -> None:
    on_a_disk(_left_by_a_killed_app, tmp_path / "disk")


def _commands_on_a_full_disk(disk: Path) -> None:
    workspace = filled(disk)
    fill_up(disk)
    read_all(workspace)
    refuse_all(workspace, "the disk is full")
    make_room(disk)
    assert call(workspace, WRITING[0])[0] == 0
    assert "二" in call(workspace, "transcript talk_0_10")[1]


def test_reading_works_on_a_full_disk_and_editing_as_soon_as_there_is_room(tmp_path: Path) -> None:
    on_a_disk(_commands_on_a_full_disk, tmp_path / "disk")


def _full_while_it_is_open(disk: Path) -> None:
    workspace = filled(disk)
    with Store(workspace.db_path) as store:
        fill_up(disk)
        journal = (workspace.root / "edits.jsonl").read_bytes()
        with pytest.raises(UserError, match=r"disk is full|cannot be written") as told:
            store.transcripts.save("talk_8_18", "長" * 20_000)
        assert "make room" in told.value.fix
        assert (workspace.root / "edits.jsonl").read_bytes() == journal
        assert text_of(store, "talk_8_18")[1] == "machine"
        assert text_of(store, "talk_0_10")[0] == "人寫的"
        make_room(disk)
        store.transcripts.save("talk_8_18", "又有空間")
    with Store(workspace.db_path) as store:
        assert text_of(store, "talk_8_18")[0] == "又有空間"
        assert len([edit for edit in store.transcripts.history("talk_8_18") if edit["who"] == "person"]) == 1


def test_a_disk_that_fills_up_while_the_store_is_open_loses_nothing(tmp_path: Path) -> None:
    on_a_disk(_full_while_it_is_open, tmp_path / "disk")


def _opened_when_full(disk: Path) -> None:
    """An app that was started on a full disk saves as soon as there is room, without being started again."""
    workspace = filled(disk)
    fill_up(disk)
    with Store(workspace.db_path) as store:
        with pytest.raises(UserError, match="the disk is full"):
            store.transcripts.save("talk_8_18", "沒有空間")
        make_room(disk)
        store.transcripts.save("talk_8_18", "有空間")
        assert text_of(store, "talk_8_18")[0] == "有空間"


def test_a_store_that_was_opened_on_a_full_disk_writes_once_there_is_room(tmp_path: Path) -> None:
    on_a_disk(_opened_when_full, tmp_path / "disk")


def _app_on_a_read_only_disk(disk: Path) -> None:
    workspace = filled(disk)
    make_read_only(disk)
    asyncio.run(_walk_and_edit(workspace))


async def _walk_and_edit(workspace: Workspace) -> None:
    app = WhispersmithApp(workspace, AppOptions(), start="transcripts")
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "人寫的" in screen_text(app))
        for number, mode in enumerate(("setup", "playlist", "segments", "transcripts", "training", "results"), start=1):
            await pilot.press(str(number))
            await wait_until(pilot, lambda mode=mode: app.current_mode == mode)
        await pilot.press("4", "down", "a")
        await wait_until(pilot, lambda: "may not be written" in screen_text(app))
        assert "only to be read" in screen_text(app)
        # Nothing beside the next row says that it was done, nor that it could be undone.
        await wait_until(pilot, lambda: "undoes" not in screen_text(app))
        while len(app.screen_stack) > 1:
            await pilot.press("escape")
        app.clear_notifications()
        await pilot.press("e", "字", "enter")
        await wait_until(pilot, lambda: "may not be written" in screen_text(app))
    assert app.return_code in (None, 0)
    # Neither the database nor the log takes what was typed: the terminal does, once the app is left.
    assert any("字" in line for line in app.left_over)


def test_the_app_shows_a_read_only_workspace_and_tells_of_an_edit(tmp_path: Path) -> None:
    on_a_disk(_app_on_a_read_only_disk, tmp_path / "disk")
