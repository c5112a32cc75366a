"""How long `split` by video takes on a large store, and what memory: `python -m benchmarks.split` from the checkout.

    python -m benchmarks.split [--segments 900000] [--recordings 2000] [--runs 5] [--store FILE] [--json]

split    all that comes before anything is written: which wavs have no digest yet, the usable segments out of the store,
         the split, its leak, that of a random split, and who has the same audio as whom
memory   the peak of a process that does it, above that of a bare interpreter: numpy and the store's own code included
stage    the same with the split written into the store, in short slices beside the one before; one run, no bound

Each run is a process of its own; beside it a process runs one plain SQLite statement on the same file, the join that
reading needs. Both in turn, medians. A store that is given with --store is made if it is not there, and kept.
Exit 1 if a bound does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Figure, report

BOUNDS = {"split": 2.0, "memory": 150.0}
PLAIN = """
    SELECT COUNT(*), SUM(end_ms) FROM (
        SELECT s.end_ms, s.digest FROM segments s JOIN transcripts t ON t.segment = s.id
        WHERE t.review = 'accepted' AND TRIM(t.text) <> '' ORDER BY s.video, s.start_ms, s.end_ms LIMIT -1
    )
"""
TEXT = "今天我們來談一談臺灣的天氣和交通問題，大家好嗎我很好謝謝"


def make_store(path: Path, segments: int, recordings: int) -> None:
    """Recordings of many lengths, all accepted; as a version without counts left it, which inserts far quicker."""
    from core.spans import segment_id
    from core.store import Store
    from core.store.migrations import MIGRATIONS, statements

    chance = random.Random(1)
    lengths = [chance.uniform(0.6, 1.4) for _ in range(recordings)]
    ends = [round(segments * sum(lengths[: number + 1]) / sum(lengths)) for number in range(recordings)]
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA synchronous = OFF")
        for script in MIGRATIONS[:3]:
            for statement in statements(script):
                db.execute(statement)
        for number, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
            video = f"{chance.getrandbits(44):011x}"
            db.execute("INSERT INTO videos (id, position, added) VALUES (?, ?, 0)", (video, number))
            spans = [(at, at + 10_000) for at in range(0, 8000 * (end - begin), 8000)]
            ids = [segment_id(video, *span) for span in spans]
            db.executemany(
                "INSERT INTO segments (id, video, start_ms, end_ms, path, dbfs, speech, digest) "
                "VALUES (?, ?, ?, ?, ?, -20.5, 0.61, ?)",
                [
                    (id, video, *span, f"segments/{video}/{id}.wav", hashlib.sha256(id.encode()).hexdigest())
                    for id, span in zip(ids, spans, strict=True)
                ],
            )
            db.executemany(
                "INSERT INTO transcripts (segment, text, raw, origin, model, suspicion, review, updated) "
                "VALUES (?, ?, ?, 'human', 'openai/whisper-small', 0.3, 'accepted', 0)",
                [(id, TEXT, TEXT) for id in ids],
            )
        db.execute("PRAGMA user_version = 3")
    Store(path).close()


def split(path: Path) -> dict[str, float]:
    from core.dataset.columns import SegmentColumns
    from core.dataset.leak import random_leak
    from core.dataset.split import TEST, leak, split_segments
    from core.store import Store

    with Store(path) as store:
        begun = time.perf_counter()
        missing = store.segments.without_digest()
        segments = SegmentColumns.usable(store, lambda: None)
        found = split_segments(segments, "video", 0.1, 10_000, 0)
        shared = leak(segments, found.parts)
        random_leak(segments, found.count(TEST))
        took = time.perf_counter() - begun
    assert (len(missing), shared) == (0, 0)
    return {"split": took, "memory": _peak_mb()}


def plain(path: Path) -> dict[str, float]:
    with sqlite3.connect(path) as db:
        begun = time.perf_counter()
        db.execute(PLAIN).fetchone()
        return {"split": time.perf_counter() - begun, "memory": _peak_mb()}


def stage(path: Path) -> dict[str, float]:
    """It leaves the split in the store."""
    from core.config import Config
    from core.stages import split as stage
    from core.workspace import Workspace
    from tests.core.media_kit import make_job

    workspace = Workspace(path.parent)
    job = make_job(workspace, "split", by="video")
    begun = time.perf_counter()
    stage.run(workspace, Config(), job)
    return {"stage": time.perf_counter() - begun}


MEASURES: dict[str, Callable[[Path], dict[str, float]]] = {"split": split, "plain": plain, "stage": stage}


def _peak_mb() -> float:
    """Of this process since it began to be this program: ru_maxrss may be that of the one which started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def measure(name: str, path: Path) -> dict[str, float]:
    """In a process of its own."""
    command = [sys.executable, "-m", "benchmarks.split", "--measure", name, "--store", str(path)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def bare_mb() -> float:
    """What an interpreter takes that imports nothing."""
    code = "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    return int(subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout) * 1024 / 1e6


def figures(path: Path, runs: int) -> list[Figure]:
    rounds = [(measure("split", path), measure("plain", path)) for _ in range(runs)]
    bare = bare_mb()
    ours, against = (
        {name: statistics.median(pair[side][name] for pair in rounds) for name in BOUNDS} for side in (0, 1)
    )
    return [
        Figure("split", "s", ours["split"], against["split"], BOUNDS["split"]),
        Figure("memory", "MB", ours["memory"] - bare, against["memory"] - bare, BOUNDS["memory"]),
        Figure("stage", "s", measure("stage", path)["stage"]),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=900_000)
    parser.add_argument("--recordings", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(MEASURES[options.measure](options.store)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path: Path = options.store or Path(folder) / "whispersmith.db"
        if not path.exists():
            make_store(path, options.segments, options.recordings)
        found = figures(path, options.runs)
    title = f"split by video, {options.segments} segments in {options.recordings} recordings, {options.runs} runs"
    return report(title, "plain SQLite", found, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
