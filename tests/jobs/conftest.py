"""A workspace, and the nap stage for job processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.jobs import list_jobs
from core.jobs.spawn import CODE
from core.jobs.status import read_status
from core.stage import STAGES, Stage
from core.workspace import Workspace, create

NAP = Path(__file__).parent / "with_nap"


def wait_for(predicate: Callable[[], object], timeout: float = 20.0) -> None:
    """Return as soon as it holds; fail the test if it does not in time."""
    deadline = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def process_of(folder: Path) -> int:
    """The number of a job's process, which is also that of its group."""
    pid = read_status(folder).pid
    assert pid is not None
    return pid


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("PYTHONPATH", f"{NAP}{os.pathsep}{CODE}")
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(STAGES, "nap", Stage("nap", resource="gpu"))
    monkeypatch.setitem(STAGES, "doze", Stage("doze", resource="disk"))
    made = create(tmp_path / "ws")
    yield made
    # Only the jobs of this very workspace; none may outlive its test.
    for job in list_jobs(made):
        if job.live:
            os.killpg(process_of(job.folder), signal.SIGKILL)
