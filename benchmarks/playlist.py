"""How the Playlist screen stands a long list: the real app, a real job process, the project's own YouTube on loopback.

    python benchmarks/playlist.py [--videos 500] [--size 100x30] [--details 60] [--page-delay 0.3]

One run. From Enter in the dialog that asks for a link:
first row, last row   until it is drawn (figure: the first under 2 s)
memory                of the app's process: after 100 rows, after the last, after --details seconds of the pass that
                      asks for licences (figure: flat)
keys                  from a key to the painted screen, while rows arrive and while licences are asked for
loop                  how late the app's event loop is: its longest stall

The site has a process of its own, so that the app's process holds the app and nothing else. The pauses between
requests are those of a new workspace. No other network is needed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

LIST = "PLloopbacklist"
LONGEST_S = 180.0
TICK_S = 0.005
DEFAULTS = {"request_pause_s": 0.75, "lookups_per_hour": 300}


@dataclass
class Figures:
    """Seconds, bytes, and per phase the seconds of each key and each lateness of the loop."""

    first: float = 0.0
    last: float = 0.0
    asked: int = 0
    memory: dict[str, int] = field(default_factory=dict)
    keys: dict[str, list[float]] = field(default_factory=dict)
    late: dict[str, list[float]] = field(default_factory=dict)


def serve(count: int, page_delay: float) -> None:
    """The site, until stdin is closed; says on stdout how to reach it."""
    from tests.fakes.youtube import STANDARD, Playlist, YouTube, many

    videos = many(count, licence=STANDARD)
    ids = [video.id for video in videos]
    with (
        tempfile.TemporaryDirectory() as folder,
        YouTube(Path(folder), videos, [Playlist(LIST, "A long list", ids, page_delay=page_delay)]) as site,
    ):
        print(json.dumps({"toml": site.toml(fetch=DEFAULTS), "url": site.playlist_url(LIST)}), flush=True)
        sys.stdin.read()


@contextmanager
def site(count: int, page_delay: float) -> Iterator[dict[str, str]]:
    command = [sys.executable, __file__, "--serve", "--videos", str(count), "--page-delay", str(page_delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def memory() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def until(predicate: Callable[[], object]) -> None:
    end = time.perf_counter() + LONGEST_S
    while not predicate():
        if time.perf_counter() > end:
            raise TimeoutError(f"not so in {LONGEST_S:.0f} s")
        await asyncio.sleep(TICK_S)


class Watch:
    """Presses `down` and `up` by turns and notes how long each takes; and how late the loop is."""

    def __init__(self, app: Any) -> None:
        self.phase = ""
        self.keys: dict[str, list[float]] = {}
        self.late: dict[str, list[float]] = {}
        self._app = app
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        self._tasks = [asyncio.create_task(self._press()), asyncio.create_task(self._listen())]

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _press(self) -> None:
        from textual import events

        number = 0
        while True:
            await asyncio.sleep(0.05)
            table = self._app.screen.table
            if table.row_count < 2 or not self.phase:
                continue
            name = "down" if table.cursor < min(20, table.row_count - 1) and number % 40 < 20 else "up"
            number += 1
            name = "down" if table.cursor == 0 else name
            painted = asyncio.Event()
            began, before = time.perf_counter(), table.cursor
            # As the driver does with what the terminal sends.
            self._app.post_message(events.Key(name, None))
            while table.cursor == before:
                await asyncio.sleep(0)
            table.call_after_refresh(painted.set)
            await painted.wait()
            self.keys.setdefault(self.phase, []).append(time.perf_counter() - began)

    async def _listen(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK_S)
            if self.phase:
                self.late.setdefault(self.phase, []).append(time.perf_counter() - began - TICK_S)


async def measure(workspace: Any, url: str, count: int, size: tuple[int, int], details_s: float) -> Figures:
    from textual.widgets import Input

    from core.cli import AppOptions
    from core.jobs import list_jobs
    from tests.tui.wait import screen_text
    from tui.app import WhispersmithApp
    from tui.widgets.dialog import TextPrompt

    figures = Figures()
    app = WhispersmithApp(workspace, AppOptions(), start="playlist")
    async with app.run_test(size=size) as pilot:
        await pilot.press("plus")
        await until(lambda: isinstance(app.screen, TextPrompt))
        app.screen.query_one(Input).value = url
        figures.memory["before"] = memory()
        began = time.perf_counter()
        await pilot.press("enter")
        await until(lambda: "Talk 0" in screen_text(app))
        figures.first = time.perf_counter() - began
        table: Any = app.screen
        table = table.table
        watch = Watch(app)
        watch.phase = "while rows arrive"
        watch.begin()
        await until(lambda: table.row_count >= min(100, count))
        figures.memory["after 100 rows"] = memory()
        await until(lambda: table.row_count == count)
        figures.last = time.perf_counter() - began
        figures.memory["after the last row"] = memory()
        watch.phase = "while licences are asked"
        await until(lambda: any(job.stage == "details" for job in list_jobs(workspace)))
        await asyncio.sleep(details_s)
        figures.memory[f"after {details_s:.0f} s of licences"] = memory()
        figures.asked = count - app.screen.rows.index.totals.unasked  # type: ignore[attr-defined]
        await watch.end()
        figures.keys, figures.late = watch.keys, watch.late
    return figures


def stop_jobs(workspace: Any) -> None:
    from core.jobs import list_jobs, stop

    for job in list_jobs(workspace):
        if job.live:
            stop(job.folder)
    end = time.monotonic() + 10
    while any(job.live for job in list_jobs(workspace)) and time.monotonic() < end:
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=500)
    parser.add_argument("--size", default="100x30")
    parser.add_argument("--details", type=float, default=60.0)
    parser.add_argument("--page-delay", type=float, default=0.3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.videos, options.page_delay)
        return
    columns, rows = (int(part) for part in options.size.split("x"))
    from core.workspace import create

    with tempfile.TemporaryDirectory() as beside, site(options.videos, options.page_delay) as found:
        workspace = create(Path(beside) / "workspace", config_text=found["toml"])
        try:
            figures = asyncio.run(measure(workspace, found["url"], options.videos, (columns, rows), options.details))
        finally:
            stop_jobs(workspace)
    print(f"Playlist at {options.size}, {options.videos} videos, {os.cpu_count()} cores")
    print(f"first row {figures.first:.2f} s, last row {figures.last:.2f} s; {figures.asked} licences asked")
    for name, size in figures.memory.items():
        print(f"memory {name:28}{size / 1e6:8.1f} MB")
    print(f"{'milliseconds':35}{'count':>8}{'median':>8}{'slowest':>8}")
    for what, times in (("key", figures.keys), ("loop late", figures.late)):
        for phase, found_s in times.items():
            median, slowest = statistics.median(found_s) * 1000, max(found_s) * 1000
            print(f"{what + ', ' + phase:35}{len(found_s):8}{median:8.1f}{slowest:8.1f}")


if __name__ == "__main__":
    main()
