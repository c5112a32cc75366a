"""How soon the Setup screen stands, and how soon its checks are done: the real app in a real terminal (a pty).

    python benchmarks/first_paint.py [--runs 5] [--size 80x24] [--workspace FOLDER]

Three times, from the start of the process, as a person at the terminal would see them:
first paint   the rows of the checks are on the screen
all but add   every check has an answer, save for the sum on the GPU, whose child process loads torch
all           that one too (the same where there is no GPU)

The median of the runs; the first run reads everything from the disk and is told apart. Without --workspace a new one
is made. No network is needed: where HF_ENDPOINT is not set, one that answers nothing is, so that the figures do not
depend on a hub.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

LONGEST_S = 120.0
QUIET_S = 0.3
"""So long after the last change nothing more will come."""
COUNTED = re.compile(r"(\d+) of (\d+) checked")
ROWS = ("Python", "ffmpeg", "? help")
ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])")


@dataclass(frozen=True)
class Figures:
    """Seconds since the start of the process."""

    paint: float
    without_sum: float
    whole: float


def screen_text(seen: bytes) -> str:
    """What was written to the terminal, without the sequences that place and colour it; blanks count once."""
    return " ".join(ESCAPES.sub(b" ", seen).decode("utf-8", "replace").split())


def start(folder: Path, size: tuple[int, int]) -> tuple[int, int]:
    """The app in a terminal of its own; (pid, our end of it)."""
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.chdir(folder)
            found = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
            environment = {"HF_ENDPOINT": "http://127.0.0.1:9"} | dict(os.environ) | found
            os.execve(sys.executable, [sys.executable, "-m", "tui.launch"], environment)
        finally:
            os._exit(127)
    columns, rows = size
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return pid, terminal


def pieces(terminal: int, until: float) -> Iterator[bytes]:
    """What the app writes, as it comes, b"" where it is quiet; ends with the app. TimeoutError at `until`."""
    while time.monotonic() < until:
        if not select.select([terminal], [], [], QUIET_S)[0]:
            yield b""
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux tells the end of a terminal this way
            return
        if not piece:
            return
        yield piece
    raise TimeoutError(f"the checks were not done in {LONGEST_S:.0f} s")


def measure(folder: Path, size: tuple[int, int], checks: int) -> Figures:
    """One start of the app, which is ended with its terminal. RuntimeError if it ends before its checks do."""
    began = time.monotonic()
    pid, terminal = start(folder, size)
    paint = without_sum = whole = None
    seen = b""
    try:
        for piece in pieces(terminal, began + LONGEST_S):
            if not piece and whole and paint:
                return Figures(paint, without_sum or whole, whole)
            if not piece:
                continue
            seen += piece
            now, text = time.monotonic() - began, screen_text(seen)
            if paint is None and all(row in text for row in ROWS):
                paint = now
            counts = [int(done) for done, _ in COUNTED.findall(text)]
            if without_sum is None and counts and counts[-1] >= checks - 1:
                without_sum = now
            # Half a frame may look done: what counts is the first of those that nothing takes back.
            whole = (whole or now) if is_done(text) else None
    finally:
        os.kill(pid, signal.SIGTERM)
        os.close(terminal)
        os.waitpid(pid, 0)
    raise RuntimeError(f"the app ended before its checks did; it wrote:\n{screen_text(seen)[-2000:]}")


def is_done(text: str) -> bool:
    """Whether the last line that sums up has no count of checks beside it."""
    summary = max(text.rfind(words) for words in (" failed :", " to look at :", "all is here"))
    return summary > text.rfind(" checked")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--workspace", type=Path)
    options = parser.parse_args()
    columns, rows = (int(part) for part in options.size.split("x"))
    from core.checks.table import CHECKS
    from core.workspace import create

    with tempfile.TemporaryDirectory() as beside:
        folder = options.workspace or create(Path(beside) / "workspace").root
        runs = [measure(folder, (columns, rows), len(CHECKS)) for _ in range(options.runs + 1)]
    print(f"Setup at {columns}x{rows}, {len(CHECKS)} checks, {os.cpu_count()} cores, seconds from the start")
    print(f"{'':14}{'first run':>10}{'median':>10}{'slowest':>10}   of {options.runs} more")
    for name, field in (("first paint", "paint"), ("all but add", "without_sum"), ("all", "whole")):
        first, *rest = [getattr(run, field) for run in runs]
        if rest:
            print(f"{name:14}{first:10.2f}{statistics.median(rest):10.2f}{max(rest):10.2f}")


if __name__ == "__main__":
    main()
