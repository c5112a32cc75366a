"""All that a command has left in a workspace, without what may differ between two runs: times, speeds, numbers."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import sqlite3
from collections.abc import Collection, Iterator
from typing import Any

from core.store.journal import JOURNAL
from core.workspace import Workspace

TIMES = ("at", "added", "updated", "begun", "held_until", "asked")
NUMBERS = ("id", "first", "last", "revision", "split")
"""Columns that count up, also in a transaction whose process was killed before the next."""
WHETHER = ("done", "listed", "undoes", "batch", "cutting", "holder")
"""Columns of which only counts whether something stands there."""
UNCOUNTED = ("changes", "sqlite_sequence", "splits", "counts", "journal")

OLD_PARTS = "parts of splits that are not in force"
"""The next split clears them away; a round makes none where the accepted segments are still those of the last."""

QUERIES = {
    "parts": "SELECT segment, part FROM parts WHERE split = (SELECT split FROM counts)",
    OLD_PARTS: "SELECT COUNT(*) FROM parts WHERE split <> (SELECT split FROM counts)",
    "timed_windows": "SELECT t.video, t.source, w.start_ms, w.end_ms, w.text, w.words, w.flags, w.avg_logprob "
    "FROM timed_windows w JOIN timed_texts t ON t.id = w.timed_text",
    "evaluation_rows": "SELECT DISTINCT segment, reference, base, tuned, base_errors, tuned_errors, characters "
    "FROM evaluation_rows",
}
"""Tables that point at such numbers."""


def left(workspace: Workspace, without: Collection[str] = ()) -> dict[str, Any]:
    """Rows of every table, the digest of every file, and temporaries of jobs. without: patterns of names of files, and
    of notes (`note:…`), that a run may leave otherwise each time."""
    return {
        "rows": rows(workspace, without),
        "journal": journal(workspace),
        "files": files(workspace, without),
        "temporaries": temporaries(workspace),
    }


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Where two of these are not the same, one line each; [] where they are."""
    flat = [dict(_flat(one)) for one in (found, expected)]
    names = sorted(name for name in flat[0].keys() | flat[1].keys() if flat[0].get(name) != flat[1].get(name))
    return [f"{name}: {flat[0].get(name)} is {flat[1].get(name)} undisturbed" for name in names]


def _flat(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for part, value in found.items():
        if isinstance(value, dict):
            yield from ((f"{part}/{name}", one) for name, one in _flat(value))
        elif isinstance(value, list):
            yield from ((f"{part}/{one}", "here") for one in value)
        else:
            yield part, value


def rows(workspace: Workspace, without: Collection[str] = ()) -> dict[str, list[str]]:
    """By table, in no order. The same row twice counts once: a command that is killed after its last write and before
    its last word is done again."""
    if not workspace.db_path.exists():
        return {}
    with sqlite3.connect(workspace.db_path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        db.row_factory = sqlite3.Row
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for table in names:
            if table not in UNCOUNTED:
                query = QUERIES.get(table, f"SELECT * FROM {table}")
                found[table] = sorted({_row(table, dict(row), without) for row in db.execute(query)} - {""})
        extra = [name for name in QUERIES if name not in (*names, *without)]
        found |= {name: [str(tuple(row)) for row in db.execute(QUERIES[name])] for name in extra}
    return found


def _row(table: str, row: dict[str, Any], without: Collection[str]) -> str:
    if table == "notes" and _is_among(f"note:{row['key']}", without):
        return ""
    if table == "notes":
        row["value"] = re.sub(r'"speed": [0-9.]+', '"speed": 0', row["value"])
    text_id = isinstance(row.get("id"), str)
    kept = {
        name: value is not None if name in WHETHER and table != "notes" else value
        for name, value in row.items()
        if name not in TIMES and (name not in NUMBERS or (name == "id" and text_id))
    }
    return json.dumps(kept, ensure_ascii=False, sort_keys=True)


def journal(workspace: Workspace) -> dict[str, str]:
    """What stands in each segment by the last line of it; of the number of a batch, whether there is one."""
    path = workspace.root / JOURNAL
    lines = [json.loads(line) for line in path.read_bytes().splitlines()[1:]] if path.exists() else []
    kept = ({**line, "at": "", "batch": "batch" in line} for line in lines)
    return {line["segment"]: json.dumps(line, ensure_ascii=False, sort_keys=True) for line in kept}


def files(workspace: Workspace, without: Collection[str] = ()) -> dict[str, str]:
    """SHA-256 of every file but the database, the journal and the logs, by its path; "" for an empty folder."""
    found = {}
    for path in sorted(workspace.root.rglob("*")):
        name = path.relative_to(workspace.root).as_posix()
        if name.startswith(("logs/", "whispersmith.db", "edits.")) or _is_among(name, without):
            continue
        if path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.is_dir() and not any(path.iterdir()):
            found[name] = ""
    return found


def temporaries(workspace: Workspace) -> list[str]:
    """What jobs have left in logs/jobs beside their own files."""
    found = (path.relative_to(workspace.jobs) for path in workspace.jobs.rglob(".*"))
    return [str(path) for path in found if path.suffix != ".lock"]


def _is_among(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
