"""A damaged store does not take the app down: every screen opens, and says what is wrong and what mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cli import AppOptions
from core.store import Store
from core.workspace import create
from tests.core.store_kit import damage, fill, machine
from tests.tui.wait import screen_text, wait_until
from tui.app import WhispersmithApp


@pytest.mark.parametrize("start", [None, "playlist", "segments", "transcripts", "training", "results"])
async def test_every_screen_opens_on_a_damaged_store_and_says_so(tmp_path: Path, start: str | None):
    workspace = create(tmp_path / "w")
    with Store(workspace.db_path) as store:
        machine(store, *fill(store, 200))
    damage(workspace.db_path)
    app = WhispersmithApp(workspace, AppOptions(), start=start)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "whispersmith.db is damaged" in screen_text(app))
        assert "fix  whispersmith repair" in screen_text(app)
        # And one can go elsewhere.
        app.clear_notifications()
        while len(app.screen_stack) > 1:
            await pilot.press("escape")
        await pilot.press("1")
        await wait_until(pilot, lambda: app.current_mode == "setup")
    assert app.return_code is None
