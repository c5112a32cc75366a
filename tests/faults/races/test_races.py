"""Cutting anew while others label, import and edit; two at one row; two jobs of a stage; a job of an earlier version.

Real processes on one workspace. Each ends as it should, nobody meets an error that is no answer, and what a person
gave stands: also in the counts that the store keeps.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.demo_audio import make_recording
from core.jobs import spawn
from core.jobs.attach import view
from core.jobs.spawn import CODE
from core.jobs.spec import OUTPUT, SPEC
from core.store import Segment, Store, Video
from core.store.migrations import MIGRATIONS
from core.workspace import Workspace, create
from tests.core.store_kit import fill
from tests.jobs.conftest import wait_for

CUTS: Sequence[dict[str, object]] = (
    {"settings": {"mode": "windows", "length_s": 5, "overlap_s": 1}, "text": "moves"},
    {"settings": {"mode": "windows", "length_s": 10, "overlap_s": 2}, "text": "stays"},
    {"settings": {"mode": "windows", "length_s": 4, "overlap_s": 0}, "text": "moves"},
)


def recorded(root: Path, *names: str, seconds: int = 30) -> Workspace:
    """A workspace with recordings that are not cut yet."""
    workspace = create(root)
    with Store(workspace.db_path) as store:
        for seed, name in enumerate(names):
            make_recording(workspace.media / f"{name}.wav", seconds=seconds, seed=seed)
            store.videos.add(Video(name, state="fetched", licence="own"))
            store.videos.update(name, path=f"media/{name}.wav", duration_ms=seconds * 1000)
    return workspace


@contextmanager
def at_work(role: str, path: Path, seed: int = 0) -> Iterator[list[Any]]:
    """A process in a role of `tests.faults.races.process`; the list holds what it did once it has ended well."""
    command = [sys.executable, "-m", "tests.faults.races.process", role, str(path), str(seed)]
    pipe, result = subprocess.PIPE, list[Any]()
    with subprocess.Popen(command, cwd=CODE, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        began = process.stdout.readline()
        try:
            yield result
        finally:
            out, errors = process.communicate()
        assert (process.returncode, began) == (0, "begun\n"), errors
        result.append(json.loads(out))


def ended(*folders: Path) -> list[dict[str, Any]]:
    """Wait for jobs; what each of them came to. None of them has met anything that it did not expect."""
    found = []
    for folder in folders:
        wait_for(lambda folder=folder: not (view(folder) or pytest.fail("no job")).live, timeout=120)
        seen = view(folder)
        assert seen is not None
        output = (folder / OUTPUT).read_text()
        assert (seen.state, seen.failed, seen.error) == ("done", 0, None), output
        assert "Traceback" not in output
        found.append(dict(seen.result or {}))
    return found


def is_consistent(store: Store) -> bool:
    counts = store.segments.counts()
    store.segments.recount()
    return counts == store.segments.counts()


def race(workspace: Workspace, tmp_path: Path, rounds: int, seed: int) -> None:
    dice = random.Random(seed)
    ended(spawn(workspace, "segment", {"settings": CUTS[1]["settings"]}))
    with ExitStack() as others:
        edited = others.enter_context(at_work("editor", workspace.db_path, seed))
        labelled = others.enter_context(at_work("labeller", workspace.db_path, seed))
        for number in range(rounds):
            with Store(workspace.db_path) as store:
                rows = store.segments.all()
            table = tmp_path / f"{number}.csv"
            some = dice.sample(rows, min(4, len(rows)))
            table.write_text("".join(f"{row.id}.wav,匯入{number}\n" for row in some))
            cut = spawn(workspace, "segment", dict(CUTS[number % len(CUTS)]))
            ended(
                cut, spawn(workspace, "import", {"path": str(table), "as": ("human", "machine", "second")[number % 3]})
            )
    (stands,) = edited
    assert labelled[0] > 0
    with Store(workspace.db_path) as store:
        assert is_consistent(store)
        said = "".join(row.text for row in store.segments.all())
        for id, (text, review) in stands.items():
            row = store.segments.get(id)
            if review == "rejected":
                assert row is not None
                assert row.review == "rejected"
            else:
                # Where it stands, or in the segments to which a cut has moved it.
                assert all(sign in said for sign in text)


def test_a_recording_is_cut_anew_while_others_label_import_and_edit(tmp_path: Path) -> None:
    race(recorded(tmp_path / "ws", "talk"), tmp_path, rounds=2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_recordings_are_cut_anew_again_and_again_while_others_are_at_work(tmp_path: Path, seed: int) -> None:
    race(recorded(tmp_path / "ws", "talk", "chat", "song"), tmp_path, rounds=9, seed=seed)


def test_of_two_at_one_row_none_writes_over_what_they_have_not_seen(tmp_path: Path) -> None:
    path = create(tmp_path / "ws").db_path
    with Store(path) as store:
        (id,) = fill(store, 1)

        with at_work("rival", path, 1) as one, at_work("rival", path, 2) as two:
            wait_for(lambda: all(f'"{who}.' in json.dumps(store.transcripts.history(id)[-20:]) for who in (1, 2)))
            # Both are at it by now.
            so_far = len(store.transcripts.history(id))
            wait_for(lambda: len(store.transcripts.history(id)) > so_far + 60)
        theirs = [[tuple(change) for change in each[0]] for each in (one, two)]
        stood = ("", "pending")
        for entry in store.transcripts.history(id):
            after = entry["after"]["text"], entry["after"]["review"]
            assert any((*stood, *after) in changes for changes in theirs)
            stood = after
        # Of the same verdict from both the second changes nothing; a text that was said to be saved always does.
        saved = [change[2] for changes in theirs for change in changes if change[0] != change[2]]
        texts = [entry["after"]["text"] for entry in store.transcripts.history(id)]
        assert sorted(saved) == sorted(set(texts))
        assert is_consistent(store)


def test_two_jobs_of_a_stage_do_the_work_once(tmp_path: Path) -> None:
    workspace = recorded(tmp_path / "ws", "talk", seconds=20)
    first, second = ended(*[spawn(workspace, "segment", {}) for _ in range(2)])
    assert sorted((first["new"], second["new"])) == [0, first["segments"]]
    with Store(workspace.db_path) as store:
        ids = [row.id for row in store.segments.all()]
    table = tmp_path / "human.csv"
    table.write_text("".join(f"{id}.wav,一\n" for id in ids))
    results = ended(*[spawn(workspace, "import", {"path": str(table)}) for _ in range(2)])
    assert sorted(result["imported"] for result in results) == [0, len(ids)]
    assert sorted(result["unchanged"] for result in results) == [0, len(ids)]


def test_a_job_of_an_earlier_version_goes_on_while_the_tables_become_others(tmp_path: Path) -> None:
    """It has the database open; two of this version open it at the same time, and one cuts what it labels anew."""
    workspace = recorded(tmp_path / "ws", "talk", seconds=20)
    ended(spawn(workspace, "segment", {"settings": CUTS[1]["settings"]}))
    with Store(workspace.db_path) as store:
        rows = store.segments.all()
        videos = store.videos.all()
    version = next(number for number, script in enumerate(MIGRATIONS) if "media_fault" in script)
    for path in workspace.db_path.parent.glob(f"{workspace.db_path.name}*"):
        path.unlink()
    with closing(sqlite3.connect(workspace.db_path)) as db:
        for script in MIGRATIONS[:version]:
            db.executescript(script)
        cut = json.dumps(videos[0].cut)
        db.execute(
            "INSERT INTO videos (id, state, path, cut, added) VALUES (?, 'fetched', ?, ?, 0)",
            (videos[0].id, videos[0].path, cut),
        )
        db.executemany(
            "INSERT INTO segments (id, video, start_ms, end_ms, path, digest) VALUES (?, ?, ?, ?, ?, ?)",
            [(row.id, row.video, row.start_ms, row.end_ms, row.path, row.digest) for row in rows],
        )
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()
        db.execute("PRAGMA journal_mode = WAL")
    path = workspace.db_path
    with at_work("older", path) as old, at_work("labeller", path, 1), at_work("editor", path, 2):
        ended(spawn(workspace, "segment", dict(CUTS[0])))
    assert old[0] > 0
    with Store(workspace.db_path) as store:
        assert is_consistent(store)
        assert {row.id for row in store.segments.all() if not row.kept} != {row.id for row in rows}


def test_what_a_job_of_an_earlier_version_was_asked_is_done(tmp_path: Path) -> None:
    """Its parameters lack what came since."""
    workspace = recorded(tmp_path / "ws", "talk", seconds=20)
    folder = workspace.jobs / "20250101-000000-segment-abc123"
    (folder / "control").mkdir(parents=True)
    spec = {"id": "abc123", "stage": "segment", "created": 1, "params": {"ids": None, "settings": {}}, "v": 1}
    (folder / SPEC).write_text(json.dumps(spec))
    with (folder / OUTPUT).open("wb") as output:
        command = [sys.executable, "-m", "core.jobs.run", str(folder)]
        environment = os.environ | {"PYTHONPATH": str(CODE)}
        done = subprocess.run(command, cwd=workspace.root, stdout=output, stderr=output, env=environment, timeout=120)
    assert done.returncode == 0
    (result,) = ended(folder)
    with Store(workspace.db_path) as store:
        found: list[Segment] = store.segments.all()
    assert len(found) == result["new"] > 0
