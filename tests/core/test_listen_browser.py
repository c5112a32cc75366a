"""The tab that follows the terminal, in a real Chromium: it plays what is asked for, and its own clock moves."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.listen.browser import BrowserPlayer
from core.listen.clips import EncodedClips
from core.listen.player import Playback, PlayerState
from tests.core.listen_kit import IDS, load
from tests.fakes.chromium import CHROMIUM, Tab, chromium
from tests.fakes.relay import relay

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    async with chromium() as opened:
        yield opened


@pytest.fixture
async def player(tmp_path: Path) -> AsyncIterator[BrowserPlayer]:
    made = BrowserPlayer(EncodedClips(load), remembered=tmp_path / "listen.json")
    yield made
    await asyncio.to_thread(made.close)


async def until(player: BrowserPlayer, true: Callable[[Playback], bool], seconds: float = 15.0) -> Playback:
    end = asyncio.get_running_loop().time() + seconds
    while not true(player.playback):
        assert asyncio.get_running_loop().time() < end, player.playback
        await asyncio.sleep(0.01)
    return player.playback


def is_in(*states: PlayerState) -> Callable[[Playback], bool]:
    return lambda now: now.state in states


async def test_a_tab_plays_what_the_terminal_asks_for(browser: Any, player: BrowserPlayer) -> None:
    assert player.playback.state is PlayerState.ABSENT
    tab: Tab = await browser(player.server.address)
    await until(player, is_in(PlayerState.LOCKED))
    player.play(IDS[0])
    await tab.until(f"document.getElementById('title').textContent === {IDS[0]!r}")
    assert await tab.value("audio.paused")
    await tab.click("#enable")
    await until(player, is_in(PlayerState.PLAYING))
    assert player.playback.clip == IDS[0]
    first = await tab.until("audio.currentTime")
    assert await tab.until(f"audio.currentTime > {first} && audio.currentTime")
    assert await tab.value("document.getElementById('text').innerHTML") == "大家好 &lt;b&gt;我是&lt;/b&gt;"

    player.pause()
    at = await until(player, is_in(PlayerState.PAUSED))
    assert at.at_s > 0
    player.seek(-1.0)
    await tab.until(f"audio.currentTime < {at.at_s}")
    player.set_rate(0.75)
    await tab.until("audio.playbackRate === 0.75 && audio.preservesPitch")
    player.resume()
    await until(player, is_in(PlayerState.PLAYING))

    player.prepare([IDS[1], IDS[2]])
    await tab.until("blobs.size === 3")
    player.play(IDS[2])
    await until(player, lambda now: now.clip == IDS[2] and now.state is PlayerState.PLAYING)
    assert await tab.value("audio.playbackRate") == 0.75
    player.play(IDS[1], around=True)
    await until(player, lambda now: now.clip == IDS[1] and now.state is PlayerState.PLAYING and now.at_s < 0)
    assert await tab.until("audio.duration > 12.9 && audio.duration < 13.1")
    player.play("nobody_0_10")
    await until(player, is_in(PlayerState.FAILED))


async def test_a_tunnel_that_breaks_a_reload_and_a_second_tab(browser: Any, player: BrowserPlayer) -> None:
    async with relay(player.server.port) as line:
        address = player.server.address.replace(str(player.server.port), str(line.port))
        tab: Tab = await browser(address)
        await tab.click("#enable")
        await until(player, is_in(PlayerState.IDLE))
        await line.cut()
        await until(player, is_in(PlayerState.ABSENT))
        await line.open()
        await until(player, is_in(PlayerState.IDLE), 40)
        player.play(IDS[0])
        await until(player, is_in(PlayerState.PLAYING))
        other: Tab = await browser(address)
        await tab.until("yielded && audio.paused")
        await other.until(f"document.getElementById('title').textContent === {IDS[0]!r}")
        await until(player, is_in(PlayerState.LOCKED))
        await tab.call("Page.reload")
        await other.until("yielded")


async def test_the_next_app_finds_the_tab_of_the_last_one(browser: Any, tmp_path: Path) -> None:
    remembered = tmp_path / "logs" / "listen.json"
    first = BrowserPlayer(EncodedClips(load), remembered=remembered)
    assert stat.S_IMODE(remembered.stat().st_mode) == 0o600
    tab: Tab = await browser(first.server.address)
    await tab.click("#enable")
    await until(first, is_in(PlayerState.IDLE))
    await asyncio.to_thread(first.close)
    second = BrowserPlayer(EncodedClips(load), remembered=remembered)
    try:
        assert second.server.address == first.server.address
        await until(second, is_in(PlayerState.IDLE), 40)
        second.play(IDS[0])
        await until(second, is_in(PlayerState.PLAYING))
    finally:
        await asyncio.to_thread(second.close)
