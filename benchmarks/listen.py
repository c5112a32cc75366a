"""Hearing a segment over a line: from `play` to the first sample in a real headless Chromium, and what it costs.

The line is a relay that adds 100 ms of round trip and lets 2 Mb/s through, as an SSH tunnel to another country does.
    python -m benchmarks.listen [--json]
Exit code 1 where a bound does not hold, 2 where there is no Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from typing import Any

from core.listen.browser import BrowserPlayer
from core.listen.clips import EncodedClips, SegmentClip
from core.listen.player import PlayerState
from tests.core.listen_kit import noise
from tests.fakes.chromium import CHROMIUM, Tab, chromium
from tests.fakes.relay import Relay, relay

ROUND_TRIP_S = 0.1
RATE = 2_000_000 / 8
ROWS = 24
AHEAD = 3
"""Rows that are sent ahead, as the screens do it."""

CLOCK = """(window.began = 0, audio.addEventListener("playing",
    () => { began ||= performance.timeOrigin + performance.now(); }, { once: true }), 1)"""
"""JavaScript: note when the next sound begins, in milliseconds since 1970 by the page's clock."""


async def measure() -> list[dict[str, Any]]:
    clips = EncodedClips(lambda id, around: SegmentClip(id, noise(10.0, int(id)), id, "大家好我是千千" * 4, 0, 10_000))
    player = BrowserPlayer(clips)
    try:
        async with relay(player.server.port, ROUND_TRIP_S / 2, RATE) as line, chromium() as opened:
            tab: Tab = await opened(player.server.address.replace(str(player.server.port), str(line.port)))
            await tab.click("#enable")
            await until(lambda: player.playback.state is PlayerState.IDLE)
            cold = [await first_sound(player, tab, str(row)) for row in range(0, ROWS)]
            size = await bytes_of_one(player, line, tab, str(ROWS))
            warm = []
            for row in range(ROWS + 1, 2 * ROWS):
                player.prepare([str(row + n) for n in range(AHEAD)])
                await tab.until(f"blobs.has('{row}?form=opus') && blobs.get('{row}?form=opus').then(() => true)")
                warm.append(await first_sound(player, tab, str(row)))
    finally:
        await asyncio.to_thread(player.close)
    return [
        figure("space to the first sample, a row sent ahead, ms", statistics.median(warm) * 1000, 250),
        figure("space to the first sample, any other row, ms", statistics.median(cold) * 1000, 700),
        figure("bytes over the line for one 10 s segment", size, 40_000),
    ]


async def first_sound(player: BrowserPlayer, tab: Tab, id: str) -> float:
    """Seconds from the request to the first sample: when the page's own clock began to move, as it tells itself."""
    await tab.value(CLOCK)
    asked = time.time()
    player.play(id)
    began = await tab.until("began")
    return began / 1000 - asked


async def bytes_of_one(player: BrowserPlayer, line: Relay, tab: Tab, id: str) -> int:
    await asyncio.sleep(1.0)
    before = line.bytes_down
    player.play(id)
    await until(lambda: player.playback.state is PlayerState.PLAYING and player.playback.clip == id)
    await asyncio.sleep(0.3)
    return line.bytes_down - before


async def until(true: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("the page did not do what it was asked for")
        await asyncio.sleep(0.005)


def figure(name: str, ours: float, bound: float) -> dict[str, Any]:
    return {"figure": name, "ours": round(ours, 1), "against": bound, "ratio": round(ours / bound, 3), "bound": 1.0}


def report(figures: list[dict[str, Any]]) -> None:
    for found in figures:
        print(f"{found['figure']:<52}{found['ours']:>10}   at most {found['against']:<8} {found['ratio']:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if CHROMIUM is None:
        print("no Chromium on PATH", file=sys.stderr)
        return 2
    figures = asyncio.run(measure())
    if arguments.json:
        print(json.dumps(figures, indent=1))
    else:
        report(figures)
    return int(any(found["ratio"] > found["bound"] for found in figures))


if __name__ == "__main__":
    sys.exit(main())
