"""A workspace of eight segments, six of them with machine text, and the review opened on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.cli import AppOptions
from core.store import Segment, Store, Video
from core.store.transcripts import MachineText
from core.workspace import Workspace, create
from tests.tui.wait import wait_until
from tui.app import WhispersmithApp
from tui.screens.transcripts.screen import TranscriptsScreen

TEXTS = [
    "大家好我是千千",
    "今天要來吃到飽",
    "嗯" * 60,
    "是我喜歡的口感",
    "接下來我們看甜點",
    "[bold]字幕[/bold]\x1b[31m製作",
]


def segment(number: int, video: str = "talk") -> Segment:
    start = number * 8
    id = f"{video}_{start}_{start + 10}"
    return Segment(id, video, start * 1000, (start + 10) * 1000, f"segments/{video}/{id}.wav", -20.0, 0.8)


def machine(number: int, text: str) -> MachineText:
    loop = text.startswith("嗯嗯")
    flags = ("loop",) if loop else ()
    return MachineText(segment(number).id, text, text, "toy", -0.12, 0.01, 1.2, flags, 0.97 if loop else number / 100)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Eight segments, six of them with machine text."""
    workspace = create(tmp_path / "w")
    with Store(workspace.db_path) as store:
        store.videos.add(Video("talk", title="talk", state="fetched", path="media/talk.wav", duration_ms=66_000))
        store.segments.add(segment(number) for number in range(8))
        store.transcripts.write_machine([machine(number, text) for number, text in enumerate(TEXTS)])
    return workspace


def row(workspace: Workspace, number: int) -> Segment:
    with Store(workspace.db_path) as store:
        found = store.segments.get(segment(number).id)
    assert found is not None
    return found


def open_app(workspace: Workspace) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(), start="transcripts")


def screen_of(app: WhispersmithApp) -> TranscriptsScreen:
    assert isinstance(app.screen, TranscriptsScreen)
    return app.screen


async def filled(pilot, app: WhispersmithApp, count: int = 8) -> TranscriptsScreen:
    await wait_until(
        pilot, lambda: isinstance(app.screen, TranscriptsScreen) and screen_of(app).table.row_count == count
    )
    return screen_of(app)


@contextmanager
def held(workspace: Workspace) -> Iterator[sqlite3.Connection]:
    """The store, held by another program that writes; it lets go at the end, if it has not before."""
    other = sqlite3.connect(workspace.db_path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA foreign_keys = ON")
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        if other.in_transaction:
            other.rollback()
        other.close()
