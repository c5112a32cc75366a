"""Cutting from the screen: what it says before, and what becomes of what a person wrote."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from core.cli import AppOptions
from core.jobs import list_jobs
from core.stages import segment
from core.store import Store
from core.store.transcripts import MachineText
from core.workspace import Workspace
from tests.core.media_kit import copied, fetched, make_job, make_workspace
from tests.tui.wait import fits_at, screen_text, wait_until
from tui.app import WhispersmithApp
from tui.screens.segments.screen import SegmentsScreen
from tui.screens.segments.settings_dialog import CutSettings
from tui.widgets.dialog import Choice


@pytest.fixture(scope="module")
def cut_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One recording of 60 s in windows of 10 s: two segments corrected, one that a machine wrote."""
    workspace = make_workspace(tmp_path_factory.mktemp("cut") / "ws")
    fetched(workspace, "talk", 60)
    job = make_job(workspace, "segment")
    segment.run(workspace, workspace.config(), job)
    shutil.rmtree(job.dir)
    with Store(workspace.db_path) as store:
        store.transcripts.save("talk_0_10", "一二三四五六七八九十")
        store.transcripts.save("talk_8_18", "九十甲乙丙丁戊己庚辛")
        store.transcripts.write_machine([MachineText("talk_24_34", "機器", "", "m")])
    return workspace


@pytest.fixture
def workspace(cut_once: Workspace, tmp_path: Path) -> Workspace:
    return copied(cut_once, tmp_path / "ws")


def open_app(workspace: Workspace) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(), start="segments")


async def opened(pilot: Pilot[Any], key: str, dialog: type[Screen[Any]]) -> None:
    app = pilot.app
    await wait_until(pilot, lambda: isinstance(app.screen, SegmentsScreen) and app.screen.table.row_count > 0)
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(app.screen, dialog))


def said(app: App[Any]) -> str:
    """What the dialog reads, broken lines put together again."""
    return " ".join(re.findall(r"│ (.*?) *│", screen_text(app)))


def texts(workspace: Workspace) -> dict[str, tuple[str, str, bool]]:
    with Store(workspace.db_path) as store:
        return {row.id: (row.text, row.review, row.kept) for row in store.segments.all() if row.origin}


def jobs_ended(workspace: Workspace, count: int) -> bool:
    found = list_jobs(workspace)
    return len(found) == count and not any(job.live for job in found)


async def test_the_dialog_shows_both_ways_and_what_they_yield_while_one_types(workspace: Workspace) -> None:
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "s", CutSettings)
        await wait_until(pilot, lambda: "8 segments of 1 recording, 74 s of sound" in screen_text(app))
        assert "are free" in screen_text(app)
        await pilot.press("backspace", "7", "q")  # no letter gets into a number
        await wait_until(pilot, lambda: "1 transcript by a machine goes" in screen_text(app))
        assert "2 reviewed segments stay as they are; 9 new ones around them" in screen_text(app)
        await pilot.press("p")
        await wait_until(pilot, lambda: "about 4 to 6 segments of 1 recording, 42 s of sound" in screen_text(app))
        for value, complaint in (
            ("0.5", "the shortest must be 1 s or more"),
            ("11", "at least 2 s more than the shortest"),
            ("", "write two numbers, for example 4 and 12"),
        ):
            app.screen.query_one("#shortest", Input).value = value
            await wait_until(pilot, lambda complaint=complaint: complaint in said(app))
        await pilot.press("enter")
        assert isinstance(app.screen, CutSettings)
        await fits_at(pilot, (140, 45), (80, 24))
        before = workspace.config_path.read_text()
        app.screen.query_one("#shortest", Input).value = "5"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "5–12 s → about 6 to 8 segments" in screen_text(app))
        # What the file does not mention, and is as it was, is not written.
        now = workspace.config_path.read_text()
        assert now == before.replace('mode = "windows"', 'mode = "pauses"').replace(
            "overlap_s = 2.0\n", "overlap_s = 2.0\nshortest_s = 5.0\n"
        )


async def test_reviewed_segments_stay_or_their_texts_move_as_one_chooses(workspace: Workspace) -> None:
    workspace.config_path.write_text("[segment]\nlength_s = 7.0\noverlap_s = 1.0\n")
    app = open_app(workspace)
    before = texts(workspace)
    async with app.run_test(size=(140, 45), notifications=True) as pilot:
        await opened(pilot, "enter", Choice)
        for line in (
            "2 reviewed segments stay as they are; 7 new ones around them",
            "1 transcript by a machine goes",
            "Or: The texts of 2 reviewed segments are offered again in 10 segments, marked and pending",
        ):
            await wait_until(pilot, lambda line=line: line in said(app))
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, SegmentsScreen))
        assert list_jobs(workspace) == []
        await opened(pilot, "enter", Choice)
        await pilot.press("y")
        await wait_until(pilot, lambda: jobs_ended(workspace, 1), timeout=60)
        stayed = {id: (*before[id][:2], True) for id in ("talk_0_10", "talk_8_18")}
        assert texts(workspace) == stayed
        await wait_until(pilot, lambda: "2 of an earlier cut" in screen_text(app) and not app.live)
        # They can move later, too.
        await opened(pilot, "enter", Choice)
        assert "y  cut" not in screen_text(app)
        await pilot.press("m")
        await wait_until(pilot, lambda: jobs_ended(workspace, 2), timeout=60)
        await wait_until(pilot, lambda: "moved:" in screen_text(app) and "2 of an earlier cut" not in screen_text(app))
        await wait_until(pilot, lambda: not app.live)
        assert texts(workspace) == {
            "talk_0_7": ("一二三四五六七", "pending", False),
            "talk_6_13": ("七八九十甲乙丙", "pending", False),
            "talk_12_19": ("丙丁戊己庚辛", "pending", False),
        }
        await opened(pilot, "enter", SegmentsScreen)
        await wait_until(pilot, lambda: "Every recording is cut this way" in screen_text(app))
