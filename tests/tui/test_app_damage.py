"""A damaged store does not take the app down: every screen opens, says what is wrong, and offers to repair it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from core.cli import AppOptions
from core.store import Store
from core.workspace import Workspace, create
from tests.core.store_kit import damage, fill, machine, text_of
from tests.tui.wait import screen_text, wait_until
from tui.app import WhispersmithApp


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = create(tmp_path / "w")
    with Store(made.db_path) as store:
        machine(store, *fill(store, 200))
        store.transcripts.save("talk_0_10", "人寫的")
    return made


@pytest.mark.parametrize("start", [None, "playlist", "segments", "transcripts", "training", "results"])
async def test_every_screen_opens_on_a_damaged_store_and_says_so(workspace: Workspace, start: str | None) -> None:
    damage(workspace.db_path)
    app = WhispersmithApp(workspace, AppOptions(), start=start)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "whispersmith.db is damaged" in screen_text(app))
        # The screen's own words may be there before the question is.
        await wait_until(pilot, lambda: "repair it" in screen_text(app))
        assert "fix  whispersmith repair" in screen_text(app)
        # And one can go elsewhere.
        app.clear_notifications()
        while len(app.screen_stack) > 1:
            await pilot.press("escape")
        await pilot.press("1")
        await wait_until(pilot, lambda: app.current_mode == "setup")
    assert app.return_code is None


async def _repaired(pilot: Pilot[Any], workspace: Workspace) -> None:
    app = pilot.app
    await wait_until(pilot, lambda: "Repaired" in screen_text(app))
    assert "text or verdict in the journal" in " ".join(screen_text(app).split())
    await pilot.press("escape", "4")
    await wait_until(pilot, lambda: "人寫的" in screen_text(app))
    with Store(workspace.db_path) as store:
        assert text_of(store, "talk_0_10") == ("人寫的", "human", "accepted")


async def test_damage_that_is_met_is_repaired_by_leaving_and_starting_again(workspace: Workspace) -> None:
    damage(workspace.db_path)
    app = WhispersmithApp(workspace, AppOptions(), start="transcripts")
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: "repair it" in screen_text(app))
        await pilot.press("r")
        await wait_until(pilot, lambda: app.return_code is not None)
    assert app.wants_repair
    assert app.store is not None
    app.store.close()
    again = WhispersmithApp(workspace, AppOptions(), repair=True)
    async with again.run_test(size=(100, 30)) as pilot:
        await _repaired(pilot, workspace)
    assert not again.wants_repair


@pytest.mark.parametrize("loss", ["missing", "empty", "without tables"])
async def test_a_database_that_is_gone_is_never_an_empty_workspace(workspace: Workspace, loss: str) -> None:
    workspace.db_path.unlink()
    if loss == "empty":
        workspace.db_path.touch()
    elif loss == "without tables":
        sqlite3.connect(workspace.db_path).execute("CREATE TABLE x (y)").connection.close()
    app = WhispersmithApp(workspace, AppOptions())
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "repair it" in screen_text(app))
        assert "the workspace had one" in screen_text(app) or "not new" in screen_text(app)
        await pilot.press("2", "?", "r")
        await _repaired(pilot, workspace)


async def test_whoever_does_not_repair_leaves(workspace: Workspace) -> None:
    workspace.db_path.unlink()
    app = WhispersmithApp(workspace, AppOptions())
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "repair it" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.return_code is not None)
    assert (app.return_code, app.wants_repair) == (3, False)
    assert not workspace.db_path.exists()


async def test_a_repair_that_fails_says_why(workspace: Workspace) -> None:
    with Store(workspace.db_path):
        app = WhispersmithApp(workspace, AppOptions(), repair=True)
        async with app.run_test(size=(80, 24)) as pilot:
            await wait_until(pilot, lambda: "whispersmith.db is in use" in screen_text(app))
            await pilot.press("enter")
            await wait_until(pilot, lambda: app.return_code is not None)
    assert app.return_code == 3
