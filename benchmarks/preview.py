"""What moving over segments costs on the Segments screen: `python -m benchmarks.preview` from the checkout.

    python -m benchmarks.preview [--segments 100000] [--runs 5] [--json]

In the real app, at 140x45, over recordings of 10 s pieces with real wavs: from the key to the next segment painted,
with its wave, its log-mel and its text. Beside each stands the same in a recording of 100 segments.

next, page, jump    down, page down, `}`: a tenth of the recording
other recording     `]`: from the key to all rows read and the first one painted
stall               the longest stall of the app's loop while all rows are read; against that of a recording of 100

Medians. Exit 1 if a bound does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.app_loop import Loop, painted_ms, until
from benchmarks.report import Figure, report

SIZE = (140, 45)
FEW = 100
SOUNDS = 20
"""Different wavs; the rows share them, as the disk has no room for hours of sound."""
BOUND_MS = 50.0
KEYS = 5
"""Of each kind and direction, in each run."""
MOVES = (
    ("next", "down", "up"),
    ("page", "pagedown", "pageup"),
    ("jump", "right_curly_bracket", "left_curly_bracket"),
)


def make_workspace(folder: Path, counts: dict[str, int]) -> Path:
    """A recording of so many segments by its name, with text; their wavs. The workspace's root."""
    from core.media.wav import encode_wav
    from core.store import Segment, Store, Video
    from core.store.transcripts import MachineText
    from core.workspace import create

    workspace, chance = create(folder), np.random.default_rng(1)
    paths = []
    for number in range(SOUNDS):
        path = workspace.segments / "sounds" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_wav((chance.normal(0, 1500, 160_000) * np.hanning(160_000)).astype(np.int16)))
        paths.append(workspace.relative(path))
    text = "今天我們來談一談臺灣的天氣和交通問題，大家好嗎我很好謝謝"
    with Store(workspace.db_path) as store:
        store.connection.execute("PRAGMA synchronous = OFF")
        for name, count in counts.items():
            cut = {"length_ms": 10_000, "overlap_ms": 2000}
            store.videos.add(Video(name, title=name, state="fetched", licence="own"))
            store.videos.update(name, path=f"media/{name}.mp4", cut=cut, duration_ms=count * 8000 + 2000)
            spans = [(at, at + 10_000) for at in range(0, 8000 * count, 8000)]
            rows = [
                Segment(
                    f"{name}_{a // 1000}_{b // 1000}", name, a, b, paths[a // 8000 % SOUNDS], -25.0, 0.5, -12.0, 0.0
                )
                for a, b in spans
            ]
            store.segments.add(rows)
            store.transcripts.write_machine([MachineText(row.id, text, text, "toy", suspicion=0.5) for row in rows])
    return workspace.root


async def measure(root: Path, runs: int) -> dict[tuple[str, str], list[float]]:
    """Milliseconds by (what, recording)."""
    from core.cli import AppOptions
    from core.workspace import open_workspace
    from tui.app import WhispersmithApp
    from tui.screens.segments.panel import PreviewPanel
    from tui.screens.segments.screen import SegmentsScreen

    app, loop = WhispersmithApp(open_workspace(root), AppOptions(), start="segments"), Loop()
    found: dict[tuple[str, str], list[float]] = {}
    async with app.run_test(size=SIZE):
        await until(lambda: isinstance(app.screen, SegmentsScreen))
        screen: Any = app.screen
        panel, table = screen.query_one(PreviewPanel), screen.table
        await until(lambda: panel.segment is not None)

        async def press(key: str, what: str, name: str) -> None:
            """Until the segment that the key goes to is drawn."""
            before = panel.segment
            took = await painted_ms(app, key, lambda: before != panel.segment == table.cursor_key)
            found.setdefault((what, name), []).append(took)

        for _ in range(runs):
            for name in ("few", "many"):
                loop.begin()
                await press("right_square_bracket", "other recording", name)
                found.setdefault(("stall", name), []).append(loop.worst * 1000)
                for what, forth, back in MOVES:
                    for _ in range(KEYS):
                        await press(forth, what, name)
                        await press(back, what, name)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = make_workspace(Path(folder) / "w", {"many": arguments.segments, "few": FEW})
        found = {key: statistics.median(values) for key, values in asyncio.run(measure(root, arguments.runs)).items()}
    moves = [what for what, _, _ in MOVES]
    figures = [
        Figure(what, "ms", found[(what, "many")], found[(what, "few")], BOUND_MS if what in moves else None)
        for what in (*moves, "other recording", "stall")
    ]
    title = f"{arguments.segments} segments in a recording, at {SIZE[0]}x{SIZE[1]}, medians"
    return report(title, f"a recording of {FEW}", figures, as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
