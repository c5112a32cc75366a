"""What the playlist screen makes of a download's log: states of rows, the total line, a pause, a block."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from core.clock import now_ms, time_of_day
from core.events import (
    Blocked,
    Event,
    Item,
    ItemState,
    JobState,
    Paused,
    Progress,
    Resumed,
    TransferProgress,
    Unblocked,
)
from core.jobs import JobView
from core.jobs.event_line import LogEntry
from core.store import Video
from tests.fakes.youtube import HOSTILE
from tui.bridge import JobBatch
from tui.screens.playlist.block_panel import block_parts, goes_on, panel_text
from tui.screens.playlist.dialogs import block_message
from tui.screens.playlist.tracker import DownloadTracker, span

FOLDER = Path("jobs/1")


def handled(
    queue: DownloadTracker,
    *events: Event,
    stage: str = "fetch",
    state: JobState = JobState.RUNNING,
    progress: Progress | None = None,
) -> tuple[set[str], set[str]]:
    view = JobView("1", stage, FOLDER, state, 0, progress=progress, params={"ids": ["aa", "bb", "cc"]})
    entries = tuple(LogEntry(seq, 0, event) for seq, event in enumerate(events, start=1))
    return queue.handle(JobBatch(view, entries, 0, len(entries)))


def states(queue: DownloadTracker) -> dict[str, tuple[str, str] | None]:
    return {id: queue.state(Video(id)) for id in ("aa", "bb", "cc")}


def test_each_row_says_where_it_is() -> None:
    queue = DownloadTracker()
    draw, read = handled(queue)
    assert draw == {"aa", "bb", "cc"}
    assert not read
    assert set(states(queue).values()) == {("waiting", "waits")}
    at = now_ms() + 60_000
    draw, read = handled(
        queue,
        Item("aa", ItemState.FETCHING),
        Item("bb", ItemState.AGAIN, at),
        Item("cc", ItemState.FETCHED),
        progress=Progress(transfer=TransferProgress("aa", 4_200_000, 10_000_000, 1_800_000, 40)),
    )
    assert read == {"bb", "cc"}
    assert states(queue) == {
        "aa": ("running", "42%  1.8 MB/s  0:40"),
        "bb": ("waiting", f"again {time_of_day(at)}"),
        "cc": None,
    }
    handled(queue, Paused())
    assert states(queue)["aa"] == ("waiting", "42%  paused")
    handled(queue, Resumed(), Item("aa", ItemState.QUEUED))
    assert states(queue)["aa"] == ("waiting", "waits")
    draw, _ = handled(queue, state=JobState.CANCELLED)
    assert draw == {"aa", "bb"}
    assert queue.state(Video("aa")) is None
    assert not queue.busy


def test_the_total_line_counts_bytes_of_the_whole_queue() -> None:
    queue = DownloadTracker()
    assert queue.total() == ""
    present = TransferProgress("aa", bytes=1, speed=1_800_000, all_bytes=34e6, all_bytes_total=120e6, all_eta=65.2)
    progress = Progress(2.4, 5, "videos", "Talk", present)
    handled(queue, progress=progress)
    assert queue.total() == "● 2 of 5   34 of 120 MB   1.8 MB/s   1 m 05 s left   p pause   x cancel   Talk"
    assert queue.total(ascii_only=True).startswith("* 2 of 5")
    later = replace(present, all_bytes=900e3, all_bytes_total=1.2e9, all_eta=None)
    handled(queue, progress=replace(progress, transfer=later))
    assert "900 KB of 1.2 GB" in queue.total()
    assert queue.toggle(FOLDER)
    assert queue.total() == "◌ paused   2 of 5   900 KB of 1.2 GB   p goes on   x cancel"
    assert not queue.toggle(FOLDER)
    handled(queue, progress=Progress(1, 2, "captions"))
    assert queue.total().startswith("● captions 1 of 2   p pause")


def test_a_job_that_waits_for_another_says_so() -> None:
    queue = DownloadTracker()
    handled(queue, state=JobState.WAITING)
    assert queue.total() == "◌ waits for another job   x cancel"


def test_what_other_stages_change_is_read_and_nothing_else() -> None:
    queue = DownloadTracker()
    assert handled(queue, Item("aa", ItemState.LISTED), Item("bb", ItemState.KNOWN), stage="add") == (set(), {"aa"})
    assert handled(queue, Item("cc", ItemState.LISTED), stage="details") == (set(), {"cc"})
    assert not queue.downloads


def test_a_block_is_told_until_it_has_passed() -> None:
    queue = DownloadTracker()
    block = Blocked("no robots", why="too many", steps=("wait", "proxy"), until=now_ms() + 1000, left=2)
    half = Progress(transfer=TransferProgress("aa", 1, 2))
    handled(queue, Item("aa", ItemState.FETCHING), block, progress=half)
    assert queue.blocked is not None
    assert block_parts(queue.blocked[1]) == [("", "no robots"), ("why", "too many"), ("1", "wait"), ("2", "proxy")]
    assert goes_on(queue.blocked[1]) == f"goes on by itself at {time_of_day(block.until or 0)}"
    assert states(queue)["aa"] == ("waiting", "50%  waits")
    assert queue.total() == "◌ stopped by the site"
    handled(queue, Unblocked())
    assert queue.blocked is None
    handled(queue, replace(block, until=None), state=JobState.DONE)
    assert queue.blocked is None
    handled(queue, state=JobState.DONE)
    assert queue.last_block is not None
    assert goes_on(queue.last_block) == "waits for you"


LONG = Blocked("what " * 30, "", "why " * 60, "fix", tuple(f"step {n} " * 20 for n in range(6)), None, True, 3)
HOSTILE_BLOCK = Blocked(
    HOSTILE["ansi"], "", HOSTILE["markup"], "", (HOSTILE["long"], HOSTILE["bidi"], HOSTILE["newlines"])
)


@pytest.mark.parametrize("block", [LONG, HOSTILE_BLOCK, Blocked("")])
@pytest.mark.parametrize(("width", "height"), [(78, 8), (138, 15), (20, 4)])
def test_the_panel_keeps_its_size_and_its_keys(block: Blocked, width: int, height: int) -> None:
    lines = panel_text(block, width, height).plain.splitlines()
    assert 2 <= len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)
    assert lines[-1].startswith(goes_on(block)[: width - 1])
    assert block_message(block).what


def test_what_is_cut_from_the_panel_is_offered() -> None:
    assert "enter tells all" in panel_text(LONG, 100, 8).plain
    assert "enter tells all" not in panel_text(Blocked("short"), 100, 8).plain
    assert "step 5" in block_message(LONG).what


def test_spans_of_time() -> None:
    assert [span(s) for s in (0, 42.4, 65, 3725, -3)] == ["0 s", "42 s", "1 m 05 s", "1 h 02 m", "0 s"]
    assert len(time_of_day(now_ms() + 5 * 86_400_000)) == len("11-22 14:05")
