"""The playlist screen: choosing and filtering; licences, lists and captions while jobs run, their logs by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from core.cli import AppOptions
from core.clock import now_ms
from core.events import Blocked, Item, ItemState, Outcome, Unblocked
from core.jobs import list_jobs
from core.store import Captions, Store, Video
from core.workspace import Workspace, create
from tests.fakes.youtube import HOSTILE
from tests.tui.fake_job import FakeJob
from tests.tui.playlist_kit import (
    BLOCKED,
    FAILED,
    WATCH,
    fill,
    free,
    open_app,
    received,
    row,
    screen_of,
    selected,
    some,
    watch_starts,
)
from tests.tui.wait import (
    ambiguous,
    hidden_characters,
    screen_lines,
    screen_text,
    toast_text,
    wait_until,
    wrong_widths,
)
from tui.app import WhispersmithApp
from tui.screens.playlist.screen import PlaylistScreen
from tui.status import monitor
from tui.widgets.dialog import Choice, Message


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "w")


# -- ranges and the filter


async def test_a_range_is_stretched_by_moving_and_taken_by_space(workspace: Workspace):
    fill(workspace, *free(30), *[Video("live", title="on the air", live_status="is_live")])
    app = open_app(workspace)
    async with app.run_test(size=(100, 24)) as pilot:
        await wait_until(pilot, lambda: "Talk 3." in screen_text(app))
        screen = screen_of(app)
        await pilot.press("down", "down", "v", "down", "down", "down")
        await wait_until(pilot, lambda: "range of 4   space selects   esc drops it" in screen_text(app))
        reverse = [
            any(segment.style and segment.style.reverse for segment in screen.table.render_line(y)) for y in range(1, 9)
        ]
        assert reverse == [False, False, True, True, True, True, False, False]
        await pilot.press("up", "space")
        await wait_until(pilot, lambda: selected(workspace) == [2, 3, 4])
        assert "range" not in screen_text(app)
        # Once more leaves them out; upwards, and beyond the screen.
        await pilot.press("v", "up", "up")
        await wait_until(pilot, lambda: "space leaves out" in screen_text(app))
        await pilot.press("space")
        await wait_until(pilot, lambda: selected(workspace) == [])
        await pilot.press("g", "v", "G", "space")
        # What is on the air is no recording yet.
        await wait_until(pilot, lambda: selected(workspace) == list(range(30)))
        await pilot.press("v", "up", "escape")
        await wait_until(pilot, lambda: "range" not in screen_text(app))
        assert selected(workspace) == list(range(30))


async def test_a_range_holds_only_rows_that_are_shown(workspace: Workspace):
    fill(workspace, *(Video(f"v{n:010}", title="even" if n % 2 == 0 else "odd", duration_ms=1) for n in range(12)))
    app = open_app(workspace)
    async with app.run_test(size=(100, 24)) as pilot:
        await wait_until(pilot, lambda: "odd" in screen_text(app))
        await pilot.press("slash", *"even", "enter")
        await wait_until(pilot, lambda: "6 of 12 shown" in screen_text(app))
        await pilot.press("g", "v", "down", "down", "space")
        await wait_until(pilot, lambda: selected(workspace) == [0, 2, 4])
        await pilot.press("a")
        await wait_until(pilot, lambda: selected(workspace) == [0, 2, 4, 6, 8, 10])


async def test_a_filter_keeps_the_cursor_on_its_row_or_begins_at_the_first(workspace: Workspace):
    fill(workspace, *(Video(f"v{n:010}", title="even" if n % 2 == 0 else "odd", duration_ms=1) for n in range(12)))
    app = open_app(workspace)
    async with app.run_test(size=(100, 24)) as pilot:
        await wait_until(pilot, lambda: "odd" in screen_text(app))
        table = screen_of(app).table
        await pilot.press("G", "slash")
        screen_of(app).filter.value = "odd"
        await wait_until(pilot, lambda: table.row_count == 6)
        assert (table.cursor, table.cursor_key) == (5, "v0000000011")
        screen_of(app).filter.value = "even"
        await wait_until(pilot, lambda: (table.cursor, table.cursor_key) == (0, "v0000000000"))


async def test_the_filter_understands_terms_and_says_what_it_does_not(workspace: Workspace):
    rows = [
        Video("aa", title="short free", licence="cc-by", duration_ms=60_000, upload_date="2023-09-01"),
        Video("bb", title="long free", licence="cc-by", duration_ms=7_200_000, captions=("zh-TW",)),
        Video("cc", title="short unfree", licence="standard", duration_ms=60_000),
    ]
    fill(workspace, *rows)
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "unfree" in screen_text(app))
        await pilot.press("slash")
        await wait_until(pilot, lambda: "cc length<30m" in screen_text(app))
        # Tab writes what could stand next, again what else could; what is typed begins anew.
        await pilot.press("tab", "tab", "tab", "shift+tab")
        assert screen_of(app).filter.value == "date>="
        await wait_until(pilot, lambda: "date>=2023-05" in screen_lines(app)[-2])
        screen_of(app).filter.value = ""
        await pilot.press(*"lice", "tab", *"c", "tab")
        assert screen_of(app).filter.value == "licence:cc"
        screen_of(app).filter.value = ""
        await pilot.press(*"cc length<30m")
        await wait_until(pilot, lambda: screen_of(app).table.row_count == 1 and "short free" in screen_text(app))
        screen_of(app).filter.value = "length>soon"
        await wait_until(pilot, lambda: "! " in screen_lines(app)[-2])
        # What was shown stays, and so does the line that has to be mended.
        assert screen_of(app).table.row_count == 1
        await pilot.press("enter")
        assert screen_of(app).filter.has_focus
        screen_of(app).filter.value = "captions:zh"
        await wait_until(pilot, lambda: "long free" in screen_text(app) and "short" not in screen_text(app))
        assert wrong_widths(app) == []
        await pilot.press("escape")
        await wait_until(pilot, lambda: screen_of(app).table.row_count == 3)


# -- licences


async def test_a_live_listing_starts_one_look_up_and_tells_it_what_is_on_the_screen(workspace: Workspace):
    fill(workspace, *some(60))
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        # Looking at rows asks nobody anything.
        await wait_until(pilot, lambda: "licence of 60 not asked yet · i asks" in screen_text(app))
        started = watch_starts(screen_of(app))
        listing = FakeJob(workspace, "add", {"what": ["x"]})
        await wait_until(pilot, lambda: "● listing" in screen_text(app))
        fill(workspace, Video("new00000000", title="newest", url=f"{WATCH}new00000000"))
        listing.emit(Item(id="new00000000", state=ItemState.LISTED))
        await wait_until(pilot, lambda: "61 videos" in screen_text(app))
        await wait_until(pilot, lambda: started == [("details", {})])
        details = FakeJob(workspace, "details")
        await wait_until(pilot, lambda: "● licences, 61 to go" in screen_text(app))
        await wait_until(pilot, lambda: '"v0000000000"' in received(details, "rows"))
        await pilot.press("G")
        await wait_until(pilot, lambda: '"new00000000"' in received(details, "rows"))
        assert '"v0000000000"' not in received(details, "rows")
        # It ends while the list is still being read: the second one is for the rows that came late.
        details.finish()
        listing.emit(Item(id="v0000000001", state=ItemState.KNOWN))
        await wait_until(pilot, lambda: len(app.live) == 1)
        assert len(started) == 1
        listing.finish()
        await wait_until(pilot, lambda: started == [("details", {}), ("details", {})])
        again = FakeJob(workspace, "details")
        await wait_until(pilot, lambda: "● licences" in screen_text(app))
        again.finish()
        await wait_until(pilot, lambda: "i asks" in screen_text(app))
        assert len(started) == 2


async def test_a_list_that_brings_nothing_new_asks_for_nothing(workspace: Workspace):
    fill(workspace, *some(3))
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "Talk 0." in screen_text(app))
        started = watch_starts(screen_of(app))
        listing = FakeJob(workspace, "add", {"what": ["x"]})
        listing.emit(Item(id="v0000000001", state=ItemState.KNOWN))
        await wait_until(pilot, lambda: "listing" in screen_text(app))
        listing.finish()
        await wait_until(pilot, lambda: "i asks" in screen_text(app))
        assert started == []
        await pilot.press("i")
        await wait_until(pilot, lambda: started == [("details", {})])
        await pilot.press("i")
        await wait_until(pilot, lambda: "being asked already" in screen_text(app))
        assert len(started) == 1


# -- lists and captions


async def test_a_list_that_was_stopped_says_so_and_l_takes_it_up(workspace: Workspace):
    source = fill(workspace, *free(3))
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "! list stopped early · l goes on" in screen_text(app))
        started = watch_starts(screen_of(app))
        await pilot.press("l")
        await wait_until(pilot, lambda: len(started) == 1)
        assert started[0][0] == "add"
        assert started[0][1]["what"] == ["https://example.org/list"]
        with Store(workspace.db_path) as store:
            store.videos.listed_to_end(source)
        await wait_until(pilot, lambda: "stopped early" not in screen_text(app))


async def test_l_begins_with_the_list_that_was_stopped(workspace: Workspace):
    first = fill(workspace, *free(2))
    with Store(workspace.db_path) as store:
        store.videos.listed_to_end(first)
        store.videos.add_source("https://example.org/stopped", "playlist", "stopped")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "! stopped stopped early" in screen_text(app))
        started = watch_starts(screen_of(app))
        await pilot.press("l")
        await wait_until(pilot, lambda: len(started) == 1)
        assert started[0][1]["what"] == ["https://example.org/stopped", "https://example.org/list"]


async def test_a_folder_is_looked_through_again_and_never_counts_as_stopped(workspace: Workspace):
    fill(workspace, *free(2), kind="folder", title="recordings")
    with Store(workspace.db_path) as store:
        store.videos.add_source("/somewhere/one.wav", "file", "one")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "2: one, recordings" in screen_text(app))
        assert "stopped early" not in screen_text(app)
        started = watch_starts(screen_of(app))
        await pilot.press("l")
        await wait_until(pilot, lambda: [params["what"] for _, params in started] == [["https://example.org/list"]])


async def test_x_stops_the_download_first_and_says_what_x_stops_next(workspace: Workspace):
    fill(workspace, *some(3))
    jobs = {name: FakeJob(workspace, name, {"ids": ["v0000000000"]}) for name in ("details", "add", "fetch")}
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: len(app.live) == 3 and "waits" in row(app, "Talk 0."))
        for name, said in (
            ("fetch", "again stops the listing"),
            ("add", "again stops asking"),
            ("details", "i takes"),
        ):
            await pilot.press("x")
            await wait_until(pilot, lambda name=name: jobs[name].asked_to_stop)
            await wait_until(pilot, lambda said=said: said in toast_text(app))
        await pilot.press("x")
        await wait_until(pilot, lambda: "It is stopping" in screen_text(app))
        for job in jobs.values():
            job.finish(Outcome.CANCELLED)
        await wait_until(pilot, lambda: not app.live)
        await pilot.press("x")
        await wait_until(pilot, lambda: "Nothing is being listed" in screen_text(app))


async def test_captions_that_are_here_have_a_mark_and_t_fetches_the_rest(workspace: Workspace):
    here: dict[str, Any] = {"state": "fetched", "path": "media/x.mp4", "bytes": 1_000_000}
    first, second, third = free(3, captions=("zh-TW", "en:auto"))
    fill(workspace, *(Video(**{**video.__dict__, **here}) for video in (first, second)), third)
    with Store(workspace.db_path) as store:
        store.captions.put(Captions(first.id, "zh-TW", cues=((0, 1000, "好"),)))
        store.captions.put(Captions(second.id, error={**FAILED, "retry": "later"}))
    app = open_app(workspace)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "✓ zh-TW" in row(app, "Talk 0.") and "! zh-TW" in row(app, "Talk 1."))
        # Why they are not here, behind Enter.
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Message) and "was cut" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, PlaylistScreen))
        started = watch_starts(screen_of(app))
        for key, automatic in (("p", False), ("a", True)):
            await pilot.press("t")
            await wait_until(pilot, lambda: isinstance(app.screen, Choice) and "2 recordings" in screen_text(app))
            await pilot.press(key)
            await wait_until(pilot, lambda: isinstance(app.screen, PlaylistScreen))
            assert started[-1] == ("captions", {"automatic": automatic})
        job = FakeJob(workspace, "captions")
        with Store(workspace.db_path) as store:
            store.captions.put(Captions(second.id, "zh-TW", cues=((0, 1000, "好"),)))
        job.emit(Item(id=second.id, state=ItemState.CAPTIONS))
        await wait_until(pilot, lambda: "✓ zh-TW" in row(app, "Talk 1."))
        job.finish()


# -- many rows


def count_reads(monkeypatch: pytest.MonkeyPatch, app: WhispersmithApp) -> Callable[[], int]:
    assert app.store is not None
    videos, seen = app.store.videos, [0]
    whole = videos.all

    def counted() -> list[Video]:
        seen[0] += 1
        return whole()

    monkeypatch.setattr(videos, "all", counted)
    return lambda: seen[0]


async def test_rows_arrive_one_by_one_without_the_whole_store_being_read_for_each(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    # The status bar counts for itself, and reads all for it.
    monkeypatch.setattr(monitor, "COUNTS_S", 600)
    fill(workspace, *some(5))
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "5 videos" in screen_text(app))
        watch_starts(screen_of(app))
        listing = FakeJob(workspace, "add", {"what": ["x"]})
        await wait_until(pilot, lambda: "listing" in screen_text(app))
        reads = count_reads(monkeypatch, app)
        await pilot.press("down", "down")
        with Store(workspace.db_path) as store:
            source = store.videos.sources()[0].id
            for n in range(5, 25):
                id = f"v{n:010}"
                store.videos.add(Video(id, source=source, position=n, title=f"Talk {n}.", url=WATCH + id))
                listing.emit(Item(id=id, state=ItemState.LISTED))
                await wait_until(pilot, lambda n=n: f" {n + 1} videos" in screen_text(app))
        # The cursor stays on its row.
        assert screen_of(app).table.cursor_key == "v0000000002"
        assert reads() < 3
        listing.finish()


async def test_pressing_every_key_of_the_screen_while_nothing_is_there(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for key in ("v", "space", "escape", "p", "t", "l", "i", "r", "x", "enter", "slash", "enter", "escape", "G"):
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, PlaylistScreen)
            assert wrong_widths(app) == []
        assert list_jobs(workspace) == []


async def test_hostile_names_of_lists_and_notes_stay_text(workspace: Workspace):
    for place, text in enumerate(HOSTILE.values()):
        with Store(workspace.db_path) as store:
            store.videos.add_source(f"https://example.org/{place}", "playlist", text)
    fill(workspace, *free(2, channel=HOSTILE["ansi"]))
    job = FakeJob(workspace, "fetch", {"ids": ["v0000000000"]})
    add = FakeJob(workspace, "add", {"what": ["x"]})
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "Talk 0." in screen_text(app))
        for text in HOSTILE.values():
            job.progress(done=0.5, total=1, note=text)
            add.progress(done=0.5, total=None, note=text)
            job.emit(Blocked(what=text, why=text, steps=(text, text)))
            await wait_until(pilot, lambda: "waits for you" in screen_text(app))
            assert wrong_widths(app) == []
            assert hidden_characters(app) == []
            screen_of(app).toast(text)
            job.emit(Unblocked())
            await wait_until(pilot, lambda: "waits for you" not in screen_text(app))
            assert wrong_widths(app) == []
            assert hidden_characters(app) == []
        screen_of(app).action_filter()
        app.screen.query_one(Input).value = HOSTILE["markup"]
        await pilot.pause()
        assert wrong_widths(app) == []
        add.finish()
        job.finish()


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_with_ascii_no_sign_of_the_screen_may_be_two_cells_wide(workspace: Workspace, size: tuple[int, int]):
    long = "a title that is longer than its column ever gets on a screen of this size " * 3
    fill(workspace, *some(4), *(Video(f"long{n}", title=long, captions=("zh-TW", "zh:auto")) for n in range(2)))

    job = FakeJob(workspace, "fetch", {"ids": ["v0000000000", "v0000000001"]})
    app = WhispersmithApp(workspace, AppOptions(ascii=True), start="playlist")
    async with app.run_test(size=size, notifications=True) as pilot:
        job.emit(Item(id="v0000000000", state=ItemState.FETCHING))
        job.progress(0.5, 2, note="note", id="v0000000000", bytes=1, bytes_total=2, speed=2_000_000, eta=60)
        await wait_until(pilot, lambda: "* 50%" in row(app, "Talk 0."))
        assert ambiguous(app) == ""
        job.emit(Blocked(**BLOCKED, until=now_ms() + 1000))
        await wait_until(pilot, lambda: "! YouTube wants proof" in screen_text(app))
        screen_of(app).toast("A toast, too")
        await wait_until(pilot, lambda: "A toast, too" in screen_text(app))
        await wait_until(pilot, lambda: "5 Train" in screen_lines(app)[1] and "-" in screen_lines(app)[1])
        assert ambiguous(app) == ""
        await pilot.press("v", "down")
        await wait_until(pilot, lambda: "range of 2" in screen_text(app))
        await pilot.press("escape", "slash", *"cc")
        await wait_until(pilot, lambda: "Nothing matches" in screen_text(app))
        screen_of(app).filter.value = "length>x"
        await wait_until(pilot, lambda: "! " in screen_lines(app)[-2])
        assert ambiguous(app) == ""
        job.finish()
