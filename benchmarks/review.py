"""What the review costs a person: `python -m benchmarks.review` from the checkout.

    python -m benchmarks.review [--segments 100000] [--recordings 200] [--runs 3] [--workspace DIR] [--json]

In the real app, at 100x30, over a store of so many segments:

rows seen              from the key `4` on another screen to the first rows painted, of an app that was just started
key                    from `down`, and from a page, to the painted screen
enter                  in the editor: from Enter to the next row painted, its text in the editor
find ..., filter ...   from the last character of the line to the first rows painted, and until all are found; `rare`
                       stands in one row, at the end
stall                  the longest stall of the app's loop while all of these are searched for; against that of the same
                       time in which nothing is done
memory                 of the app's process when all rows are there and some were searched for; against that of an app
                       on an empty workspace

Medians of `runs`, of stalls and memory the worst. Where WHISPERSMITH_SPEECH names the reference recording, and
WHISPERSMITH_WHISPER a model or --workspace what benchmarks/keystrokes.py has kept, its figures too. Exit 1 if a bound
does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.app_loop import Loop, painted_ms, until
from benchmarks.report import Figure, report
from benchmarks.store import make_workspace

SIZE = (100, 30)
KEYS = 20
RARE = "饗饗"
LINES = {
    "find rare": RARE,
    "find a word": "天氣",
    "find a pattern": "/交.{1,3}題|饗+/",
    "filter state": "state:pending",
    "filter suspicion": "susp>0.9 !flag:loop",
}
"""What is searched for."""
MEMORY_MB = 120.0


def add_rare(path: Path) -> None:
    """The text of the last row alone holds the rare word."""
    from core.store import Store
    from core.store.transcripts import MachineText

    with Store(path) as store:
        last = store.segments.rows().rows[-1]
        store.transcripts.write_machine([MachineText(last.id, f"{last.text}{RARE}", last.text, "toy")])


@asynccontextmanager
async def opened(root: Path, start: str) -> AsyncIterator[tuple[Any, Any]]:
    """(the app, its pilot) on a workspace, at one of its screens."""
    from core.cli import AppOptions
    from core.workspace import Workspace
    from tui.app import WhispersmithApp

    app = WhispersmithApp(Workspace(root), AppOptions(), start=start)
    async with app.run_test(size=SIZE) as pilot:
        yield app, pilot


async def rows_seen(root: Path) -> float:
    """Milliseconds."""
    from tui.screens.transcripts.screen import TranscriptsScreen

    async with opened(root, "playlist") as (app, _):
        await until(lambda: app.screen.query("RowTable"))
        await asyncio.sleep(0.5)
        took = await painted_ms(
            app, "4", lambda: isinstance(app.screen, TranscriptsScreen) and app.screen.table.row_count > 0
        )
        return took


async def keys(root: Path, count: int, runs: int) -> dict[str, list[float]]:
    """Milliseconds, by what was done."""
    found: dict[str, list[float]] = {}
    loop = Loop()
    async with opened(root, "transcripts") as (app, pilot):
        screen: Any = app.screen
        await until(lambda: hasattr(screen, "_session") and screen.table.row_count == count)
        await asyncio.sleep(1.0)

        async def press(what: str, key: str) -> None:
            before = screen.table.cursor
            took = await painted_ms(app, key, lambda: screen.table.cursor != before)
            found.setdefault(what, []).append(took)
            await asyncio.sleep(0.02)

        for _ in range(runs):
            for _ in range(KEYS):
                await press("key", "down")
            for _ in range(KEYS // 4):
                await press("page", "pagedown")
        line = screen._panes.filter
        for _ in range(runs):
            for what, text in LINES.items():
                await found_rows(app, screen, line, what, text, count, loop, found)
        await pilot.press("tab", "escape", "e")
        for _ in range(runs * KEYS):
            await pilot.press("字")
            before = screen.editor.segment
            took = await painted_ms(
                app, "enter", lambda before=before: before != screen.editor.segment == screen.table.cursor_key
            )
            found.setdefault("enter", []).append(took)
            await until(lambda: not screen._session.unsaved)
    return found


async def found_rows(
    app: Any, screen: Any, line: Any, what: str, text: str, count: int, loop: Loop, found: dict[str, list[float]]
) -> None:
    """Type the last character of a line, and see its rows; then all rows again."""
    session = screen._session
    screen.table.cursor = 0
    line.focus()
    line.value = ""
    await until(lambda: screen.table.row_count == count and screen.table.is_whole)
    await asyncio.sleep(0.3)
    loop.begin()
    painted = asyncio.Event()
    begun = time.perf_counter()
    line.value = text
    await until(lambda: session.result.view.query.text == text and screen.table.row_count)
    app.screen.call_after_refresh(painted.set)
    await painted.wait()
    found.setdefault(what, []).append((time.perf_counter() - begun) * 1000)
    await until(lambda: screen.table.is_whole)
    took = time.perf_counter() - begun
    found.setdefault(f"{what}, all", []).append(took * 1000)
    found.setdefault("stall", []).append(loop.worst * 1000)
    await asyncio.sleep(0.2)
    loop.begin()
    await asyncio.sleep(took)
    found.setdefault("stall of nothing", []).append(loop.worst * 1000)


async def app_memory(root: Path, count: int) -> float:
    """Resident megabytes of this process with the app on a workspace."""
    async with opened(root, "transcripts") as (app, _):
        screen: Any = app.screen
        await until(lambda: hasattr(screen, "_session") and screen.table.row_count == count)
        if count:
            screen._panes.filter.value = RARE
            await until(lambda: screen.table.row_count == 1)
            screen._panes.filter.value = ""
            await until(lambda: screen.table.row_count == count)
        await asyncio.sleep(1.0)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory(root: Path, count: int) -> float:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.review", "--memory", str(root), "--segments", str(count)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def in_app(root: Path, empty: Path, count: int, runs: int) -> list[Figure]:
    seen = [asyncio.run(rows_seen(root)) for _ in range(runs)]
    found = asyncio.run(keys(root, count, runs))
    middle = {what: statistics.median(values) for what, values in found.items()}
    memories = [(memory(root, count), memory(empty, 0)) for _ in range(runs)]
    ours, against = max(memories, key=lambda pair: pair[0] - pair[1])
    return [
        Figure("rows seen", "s", statistics.median(seen) / 1000, None, 1.0),
        Figure("key", "ms", middle["key"], None, 30.0),
        Figure("page", "ms", middle["page"], None, None),
        Figure("enter", "ms", middle["enter"], None, 50.0),
        *(Figure(f"{what}, first rows", "ms", middle[what], None, 300.0) for what in LINES),
        *(Figure(f"{what}, all rows", "ms", middle[f"{what}, all"]) for what in LINES),
        Figure("stall", "ms", max(found["stall"]), max(found["stall of nothing"]), 30.0),
        Figure("memory", "MB", ours, against, round(against + MEMORY_MB)),
    ]


def keystrokes(folder: Path) -> list[Figure]:
    """Those of benchmarks/keystrokes.py, where there is real speech. folder: a workspace that it has kept, or will."""
    from benchmarks.keystrokes import figures, with_second_opinion

    speech, model = os.environ.get("WHISPERSMITH_SPEECH"), os.environ.get("WHISPERSMITH_WHISPER")
    if speech is None or (model is None and not folder.exists()):
        return []
    where = Path(speech).resolve()
    return figures(where, with_second_opinion(folder.resolve(), where, Path(model or "").resolve()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory is not None:
        print(asyncio.run(app_memory(arguments.memory, arguments.segments)))
        return 0
    from core.workspace import create

    count = arguments.segments // arguments.recordings * arguments.recordings
    with tempfile.TemporaryDirectory() as folder:
        path = make_workspace(Path(folder) / "w", count, arguments.recordings)
        add_rare(path)
        empty = create(Path(folder) / "empty").root
        figures = in_app(path.parent, empty, count, arguments.runs)
        figures += keystrokes(arguments.workspace or Path(folder) / "keystrokes")
    title = f"{count} segments, at {SIZE[0]}x{SIZE[1]}, medians"
    return report(title, "against", figures, as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
