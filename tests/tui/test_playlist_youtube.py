"""The playlist screen on the stand-in YouTube: real jobs, page by page, licences behind, a wall, captions."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.widgets import Input

from core.cli import AppOptions
from core.jobs import list_jobs
from core.store import Store, Video
from core.workspace import Workspace, create
from tests.fakes import youtube
from tests.fakes.youtube import CC_BY, HOSTILE, STANDARD, Caption, Playlist, YouTube, many
from tests.tui.wait import hidden_characters, screen_text, wait_until, wrong_widths
from tui.app import WhispersmithApp
from tui.screens.playlist.screen import PlaylistScreen
from tui.widgets.dialog import Choice, TextPrompt

LIST = "PLloopbacklist"
LONG = 60.0


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


def open_app(workspace: Workspace) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(), start="playlist")


def screen_of(app: WhispersmithApp) -> PlaylistScreen:
    assert isinstance(app.screen, PlaylistScreen)
    return app.screen


def stored(workspace: Workspace) -> dict[str, Video]:
    with Store(workspace.db_path) as store:
        return {video.id: video for video in store.videos.all()}


def stages(workspace: Workspace) -> list[str]:
    return sorted(job.stage for job in list_jobs(workspace))


async def add(pilot, app: WhispersmithApp, url: str) -> None:
    await pilot.press("plus")
    await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
    app.screen.query_one(Input).value = url
    await pilot.press("enter")


async def test_rows_arrive_page_by_page_x_stops_and_l_goes_on(tmp_path: Path, sounds: Path):
    videos = many(9, licence=STANDARD)
    gate = threading.Event()
    talks = Playlist(LIST, "Talks [red]", [video.id for video in videos], page_size=3, gate=gate)
    with YouTube(sounds, videos, [talks]) as site:
        workspace = create(tmp_path / "w", config_text=site.toml())
        app = open_app(workspace)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await add(pilot, app, site.playlist_url(LIST))
            # The first page stands, with its first row chosen, while the second is held back.
            await wait_until(pilot, lambda: "Talk 2" in screen_text(app) and "3 videos" in screen_text(app), LONG)
            assert "● listing" in screen_text(app)
            # Licences are asked for meanwhile, by one job.
            await wait_until(pilot, lambda: all(video.asked for video in stored(workspace).values()), LONG)
            await wait_until(pilot, lambda: "©" in screen_text(app))
            assert stages(workspace) == ["add", "details"]
            await pilot.press("x")
            await wait_until(pilot, lambda: not app.live, LONG)
            await wait_until(pilot, lambda: "list stopped early · l goes on" in screen_text(app))
            gate.set()
            await pilot.press("l")
            await wait_until(pilot, lambda: "9 videos" in screen_text(app), LONG)
            await wait_until(pilot, lambda: all(video.asked for video in stored(workspace).values()), LONG)
            await wait_until(pilot, lambda: not app.live and "stopped early" not in screen_text(app), LONG)
            assert [video.selected for video in stored(workspace).values()] == [True] + [False] * 8
            assert wrong_widths(app) == []


async def test_a_wall_is_met_told_and_passed_and_captions_come_with_the_sound(tmp_path: Path, sounds: Path):
    videos = [
        youtube.Video("aaaaaaaaaaa", "First", licence=CC_BY, captions=[Caption("zh-TW")]),
        youtube.Video("bbbbbbbbbbb", "Second", licence=CC_BY),
    ]
    with YouTube(sounds, videos, [Playlist(LIST, "Talks", [video.id for video in videos])]) as site:
        workspace = create(tmp_path / "w", config_text=site.toml(fetch={"block_wait_min": 60.0}))
        app = open_app(workspace)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await add(pilot, app, site.playlist_url(LIST))
            await wait_until(pilot, lambda: "2 CC BY" in screen_text(app) and not app.live, LONG)
            site.wall = True
            # Both are free: nothing is asked.
            await pilot.press("c", "enter")
            await wait_until(pilot, lambda: "goes on by itself at" in screen_text(app), LONG)
            assert "not a bot" in screen_text(app)
            assert not isinstance(app.screen, Choice)
            site.wall = False
            await pilot.press("r")
            await wait_until(pilot, lambda: [v.state for v in stored(workspace).values()] == ["fetched"] * 2, LONG)
            await wait_until(pilot, lambda: "✓ zh-TW" in screen_text(app), LONG)
            await wait_until(pilot, lambda: not app.live, LONG)
            app.clear_notifications()  # they lie on the line for five seconds
            await wait_until(pilot, lambda: "Everything is here" in screen_text(app), LONG)
            assert "goes on by" not in screen_text(app)
            assert wrong_widths(app) == []


async def test_opening_the_screen_asks_nobody_and_i_does(tmp_path: Path, sounds: Path):
    videos = many(3, licence=CC_BY)
    with YouTube(sounds, videos) as site:
        workspace = create(tmp_path / "w", config_text=site.toml())
        with Store(workspace.db_path) as store:
            for position, video in enumerate(videos):
                store.videos.add(Video(video.id, title=video.title, url=site.watch_url(video.id), position=position))
        app = open_app(workspace)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await wait_until(pilot, lambda: "licence of 3 not asked yet · i asks" in screen_text(app))
            assert list_jobs(workspace) == []
            assert site.log == []
            await pilot.press("i")
            await wait_until(pilot, lambda: "3 CC BY" in screen_text(app) and not app.live, LONG)
            assert stages(workspace) == ["details"]
            assert screen_of(app).rows.index.totals.unasked == 0


async def test_titles_of_strangers_are_listed_and_break_nothing(tmp_path: Path, sounds: Path):
    videos = [
        youtube.Video(f"hostile{n:04}", title, channel=title, licence=STANDARD)
        for n, title in enumerate(HOSTILE.values())
    ]
    with YouTube(sounds, videos, [Playlist(LIST, HOSTILE["markup"], [video.id for video in videos])]) as site:
        site.channel = HOSTILE["ansi"]
        workspace = create(tmp_path / "w", config_text=site.toml())
        app = open_app(workspace)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await add(pilot, app, site.playlist_url(LIST))
            await wait_until(pilot, lambda: f"{len(videos)} videos" in screen_text(app), LONG)
            await wait_until(pilot, lambda: all(video.asked for video in stored(workspace).values()), LONG)
            await wait_until(pilot, lambda: not app.live, LONG)
            assert "[red]red[/red] [/]" in screen_text(app)
            for key in ("G", "k", "v", "g", "space", "slash", "[", "enter", "escape", "l"):
                await pilot.press(key)
                await pilot.pause()
                assert wrong_widths(app) == []
                assert hidden_characters(app) == []
