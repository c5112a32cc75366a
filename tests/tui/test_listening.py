"""Hearing segments from the screens: the sheet, the page that comes, the keys. A page is an HTTP client here; the real
one, in a real browser, is in tests/core/test_listen_browser.py."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from textual.pilot import Pilot

from core.cli import AppOptions
from core.config import set_value
from core.events import RunStarted, Sample
from core.listen.browser import BrowserPlayer
from core.store import EvaluationRow, Segment, Store, Video
from core.workspace import Workspace, create
from tests.tui.fake_job import FakeJob
from tests.tui.test_app_terminal import Terminal, wait_for
from tests.tui.test_results_screen import RESULT
from tests.tui.wait import screen_lines, screen_text, type_at_once, wait_until
from tui import listening
from tui.app import WhispersmithApp
from tui.dialogs.listen_sheet import ListenSheet
from tui.screens.listening_screen import ListeningScreen
from tui.screens.transcripts.screen import TranscriptsScreen

IDS = tuple(f"talk_{start}_{start + 10}" for start in (0, 8, 16, 24, 32))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Five segments with sound, heard over SSH."""
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.9 2222")
    monkeypatch.setenv("USER", "anna")
    workspace = create(tmp_path / "w")
    with Store(workspace.db_path) as store:
        store.videos.add(Video("talk", title="talk", state="fetched", path="media/talk.wav", duration_ms=42_000))
        for id in IDS:
            path = workspace.segments / "talk" / f"{id}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 16_000, 160_000, "NONE", ""))
                file.writeframes((np.arange(160_000) % 200 * 50).astype("<i2").tobytes())
            start = int(id.split("_")[1]) * 1000
            store.segments.add([Segment(id, "talk", start, start + 10_000, workspace.relative(path), -20.0, 0.8)])
    return workspace


class FakePage:
    """What the page in the browser does, as far as the terminal sees it."""

    def __init__(self, web: aiohttp.ClientSession, address: str) -> None:
        self._web, self._address = web, address

    async def open(self, state: str = "ready") -> None:
        self._stream = await self._web.get(f"{self._address}events?page=p")
        await self.report(state)

    async def report(self, state: str, clip: str = "", at_s: float = 0.0, why: str = "") -> None:
        body = {"page": "p", "state": state, "clip": clip, "at_s": at_s, "why": why}
        async with self._web.post(f"{self._address}report", json=body) as answer:
            assert answer.status == 204

    async def asked(self) -> dict[str, Any]:
        """The next thing the terminal asks for; where the cursor rests is not asked."""
        while True:
            line = await asyncio.wait_for(self._stream.content.readline(), 10)
            event = json.loads(line[6:]) if line.startswith(b"data: ") else {"do": "beat"}
            if event["do"] not in ("beat", "follow"):
                return event

    async def follows(self, segment: str) -> list[str]:
        """The page is shown this row; what may come next."""
        while True:
            line = await asyncio.wait_for(self._stream.content.readline(), 10)
            if line.startswith(b"data: ") and (event := json.loads(line[6:])).get("clip") == segment:
                assert event["do"] == "follow"
                return event["ahead"]

    async def close(self) -> None:
        self._stream.close()


@asynccontextmanager
async def page_of(app: WhispersmithApp) -> AsyncIterator[FakePage]:
    assert app.listening is not None
    player = app.listening.player
    assert isinstance(player, BrowserPlayer)
    async with aiohttp.ClientSession() as web:
        yield FakePage(web, player.server.address)


async def opened(pilot: Pilot[Any], start: str) -> None:
    """The screen with its five rows."""
    assert isinstance(pilot.app, WhispersmithApp)
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, ListeningScreen) and start == pilot.app.screen.STEP)
    screen = pilot.app.screen
    assert isinstance(screen, ListeningScreen)
    await wait_until(pilot, lambda: screen.table.row_count == 5)


@asynccontextmanager
async def listened(
    workspace: Workspace, start: str, size: tuple[int, int] = (140, 45)
) -> AsyncIterator[tuple[WhispersmithApp, Pilot[Any], FakePage]]:
    """The app on one of its screens, with a page that has had its click."""
    app = WhispersmithApp(workspace, AppOptions(), start=start)
    async with app.run_test(size=size, notifications=True) as pilot:
        await opened(pilot, start)
        await pilot.press("L")
        await wait_until(
            pilot, lambda: isinstance(app.screen, ListenSheet) and "waiting for the browser" in screen_text(app)
        )
        async with page_of(app) as page:
            await page.open()
            await page.report("idle")
            await wait_until(pilot, lambda: not isinstance(app.screen, ListenSheet))
            yield app, pilot, page
            await page.close()


def play(segment: str, *, around: bool = False, rate: float = 1.0) -> dict[str, Any]:
    """What the page is asked for when this segment is to be heard."""
    ahead = list(IDS[IDS.index(segment) + 1 :][:3])
    return {"do": "play", "clip": segment, "around": around, "rate": rate, "ahead": ahead}


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_the_first_space_says_how_to_listen_and_goes_away_when_it_can_be_heard(workspace: Workspace, size):
    app = WhispersmithApp(workspace, AppOptions(), start="segments")
    async with app.run_test(size=size) as pilot:
        await opened(pilot, "segments")
        await pilot.press("space")
        await wait_until(pilot, lambda: isinstance(app.screen, ListenSheet))
        await wait_until(pilot, lambda: "waiting for the browser" in screen_text(app))
        player = app.listening and app.listening.player
        assert isinstance(player, BrowserPlayer)
        port = player.server.port
        shown = screen_text(app).replace("\n", "").replace(" ", "")
        line = f"ssh -N -L {port}:127.0.0.1:{port} -p 2222 anna@192.0.2.9"
        assert line.replace(" ", "") in shown
        assert app.clipboard == line
        path = workspace.logs / "listen.txt"
        await wait_until(pilot, path.exists)
        assert line in path.read_text()
        assert player.server.address in path.read_text()
        assert path.stat().st_mode & 0o077 == 0
        async with page_of(app) as page:
            await page.open()
            await wait_until(pilot, lambda: "✓ browser connected; click" in screen_text(app))
            # What was asked for first is asked for again, so that the click plays it.
            assert await page.asked() == play(IDS[0])
            await page.report("playing", IDS[0], 0.4)
            await wait_until(pilot, lambda: not isinstance(app.screen, ListenSheet))
            await wait_until(pilot, lambda: "● browser" in screen_text(app))
            await wait_until(pilot, lambda: "▶ 0.4 s" in screen_text(app))
            await page.close()


async def test_keys_ask_the_page(workspace: Workspace):
    async with listened(workspace, "segments") as (app, pilot, page):
        await pilot.press("space")
        assert await page.asked() == play(IDS[0])
        await page.report("playing", IDS[0], 1.0)
        await wait_until(pilot, lambda: "▶ 1.0 s" in screen_text(app))
        await pilot.press("comma", "full_stop", "minus", "R", "space")
        found = [await page.asked() for _ in range(5)]
        assert found == [
            {"do": "seek", "by_s": -1.0},
            {"do": "seek", "by_s": 1.0},
            {"do": "rate", "rate": 0.75},
            play(IDS[0], rate=0.75),
            play(IDS[0], rate=0.75),  # the page has not said that it plays: once more from the beginning
        ]
        await page.report("playing", IDS[0], 1.1)
        await wait_until(pilot, lambda: "▶ 1.1 s" in screen_text(app))
        await pilot.press("space")
        assert await page.asked() == {"do": "pause"}
        await page.report("paused", IDS[0], 1.2)
        await wait_until(pilot, lambda: "|| 1.2 s  ×0.75" in screen_text(app))
        await pilot.press("space")
        assert await page.asked() == {"do": "resume"}
        await pilot.press("down", "w")
        assert await page.asked() == play(IDS[1], around=True, rate=0.75)
        await page.report("failed", IDS[1], why="there is no segment")
        await wait_until(pilot, lambda: "it cannot be played: there is no segment" in screen_text(app))
        await pilot.press("down", "down")
        assert await page.follows(IDS[3]) == [IDS[4]]
        await page.close()
        await wait_until(pilot, lambda: "◌ browser" in screen_text(app))


async def test_what_was_heard_once_asks_for_no_dialog_again(workspace: Workspace):
    """A line that broke, a page that was loaded again: a word, and it plays when it can."""
    async with listened(workspace, "segments") as (app, pilot, page):
        await page.close()
        await wait_until(pilot, lambda: "◌ browser" in screen_text(app))
        await pilot.press("space")
        await wait_until(pilot, lambda: "The browser is not there" in screen_text(app))
        assert not isinstance(app.screen, ListenSheet)
        async with page_of(app) as again:
            await again.open()
            assert await again.asked() == play(IDS[0])
            await pilot.press("space")
            await wait_until(pilot, lambda: "waits for a click" in screen_text(app))
            assert not isinstance(app.screen, ListenSheet)
            await again.close()


async def test_leaving_ends_the_server_and_the_tab_comes_to_the_next_app_by_itself(workspace: Workspace):
    async with listened(workspace, "segments") as (app, _, _page):
        player = app.listening and app.listening.player
        assert isinstance(player, BrowserPlayer)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", player.server.port)
    app = WhispersmithApp(workspace, AppOptions(), start="segments")
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, "segments")
        await pilot.press("space")
        await wait_until(pilot, lambda: app.listening is not None and app.listening.player is not None)
        async with page_of(app) as page:
            await page.open("idle")
            assert await page.asked() == play(IDS[0])
            await page.report("playing", IDS[0])
            await wait_until(pilot, lambda: "● browser" in screen_text(app))
            # The time for a tab to come by itself has passed.
            waiting = "task listen tab"
            await wait_until(pilot, lambda: all(thread.name != waiting for thread in threading.enumerate()))
            await pilot.pause()
            assert not isinstance(app.screen, ListenSheet)
            await page.close()


async def test_a_segment_is_heard_while_its_text_is_typed(workspace: Workspace):
    async with listened(workspace, "transcripts", (100, 30)) as (app, pilot, page):
        screen = app.screen
        assert isinstance(screen, TranscriptsScreen)
        await pilot.press("enter", *"hao", "ctrl+@")
        assert await page.asked() == play(IDS[0])
        await page.report("playing", IDS[0], 2.5)
        await wait_until(pilot, lambda: "▶ 2.5 s" in screen_text(app))
        assert screen.editor.text == "hao"
        await pilot.press("space", "a", "ctrl+r")
        assert await page.asked() == play(IDS[0])
        await page.report("playing", IDS[0], 0.1)
        await wait_until(pilot, lambda: "▶ 0.1 s" in screen_text(app))
        await pilot.press("ctrl+@")
        assert await page.asked() == {"do": "pause"}
        await page.report("paused", IDS[0], 0.3)
        await wait_until(pilot, lambda: "|| 0.3 s" in screen_text(app))
        assert screen.editor.text == "hao a"
        # Another row is not the one that is held.
        await pilot.press("tab", "down")
        await wait_until(pilot, lambda: screen.table.cursor == 1 and "|| 0.3 s" not in screen_text(app))


async def test_rows_are_played_on_arrival_and_that_is_remembered(workspace: Workspace, monkeypatch):
    monkeypatch.setattr(listening, "TAB_BACK_S", 0.2)  # no tab is left open that could come back
    async with listened(workspace, "transcripts", (80, 24)) as (app, pilot, page):
        screen = app.screen
        assert isinstance(screen, TranscriptsScreen)
        await pilot.press("enter", *"hao", "enter", "tab")
        await wait_until(pilot, lambda: screen.table.cursor == 1)
        assert "plays" not in screen_lines(app)[3]
        await pilot.press("P")
        await wait_until(pilot, lambda: "plays" in screen_lines(app)[3])
        await wait_until(pilot, lambda: workspace.config().listen.play_on_arrival)
        assert "# the spoken language" in workspace.config_path.read_text()
        await pilot.press("enter", *"hen", "enter")
        assert await page.asked() == play(IDS[2])
        await page.report("playing", IDS[2], 0.5)
        await wait_until(pilot, lambda: "▶ 0.5 s" in screen_text(app))
        # Typing pauses nothing; the next row takes over.
        await pilot.press(*"da de", "enter")
        assert await page.asked() == play(IDS[3])
        await pilot.press("tab", "x")
        assert await page.asked() == play(IDS[4])
        # Nobody is there any more: whoever types is not kept from it.
        await page.close()
        await wait_until(pilot, lambda: "◌ browser" in screen_text(app))
        await pilot.press("g", "a", "a")
        await wait_until(pilot, lambda: screen.table.cursor == 2)
        assert not isinstance(app.screen, ListenSheet)
    with Store(workspace.db_path) as store:
        assert [row.text for row in store.segments.all()] == ["hao", "hen", "da de", "", ""]
    later = WhispersmithApp(workspace, AppOptions(), start="transcripts")
    async with later.run_test(size=(140, 45), notifications=True) as pilot:
        await opened(pilot, "transcripts")
        await wait_until(pilot, lambda: "plays" in screen_lines(later)[3])
        await pilot.press("a")
        await wait_until(pilot, lambda: "No row is heard, as nobody listens yet" in screen_text(later))
        await pilot.press("P")
        await wait_until(pilot, lambda: "plays" not in screen_lines(later)[3])
        await wait_until(pilot, lambda: not workspace.config().listen.play_on_arrival)


async def test_a_sample_of_a_training_is_heard(workspace: Workspace):
    job = FakeJob(workspace, "train")
    job.emit(RunStarted("run-01", 10, 5))
    for id in IDS[:3]:
        job.emit(Sample(step=0, segment=id, reference="很軟", hypothesis="嗯"))
    app = WhispersmithApp(workspace, AppOptions(), start="training")
    async with app.run_test(size=(140, 45), notifications=True) as pilot:
        await wait_until(pilot, lambda: screen_text(app).count("很軟") == 3)
        await pilot.press("L")
        await wait_until(pilot, lambda: isinstance(app.screen, ListenSheet))
        async with page_of(app) as page:
            await page.open("idle")
            await wait_until(pilot, lambda: not isinstance(app.screen, ListenSheet))
            type_at_once(app, "tab", "tab", "j", "space")
            asked = await page.asked()
            assert (asked["clip"], asked["ahead"]) == (IDS[1], [IDS[2]])
            await page.report("playing", IDS[1], 1.5)
            await wait_until(pilot, lambda: "▶ 1.5 s" in screen_text(app))
            await pilot.press("k")
            assert await page.follows(IDS[0]) == [IDS[1], IDS[2]]
            await pilot.press("G", "space")
            assert (await page.asked())["clip"] == IDS[2]
            # The plan has no segment.
            await pilot.press("escape", "space")
            await wait_until(pilot, lambda: "There is no segment to hear" in screen_text(app))
            await page.close()


async def test_a_row_of_results_is_heard(workspace: Workspace):
    with Store(workspace.db_path) as store:
        store.evaluations.add("run-03", RESULT, [EvaluationRow(id, "很軟", "嗯", "很軟", 2, 0, 2) for id in IDS])
    async with listened(workspace, "results") as (app, pilot, page):
        await pilot.press("down", "space")
        asked = await page.asked()
        await page.report("playing", asked["clip"], 1.5)
        await wait_until(pilot, lambda: "▶ 1.5 s" in screen_text(app))
        await pilot.press("up")
        await wait_until(pilot, lambda: "▶ 1.5 s" not in screen_text(app))


async def test_a_file_for_other_players_says_where_it_is_and_promises_nothing(workspace: Workspace):
    set_value(workspace.config_path, "listen", "player", "file")
    app = WhispersmithApp(workspace, AppOptions(), start="segments")
    async with app.run_test(size=(140, 45), notifications=True) as pilot:
        await opened(pilot, "segments")
        await pilot.press("space")
        path = workspace.logs / "listen.wav"
        await wait_until(pilot, lambda: "● file" in screen_text(app) and "✓ in logs/listen.wav" in screen_text(app))
        await wait_until(pilot, lambda: "What is to be heard is written to" in screen_text(app))
        assert path.stat().st_size == 44 + 2 * 160_000
        await pilot.press("comma")
        await wait_until(pilot, lambda: "not steered from here" in screen_text(app))
        path.unlink()
        await pilot.press("space")
        await wait_until(pilot, path.exists)


def test_the_terminal_is_given_a_link_and_the_line_for_its_clipboard(workspace: Workspace):
    """OSC 8 and OSC 52, and Ctrl+Space as terminals send it: a NUL."""
    terminal = Terminal(workspace.root)
    try:
        terminal.shows("Set")
        terminal.type("4")
        terminal.shows("no machine has written here")
        terminal.type("e")
        terminal.shows("save, next")
        terminal.type("\0")
        terminal.shows("waiting for the browser")
        wait_for((workspace.logs / "listen.txt").is_file)
        notes = (workspace.logs / "listen.txt").read_text().splitlines()
        line, address = (next(note for note in notes if note.startswith(start)) for start in ("ssh -N", "http://"))
        assert f"\x1b]52;c;{base64.b64encode(line.encode()).decode()}".encode() in terminal.output
        assert re.search(rb"\x1b\]8;[^;]*;" + re.escape(address.encode()), terminal.output)
    finally:
        terminal.kill()
