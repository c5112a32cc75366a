"""What an app holds that was left open for eight hours of a training: `python -m benchmarks.app_open`.

    python -m benchmarks.app_open [--hours 8] [--json]

The real app watches a training that tells of a step a second, on a simulated clock, as quickly as the app takes it in.
What it holds at the end stands against what it held after the second hour: memory that Python has given out and that
of the process, open files, threads, widgets, and objects of this program. Exit code 1 where one of them has grown.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.app_loop import until
from benchmarks.report import Figure, report
from tests.tui.long_training import Held, LongTraining

HOUR_S = 3600
AT_ONCE_S = 600
MEMORY_MB, PROCESS_MB, OBJECTS = 1.0, 10.0, 500
"""What may come and go: caches that fill, what the allocator keeps for later, the newest events."""


def process_mb() -> float:
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


async def watched(folder: Path, hours: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Held, float, float]]:
    """What is held after each hour, with the MB that Python has given out and those of the process."""
    from core.cli import AppOptions
    from core.workspace import create
    from tui.app import WhispersmithApp
    from tui.screens.training.screen import TrainingScreen

    workspace, found = create(folder), []
    training = LongTraining(workspace, hours * HOUR_S, monkeypatch)
    app = WhispersmithApp(workspace, AppOptions(), start="training")
    async with app.run_test(size=(140, 45)):
        await until(lambda: isinstance(app.screen, TrainingScreen) and app.screen.is_running)
        screen = app.screen
        assert isinstance(screen, TrainingScreen)

        def has_come() -> bool:
            return screen.run_shown is not None and screen.run_shown.step == training.step

        for _ in range(hours):
            for _ in range(HOUR_S // AT_ONCE_S):
                training.advance(AT_ONCE_S)
                await until(has_come)
            held = Held.by(app)
            found.append((held, tracemalloc.get_traced_memory()[0] / 1e6, process_mb()))
    training.job.die()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tracemalloc.start()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        found = asyncio.run(watched(Path(folder) / "w", options.hours, monkeypatch))
    first, last = found[min(1, len(found) - 1)], found[-1]
    counts: dict[str, Callable[[Held], int]] = {
        "widgets": lambda held: held.widgets,
        "threads": lambda held: held.threads,
        "open files": lambda held: held.files,
        "objects": lambda held: sum(held.objects.values()),
    }
    figures = [
        Figure("memory given out", "MB", last[1], first[1], first[1] + MEMORY_MB),
        Figure("memory of the process", "MB", last[2], first[2], first[2] + PROCESS_MB),
        *(
            Figure(name, "", count(last[0]), count(first[0]), count(first[0]) + (OBJECTS if name == "objects" else 0))
            for name, count in counts.items()
        ),
    ]
    title = f"an app that has watched a training for {options.hours} h"
    return report(title, "after 2 h", figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
