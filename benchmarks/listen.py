"""Hearing a segment over a line: from `space` to the first sample in a real headless Chromium, and what it costs.

    python -m benchmarks.listen [--rows 24] [--recording FILE] [--json]

The line is a relay that adds 100 ms of round trip and lets 2 Mb/s through, as an SSH tunnel to another country does.
The rows are 10 s pieces of a recording of speech, else noise that comes and goes as syllables do.

ahead    a row that was sent ahead, as the three after the one that plays are; the median, and the slowest
other    a row that the page has never heard of
bytes    towards the browser from the request to the end of one segment: sound, facts, answers to the page's reports

Exit code 1 where a bound does not hold, 2 where there is no Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.report import Figure, report
from core.listen.browser import BrowserPlayer
from core.listen.clips import EncodedClips, SegmentClip
from core.listen.player import PlayerState
from core.media import RATE, stream_pcm
from tests.core.listen_kit import noise
from tests.fakes.chromium import CHROMIUM, Tab, chromium
from tests.fakes.relay import Relay, relay

ROUND_TRIP_S = 0.1
BYTES_A_SECOND = 2_000_000 / 8
AHEAD = 3
"""Rows that are sent ahead, as the screens do it."""
SEGMENT_S = 10
BOUNDS = {"ahead": 250.0, "other": 700.0, "bytes": 40_000.0}

CLOCK = """(window.began = 0, audio.addEventListener("playing",
    () => { began ||= performance.timeOrigin + performance.now(); }, { once: true }), 1)"""
"""JavaScript: note when the next sound begins, in milliseconds since 1970."""


def sounds(recording: Path | None, count: int) -> list[np.ndarray]:
    """So many pieces of `SEGMENT_S`, int16 mono at 16 kHz."""
    if recording is None:
        return [noise(SEGMENT_S, number) for number in range(count)]
    size, found, left = SEGMENT_S * RATE, [], np.zeros(0, np.int16)
    for block in stream_pcm(recording):
        left = np.concatenate([left, block])
        while len(left) >= size and len(found) < count:
            found.append(left[:size])
            left = left[size:]
        if len(found) == count:
            break
    if not found:
        raise SystemExit(f"{recording} is shorter than {SEGMENT_S} s")
    return [found[number % len(found)] for number in range(count)]


async def measure(pieces: Sequence[np.ndarray], rows: int) -> list[Figure]:
    def load(id: str, around: bool) -> SegmentClip:
        return SegmentClip(id, pieces[int(id)], id, "大家好我是千千" * 4, 0, 1000 * SEGMENT_S)

    ids = (str(number) for number in range(len(pieces)))
    player = BrowserPlayer(EncodedClips(load))
    try:
        async with relay(player.server.port, ROUND_TRIP_S / 2, BYTES_A_SECOND) as line, chromium() as opened:
            tab: Tab = await opened(player.server.address.replace(str(player.server.port), str(line.port)))
            await tab.click("#enable")
            await until(lambda: player.playback.state is PlayerState.IDLE)
            other = [await first_sound(player, tab, id) for id in itertools.islice(ids, rows)]
            ahead = await rows_ahead(player, tab, ids, rows)
            size = await bytes_of_one(player, line, tab, next(ids))
    finally:
        await asyncio.to_thread(player.close)
    return [
        Figure("space to first sample, sent ahead", "ms", 1000 * statistics.median(ahead), bound=BOUNDS["ahead"]),
        Figure("  slowest of them", "ms", 1000 * max(ahead)),
        Figure("space to first sample, any other row", "ms", 1000 * statistics.median(other), bound=BOUNDS["other"]),
        Figure("  slowest of them", "ms", 1000 * max(other)),
        Figure("down the line for one 10 s segment", "bytes", size, bound=BOUNDS["bytes"]),
    ]


async def rows_ahead(player: BrowserPlayer, tab: Tab, ids: Iterator[str], rows: int) -> list[float]:
    """One row after the other, each once the page has got those that come next."""
    window = list(itertools.islice(ids, AHEAD + 1))
    await first_sound(player, tab, window[0], window[1:])
    found = []
    for id in itertools.islice(ids, rows):
        window = [*window[1:], id]
        await tab.until(f"clips.get(nameOf({window[0]!r}, false))?.done")
        found.append(await first_sound(player, tab, window[0], window[1:]))
    return found


async def first_sound(player: BrowserPlayer, tab: Tab, id: str, ahead: Sequence[str] = ()) -> float:
    """Seconds from the request until the page says that sound has begun."""
    await tab.value(CLOCK)
    asked = time.time()
    player.play(id, ahead=ahead)
    return await tab.until("began") / 1000 - asked


async def bytes_of_one(player: BrowserPlayer, line: Relay, tab: Tab, id: str) -> int:
    await tab.until("!upcoming.length && [...clips.values()].every(clip => clip.done)")
    await asyncio.sleep(2 * ROUND_TRIP_S)
    before = line.bytes_down
    player.play(id)
    await until(lambda: player.playback.state is PlayerState.PLAYING and player.playback.clip == id)
    await until(lambda: player.playback.state is PlayerState.IDLE)
    await asyncio.sleep(2 * ROUND_TRIP_S)
    return line.bytes_down - before


async def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("the page did not do what it was asked for")
        await asyncio.sleep(0.005)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--recording", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if CHROMIUM is None:
        print("no Chromium on PATH", file=sys.stderr)
        return 2
    pieces = sounds(arguments.recording, 2 * arguments.rows + AHEAD + 2)
    figures = asyncio.run(measure(pieces, arguments.rows))
    title = f"hearing a segment over 100 ms and 2 Mb/s, {arguments.rows} rows of each kind"
    return report(title, "", figures, as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
