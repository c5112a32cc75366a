"""Rows, and the playlist screen in its app, for the tests of what that screen does while jobs run."""

from __future__ import annotations

from typing import Any

from core.cli import AppOptions
from core.jobs.spec import CONTROL
from core.store import Store, Video
from core.workspace import Workspace
from tests.tui.fake_job import FakeJob
from tests.tui.wait import screen_lines
from tui.app import WhispersmithApp
from tui.screens.playlist.screen import PlaylistScreen

WATCH = "https://www.youtube.com/watch?v="
FAILED = {"what": "the connection was cut", "why": "the site ended it", "fix": "whispersmith fetch", "kind": "network"}
STEPS = ["wait an hour", 'another exit: proxy = "socks5h://host"', "cookies " * 60]
BLOCKED = {"what": "YouTube wants proof", "why": "too many requests", "fix": "wait", "steps": STEPS, "left": 2}


def fill(workspace: Workspace, *videos: Video, kind: str = "playlist", title: str = "A list") -> int:
    with Store(workspace.db_path) as store:
        source = store.videos.add_source("https://example.org/list", kind, title)
        have = len(store.videos.all())
        for place, video in enumerate(videos, start=have):
            store.videos.add(Video(**{**video.__dict__, "source": source, "position": place}))
    return source


def some(count: int, **more: Any) -> list[Video]:
    return [
        Video(f"v{n:010}", title=f"Talk {n}.", duration_ms=60_000, **{"url": f"{WATCH}v{n:010}", **more})
        for n in range(count)
    ]


def free(count: int, **more: Any) -> list[Video]:
    return some(count, licence="cc-by", asked=1, **more)


def open_app(workspace: Workspace) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(), start="playlist")


def screen_of(app: WhispersmithApp) -> PlaylistScreen:
    assert isinstance(app.screen, PlaylistScreen)
    return app.screen


def row(app: WhispersmithApp, text: str) -> str:
    return next((line for line in screen_lines(app) if text in line), "")


def watch_starts(screen: PlaylistScreen) -> list[tuple[str, dict[str, Any]]]:
    """The jobs that the screen starts from now on; none of them runs."""
    started: list[tuple[str, dict[str, Any]]] = []
    screen.start_job = lambda stage, params=None, then=None: started.append((stage, params or {}))
    return started


def selected(workspace: Workspace) -> list[int]:
    with Store(workspace.db_path) as store:
        return [int(video.id[1:]) for video in store.videos.all() if video.selected]


def received(job: FakeJob, name: str) -> str:
    path = job.folder / CONTROL / f"{name}.json"
    return path.read_text() if path.exists() else ""
