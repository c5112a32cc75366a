"""The line that says what is to be done next, on every screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult

from core.cli import AppOptions
from core.store import Store, Video
from core.workspace import create
from tests.tui.fake_job import FakeJob
from tests.tui.transcripts_kit import machine, segment
from tests.tui.wait import screen_lines, wait_until, wrong_widths
from tui.app import WhispersmithApp
from tui.widgets.text_line import Headline


def headline(app: App[Any]) -> str:
    """The end of the line under the status bar."""
    return screen_lines(app)[2].rstrip().partition("next: ")[2]


async def test_every_screen_says_what_is_next_and_it_is_true_when_that_changes(tmp_path: Path) -> None:
    workspace = create(tmp_path / "w", config_text='[model]\nbase = "here"\nlabeller = "here"\n')
    with Store(workspace.db_path) as store:
        store.videos.add(Video("talk", title="談話" * 60, state="fetched", path="media/talk.wav", duration_ms=66_000))
        store.videos.update("talk", cut={"length_ms": 10_000})
        store.segments.add(segment(number) for number in range(8))
        store.transcripts.write_machine([machine(number, "大家好") for number in range(8)])
    app = WhispersmithApp(workspace, AppOptions(), start="playlist")
    async with app.run_test(size=(80, 24)) as pilot:
        for key in "23456":
            await pilot.press(key)
            place, short = ("", "a accept") if key == "4" else ("4 Transcripts: ", "4 review")
            forms = (f"{place}read and accept some (a)", short)
            await wait_until(pilot, lambda forms=forms: headline(app) in forms)
            assert wrong_widths(app) == []
        await pilot.resize_terminal(140, 45)
        await wait_until(pilot, lambda: headline(app) == "4 Transcripts: read and accept some (a)")
        await pilot.press("1", "m")
        # A check that has failed comes first, and only on the screen of the checks.
        await wait_until(pilot, lambda: headline(app) == "4 Transcripts: read and accept some (a)")
        await pilot.press("escape", "4")
        with Store(workspace.db_path) as store:
            for number in range(8):
                store.transcripts.review(segment(number).id, "accepted")
        await wait_until(pilot, lambda: headline(app) == "5 Training: split into train and test (p)")
        job = FakeJob(workspace, "split")
        await wait_until(pilot, lambda: headline(app) == "5 Training: splitting is at work")
        job.finish()
        await wait_until(pilot, lambda: headline(app) == "5 Training: split into train and test (p)")


class Line(App[None]):
    def compose(self) -> ComposeResult:
        yield Headline("left" * 5, "the right part of the line")


async def test_what_is_next_is_told_as_fully_as_there_is_room_and_never_left_out() -> None:
    app = Line()
    async with app.run_test(size=(100, 3)) as pilot:
        line = app.query_one(Headline)
        assert screen_lines(app)[0].rstrip().endswith("the right part of the line")
        line.show_next(("5 Training: start the training (enter)", "5 train"))
        for width, shown in (
            (100, "leftleftleftleftleft the right part of the line next: 5 Training: start the training (enter)"),
            (80, "leftleftleftleftleft the right part of the line next: 5 train"),
            (50, "leftleftlef… the right part of … next: 5 train"),
            (30, "leftleftleft… next: 5 train"),
        ):
            await pilot.resize_terminal(width, 3)
            await wait_until(pilot, lambda shown=shown: " ".join(screen_lines(app)[0].split()) == shown)
