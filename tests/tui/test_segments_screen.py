"""The segments screen on real recordings, cut by real jobs."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from textual.widgets import Input

from core.cli import AppOptions
from core.jobs import list_jobs, spawn
from core.store import Store
from core.workspace import Workspace, create
from tests.core.media_kit import copied
from tests.fakes.stage import wait_until as wait_for
from tests.tui.wait import fits_at, screen_text, wait_until
from tui.app import WhispersmithApp
from tui.screens.segments.screen import SegmentsScreen
from tui.screens.segments.settings_dialog import CutSettings
from tui.widgets.dialog import Choice


def sound(path: Path, seconds: float) -> None:
    t = np.arange(int(16000 * seconds)) / 16000
    samples = (np.sin(2 * np.pi * 300 * t) * 9000 * (np.sin(2 * t) > 0)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())


def ended(workspace: Workspace) -> bool:
    return not any(job.live for job in list_jobs(workspace))


@pytest.fixture(scope="module")
def listed_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Two recordings, 35 s and 12 s; nothing is cut."""
    folder = tmp_path_factory.mktemp("recordings")
    sound(folder / "a long one.wav", 35)
    sound(folder / "b short.wav", 12)
    workspace = create(tmp_path_factory.mktemp("listed") / "w")
    spawn(workspace, "add", {"what": [str(folder)]})
    wait_for(lambda: ended(workspace))
    return workspace


@pytest.fixture(scope="module")
def cut_once(listed_once: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = copied(listed_once, tmp_path_factory.mktemp("cut") / "w")
    spawn(workspace, "segment", {})
    wait_for(lambda: ended(workspace))
    return workspace


@pytest.fixture
def workspace(listed_once: Workspace, tmp_path: Path) -> Workspace:
    return copied(listed_once, tmp_path / "w")


@pytest.fixture
def cut(cut_once: Workspace, tmp_path: Path) -> Workspace:
    return copied(cut_once, tmp_path / "w")


def open_app(workspace: Workspace) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(), start="segments")


def screen_of(app: WhispersmithApp) -> SegmentsScreen:
    assert isinstance(app.screen, SegmentsScreen)
    return app.screen


async def test_enter_cuts_what_is_not_cut_and_the_pieces_appear(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(140, 45), notifications=True) as pilot:
        await wait_until(pilot, lambda: "Not cut yet" in screen_text(app))
        assert "10 s / 2 s → 5 segments" in screen_text(app)
        assert list_jobs(workspace)[0].stage == "add"
        await pilot.press("enter")
        await wait_until(pilot, lambda: screen_of(app).table.row_count == 5, timeout=60)
        await wait_until(pilot, lambda: not app.live, timeout=60)
        with Store(workspace.db_path) as store:
            assert all(video.cut for video in store.videos.all())
        await wait_until(pilot, lambda: "with 1" in screen_text(app))
        assert "0:00–0:10" in screen_text(app)
        await wait_until(pilot, lambda: "log-mel" in screen_text(app))
        assert "no transcript yet" in screen_text(app)
        await fits_at(pilot, (140, 45), (80, 24))
        # Low terminals have room for the wave and the text.
        await wait_until(pilot, lambda: "with 1" in screen_text(app))
        assert "0:00–0:10" in screen_text(app)
        assert "log-mel" not in screen_text(app)
        assert "no transcript yet" in screen_text(app)
        await pilot.press("enter")
        await wait_until(pilot, lambda: "is cut this way" in screen_text(app))


async def test_brackets_walk_through_the_recordings(cut: Workspace):
    app = open_app(cut)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: "[1/2]  a long one" in screen_text(app))
        await pilot.press("right_square_bracket")
        await wait_until(pilot, lambda: "[2/2]  b short" in screen_text(app) and screen_of(app).table.row_count == 2)
        await pilot.press("right_square_bracket")
        await wait_until(pilot, lambda: "[1/2]" in screen_text(app))
        await pilot.press("left_square_bracket")
        await wait_until(pilot, lambda: "[2/2]" in screen_text(app))


async def test_settings_show_the_count_before_anything_is_written(cut: Workspace):
    app = open_app(cut)
    before = cut.config_path.read_text()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "[1/2]" in screen_text(app))
        await pilot.press("s")
        await wait_until(pilot, lambda: isinstance(app.screen, CutSettings) and "7 segments of 2" in screen_text(app))
        length, overlap = app.screen.query_one("#length", Input), app.screen.query_one("#overlap", Input)
        for value, said in (
            ("5", "15 segments of 2"),
            ("2", "shorter than the length"),
            ("x", "two numbers"),
            ("99", "30 s"),
        ):
            length.value = value
            await wait_until(pilot, lambda said=said: said in screen_text(app))
        await pilot.press("enter")
        assert isinstance(app.screen, CutSettings)
        length.value, overlap.value = "5", "1"
        await wait_until(pilot, lambda: "12 segments of 2" in screen_text(app))
        assert cut.config_path.read_text() == before
        await pilot.press("enter")
        await wait_until(pilot, lambda: "5 s / 1 s → 9 segments" in screen_text(app))
        assert cut.config().segment.length_s == 5
        # Comments are kept, and nothing is cut yet.
        assert "# the spoken language" in cut.config_path.read_text()
        assert screen_of(app).table.row_count == 5
        assert "cut otherwise" in screen_text(app)
        await pilot.press("enter")
        await wait_until(pilot, lambda: screen_of(app).table.row_count == 9, timeout=60)
        await wait_until(pilot, lambda: not app.live, timeout=60)


async def test_an_overlap_longer_than_the_old_length_can_be_set_at_once(cut: Workspace):
    app = open_app(cut)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "[1/2]" in screen_text(app))
        await pilot.press("s")
        await wait_until(pilot, lambda: isinstance(app.screen, CutSettings))
        app.screen.query_one("#length", Input).value = "20"
        app.screen.query_one("#overlap", Input).value = "15"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "20 s / 15 s" in screen_text(app))
        assert cut.config().segment.overlap_s == 15


async def test_cutting_anew_asks_before_a_machines_text_goes_and_keeps_a_persons(cut: Workspace):
    with Store(cut.db_path) as store:
        first, second, *_ = store.segments.all()
        store.transcripts.save(second.id, "千千", who="person")
        store.connection.execute(
            "INSERT INTO transcripts (segment, text, origin, updated) VALUES (?, 'm', 'machine', 0)", (first.id,)
        )
    app = open_app(cut)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "[1/2]" in screen_text(app))
        await pilot.press("s")
        await wait_until(pilot, lambda: isinstance(app.screen, CutSettings))
        app.screen.query_one("#length", Input).value = "7"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "7 s / 2 s" in screen_text(app))
        jobs = len(list_jobs(cut))
        await pilot.press("enter")
        await wait_until(
            pilot, lambda: isinstance(app.screen, Choice) and "1 transcript by a machine" in screen_text(app)
        )
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(app.screen, SegmentsScreen))
        assert len(list_jobs(cut)) == jobs
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("y")
        await wait_until(pilot, lambda: len(list_jobs(cut)) > jobs and ended(cut), timeout=60)
        with Store(cut.db_path) as store:
            assert [row.text for row in store.segments.all() if row.origin] == ["千千"]


async def test_without_recordings_every_key_explains(tmp_path: Path):
    workspace = create(tmp_path / "empty")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "No recording is here yet" in screen_text(app))
        for key in ("enter", "x", "left_square_bracket", "right_square_bracket", "down", "G"):
            await pilot.press(key)
            await pilot.pause()
        await wait_until(pilot, lambda: "2 Playlist brings some" in screen_text(app))
        assert list(workspace.jobs.iterdir()) == []
