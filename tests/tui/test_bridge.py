"""The bridge, driven by logs written by hand: no app, no stage."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from core.errors import UserError
from core.events import (
    Event,
    Finished,
    Item,
    ItemFailed,
    ItemState,
    JobState,
    LogLine,
    Metric,
    Progress,
    Started,
    TransferProgress,
)
from core.jobs.event_line import LogEntry
from core.jobs.spec import EVENTS, create
from core.jobs.status import Phase
from core.workspace import Workspace
from core.workspace import create as create_workspace
from tests.jobs.conftest import wait_for
from tests.tui.fake_job import FakeJob
from tui.bridge import FULL, Bridge, Inbox, JobBatch, TimeLeft, coalesce, history

E = TypeVar("E", bound=Event)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create_workspace(tmp_path / "w")


class Recorder:
    """What the bridge posted."""

    def __init__(self) -> None:
        self.posts: list[tuple[float, tuple[JobBatch, ...]]] = []
        self.queued = 0

    def post(self, batches: tuple[JobBatch, ...]) -> None:
        self.posts.append((time.monotonic(), batches))

    @property
    def batches(self) -> list[JobBatch]:
        return [batch for _, batches in self.posts for batch in batches]

    def events(self, *kinds: type[E]) -> list[E]:
        return [event for batch in self.batches for event in batch.of(*kinds)]


@pytest.fixture
def bridged(workspace: Workspace):
    bridged = Recorder()
    bridge = Bridge(workspace, bridged.post, lambda: bridged.queued)
    bridge.start()
    # Until the first look is over, a job that is there counts as one from before.
    wait_for(lambda: bridge.looked)
    yield bridged
    bridge.stop()


def test_a_new_job_is_noticed_and_heard_from_its_first_event_to_its_last(workspace: Workspace, bridged: Recorder):
    job = FakeJob(workspace)
    job.emit(Metric(step=1, loss=0.5))
    wait_for(lambda: bridged.events(Metric))
    job.finish()
    wait_for(lambda: bridged.batches and bridged.batches[-1].ended)
    assert [type(event) for event in bridged.events(Started, Metric, Finished)] == [Started, Metric, Finished]
    assert bridged.batches[-1].view.state == JobState.DONE
    afters = [(batch.after, batch.seq) for batch in bridged.batches]
    assert afters[0][0] == 0
    assert all(later[0] == earlier[1] for earlier, later in pairwise(afters))


def test_a_storm_comes_as_few_batches_with_one_progress_and_one_row_an_id(workspace: Workspace, bridged: Recorder):
    job = FakeJob(workspace)
    for step in range(3000):
        job.job.progress(done=step + 1, total=3000)
        job.emit(Item(id=f"v{step % 5}", state=ItemState.FETCHING))
        if step % 100 == 0:
            job.emit(Metric(step=step))
    wait_for(lambda: bridged.batches and bridged.batches[-1].seq == 1 + 3000 + 30)
    job.job.status.set_phase(Phase.RUNNING)  # as the main thread of a real job writes what came last
    wait_for(lambda: bridged.batches[-1].progress == Progress(3000, 3000))
    for batch in bridged.batches:
        assert len(batch.of(Item)) <= 5
    assert len(bridged.events(Metric)) == 30
    assert bridged.batches[-1].view.share == 1.0
    times = [at for at, _ in bridged.posts]
    # Four a second at most; a slow machine only widens the gaps.
    assert all(later - earlier > 0.2 for earlier, later in pairwise(times))


def test_a_job_that_an_earlier_version_started_has_its_progress_in_the_log(workspace: Workspace, bridged: Recorder):
    job = FakeJob(workspace)
    job.emit(Progress(1, 4, note="a"))
    wait_for(lambda: bridged.batches and bridged.batches[-1].progress == Progress(1, 4, note="a"))
    job.emit(Progress(3, 4, note="b", transfer=TransferProgress(all_eta=60)))
    wait_for(lambda: bridged.batches[-1].progress is not None and bridged.batches[-1].progress.done == 3)
    assert (bridged.batches[-1].view.share, bridged.batches[-1].left_s) == (0.75, 60)
    assert not bridged.events(Progress)


def test_nothing_is_posted_while_the_app_is_behind_and_nothing_is_lost_by_it(workspace: Workspace, bridged: Recorder):
    bridged.queued = FULL + 1
    job = FakeJob(workspace)
    for step in range(50):
        job.emit(Metric(step=step))
    ran = threading.Event()
    threading.Timer(0.8, ran.set).start()
    assert ran.wait(5)
    assert not bridged.posts
    bridged.queued = 0
    wait_for(lambda: bridged.posts)
    assert [event.step for event in bridged.events(Metric)] == list(range(50))


def test_a_job_that_dies_without_a_word_is_a_crash(workspace: Workspace, bridged: Recorder):
    job = FakeJob(workspace, "train")
    wait_for(lambda: bridged.batches)
    job.die()
    wait_for(lambda: bridged.batches[-1].ended)
    last = bridged.batches[-1].view
    assert last.state == JobState.CRASHED
    assert "resume" in str(last.error)


def test_a_line_that_is_not_finished_is_not_read_yet(workspace: Workspace, bridged: Recorder):
    job = FakeJob(workspace)
    wait_for(lambda: bridged.batches)
    line = b'{"v":1,"seq":2,"t":1,"kind":"metric","step":7}\n'
    with (job.folder / EVENTS).open("ab", buffering=0) as file:
        file.write(line[:20])
        posts = len(bridged.posts)
        job_seen = threading.Event()
        threading.Timer(0.5, job_seen.set).start()
        assert job_seen.wait(5)
        assert len(bridged.posts) == posts
        file.write(line[20:])
    wait_for(lambda: bridged.events(Metric))
    assert bridged.events(Metric) == [Metric(step=7)]


def test_jobs_from_before_are_told_without_their_past_and_ended_ones_not_at_all(workspace: Workspace):
    FakeJob(workspace, "fetch").finish()
    job = FakeJob(workspace)
    for step in range(200):
        job.emit(Metric(step=step))
    bridged = Recorder()
    bridge = Bridge(workspace, bridged.post)
    bridge.start()
    try:
        wait_for(lambda: bridged.batches)
        assert [batch.stage for batch in bridged.batches] == ["label"]
        first = bridged.batches[0]
        assert (first.after, first.seq) == (201, 201)
        assert not first.entries
        job.emit(Metric(step=200))
        wait_for(lambda: bridged.events(Metric))
        assert bridged.batches[-1].after == 201
    finally:
        bridge.stop()


def test_history_gives_the_whole_log_in_slices(workspace: Workspace):
    job = FakeJob(workspace)
    for step in range(500):
        job.emit(Metric(step=step))
    job.finish()
    batches = list(history(job.folder))
    assert [event.step for batch in batches for event in batch.of(Metric)] == list(range(500))
    assert all(batch.history for batch in batches)
    assert batches[-1].view.state == JobState.DONE


def test_of_each_item_the_last_state_and_the_last_failure_stay():
    events = [
        Item("a", ItemState.FETCHING),
        Item("b", ItemState.FETCHING),
        ItemFailed("a", UserError("no captions"), ItemState.CAPTIONS),
        Item("a", ItemState.FETCHED),
    ]
    found = coalesce(LogEntry(seq, 0, event) for seq, event in enumerate(events, start=1))
    assert [(entry.seq, entry.event) for entry in found] == [(2, events[1]), (3, events[2]), (4, events[3])]


def test_log_lines_are_bounded_and_the_newest_stay():
    found = coalesce(LogEntry(n, 0, LogLine(str(n))) for n in range(1, 5001))
    assert len(found) == 2000
    assert found[-1].event == LogLine("5000")
    assert found[0].event == LogLine("3001")


def batch_of(workspace: Workspace, *seqs: int, past: bool = False) -> JobBatch:
    from core.jobs.attach import view

    folders = [path for path in workspace.jobs.iterdir() if not path.name.startswith(".")]
    folder = folders[0] if folders else create(workspace, "label", {})
    found = view(folder)
    assert found is not None
    events = tuple(LogEntry(seq, 0, Metric(step=seq)) for seq in seqs)
    return JobBatch(found, events, seqs[0] - 1, seqs[-1], history=past)


def steps(batches: list[JobBatch]) -> list[int]:
    return [entry.seq for batch in batches for entry in batch.entries]


def test_an_inbox_that_comes_late_asks_for_the_past_and_tells_each_event_once(workspace: Workspace):
    inbox = Inbox()
    assert steps(inbox.handle(batch_of(workspace, 5, 6))) == []
    assert inbox.missing
    assert steps(inbox.handle(batch_of(workspace, 1, 2, 3, past=True))) == [1, 2, 3]
    # While the past is read the present goes on; the past may reach into it.
    assert steps(inbox.handle(batch_of(workspace, 7, 8))) == []
    assert steps(inbox.handle(batch_of(workspace, 4, 5, 6, 7, past=True))) == [4, 5, 6, 7]
    assert steps(inbox.caught_up()) == [8]
    assert not inbox.missing
    assert steps(inbox.handle(batch_of(workspace, 9))) == [9]


def test_the_pace_of_the_last_minute_gives_the_time_left():
    pace = TimeLeft()
    for second in range(11):
        pace.handle(Progress(second, 100), second * 1000)
    assert pace.left_s == pytest.approx(90)
    pace.handle(Progress(0, 50), 12_000)
    assert pace.left_s is None


def test_a_job_that_says_itself_how_long_it_takes_is_believed():
    pace = TimeLeft()
    for second in range(11):
        pace.handle(Progress(second, 100, transfer=TransferProgress(all_eta=40 - second)), second * 1000)
    assert pace.left_s == 30
    pace.handle(Progress(11, 100, transfer=TransferProgress()), 11_000)
    assert pace.left_s == pytest.approx(89)
