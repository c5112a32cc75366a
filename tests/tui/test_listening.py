"""Hearing segments from the screens: the sheet, the page that comes, the keys. A page is an HTTP client here; the real
one, in a real browser, is in tests/core/test_listen_browser.py."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from core.cli import AppOptions
from core.listen.browser import BrowserPlayer
from core.store import Segment, Store, Video
from core.workspace import Workspace, create
from tests.tui.wait import screen_text, wait_until
from tui.app import WhispersmithApp
from tui.dialogs.listen_sheet import ListenSheet
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

    async def open(self) -> None:
        self._stream = await self._web.get(f"{self._address}events?page=p")
        await self.report("ready")

    async def report(self, state: str, clip: str = "", at_s: float = 0.0) -> None:
        body = {"page": "p", "state": state, "clip": clip, "at_s": at_s}
        async with self._web.post(f"{self._address}report", json=body) as answer:
            assert answer.status == 204

    async def asked(self) -> dict[str, Any]:
        """The next thing the terminal asks for."""
        while True:
            line = await asyncio.wait_for(self._stream.content.readline(), 10)
            if line.startswith(b"data: "):
                return json.loads(line[6:])

    async def close(self) -> None:
        self._stream.close()


@asynccontextmanager
async def page_of(app: WhispersmithApp) -> AsyncIterator[FakePage]:
    assert app.listening is not None
    player = app.listening.player
    assert isinstance(player, BrowserPlayer)
    async with aiohttp.ClientSession() as web:
        yield FakePage(web, player.server.address)


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_the_first_space_says_how_to_listen_and_goes_away_when_it_can_be_heard(workspace: Workspace, size):
    app = WhispersmithApp(workspace, AppOptions(), start="segments")
    async with app.run_test(size=size) as pilot:
        await wait_until(pilot, lambda: app.screen.table.row_count == 5)  # type: ignore[attr-defined]
        await pilot.press("space")
        await wait_until(pilot, lambda: isinstance(app.screen, ListenSheet))
        await wait_until(pilot, lambda: "waiting for the browser" in screen_text(app))
        player = app.listening and app.listening.player
        assert isinstance(player, BrowserPlayer)
        port = player.server.port
        shown = screen_text(app).replace("\n", "").replace(" ", "")
        assert f"ssh-N-L{port}:127.0.0.1:{port}-p2222anna@192.0.2.9" in shown
        path = workspace.logs / "listen.txt"
        await wait_until(pilot, path.exists)
        assert player.server.address in path.read_text()
        assert path.stat().st_mode & 0o077 == 0
        async with page_of(app) as page:
            await page.open()
            await wait_until(pilot, lambda: "Enable sound" in screen_text(app))
            asked = await page.asked()
            assert (asked["do"], asked["last"]["clip"]) == ("show", IDS[0])
            await page.report("playing", IDS[0], 0.4)
            await wait_until(pilot, lambda: not isinstance(app.screen, ListenSheet))
            await wait_until(pilot, lambda: "● browser" in screen_text(app))
            await wait_until(pilot, lambda: "▶ 0.4 s" in screen_text(app))
            await page.close()


async def test_keys_ask_the_page(workspace: Workspace):
    app = WhispersmithApp(workspace, AppOptions(), start="segments")
    async with app.run_test(size=(140, 45)) as pilot:
        await wait_until(pilot, lambda: app.screen.table.row_count == 5)  # type: ignore[attr-defined]
        await pilot.press("L")
        await wait_until(pilot, lambda: isinstance(app.screen, ListenSheet))
        async with page_of(app) as page:
            await page.open()
            await page.report("idle")
            await wait_until(pilot, lambda: not isinstance(app.screen, ListenSheet))
            await pilot.press("space")
            assert await page.asked() == {"do": "play", "clip": IDS[0], "around": False, "rate": 1.0}
            assert await page.asked() == {"do": "ahead", "clips": list(IDS[1:4])}
            await page.report("playing", IDS[0], 1.0)
            await wait_until(pilot, lambda: "▶ 1.0 s" in screen_text(app))
            await pilot.press("comma", "full_stop", "minus", "space")
            found = [await page.asked() for _ in range(4)]
            assert found == [
                {"do": "seek", "by_s": -1.0},
                {"do": "seek", "by_s": 1.0},
                {"do": "rate", "rate": 0.75},
                {"do": "pause"},
            ]
            await page.report("paused", IDS[0], 1.2)
            await wait_until(pilot, lambda: "|| 1.2 s  ×0.75" in screen_text(app))
            await pilot.press("space")
            assert await page.asked() == {"do": "resume"}
            await pilot.press("down", "w")
            assert await page.asked() == {"do": "play", "clip": IDS[1], "around": True, "rate": 0.75}
            await page.report("failed", IDS[1])
            await wait_until(pilot, lambda: "cannot be played" in screen_text(app))
            await page.close()
        await wait_until(pilot, lambda: "◌ browser" in screen_text(app))


async def test_a_segment_is_heard_while_its_text_is_typed(workspace: Workspace):
    app = WhispersmithApp(workspace, AppOptions(), start="transcripts")
    async with app.run_test(size=(100, 30)) as pilot:
        screen = app.screen
        assert isinstance(screen, TranscriptsScreen)
        await wait_until(pilot, lambda: screen.table.row_count == 5)
        await pilot.press("L")
        await wait_until(pilot, lambda: isinstance(app.screen, ListenSheet))
        async with page_of(app) as page:
            await page.open()
            await page.report("idle")
            await wait_until(pilot, lambda: not isinstance(app.screen, ListenSheet))
            await pilot.press("enter", *"hao", "ctrl+@")
            assert (await page.asked())["clip"] == IDS[0]
            await page.report("playing", IDS[0], 2.5)
            await wait_until(pilot, lambda: "▶ 2.5 s" in screen_text(app))
            assert screen.editor.text == "hao"
            await pilot.press("space", "a")
            assert screen.editor.text == "hao a"
            await page.close()


async def test_leaving_ends_the_server(workspace: Workspace):
    app = WhispersmithApp(workspace, AppOptions(), start="segments")
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: app.screen.table.row_count == 5)  # type: ignore[attr-defined]
        await pilot.press("L")
        await wait_until(pilot, lambda: isinstance(app.screen, ListenSheet))
        player = app.listening and app.listening.player
        assert isinstance(player, BrowserPlayer)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", player.server.port)
