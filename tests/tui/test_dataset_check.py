"""The check of the data set in the app: what is wrong, its rows, and the key that mends it."""

from __future__ import annotations

import pytest

from core.cli import AppOptions
from core.dataset import mending
from core.store import Store
from core.workspace import Workspace
from tests.tui.transcripts_kit import row, screen_of, segment, workspace
from tests.tui.wait import screen_text, wait_until
from tui.app import WhispersmithApp
from tui.screens.transcripts.bulk.changes_dialog import ChangesDialog
from tui.screens.transcripts.dataset_check import ProblemsDialog
from tui.widgets.dialog import Choice

__all__ = ["workspace"]


def shown(app: WhispersmithApp) -> list[str]:
    return [row.id for row in screen_of(app).table.rows()]


async def test_problems_are_listed_their_rows_shown_and_mended(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = workspace.segments / "talk" / "strange.wav"
    strange.parent.mkdir(parents=True)
    strange.write_bytes(b"RIFF" * 20)
    monkeypatch.setattr(mending, "SETTLED_S", 0)  # a young file may be a running job's
    with Store(workspace.db_path) as store:
        for number, text in enumerate(["我們在臺北說話", "臺灣的天氣很好", "台灣", "那個真的しあわせ"]):
            store.transcripts.save(segment(number).id, text)
        for number in range(8):
            (workspace.segments / "talk" / f"{segment(number).id}.wav").write_bytes(b"RIFF" * 20)
    app = WhispersmithApp(workspace, AppOptions(), start="training")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        # From the plan it opens where rows can be seen.
        await wait_until(pilot, lambda: "plan" in screen_text(app))
        await pilot.press("D")
        await wait_until(pilot, lambda: isinstance(app.screen, ProblemsDialog))
        for words in ("1  wavs in segments/", "delete", "1  Japanese kana", "leave out", "1  台 and 臺 are mixed"):
            assert words in screen_text(app)
        # Texts are shown before they are changed, also to whoever has never been on this screen.
        await pilot.press("end", "m")
        await wait_until(pilot, lambda: isinstance(app.screen, ChangesDialog))
        await pilot.press("enter")
        await wait_until(pilot, lambda: row(workspace, 2).text == "臺灣")
        # The rows of the second: in the filter, where it can be changed.
        await pilot.press("D")
        await wait_until(pilot, lambda: isinstance(app.screen, ProblemsDialog))
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: "problem:kana" in screen_text(app) and shown(app) == [segment(3).id])
        await pilot.press("D")
        await wait_until(pilot, lambda: isinstance(app.screen, ProblemsDialog))
        await pilot.press("down", "m")
        await wait_until(pilot, lambda: row(workspace, 3).review == "rejected")
        await wait_until(pilot, lambda: "1 row left out of training" in screen_text(app))
        await pilot.press("u")
        await wait_until(pilot, lambda: row(workspace, 3).review == "accepted")
        await pilot.press("D")
        await wait_until(pilot, lambda: isinstance(app.screen, ProblemsDialog))
        await pilot.press("home", "m")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("d")
        await wait_until(pilot, lambda: not strange.exists())
