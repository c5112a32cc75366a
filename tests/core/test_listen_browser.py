"""The tab that follows the terminal, in a real Chromium: it plays what is asked for, and its own clock moves."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.listen import browser as listening
from core.listen import server
from core.listen.browser import BrowserPlayer
from core.listen.clips import EncodedClips
from core.listen.player import Playback, PlayerState
from tests.core.listen_kit import IDS, load, serving
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

    player.play(IDS[0], ahead=[IDS[1], IDS[2]])
    await tab.until("[...clips.values()].filter(clip => clip.done).length === 3")
    player.play(IDS[2])
    await until(player, lambda now: now.clip == IDS[2] and now.state is PlayerState.PLAYING)
    assert await tab.value("audio.playbackRate") == 0.75
    player.play(IDS[1], around=True)
    await until(player, lambda now: now.clip == IDS[1] and now.state is PlayerState.PLAYING and now.at_s < 0)
    assert await tab.until("audio.duration > 12.9 && audio.duration < 13.1")
    player.play("nobody_0_10")
    failed = await until(player, is_in(PlayerState.FAILED))
    assert failed.why == "there is no segment nobody_0_10"


async def test_the_page_follows_the_cursor(browser: Any, player: BrowserPlayer) -> None:
    """It shows the row and fetches its sound, and stays with what is heard while something is."""
    tab: Tab = await browser(player.server.address)
    await tab.click("#enable")
    await until(player, is_in(PlayerState.IDLE))
    title = "document.getElementById('title').textContent"
    player.follow(IDS[1], [IDS[2]])
    await tab.until(f"{title} === {IDS[1]!r} && document.getElementById('text').textContent")
    await tab.until("[...clips.values()].filter(clip => clip.done).length === 2")
    assert await tab.value("audio.paused")
    player.play(IDS[0])
    await until(player, is_in(PlayerState.PLAYING))
    # What is held at its very first sample is not paused but idle.
    await tab.until("audio.currentTime > 0")
    player.follow(IDS[2], [])
    player.pause()
    await until(player, is_in(PlayerState.PAUSED))
    assert await tab.value(title) == IDS[0]
    player.follow(IDS[2], [])
    await tab.until(f"{title} === {IDS[2]!r}")
    # The terminal still means what it asked for.
    player.resume()
    assert (await until(player, is_in(PlayerState.PLAYING))).clip == IDS[0]


class HeldClips(EncodedClips):
    """Clips that are on their way until they are let through. held: those of these segments."""

    def __init__(self, *held: str) -> None:
        super().__init__(load)
        self.let_through = {id: threading.Event() for id in held}

    def encoded(self, id: str, around: bool, form: str) -> bytes:
        if id in self.let_through:
            self.let_through[id].wait()
        return super().encoded(id, around, form)


async def test_what_is_wanted_has_the_line_to_itself(browser: Any, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(listening, "STILL_WANTED_S", 600.0)  # the machine may be slow
    clips = HeldClips(IDS[0], IDS[1])
    player = BrowserPlayer(clips, remembered=tmp_path / "listen.json")
    try:
        async with relay(player.server.port, 0.01, 100_000) as line:
            tab: Tab = await browser(player.server.address.replace(str(player.server.port), str(line.port)))
            await tab.click("#enable")
            await until(player, is_in(PlayerState.IDLE))
            player.follow(IDS[0], [IDS[1]])
            await tab.until("clips.size === 1")
            player.play(IDS[2])
            await until(player, lambda now: now.clip == IDS[2] and now.state is PlayerState.PLAYING)
            assert await tab.value("[...clips.keys()].map(decodeURIComponent)[0].startsWith('千千_16_26')")
            assert await tab.value("clips.size") == 1
            # A line that breaks under it has only put it off.
            player.play(IDS[1], around=True)
            await tab.until("loading")
            await line.cut()
            await tab.until("failed")
            await line.open()
            clips.let_through[IDS[1]].set()
            await until(player, lambda now: now.clip == IDS[1] and now.state is PlayerState.PLAYING, 40)
    finally:
        for each in clips.let_through.values():
            each.set()
        await asyncio.to_thread(player.close)


async def test_a_tunnel_that_breaks_and_comes_back(browser: Any, player: BrowserPlayer) -> None:
    """What was asked for meanwhile is played then. A page that reloads itself is still allowed to be heard."""
    async with relay(player.server.port) as line:
        tab: Tab = await browser(player.server.address.replace(str(player.server.port), str(line.port)))
        await tab.click("#enable")
        await until(player, is_in(PlayerState.IDLE))
        await line.cut()
        await until(player, is_in(PlayerState.ABSENT))
        player.play(IDS[0])
        await line.open()
        assert (await until(player, is_in(PlayerState.PLAYING), 40)).clip == IDS[0]
        await tab.call("Runtime.evaluate", expression="location.reload()")
        await until(player, is_in(PlayerState.IDLE))


async def test_a_line_that_goes_dead_without_a_word(browser: Any, player: BrowserPlayer, monkeypatch) -> None:
    """As an ssh does whose machine sleeps: both sides notice, and find each other again."""
    monkeypatch.setattr(server, "HEARTBEAT_S", 0.2)
    async with relay(player.server.port) as line:
        tab: Tab = await browser(player.server.address.replace(str(player.server.port), str(line.port)))
        await tab.click("#enable")
        await until(player, is_in(PlayerState.IDLE))
        line.freeze()
        await until(player, is_in(PlayerState.ABSENT))
        await tab.until("Date.now() - heardAt < silentMs && events.readyState === EventSource.CONNECTING")
        await line.thaw()
        await until(player, is_in(PlayerState.IDLE), 40)


async def test_a_second_tab_takes_over(browser: Any, player: BrowserPlayer) -> None:
    tab: Tab = await browser(player.server.address)
    await tab.click("#enable")
    await until(player, is_in(PlayerState.IDLE))
    player.play(IDS[0])
    await until(player, is_in(PlayerState.PLAYING))
    other: Tab = await browser(player.server.address)
    await tab.until("yielded && audio.paused")
    await other.until(f"document.getElementById('title').textContent === {IDS[0]!r}")
    await tab.call("Page.reload")
    await other.until("yielded")


async def test_the_next_app_finds_the_tab_of_the_last_one(browser: Any, tmp_path: Path) -> None:
    """Also if another workspace's app sat on the port meanwhile, and sent the tab away."""
    remembered = tmp_path / "logs" / "listen.json"
    first = BrowserPlayer(EncodedClips(load), remembered=remembered)
    assert not first.was_open
    assert stat.S_IMODE(remembered.stat().st_mode) == 0o600
    tab: Tab = await browser(first.server.address)
    await tab.click("#enable")
    await until(first, is_in(PlayerState.IDLE))
    await asyncio.to_thread(first.close)
    with serving(port=first.server.port) as stranger:
        assert stranger.port == first.server.port
        await tab.until("events.readyState === EventSource.CLOSED")
        beside = BrowserPlayer(EncodedClips(load), remembered=remembered)
        assert beside.server.port != first.server.port
        await asyncio.to_thread(beside.close)
    second = BrowserPlayer(EncodedClips(load), remembered=remembered)
    try:
        assert second.was_open
        assert second.server.address == first.server.address
        second.play(IDS[0])
        assert await asyncio.to_thread(second.await_page, 40)
        await until(second, is_in(PlayerState.PLAYING))
    finally:
        await asyncio.to_thread(second.close)
