"""What the playlist screen makes of a download's log: states of rows, the total line, a pause, a block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from core.clock import now_ms, time_of_day
from core.jobs import Event, JobView
from core.store import Video
from tests.fakes.youtube import HOSTILE
from tui.bridge import JobBatch
from tui.screens.playlist.block_panel import panel_text
from tui.screens.playlist.dialogs import block_message
from tui.screens.playlist.tracker import Block, DownloadTracker, span

FOLDER = Path("jobs/1")


def view(stage: str = "fetch", state: str = "running", **more: Any) -> JobView:
    values = {"params": {"ids": ["aa", "bb", "cc"]}, "result": {}, **more}
    return JobView("1", stage, FOLDER, state, 0, 0, None, None, "", None, **values)


def handled(queue: DownloadTracker, *told: tuple[str, dict[str, Any]], **about: Any) -> tuple[set[str], set[str]]:
    events = tuple(Event(number, 0, kind, data) for number, (kind, data) in enumerate(told, start=1))
    return queue.handle(JobBatch(view(**about), events, 0, len(events)))


def item(id: str, state: str, **data: Any) -> tuple[str, dict[str, Any]]:
    return "item", {"id": id, "state": state, **data}


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
        item("aa", "fetching", done=4_200_000, total=10_000_000, speed=1_800_000, eta=40),
        item("bb", "again", at=at),
        item("cc", "fetched", path="media/cc.mp4"),
    )
    assert read == {"bb", "cc"}
    assert states(queue) == {
        "aa": ("running", "42%  1.8 MB/s  0:40"),
        "bb": ("waiting", f"again {time_of_day(at)}"),
        "cc": None,
    }
    handled(queue, ("paused", {}))
    assert states(queue)["aa"] == ("waiting", "42%  paused")
    handled(queue, ("resumed", {}), item("aa", "queued"))
    assert states(queue)["aa"] == ("waiting", "waits")
    draw, _ = handled(queue, state="cancelled")
    assert draw == {"aa", "bb"}
    assert queue.state(Video("aa")) is None
    assert not queue.busy


def test_the_total_line_counts_bytes_of_the_whole_queue() -> None:
    queue = DownloadTracker()
    assert queue.total() == ""
    figures = {"done": 2.4, "total": 5, "unit": "videos", "note": "Talk", "bytes": 1, "speed": 1_800_000}
    handled(queue, ("progress", {**figures, "all_bytes": 34e6, "all_bytes_total": 120e6, "all_eta": 65.2}))
    assert queue.total() == "● 2 of 5   34 of 120 MB   1.8 MB/s   1 m 05 s left   p pause   x cancel   Talk"
    assert queue.total(ascii_only=True).startswith("* 2 of 5")
    handled(queue, ("progress", {**figures, "all_bytes": 900e3, "all_bytes_total": 1.2e9}))
    assert "900 KB of 1.2 GB" in queue.total()
    assert queue.toggle(FOLDER)
    assert queue.total() == "◌ paused   2 of 5   900 KB of 1.2 GB   p goes on   x cancel"
    assert not queue.toggle(FOLDER)
    handled(queue, ("progress", {"done": 1, "total": 2, "unit": "captions", "note": ""}))
    assert queue.total().startswith("● captions 1 of 2   p pause")


def test_a_job_that_waits_for_another_says_so() -> None:
    queue = DownloadTracker()
    handled(queue, state="waiting")
    assert queue.total() == "◌ waits for another job   x cancel"


def test_what_other_stages_change_is_read_and_nothing_else() -> None:
    queue = DownloadTracker()
    assert handled(queue, item("aa", "listed"), item("bb", "known"), stage="add") == (set(), {"aa"})
    assert handled(queue, item("cc", "listed", licence="cc-by"), stage="details") == (set(), {"cc"})
    assert not queue.downloads


def test_a_block_is_told_until_it_has_passed() -> None:
    queue = DownloadTracker()
    block = {"what": "no robots", "why": "too many", "steps": ["wait", "proxy"], "until": now_ms() + 1000, "left": 2}
    handled(queue, item("aa", "fetching", done=1, total=2), ("blocked", block))
    assert queue.blocked is not None
    assert queue.blocked[1].parts() == [("", "no robots"), ("why", "too many"), ("1", "wait"), ("2", "proxy")]
    assert queue.blocked[1].goes_on() == f"goes on by itself at {time_of_day(block['until'])}"
    assert states(queue)["aa"] == ("waiting", "50%  waits")
    assert queue.total() == "◌ stopped by the site"
    handled(queue, ("unblocked", {}))
    assert queue.blocked is None
    handled(queue, ("blocked", block | {"until": None}), state="done")
    assert queue.blocked is None
    handled(queue, state="done")
    assert queue.last_block is not None
    assert queue.last_block.goes_on() == "waits for you"


LONG = Block("what " * 30, "why " * 60, "fix", tuple(f"step {n} " * 20 for n in range(6)), None, 3)
HOSTILE_BLOCK = Block(HOSTILE["ansi"], HOSTILE["markup"], "", (HOSTILE["long"], HOSTILE["bidi"], HOSTILE["newlines"]))


@pytest.mark.parametrize("block", [LONG, HOSTILE_BLOCK, Block.of({}), Block.of({"steps": None, "until": "soon"})])
@pytest.mark.parametrize(("width", "height"), [(78, 8), (138, 15), (20, 4)])
def test_the_panel_keeps_its_size_and_its_keys(block: Block, width: int, height: int) -> None:
    lines = panel_text(block, width, height).plain.splitlines()
    assert 2 <= len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)
    assert lines[-1].startswith(block.goes_on()[: width - 1])
    assert block_message(block).what


def test_what_is_cut_from_the_panel_is_offered() -> None:
    assert "enter tells all" in panel_text(LONG, 100, 8).plain
    assert "enter tells all" not in panel_text(Block("short"), 100, 8).plain
    assert "step 5" in block_message(LONG).what


def test_spans_of_time() -> None:
    assert [span(s) for s in (0, 42.4, 65, 3725, -3)] == ["0 s", "42 s", "1 m 05 s", "1 h 02 m", "0 s"]
    assert len(time_of_day(now_ms() + 5 * 86_400_000)) == len("11-22 14:05")
