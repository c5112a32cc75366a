"""What a job was asked to do, and the folder that holds all it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core import typed_json
from core.clock import now_ms
from core.errors import UserError
from core.files import write_private
from core.stage import STAGES, lookup
from core.temporaries import FILE, leftovers_in, remove_abandoned, temporary_folder
from core.typed_json import Count, Millis, Text
from core.workspace import Workspace

VERSION = 1

SPEC_BYTES = 64 * 2**20
"""Parameters may name every segment of a large workspace."""

CANCEL, PAUSE, RESUME = "cancel", "pause", "go"
"""Files in a job's control folder: to stop it, to hold it while the file is there, to end a wait now."""

EVENTS, STATUS, SPEC, OUTPUT, LOCK, CONTROL = (
    "events.jsonl",
    "status.json",
    "spec.json",
    "output.log",
    "lock",
    "control",
)


@dataclass(frozen=True)
class JobSpec:
    """created: ms since 1970. params: of the shape that the stage's `run` documents, links sealed (core/vault.py).

    number: greater than that of every job that was here before, whatever the clock said then; 0 for jobs of earlier
    versions.
    """

    id: Text
    stage: Text
    created: Millis
    params: dict[str, Any] = field(default_factory=dict)
    v: int = VERSION
    number: Count = 0


def create(workspace: Workspace, stage: str, params: dict[str, Any]) -> Path:
    """Make the job's folder with its spec, and return the folder: only its owner may look into it.

    Passwords and tokens in the links of the parameters stay in the workspace's vault. OSError if there is no room.
    """
    if not lookup(stage).is_job:
        known = ", ".join(one.name for one in STAGES.values() if one.is_job)
        raise UserError(f"there is no stage {stage}", f"the stages are {known}", "whispersmith --help")
    id = secrets.token_hex(3)
    folder = workspace.jobs / f"{time.strftime('%Y%m%d-%H%M%S')}-{stage}-{id}"
    workspace.jobs.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(workspace.jobs)
    number, sealed = _last_number(workspace) + 1, workspace.vault.seal(params)
    spec = JobSpec(id=id, stage=stage, created=now_ms(), params=sealed, number=number)
    with temporary_folder(folder, FILE, mode=0o700) as beside:
        (beside / CONTROL).mkdir()
        write_private(beside / SPEC, json.dumps(asdict(spec), indent=1))
        os.rename(beside, folder)
    return folder


def _remove_leftovers(jobs: Path) -> None:
    """Of jobs that were killed: folders that were being made, and what was to be their status."""
    folders = [jobs, *(path for path in jobs.iterdir() if path.is_dir() and not path.name.startswith("."))]
    for folder in folders:
        remove_abandoned(leftovers_in(folder))


def _last_number(workspace: Workspace) -> int:
    numbers = [0]
    for folder in workspace.jobs.glob("[!.]*"):
        with contextlib.suppress(ValueError):
            numbers.append(read(folder).number)
    return max(numbers)


def read(folder: Path) -> JobSpec:
    """ValueError if the folder holds none that this version understands."""
    spec = typed_json.read(JobSpec, folder / SPEC, SPEC_BYTES)
    if spec.v != VERSION:
        raise ValueError(f"it is of version {spec.v}, this program knows version {VERSION}")
    return spec


def of_name(folder: Path) -> JobSpec:
    """What the name of a job's folder alone tells of it: <time>-<stage>-<id>, as `create` makes it."""
    start, _, id = folder.name.rpartition("-")
    when, stage = start[:15], start[16:]
    try:
        created = int(time.mktime(time.strptime(when, "%Y%m%d-%H%M%S")) * 1000)
    except (ValueError, OverflowError):
        created = 0
    return JobSpec(id or folder.name, stage or "unknown", created)


def workspace_of(folder: Path) -> Workspace:
    """The workspace a job's folder lies in: <workspace>/logs/jobs/<folder>."""
    return Workspace(folder.resolve().parents[2])


if __name__ == "__main__":  # a batch script makes the job that its machines then join
    print(create(Workspace(Path(sys.argv[1])), sys.argv[2], {}))
