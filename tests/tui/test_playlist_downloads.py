"""The playlist screen while something is downloaded: rows, totals, pause, blocks, failures; logs by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.clock import now_ms
from core.events import Blocked, Item, ItemState, Outcome, Paused, Resumed, Unblocked
from core.jobs.spec import CONTROL
from core.store import Video
from core.workspace import Workspace, create
from tests.fakes.youtube import HOSTILE
from tests.tui.fake_job import FakeJob
from tests.tui.playlist_kit import (
    BLOCKED,
    FAILED,
    fill,
    free,
    open_app,
    row,
    screen_of,
    watch_starts,
)
from tests.tui.wait import hidden_characters, screen_lines, screen_text, wait_until, wrong_widths
from tui.screens.playlist.block_panel import BlockPanel
from tui.screens.playlist.screen import PlaylistScreen
from tui.widgets.dialog import Message


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "w")


async def test_the_total_line_and_the_rows_follow_a_download_and_p_holds_it_at_once(workspace: Workspace):
    fill(workspace, *free(4, selected=True))
    job = FakeJob(workspace, "fetch", {"ids": ["v0000000000", "v0000000001", "v0000000002"]})
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        job.emit(Item(id="v0000000000", state=ItemState.FETCHING))
        job.emit(Item(id="v0000000001", state=ItemState.AGAIN, at=now_ms() + 1000))
        present = {"id": "v0000000000", "bytes": 42, "bytes_total": 100, "speed": 1_800_000, "eta": 40}
        job.progress(0.4, 3, note="Talk 0.", **present, all_bytes=34e6, all_bytes_total=120e6, all_eta=65)
        await wait_until(pilot, lambda: "● 42%  1.8 MB/s" in row(app, "Talk 0."))
        assert re.search(r"◌ again \d\d:\d\d", row(app, "Talk 1."))
        assert "◌ waits" in row(app, "Talk 2.")
        assert "not here" in row(app, "Talk 3.")
        await wait_until(pilot, lambda: "● 0 of 3   34 of 120 MB   1.8 MB/s   1 m 05 s left" in screen_text(app))
        await pilot.press("p")
        # Before the job has said a word.
        await wait_until(
            pilot, lambda: "42%  paused" in row(app, "Talk 0.") and "◌ paused   0 of 3" in screen_text(app)
        )
        await wait_until(pilot, lambda: (job.folder / CONTROL / "pause").exists())
        job.emit(Paused())
        await pilot.press("p")
        await wait_until(pilot, lambda: not (job.folder / CONTROL / "pause").exists())
        job.emit(Resumed())
        await wait_until(pilot, lambda: "● 42%" in row(app, "Talk 0."))
        assert wrong_widths(app) == []
        job.finish()


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (50, 15)])
async def test_a_block_says_what_to_do_also_to_an_app_that_comes_later(workspace: Workspace, size: tuple[int, int]):
    fill(workspace, *free(20, selected=True))
    job = FakeJob(workspace, "fetch", {"ids": ["v0000000000", "v0000000001"]})
    job.emit(Item(id="v0000000000", state=ItemState.QUEUED))
    # In a moment, since another day would be told with its date.
    job.emit(Blocked(**BLOCKED, until=now_ms() + 1000))
    app = open_app(workspace)
    async with app.run_test(size=size, notifications=True) as pilot:
        await wait_until(pilot, lambda: "! YouTube wants proof" in screen_text(app))
        text = screen_text(app)
        assert re.search(r"goes on by itself at \d\d:\d\d", text)
        assert "why  too many requests" in text
        assert "1    wait an hour" in text
        if size[0] >= 80:
            assert "r goes on now" in text
            assert "x cancels" in text
        assert wrong_widths(app) == []
        # Enter tells all of it, in its order.
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Message))
        assert isinstance(app.screen, Message)
        assert re.search(r"1  wait an hour.*2  another exit.*3  cookies", app.screen.what, re.DOTALL)
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, PlaylistScreen))
        await pilot.press("r")
        await wait_until(pilot, lambda: (job.folder / CONTROL / "go").exists())
        job.emit(Unblocked())
        await wait_until(pilot, lambda: "YouTube wants proof" not in screen_text(app))
        job.finish(Outcome.CANCELLED)


async def test_a_block_leaves_room_for_the_rows_and_its_keys_however_the_window_is_resized(workspace: Workspace):
    fill(workspace, *free(60))
    job = FakeJob(workspace, "fetch", {"ids": ["v0000000000"]})
    long = [f"step {n}: " + "another exit, in whispersmith.toml, " * 5 for n in range(7)]
    job.emit(Blocked(**{**BLOCKED, "steps": tuple(long)}, until=now_ms() + 1000))
    app = open_app(workspace)
    async with app.run_test(size=(140, 45), notifications=True) as pilot:
        await wait_until(pilot, lambda: "goes on by itself" in screen_text(app))
        for size in ((80, 24), (140, 45), (40, 10), (100, 30), (60, 15), (80, 24)):
            await pilot.resize_terminal(*size)
            height = max(3, size[1] // 3)
            panel = screen_of(app).query_one(BlockPanel)
            await wait_until(pilot, lambda height=height, panel=panel: panel.size.height == height)
            # The last line of the panel, the total, the footer: nothing is pushed off the screen, or scrolls it.
            await wait_until(pilot, lambda: "goes on by itself" in screen_lines(app)[-3])
            assert screen_of(app).max_scroll_y == 0
        job.finish(Outcome.CANCELLED)


async def test_a_queue_that_stopped_keeps_its_fix_on_the_screen(workspace: Workspace):
    fill(workspace, *free(3, selected=True))
    job = FakeJob(workspace, "fetch", {"ids": ["v0000000000"]})
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "waits" in row(app, "Talk 0."))
        job.emit(Blocked(what="yt-dlp is probably out of date", why="95 days old", fix="pip install -U yt-dlp"))
        job.finish(result={"stopped": "it stopped; and so on"}, failed=1)
        await wait_until(pilot, lambda: "✗ yt-dlp is probably out of date" in screen_text(app))
        assert "fix  pip install -U yt-dlp" in screen_text(app)
        assert "goes on by" not in screen_text(app)
        # What ends in the background does not wipe it out.
        other = FakeJob(workspace, "details")
        await wait_until(pilot, lambda: "licences" in screen_lines(app)[3])
        other.finish()
        await wait_until(pilot, lambda: "licences" not in screen_lines(app)[3])
        assert "fix  pip install -U yt-dlp" in screen_text(app)
        # Where the site wants no more questions about licences, too, it is said what to do.
        FakeJob(workspace, "details").finish(result={"stopped": "the site says: too many requests"})
        await wait_until(
            pilot, lambda: "fix  in an hour or so press i: it asks for those that are missing" in screen_text(app)
        )


async def test_a_failed_row_tells_its_reason_and_the_original_words(workspace: Workspace):
    error = {**FAILED, "retry": "later", "detail": "Got error: " + HOSTILE["ansi"] + HOSTILE["markup"] + " end" * 900}
    fill(workspace, Video("aa", title=HOSTILE["markup"], state="failed", error=error))
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "✗ network" in screen_text(app))
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Message))
        for part in ("the connection was cut", "why  the site ended it", "fix  whispersmith fetch", "d original words"):
            assert part in screen_text(app)
        assert "Got error" not in screen_text(app)
        await pilot.press("d")
        await wait_until(pilot, lambda: "Got error: red" in screen_text(app))
        assert wrong_widths(app) == []
        assert hidden_characters(app) == []
        await pilot.press("c")
        assert app.clipboard == "whispersmith fetch"
        await pilot.press("d")
        await wait_until(pilot, lambda: "Got error" not in screen_text(app))


async def test_retry_takes_what_another_try_may_mend_or_the_row_under_the_cursor(workspace: Workspace):
    rows = [
        Video("aa", title="gone", state="failed", licence="cc-by", error={**FAILED, "retry": "never"}),
        Video("bb", title="cut", state="failed", licence="cc-by", error={**FAILED, "retry": "later"}),
        Video("cc", title="gone too", state="failed", licence="cc-by", error={**FAILED, "retry": "never"}),
    ]
    fill(workspace, *rows)
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "gone too" in screen_text(app))
        started = watch_starts(screen_of(app))
        await pilot.press("down", "r")
        await pilot.press("down", "r")
        await wait_until(pilot, lambda: len(started) == 2)
        assert [params["ids"] for _, params in started] == [["bb"], ["bb", "cc"]]
        assert all(params["wait"] for _, params in started)
