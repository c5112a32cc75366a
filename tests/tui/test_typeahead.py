"""Keys that are pressed while a screen or a dialog is still coming: they reach it, in order."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widget import Widget

from core.cli import AppOptions
from core.store import Segment, Store, Video
from core.store.transcripts import MachineText
from core.workspace import Workspace, create
from tests.tui.wait import screen_text, type_at_once, wait_until
from tui import typeahead
from tui.app import WhispersmithApp
from tui.screens.playlist.screen import Filter, PlaylistScreen
from tui.screens.transcripts.editor.editor import Editor
from tui.screens.transcripts.screen import TranscriptsScreen
from tui.screens.transcripts.table import loader
from tui.typeahead import KeyMarker, TypeAhead
from tui.widgets.dialog import HelpScreen, TextPrompt
from tui.widgets.segment_table import RowTable


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Three segments; the last one is the most suspicious."""
    workspace = create(tmp_path / "w")
    with Store(workspace.db_path) as store:
        store.videos.add(Video("talk", title="talk", state="fetched", path="media/talk.wav", duration_ms=26_000))
        names = [f"talk_{n * 8}_{n * 8 + 10}" for n in range(3)]
        store.segments.add(
            Segment(id, "talk", n * 8000, n * 8000 + 10_000, f"segments/talk/{id}.wav") for n, id in enumerate(names)
        )
        store.transcripts.write_machine(
            [
                MachineText(id, text, text, "toy", -0.1, 0.0, 1.0, (), n / 100)
                for n, (id, text) in enumerate(zip(names, ["milk", "tea", "soup"], strict=True))
            ]
        )
    return workspace


def open_app(workspace: Workspace, start: str = "playlist") -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(), start=start)


class Pump:
    """Where keys go: it keeps what it is sent."""

    def __init__(self) -> None:
        self.markers: list[KeyMarker] = []

    def post_message(self, marker: KeyMarker) -> None:
        self.markers.append(marker)


async def test_a_key_waits_for_the_one_before_it_and_a_lost_marker_holds_up_nothing():
    given: list[events.Event] = []
    pump, timers = Pump(), []

    async def forward(key: events.Event) -> None:
        given.append(key)

    keys = TypeAhead(forward, lambda: pump, lambda _, then: timers.append(then))  # type: ignore[arg-type, return-value]
    first, second, third = (events.Key(name, name) for name in "abc")
    for key in (first, second, third):
        await keys.handle(key)
    assert given == [first]
    # It was taken by a widget: then what that set going is waited for.
    await keys.handle_marker(pump.markers[-1])
    assert given == [first]
    await keys.handle_marker(pump.markers[-1])
    assert given == [first, second]
    # The marker of the second is lost with its widget.
    await timers[1]()
    assert given == [first, second, third]
    await timers[0]()
    await timers[1]()
    assert given == [first, second, third]


async def test_a_key_behind_a_step_key_reaches_the_screen_that_is_coming(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, PlaylistScreen))
        type_at_once(app, "4", "o")
        await wait_until(pilot, lambda: "most suspicious first" in screen_text(app))
        assert isinstance(app.screen, TranscriptsScreen)
        assert app.screen.focused is app.screen.table


async def test_a_key_that_acts_on_a_row_waits_until_the_rows_are_there(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    read, may_read = loader.read, threading.Event()

    def read_later(*arguments: Any, **more: Any) -> Any:
        assert may_read.wait(10)
        return read(*arguments, **more)

    monkeypatch.setattr(loader, "read", read_later)
    # However slow the machine is: nothing is lost here.
    monkeypatch.setattr(typeahead, "LOST_S", 60)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, PlaylistScreen))
        type_at_once(app, "4", "e", *"口")
        await wait_until(pilot, lambda: app.current_mode == "transcripts" and isinstance(app.focused, RowTable))
        may_read.set()
        await wait_until(pilot, lambda: isinstance(app.focused, Editor) and app.focused.text.endswith("口"))


async def test_what_is_typed_behind_a_step_key_and_a_search_is_searched_for(workspace: Workspace):
    app = open_app(workspace, "setup")
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: app.current_mode == "setup" and app.screen.is_running)
        type_at_once(app, "2", "/", *"cc")
        await wait_until(pilot, lambda: isinstance(app.screen, PlaylistScreen) and app.screen.filter.value == "cc")
        assert isinstance(app.screen.focused, Filter)
        # Back and forth, between screens that are there already.
        type_at_once(app, "enter", "4", "/", *"tea", "enter")
        await wait_until(pilot, lambda: isinstance(app.focused, RowTable) and app.focused.row_count == 1)
        type_at_once(app, "e", *" more")
        await wait_until(pilot, lambda: isinstance(app.focused, Editor) and app.focused.text == "tea more")


async def test_what_is_typed_before_a_dialog_is_there_is_its_answer(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, PlaylistScreen))
        type_at_once(app, "+", *"/no/such")
        assert app._driver is not None
        app._driver.send_message(events.Paste("/place"))
        await wait_until(pilot, lambda: isinstance(app.screen, TextPrompt))
        await wait_until(pilot, lambda: "/no/such/place" in screen_text(app))
        type_at_once(app, "escape", "1", "?")
        await wait_until(pilot, lambda: app.current_mode == "setup" and isinstance(app.screen, HelpScreen))


async def test_keys_pressed_before_the_first_screen_is_there_reach_it(workspace: Workspace):
    app = open_app(workspace, "transcripts")
    async with app.run_test(size=(100, 30)) as pilot:
        type_at_once(app, "o", "2", "/", "x")
        await wait_until(pilot, lambda: isinstance(app.screen, PlaylistScreen) and app.screen.filter.value == "x")
        type_at_once(app, "escape", "4")
        await wait_until(pilot, lambda: "most suspicious first" in screen_text(app))


async def test_keys_behind_the_one_that_quits_are_no_fault(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, PlaylistScreen))
        type_at_once(app, "q", *"jkjk4o")
        await wait_until(pilot, lambda: not app.is_running)
    assert app.return_code == 0
    assert list(workspace.logs.glob("crash-*")) == []


@pytest.mark.parametrize("step", ["setup", "playlist", "segments", "transcripts", "training", "results"])
async def test_the_focus_begins_on_what_is_seen(workspace: Workspace, step: str):
    seen: list[Widget] = []

    def look(_: object) -> None:
        if app.screen_stack and app.current_mode == step and app.focused is not None:
            seen.append(app.focused)

    app = open_app(workspace, step)
    async with app.run_test(size=(100, 30), message_hook=look) as pilot:
        await wait_until(pilot, lambda: app.current_mode == step and app.focused and "? help" in screen_text(app))
    assert seen
    assert all(isinstance(widget, RowTable) for widget in seen)
