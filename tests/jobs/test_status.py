"""status.json: one writer for many threads, few writes, and the last value in all of them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from core.events import Blocked, Progress, TransferProgress, Unblocked
from core.jobs import status
from core.jobs.spec import STATUS
from core.jobs.status import JobStatus, Phase, StatusReader, StatusWriter, read_status
from core.workspace import Workspace
from tests.fakes.stage import start


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(status, "time", clock)
    return clock


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every replacement of a file."""
    found, replace = [], os.replace

    def replacing(source: Path, target: Path) -> None:
        found.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", replacing)
    return found


def test_ten_a_second_and_the_last_one_always(tmp_path: Path, clock: Clock, writes: list[Path]) -> None:
    writer = StatusWriter(tmp_path, "fetch", None)
    for step in range(1000):
        writer.set_progress(Progress(step, 1000))
        writer.tick()
        clock.now += 0.001
    assert 9 <= len(writes) <= 11
    assert read_status(tmp_path).progress != Progress(999, 1000)
    clock.now += 0.2
    writer.tick()
    assert read_status(tmp_path).progress == Progress(999, 1000)
    known = len(writes)
    for _ in range(19):
        clock.now += 0.1
        writer.tick()
    # Nothing new: only the heartbeat is due now and then.
    assert len(writes) == known
    clock.now += 0.2
    writer.tick()
    assert len(writes) == known + 1


def test_a_phase_is_written_at_once_with_the_progress_that_waits(tmp_path: Path, clock: Clock) -> None:
    writer = StatusWriter(tmp_path, "fetch", None)
    writer.set_progress(Progress(1, 2))
    writer.set_progress(Progress(2, 2, transfer=TransferProgress("v", bytes=3)))
    writer.set_phase(Phase.DONE)
    found = read_status(tmp_path)
    assert (found.stage, found.phase) == ("fetch", Phase.DONE)
    assert found.progress == Progress(2, 2, transfer=TransferProgress("v", bytes=3))
    assert found.heartbeat is not None
    assert found.progress_at is not None
    assert not list(tmp_path.glob(".*"))


def test_many_threads_write_one_file_that_is_always_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "PROGRESS_S", 0.0)
    writer = StatusWriter(tmp_path, "segment", None)
    writer.set_phase(Phase.RUNNING)
    seen: list[JobStatus] = []
    over = threading.Event()

    def read() -> None:
        reader = StatusReader(tmp_path)
        while not over.is_set():
            if (found := reader.changed()) is not None:
                seen.append(found)

    def write(thread: int) -> None:
        for step in range(200):
            writer.set_progress(Progress(step, 200, note=str(thread) * 1000))
            if step % 20 == 0:
                writer.set_phase(Phase.RUNNING)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    watching = threading.Thread(target=read)
    for thread in (watching, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    watching.join()
    assert seen
    # A file that is not whole would read as an empty status.
    assert all(found.phase == Phase.RUNNING for found in seen)
    assert all(found.progress is None or len(found.progress.note) == 1000 for found in seen)
    assert read_status(tmp_path).progress == writer.progress


def test_a_disk_that_cannot_be_written_is_tried_again(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / STATUS).mkdir()
    writer = StatusWriter(tmp_path, "fetch", None)
    writer.set_phase(Phase.RUNNING)
    writer.set_progress(Progress(1, 2))
    assert read_status(tmp_path) == JobStatus()
    (tmp_path / STATUS).rmdir()
    clock.now += 0.2
    writer.tick()
    assert read_status(tmp_path).progress == Progress(1, 2)


def test_a_reader_reads_only_what_was_replaced(tmp_path: Path) -> None:
    reader = StatusReader(tmp_path)
    assert reader.changed() is None
    writer = StatusWriter(tmp_path, "fetch", None)
    writer.set_phase(Phase.WAITING)
    found = reader.changed()
    assert found is not None
    assert found.phase == Phase.WAITING
    assert reader.changed() is None
    writer.set_phase(Phase.RUNNING)
    assert reader.changed() is not None


def test_a_block_that_the_job_waits_for_stands_in_its_status_until_it_is_over(workspace: Workspace) -> None:
    job = start(workspace, "fetch").job
    block = Blocked("a wall", steps=("wait", "proxy"), until=1_700_000_000_000, waits=True, left=3)
    job.emit(block)
    assert read_status(job.dir).block == block
    job.emit(Unblocked())
    assert read_status(job.dir).block is None
    # One that ends the job is no wait.
    job.emit(Blocked("a wall", waits=False))
    assert read_status(job.dir).block is None
