"""What a store of 100 000 segments costs: `python -m benchmarks.store` from the checkout.

    python -m benchmarks.store [--segments 100000] [--recordings 200] [--runs 5] [--json]

enter           in the real app: from the key to the text on the disk and the next row painted
held            in the real app: the longest stall of its loop while another process holds a write for 5 s, and texts
                are typed, entered, accepted and undone; against how long a plain statement waits
all rows        in the real app: the longest stall of its loop while all rows are read for the first time; against that
                of the same time with nothing to do
changed row     what follows when somebody else has changed one row: reading it, taking it in
accept, undo    all that is pending, as one batch; against the same done plainly, without slices: verdicts, an edit of
                each, and a line of each in a file. (Until there was a journal this was the UPDATE alone.)
status          seconds of CPU for the counts of every screen, on a store that was just opened
lock ...        how long at a time a process that wants to write finds the store locked while this one writes

Beside the others stands a plain SQLite statement on the same file. Medians of `runs`, of each the longest wait for the
lock. Exit 1 if a bound does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.app_loop import Loop, painted_ms, until
from benchmarks.report import Figure, report

HOLD_S = 5.0
LOCK_MS = 100.0
COUNT = """
    SELECT COUNT(*), SUM(t.review = 'accepted') FROM segments s LEFT JOIN transcripts t ON t.segment = s.id
"""
TEXT = "今天我們來談一談臺灣的天氣和交通問題，大家好嗎我很好謝謝"


def make_workspace(folder: Path, segments: int, recordings: int) -> Path:
    """Recordings cut into 10 s, each piece with pending text of a machine; an evaluation of a twentieth. Its store."""
    from core.store import EvaluationRow, Segment, Store, Video
    from core.store.transcripts import MachineText
    from core.workspace import create

    chance, each = random.Random(1), segments // recordings
    path = create(folder).db_path
    with Store(path) as store:
        store.connection.execute("PRAGMA synchronous = OFF")
        names = [f"{chance.getrandbits(44):011x}" for _ in range(recordings)]
        store.videos.add_many([Video(name, state="fetched", path=f"media/{name}.mp4", cut={}) for name in names])
        for name in names:
            spans = [(at, at + 10_000) for at in range(0, 8000 * each, 8000)]
            rows = [
                Segment(f"{name}_{a // 1000}_{b // 1000}", name, a, b, f"segments/{name}/{a}.wav") for a, b in spans
            ]
            store.segments.add(rows)
            store.transcripts.write_machine(
                [MachineText(row.id, TEXT, TEXT, "toy", -0.3, 0.01, 1.2, (), chance.random()) for row in rows]
            )
        ids = [row.id for row in store.segments.rows().rows[::20]]
        evaluated = [EvaluationRow(id, TEXT, TEXT, TEXT, 1, 0, 30) for id in ids]
        store.evaluations.add("run-01", {"models": {"tuned": {"cer": 0.1}}}, evaluated)
    return path


@contextmanager
def plain(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path, isolation_level=None, timeout=60)
    db.execute("PRAGMA synchronous = FULL")
    try:
        yield db
    finally:
        db.close()


def ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


# -- other processes


@contextmanager
def another(name: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """This file as another process that holds or asks for the store; it is ready inside, and ends with its stdin."""
    command = [sys.executable, "-m", "benchmarks.store", "--process", name, "--store", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.stdin.close()
        process.wait()


def hold(path: Path) -> None:
    """Hold a write for HOLD_S."""
    with plain(path) as db:
        db.execute("BEGIN IMMEDIATE")
        print("ready", flush=True)
        time.sleep(HOLD_S)
        db.execute("ROLLBACK")


def ask(path: Path) -> None:
    """Ask for the lock again and again until stdin has a line; then say how long it was refused at a stretch, in ms."""
    import select

    db = sqlite3.connect(path, isolation_level=None, timeout=0)
    print("ready", flush=True)
    worst, refused = 0.0, None
    while not select.select([sys.stdin], [], [], 0.001)[0]:
        now = time.perf_counter()
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            refused = refused or now
        else:
            db.execute("ROLLBACK")
            worst = max(worst, 0.0 if refused is None else now - refused)
            refused = None
    print(worst * 1000, flush=True)


def locked(path: Path, work: Callable[[], object]) -> float:
    """The longest time at a stretch, in ms, that another process could not begin to write while `work` was done."""
    with another("ask", path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        work()
        process.stdin.write("\n")
        process.stdin.flush()
        return float(process.stdout.readline())


# -- the store alone


def accept_plainly(db: sqlite3.Connection, lines: Path) -> None:
    """The same three things, each in one go: the verdicts, an edit of each, and a line of each in a file, synced."""
    db.execute("BEGIN")
    db.execute("UPDATE transcripts SET review = 'accepted'")
    db.execute(
        "INSERT INTO edits (segment, at, who, before, after) "
        """SELECT segment, updated, 'plain', '{"review": "pending"}', '{"review": "accepted"}' FROM transcripts"""
    )
    rows = db.execute(
        "SELECT s.id, s.video, s.start_ms, s.end_ms, t.text, t.origin, t.review, t.flags, t.suspicion, t.updated "
        "FROM transcripts t JOIN segments s ON s.id = t.segment"
    )
    names = [column[0] for column in rows.description]
    with lines.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
        file.flush()
        os.fsync(file.fileno())
    db.execute("COMMIT")


def bulk(path: Path, runs: int) -> list[Figure]:
    from core.store import Store

    took: dict[str, list[float]] = {"accept": [], "undo": [], "plain": [], "lock accept": [], "lock undo": []}
    with Store(path) as store:
        ids = [row.id for row in store.segments.rows().rows]
        random.Random(2).shuffle(ids)
        for _ in range(runs):
            with plain(path) as db:
                begun = time.perf_counter()
                accept_plainly(db, path.with_name("plain.jsonl"))
                took["plain"].append(time.perf_counter() - begun)
                db.execute("DELETE FROM edits WHERE who = 'plain'")
                db.execute("UPDATE transcripts SET review = 'pending'")
            for name, work in (
                ("accept", lambda: store.transcripts.accept_all(ids)),
                ("undo", lambda: store.transcripts.undo()),
            ):
                took[f"lock {name}"].append(
                    locked(path, lambda work=work, name=name: took[name].append(ms(work) / 1000))
                )
            assert store.segments.counts()["accepted"] == 0
    middle = {name: statistics.median(found) for name, found in took.items()}
    return [
        *(Figure(f"{name} all", "s", middle[name], middle["plain"], 2.0) for name in ("accept", "undo")),
        *(Figure(f"lock {name} all", "ms", middle[f"lock {name}"], None, LOCK_MS) for name in ("accept", "undo")),
    ]


def writers(path: Path, runs: int) -> list[Figure]:
    """How long each way of writing many rows keeps others waiting."""
    from core.store import EvaluationRow, Segment, Store, Video
    from core.store.transcripts import MachineText

    with Store(path) as store:
        ids = [row.id for row in store.segments.rows().rows]
        some = ids[:20_000]
        new = [Segment(f"new_{n * 8}_{n * 8 + 10}", "new", n * 8000, n * 8000 + 10_000, "") for n in range(20_000)]
        store.videos.add(Video("new"))
        works: dict[str, Callable[[], object]] = {
            "split": lambda: store.segments.set_parts(dict.fromkeys(ids, "train"), {}),
            "label": lambda: store.transcripts.write_machine([MachineText(id, TEXT, TEXT, "toy") for id in some]),
            "import": lambda: store.transcripts.import_human(dict.fromkeys(some, TEXT)),
            "segment": lambda: store.segments.add(new),
            "cut anew": lambda: store.segments.remove([row.id for row in new]),
            "evaluate": lambda: store.evaluations.add(
                "run-02", {}, [EvaluationRow(id, TEXT, TEXT, TEXT, 1, 0, 30) for id in some]
            ),
        }
        found: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(runs):
            for name, work in works.items():
                found[name].append(locked(path, work))
    return [Figure(f"lock {name}", "ms", statistics.median(waits), None, LOCK_MS) for name, waits in found.items()]


def replay(path: Path, runs: int) -> list[Figure]:
    """How long a database keeps others waiting that takes in from the journal what an older copy of it has not."""
    from core.store import Store

    older = path.with_name("older.db")
    with Store(path) as store:
        ids = [row.id for row in store.segments.rows().rows[:20_000]]
        store.transcripts.save(ids[0], TEXT)
    shutil.copy(path, older)
    with Store(path) as store:
        store.transcripts.accept_all(ids)
    waits = []
    for _ in range(runs):
        shutil.copy(older, path)
        waits.append(locked(path, lambda: Store(path).close()))
        with plain(path) as db:
            assert db.execute("SELECT accepted FROM counts").fetchone()[0] == len(ids)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return [Figure("lock replay", "ms", statistics.median(waits), None, LOCK_MS)]


def changed_row(path: Path, runs: int) -> list[Figure]:
    from core.store import Store
    from tui.screens.transcripts.session import ReviewSession
    from tui.screens.transcripts.table.loader import read

    session = ReviewSession(path, lambda _: None, lambda _: None)
    first = read(path, None, 0)
    assert first is not None
    session.apply(first, None, None)
    search = session.begin_search(session.view, None)
    search.run(lambda _: None)
    session.end_search(search)
    ours, against = [], []
    with Store(path) as store, plain(path) as db:
        for number, row in enumerate(session.index.rows[: 20 * runs]):
            store.transcripts.save(row.id, f"{TEXT}{number}")

            def take_in() -> None:
                reading = read(path, session.index.revision, 0)
                assert reading is not None
                assert reading.changes is not None
                assert len(session.apply(reading, None, None).changed) == 1
                session.index.revision = reading.changes.revision

            ours.append(ms(take_in))
            query = "SELECT * FROM segments s LEFT JOIN transcripts t ON t.segment = s.id WHERE s.id = ?"
            against.append(ms(lambda row=row, query=query: db.execute(query, (row.id,)).fetchone()))
    return [Figure("changed row", "ms", statistics.median(ours), statistics.median(against), 20.0)]


def status(path: Path, runs: int) -> list[Figure]:
    from core.status import summary
    from core.store import Store
    from core.workspace import Workspace

    ours, against = [], []
    workspace = Workspace(path.parent)
    for _ in range(runs + 1):
        begun = time.process_time()
        with Store(path) as store:
            summary(store, workspace)
        ours.append(time.process_time() - begun)
        with plain(path) as db:
            begun = time.process_time()
            db.execute(COUNT).fetchone()
            against.append(time.process_time() - begun)
    # The first one imports what it needs.
    return [Figure("status, CPU", "s", statistics.median(ours[1:]), statistics.median(against), 0.15)]


# -- the app


async def first_rows(path: Path, count: int) -> tuple[float, float]:
    """The longest stall of the loop, in ms, until all rows are there; and of the same time in which nothing is done."""
    from core.cli import AppOptions
    from core.workspace import Workspace
    from tui.app import WhispersmithApp
    from tui.screens.transcripts.screen import TranscriptsScreen

    app, loop = WhispersmithApp(Workspace(path.parent), AppOptions(), start="transcripts"), Loop()
    async with app.run_test(size=(100, 30)):
        await until(lambda: isinstance(app.screen, TranscriptsScreen))
        begun = time.perf_counter()
        loop.begin()
        table: Any = app.screen
        await until(lambda: table.table.row_count == count)
        loaded, took = loop.worst, time.perf_counter() - begun
        await asyncio.sleep(0.5)
        loop.begin()
        await asyncio.sleep(took)
        return loaded * 1000, loop.worst * 1000


async def in_app(path: Path, count: int, runs: int) -> list[Figure]:
    from textual import events

    from core.cli import AppOptions
    from core.workspace import Workspace
    from tui.app import WhispersmithApp
    from tui.screens.transcripts.screen import TranscriptsScreen

    loads = [await first_rows(path, count) for _ in range(runs)]
    app = WhispersmithApp(Workspace(path.parent), AppOptions(), start="transcripts")
    loop, entered, against = Loop(), [], []
    async with app.run_test(size=(100, 30)) as pilot:
        await until(lambda: isinstance(app.screen, TranscriptsScreen))
        screen: Any = app.screen
        await until(lambda: screen.table.row_count == count)
        await pilot.press("e")
        unsaved = screen._session.unsaved
        for _ in range(20 * runs):
            await pilot.press("字")
            before = screen.table.cursor
            begun = time.perf_counter()
            await painted_ms(app, "enter", lambda before=before: screen.table.cursor != before)
            await until(lambda: not unsaved)
            entered.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(0.02)
        with plain(path) as db:
            for number in range(20 * runs):
                sql = "UPDATE transcripts SET text = ? WHERE rowid = ?"
                against.append(ms(lambda sql=sql, number=number: db.execute(sql, (f"{TEXT}{number}", number + 1))))
        held, waited = [], []
        for _ in range(min(3, runs)):
            with another("hold", path):
                loop.begin()
                begun = time.perf_counter()
                for key in ["字", "enter", "字", "enter", "字", "enter", "tab", "a", "x", "u", "e", "字"]:
                    # As the driver does with what the terminal sends, a quick hand's time apart.
                    app.post_message(events.Key(key, key if len(key) == 1 else None))
                    await asyncio.sleep(0.1)
                assert len(unsaved) >= 3
                await until(lambda: not unsaved)
                waited.append((time.perf_counter() - begun) * 1000)
                held.append(loop.worst * 1000)
    middle = statistics.median
    loaded, idle = (middle(times) for times in zip(*loads, strict=True))
    return [
        Figure("enter", "ms", middle(entered), middle(against), 30.0),
        Figure("held, loop stalls", "ms", middle(held), middle(waited), 100.0),
        Figure("all rows, loop stalls", "ms", loaded, idle, 100.0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--process", choices=("hold", "ask"), help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process:
        (hold if options.process == "hold" else ask)(options.store)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        made = make_workspace(Path(folder) / "made", options.segments, options.recordings)
        with plain(made) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            count = db.execute("SELECT segments FROM counts").fetchone()[0]
        figures: list[Figure] = []
        for name in ("app", "changed", "status", "bulk", "writers", "replay"):
            # Each on a copy: what one leaves behind is no concern of the next.
            path = shutil.copytree(made.parent, Path(folder) / name) / made.name
            if name == "app":
                figures += asyncio.run(in_app(path, count, options.runs))
            else:
                measures = {
                    "changed": changed_row,
                    "status": status,
                    "bulk": bulk,
                    "writers": writers,
                    "replay": replay,
                }
                figures += measures[name](path, options.runs)
    title = f"a store of {count} segments in {options.recordings} recordings, medians of {options.runs} runs"
    return report(title, "plain SQLite", figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
