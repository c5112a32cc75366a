"""The playlist screen on real sources (a podcast on loopback), and on rows of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from core.errors import UserError
from core.events import Item, ItemState, Outcome
from core.store import Store, Video
from core.workspace import Workspace, create
from tests.fakes.feed import Episode, FeedServer
from tests.tui.fake_job import FakeJob
from tests.tui.playlist_kit import open_app, row, screen_of
from tests.tui.wait import fits_at, hidden_characters, screen_text, wait_until, wrong_widths
from tui.screens.pipeline import ErrorBanner
from tui.screens.playlist.screen import PlaylistScreen
from tui.widgets.dialog import Choice, Message, TextPrompt

TOML = """
[fetch]
pause_min_s = 0.0
pause_max_s = 0.0
request_pause_s = 0.0
[ytdlp]
cachedir = false
retries = 0
"""

PRIVATE = UserError("this video is private", "its owner shows it to nobody", "leave it out").as_dict() | {
    "kind": "private",
    "retry": "never",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "w", config_text=TOML)


def fill(workspace: Workspace, *videos: Video) -> None:
    with Store(workspace.db_path) as store:
        source = store.videos.add_source("https://example.org/list", "playlist", "千千進食中")
        for place, video in enumerate(videos):
            store.videos.add(Video(**{**video.__dict__, "source": source, "position": place}))


def some() -> list[Video]:
    return [
        Video(
            "aa",
            title="【千千進食中】饗饗全品項攻略！高樓景觀吃到飽！",
            duration_ms=1_603_000,
            upload_date="20230901",
            licence="cc-by",
            captions=("zh-TW",),
        ),
        Video("bb", title="台南必吃", duration_ms=1_868_000, licence="standard", url="https://example.org/bb"),
        Video(
            "cc",
            title="third",
            duration_ms=60_000,
            licence="cc-by",
            state="fetched",
            path="media/cc.mp4",
            bytes=19_000_000,
        ),
        Video("dd", title="[Private video]", state="failed", error=PRIVATE),
    ]


def selected(workspace: Workspace) -> list[str]:
    with Store(workspace.db_path) as store:
        return [video.id for video in store.videos.all() if video.selected]


async def test_a_source_is_listed_chosen_and_downloaded_from_the_keyboard(workspace: Workspace, tmp_path: Path):
    episodes = [Episode("one", "第一集"), Episode("two", "two", status=404)]
    with FeedServer(tmp_path / "site", episodes) as server:
        app = open_app(workspace)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await pilot.press("plus")
            await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
            await pilot.press("enter")
            await wait_until(pilot, lambda: "paste a link" in screen_text(app))
            app.screen.query_one(Input).value = server.feed_url
            await pilot.press("enter")
            await wait_until(pilot, lambda: "第一集" in screen_text(app) and "2 videos" in screen_text(app), timeout=60)
            await wait_until(pilot, lambda: not app.live, timeout=60)
            # The first one is chosen already.
            assert selected(workspace) == ["one"] or len(selected(workspace)) == 1
            await pilot.press("a", "enter")
            await wait_until(pilot, lambda: isinstance(app.screen, Choice) and "2 of 2 are not" in screen_text(app))
            await pilot.press("y")
            await wait_until(pilot, lambda: "✗" in row(app, "two") and "✓" in row(app, "第一集"), timeout=90)
            await wait_until(pilot, lambda: not app.live, timeout=60)
            with Store(workspace.db_path) as store:
                states = sorted(video.state for video in store.videos.all())
            assert states == ["failed", "fetched"]
            await fits_at(pilot, (140, 45), (80, 24))
            assert "✗" in row(app, "two")
            assert "✓" in row(app, "第一集")
            # The failed row tells its reason and what to do.
            screen_of(app).table.go_to_key(
                next(v.id for v in Store(workspace.db_path).videos.all() if v.title == "two")
            )
            await pilot.press("enter")
            await wait_until(pilot, lambda: isinstance(app.screen, Message) and "404" in screen_text(app))


async def test_space_a_and_c_choose_and_it_is_in_the_store(workspace: Workspace):
    fill(workspace, *some())
    app = open_app(workspace)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "third" in screen_text(app))
        await pilot.press("space")
        await wait_until(pilot, lambda: selected(workspace) == ["aa"])
        assert "1 selected: 27 m, about" in screen_text(app)
        assert screen_of(app).table.cursor_key == "bb"
        await pilot.press("a")
        # Not what is private: it could never come.
        await wait_until(pilot, lambda: selected(workspace) == ["aa", "bb", "cc"])
        await pilot.press("a")
        await wait_until(pilot, lambda: selected(workspace) == [])
        await pilot.press("c")
        await wait_until(pilot, lambda: selected(workspace) == ["aa", "cc"])
        # Quick presses: the last one of each counts.
        await pilot.press("g", *["space", "up"] * 3)
        await wait_until(pilot, lambda: selected(workspace) == ["cc"])


async def test_a_row_tells_length_date_licence_captions_and_state(workspace: Workspace):
    fill(workspace, *some())
    app = open_app(workspace)
    async with app.run_test(size=(120, 30)) as pilot:
        await wait_until(pilot, lambda: "third" in screen_text(app))
        first = row(app, "饗饗")
        for part in ("26:43", "2023-09-01", "CC BY", "zh-TW", "– not here"):
            assert part in first
        assert "✓ 19 MB" in row(app, "third")
        assert "✗ private" in row(app, "[Private video]")
        assert "4 videos, 59 m, 2 CC BY" in screen_text(app)
        # Lengths end in the same cell, so that they can be compared at a glance.
        ends = {line.index(text) + len(text) for text, line in (("31:08", row(app, "31:08")),) if line}
        assert len(ends) == 1
        await pilot.resize_terminal(80, 24)
        await wait_until(pilot, lambda: "2023-09-01" not in screen_text(app))
        narrow = row(app, "饗饗")
        assert "26:43" in narrow
        assert "not here" in narrow
        assert " cc " in narrow
        # What its row cannot hold of a title stands below, for the row under the cursor alone.
        title = some()[0].title
        assert title not in narrow
        await wait_until(pilot, lambda: title in screen_text(app))
        await pilot.press("G")
        await wait_until(pilot, lambda: title not in screen_text(app))


async def test_a_download_shows_percent_and_speed_and_x_stops_it(workspace: Workspace):
    fill(workspace, *some())
    job = FakeJob(workspace, "fetch", {"ids": ["aa", "bb"]})
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        job.emit(Item(id="aa", state=ItemState.FETCHING))
        job.progress(0.4, 2, id="aa", bytes=4_200_000, bytes_total=10_000_000, speed=1_800_000)
        await wait_until(pilot, lambda: "● 42%  1.8 MB/s" in row(app, "饗饗"))
        assert "◌ waits" in row(app, "台南")
        await pilot.press("2", "x")
        await wait_until(pilot, lambda: job.asked_to_stop)
        job.finish(Outcome.CANCELLED)
        await wait_until(pilot, lambda: "not here" in row(app, "饗饗") and "not here" in row(app, "台南"))


async def test_the_licence_is_asked_once_and_only_the_free_ones_can_be_taken(workspace: Workspace):
    fill(workspace, *some())
    app = open_app(workspace)
    started: list[dict[str, object]] = []
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "third" in screen_text(app))
        screen_of(app).start_job = lambda stage, params=None, then=None: started.append(params or {})
        await pilot.press("a", "enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        assert "1 of 2 are not under a Creative Commons licence" in " ".join(screen_text(app).split())
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, PlaylistScreen))
        assert started == []
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("c")
        await wait_until(pilot, lambda: started == [{"ids": ["aa"], "any_licence": False, "wait": True}])
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("y")
        await wait_until(pilot, lambda: started[-1] == {"ids": ["aa", "bb"], "any_licence": True, "wait": True})
        await pilot.press("enter")
        await wait_until(pilot, lambda: len(started) == 3)


async def test_the_filter_narrows_while_typing_keeps_with_enter_and_goes_with_escape(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    long = [
        Video(id, title="All the hot pots of the night market, from the first stall to the last one")
        for id in ("ee", "ff")
    ]
    fill(workspace, *some(), *long)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: "third" in screen_text(app))
        await pilot.press("slash", *"台南")
        await wait_until(pilot, lambda: "third" not in screen_text(app) and "必吃" in screen_text(app))
        await pilot.press("enter", "a")
        await wait_until(pilot, lambda: selected(workspace) == ["bb"])
        await pilot.press("slash", *"zzz")
        await wait_until(pilot, lambda: "Nothing matches" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: "third" in screen_text(app))
        # A pattern that tries every way: the rows before stay, it is told, and the next filter finds again.
        await pilot.press("slash", *"hot")
        await wait_until(pilot, lambda: screen_of(app).rows.ids == ["ee", "ff"])
        rows, tried = screen_of(app).rows, list[str]()
        has_captions = rows.has_captions
        monkeypatch.setattr(rows, "has_captions", lambda id: tried.append(id) or has_captions(id))
        screen_of(app).filter.value = "/^(.|..)+[!#]$/"
        await wait_until(pilot, lambda: "! the pattern /^(.|..)+[!#]$/ takes too long" in screen_text(app))
        assert (rows.ids, "ee" in tried, "ff" in tried) == (["ee", "ff"], True, False)
        await pilot.press("enter")
        await wait_until(pilot, lambda: screen_of(app).table.has_focus)
        assert "takes too long" in screen_text(app)
        screen_of(app).filter.value = "台南"
        await wait_until(pilot, lambda: screen_of(app).rows.ids == ["bb"])
        assert "takes too long" not in screen_text(app)


async def test_what_strangers_write_breaks_nothing(workspace: Workspace):
    evil = [
        "[bold red]x[/] [/nothing] [@click=app.quit]click[/]",
        "\x1b[2J\x1b]0;owned\x07cleared",
        "\u202egnp.exe right to left",
        "Z" + "\u0351" * 300 + "algo",
        "全" * 5000,
        "a\nb\rc\td\x00e",
        "👩‍👩‍👧‍👦 family \ufe0f",
    ]
    fill(workspace, *(Video(f"v{n}", title=text, channel=text, captions=(text[:50],)) for n, text in enumerate(evil)))
    error = UserError(evil[1], evil[0], evil[4]).as_dict() | {"kind": evil[0]}
    with Store(workspace.db_path) as store:
        store.videos.update("v0", state="failed", error=error)
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "7 videos" in screen_text(app))
        assert "[bold red]x[/]" in screen_text(app)
        for key in ("down", "space", "G", "g", "enter"):
            await pilot.press(key)
            await pilot.pause()
            assert wrong_widths(app) == []
            assert hidden_characters(app) == []
        await wait_until(pilot, lambda: isinstance(app.screen, Message))


async def test_pressing_everything_in_an_empty_workspace_only_explains(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for key in ("space", "a", "c", "r", "x", "enter", "down", "G", "escape"):
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, PlaylistScreen)
        assert list(workspace.jobs.iterdir()) == []
        await wait_until(pilot, lambda: "There is nothing yet; + adds a source" in screen_text(app))


async def test_a_source_that_cannot_be_listed_says_why_on_the_screen(workspace: Workspace, tmp_path: Path):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("plus")
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
        app.screen.query_one(Input).value = str(tmp_path / "nowhere.mp3")
        await pilot.press("enter")
        await wait_until(pilot, lambda: "neither a link nor" in " ".join(screen_text(app).split()), timeout=60)
        assert screen_of(app).query_one(ErrorBanner).display
        # Nobody types a long link twice.
        await pilot.press("plus")
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
        assert app.screen.query_one(Input).value == str(tmp_path / "nowhere.mp3")
