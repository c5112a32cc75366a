"""What the listings of a workspace of 100 000 segments cost: `python -m benchmarks.listing` from the checkout.

    python -m benchmarks.listing [--segments 100000] [--recordings 200] [--runs 5] [--json]

Each listing is a process of its own whose output nobody keeps: seconds from its start to its end, and
the most memory that it held. It stands against a process that reads the same columns with plain sqlite3 and prints
them as JSON, run in turn with it; medians count. Exit code 1 where a bound does not hold.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Figure, report
from benchmarks.store import make_workspace

_PEAK = """
sys.stdout.flush()
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0], file=sys.stderr)
"""
OURS = f"""
import sys
from core.cli import main
assert main(sys.argv[1:], lambda folder, options: 0) == 0
{_PEAK}
"""
PLAIN = f"""
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.row_factory = sqlite3.Row
for row in db.execute(
    "SELECT s.*, t.* FROM videos v JOIN segments s ON s.video = v.id LEFT JOIN transcripts t ON t.segment = s.id "
    "ORDER BY v.rowid, s.start_ms, s.end_ms"
):
    print(json.dumps(dict(row), ensure_ascii=False))
{_PEAK}
"""
LISTINGS: dict[str, tuple[list[str], float | None]] = {
    "segments --json": (["segments", "--json"], 3.0),
    "with a filter": (["segments", "--json", "--filter", "天氣 state:pending"], None),
    "as lines": (["segments"], None),
}
"""By name: the command, and how many seconds it may take."""
MEMORY_MB = 100.0


def measured(code: str, *arguments: str) -> tuple[float, float]:
    """Seconds, and the most memory in MB, of a Python process that runs this."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    return time.perf_counter() - begun, int(done.stderr.split()[-1]) * 1024 / 1e6


def figures(path: Path, runs: int) -> list[Figure]:
    plain: list[tuple[float, float]] = []
    ours: dict[str, list[tuple[float, float]]] = {name: [] for name in LISTINGS}
    for _ in range(runs):
        plain.append(measured(PLAIN, str(path)))
        for name, (command, _) in LISTINGS.items():
            ours[name].append(measured(OURS, "-w", str(path.parent), *command))
    plain_s, plain_mb = _medians(plain)
    found: list[Figure] = []
    for name, (_, bound_s) in LISTINGS.items():
        seconds, memory = _medians(ours[name])
        found += [
            Figure(name, "s", seconds, plain_s, bound_s),
            Figure(f"{name}, memory", "MB", memory, plain_mb, MEMORY_MB),
        ]
    return found


def _medians(runs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    seconds, memory = zip(*runs, strict=True)
    return statistics.median(seconds), statistics.median(memory)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = make_workspace(Path(folder) / "made", options.segments, options.recordings)
        found = figures(path, options.runs)
    title = (
        f"listings of {options.segments} segments in {options.recordings} recordings, medians of {options.runs} runs"
    )
    return report(title, "plain SQLite", found, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
