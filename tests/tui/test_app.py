"""The app around the screens: steps, help, status line, jobs attached, leaving, faults."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import pytest
from textual.widgets import Input

from core import demo
from core.cli import AppOptions
from core.errors import UserError
from core.events import Metric
from core.jobs import list_jobs
from core.jobs.attach import view
from core.status import Step
from core.store import Store, Video
from core.workspace import Workspace, create
from tests.fakes.damaged_jobs import LAST_LINES, all_of_them, damaged_log
from tests.tui.fake_job import FakeJob
from tests.tui.wait import screen_lines, screen_text, wait_until, wrong_widths
from tui import keymap
from tui.app import WhispersmithApp
from tui.bridge import JobBatch, JobEvents
from tui.screens.pipeline import ErrorBanner, PipelineScreen
from tui.screens.training.screen import TrainingScreen
from tui.status.steps import bar_steps
from tui.widgets.dialog import Choice, HelpScreen

SIZES = [(80, 24), (140, 45)]
STEPS = ["setup", "playlist", "segments", "transcripts", "training", "results"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "food-vlog")


def open_app(workspace: Workspace | None, start: str | None = "playlist", **options: bool) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(**options), start=start)


@pytest.mark.parametrize("size", SIZES)
async def test_the_digits_walk_through_the_steps_and_status_and_help_hint_are_on_each(
    workspace: Workspace, size: tuple[int, int]
):
    app = open_app(workspace)
    async with app.run_test(size=size) as pilot:
        for key, step in enumerate(STEPS, start=1):
            await pilot.press(str(key))
            await wait_until(pilot, lambda step=step: app.current_mode == step and "? help" in screen_text(app))
            lines = screen_lines(app)
            assert "food-vlog" in lines[0]
            assert f"▸{key} {step.capitalize()}" in lines[1]
            assert lines[-1].rstrip().endswith("? help")
            assert wrong_widths(app) == []


async def test_a_screen_keeps_its_state_while_another_one_is_shown(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("slash")
        await pilot.press(*"abc")
        first = app.screen
        await pilot.press("enter", "1")
        await wait_until(pilot, lambda: app.current_mode == "setup")
        await pilot.press("2")
        await wait_until(pilot, lambda: app.screen is first)
        assert app.screen.query_one(Input).value == "abc"


@pytest.mark.parametrize("step", STEPS)
async def test_help_tells_the_keys_of_the_pane_and_goes_again(workspace: Workspace, step: str):
    app = open_app(workspace, step)
    async with app.run_test(size=(100, 70)) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, PipelineScreen))
        pane = keymap.pane_of(app.screen)
        await pilot.press("question_mark")
        await wait_until(
            pilot, lambda: isinstance(app.screen, HelpScreen) and keymap.PANES[pane].title in screen_text(app)
        )
        shown = " ".join(screen_text(app).replace("│", " ").split())
        for action in keymap.actions(pane):
            assert f"{action.key} {action.help}"[:40] in shown
        await pilot.press("question_mark")
        await wait_until(pilot, lambda: isinstance(app.screen, PipelineScreen))


def test_every_key_of_the_registry_is_a_method_of_its_screen_and_no_pane_uses_one_twice():
    taken: dict[str, set[str]] = {}
    for action in keymap.ACTIONS:
        assert action.pane in keymap.PANES
        for key in action.keys.split(","):
            assert key not in taken.setdefault(action.pane, set()), f"{key} twice in {action.pane}"
            taken[action.pane].add(key)
    for step in ("welcome", *STEPS):
        factory = WhispersmithApp.MODES[step]
        assert callable(factory)
        screen = factory()
        for action in keymap.actions(step):
            assert hasattr(screen, f"action_{action.method.partition('(')[0]}"), action.id
            assert not taken["app"] & set(action.keys.split(",")), f"{action.id} hides a key that works everywhere"


def test_the_readme_table_has_every_key():
    table = keymap.markdown()
    assert all(action.help in table for action in keymap.ACTIONS)
    shown = [action for action in keymap.ACTIONS if action.help]
    assert table.count("\n") == len(shown) + 1


async def test_a_demo_that_is_being_made_says_so_and_what_is_due_opens_when_it_is_there(workspace: Workspace):
    job = FakeJob(workspace, "demo")
    job.progress(1, 4, note="melody-2")
    app = open_app(workspace, None)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: app.current_mode == "playlist" and screen_text(app).count("25%  melody-2") == 2)
        assert "Nothing here yet" not in screen_text(app)
        with Store(workspace.db_path) as store:
            store.videos.add(Video("melody-1", title="melody-1", state="fetched", path="recordings/melody-1.wav"))
        job.finish()
        await wait_until(pilot, lambda: app.current_mode == "segments" and "melody-1" in screen_text(app))


async def test_who_looks_elsewhere_while_the_demo_is_made_sees_no_failed_model_and_stays_there(tmp_path: Path):
    workspace = create(tmp_path / "demo", config_text=demo.SETTINGS)
    job = FakeJob(workspace, "demo")
    job.progress(3, 4, note="toy Whisper")
    app = open_app(workspace, None)
    async with app.run_test(size=(100, 45), notifications=True) as pilot:
        await wait_until(pilot, lambda: app.current_mode == "playlist" and "75%  toy Whisper" in screen_text(app))
        await pilot.press("1")
        await wait_until(pilot, lambda: "Labeller       toy-whisper is being made" in screen_text(app), timeout=60)
        await pilot.press("d")
        await wait_until(pilot, lambda: screen_text(app).count("toy-whisper is being made") == 3)
        assert "toy-whisper is not here" not in screen_text(app)
        job.finish()
        # Now it is looked for again, and missed.
        await wait_until(pilot, lambda: "d download" in screen_text(app), timeout=60)
        assert app.current_mode == "setup"


async def test_a_live_job_is_attached_on_start_and_seen_in_the_status_line(workspace: Workspace):
    job = FakeJob(workspace, "label")
    job.progress(done=63, total=100)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "● label  63%" in screen_lines(app)[0])
        job.progress(done=64, total=100)
        await wait_until(pilot, lambda: "● label  64%" in screen_lines(app)[0])
        job.finish()
        await wait_until(pilot, lambda: "Labelling is done" in screen_text(app))
        await wait_until(pilot, lambda: "● label" not in screen_lines(app)[0])


def test_a_job_that_ends_while_the_app_is_left_is_no_crash(workspace: Workspace) -> None:
    FakeJob(workspace, "label").finish()
    app = open_app(workspace)
    (job,) = list_jobs(workspace)
    assert JobBatch(job).ended
    app._on_jobs(JobEvents((JobBatch(job),)))  # no screen is there, or none any more
    assert app.store is not None
    app.store.close()


class Listener(PipelineScreen):
    """A screen that writes down what it hears."""

    PANE = STEP = "training"

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[int] = []

    def job_events(self, batch) -> None:
        self.heard += [event.step for event in batch.of(Metric)]


async def test_a_screen_that_comes_late_hears_a_job_from_its_first_event_once(workspace: Workspace):
    job = FakeJob(workspace, "train")
    for step in range(300):
        job.emit(Metric(step=step))
    app = open_app(workspace)
    app._modes["training"] = Listener
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: app.live)
        job.emit(Metric(step=300))
        await pilot.press("5")
        await wait_until(pilot, lambda: isinstance(app.screen, Listener) and 300 in app.screen.heard)
        job.emit(Metric(step=301))
        await wait_until(pilot, lambda: isinstance(app.screen, Listener) and 301 in app.screen.heard)
        assert isinstance(app.screen, Listener)
        assert app.screen.heard == list(range(302))


async def test_q_leaves_at_once_when_nothing_runs(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("q")
        await wait_until(pilot, lambda: app._exit)
    assert app.return_code == 0


@pytest.mark.parametrize(("key", "stopped"), [("enter", False), ("s", True)])
async def test_q_with_a_job_asks_and_the_job_goes_on_unless_s_stops_it(workspace: Workspace, key: str, stopped: bool):
    job = FakeJob(workspace, "label")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: app.live)
        await pilot.press("q")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice) and "label goes on without" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: not isinstance(app.screen, Choice))
        assert not app._exit
        await pilot.press("q")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press(key)
        await wait_until(pilot, lambda: app._exit)
    assert job.asked_to_stop is stopped
    found = view(job.folder)
    assert found is not None
    assert found.live
    job.die()


async def test_ctrl_c_once_warns_and_twice_leaves_also_out_of_an_input(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("plus")
        await wait_until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press("ctrl+c")
        await wait_until(pilot, lambda: "Ctrl+C once more quits" in screen_text(app))
        assert not app._exit
        await pilot.press("ctrl+c")
        await wait_until(pilot, lambda: app._exit)
    assert app.return_code == 0


async def test_a_crashed_job_is_told_once_with_the_way_to_go_on(workspace: Workspace):
    FakeJob(workspace, "label").die()
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "label crashed" in screen_text(app) and "go on with label" in screen_text(app))
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, PipelineScreen))
    again = open_app(workspace)
    async with again.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: again.monitor.pollers["newest"].polls)
        await pilot.pause()
        assert isinstance(again.screen, PipelineScreen)


async def test_going_on_starts_the_crashed_job_again_with_what_it_was_asked(workspace: Workspace, tmp_path: Path):
    # A real one: `add` of a folder that holds nothing fails at once, in a process of its own.
    (tmp_path / "empty").mkdir()
    crashed = FakeJob(workspace, "add", {"what": [str(tmp_path / "empty")]})
    crashed.die()
    app = open_app(workspace, "setup")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "go on with add" in screen_text(app))
        await pilot.press("g")

        def specs() -> list[Path]:
            return list(workspace.jobs.glob("*-add-*/spec.json"))

        await wait_until(pilot, lambda: len(specs()) == 2, timeout=30)
        assert app.current_mode == "playlist"
        params = [json.loads(path.read_text())["params"] for path in specs()]
        assert params[0] == params[1]
        await wait_until(pilot, lambda: "no recording" in screen_text(app).replace("\n", " "), timeout=30)


async def test_a_fault_leaves_a_crash_file_without_locals_and_tokens(workspace: Workspace):
    class Faulty(PipelineScreen):
        PANE = STEP = "setup"

        def on_mount(self) -> None:
            secret_local = "a text that a person typed"
            assert secret_local
            raise RuntimeError("it broke, token=abc123 hf_abcdefghijklmnop")

    app = open_app(workspace)
    app._modes["setup"] = Faulty
    with pytest.raises(RuntimeError, match="it broke"):  # noqa: PT012 - the app raises when it is left
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await pilot.press("1")
            await wait_until(pilot, lambda: app.return_code)
    files = list(workspace.logs.glob("crash-*.txt"))
    assert len(files) == 1
    text = files[0].read_text()
    assert "RuntimeError: it broke" in text
    assert "in on_mount" in text
    assert "a text that a person typed" not in text.replace('secret_local = "a text that a person typed"', "")
    assert "abc123" not in text
    assert "hf_abc" not in text
    assert app.return_code == 1


async def test_ascii_draws_nothing_of_ambiguous_width(workspace: Workspace):
    def odd() -> set[str]:
        return {c for c in screen_text(app) if unicodedata.east_asian_width(c) == "A"}

    app = open_app(workspace, "setup", ascii=True)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        for key in "12345":
            await pilot.press(key)
            await pilot.pause()
        await pilot.press("question_mark")
        await wait_until(pilot, lambda: isinstance(app.screen, HelpScreen) and "Up Down k j" in screen_text(app))
        assert not odd()
        await pilot.press("escape", "1")
        await wait_until(pilot, lambda: app.current_mode == "setup" and "Python" in screen_text(app))
        assert not odd()
        # Signs that come from the core's summary; a tick is one cell wide everywhere, but no ASCII.
        ready = bar_steps({"setup": Step(1, 0, "✓"), "playlist": Step(0, 0, "–")}, "setup", True)
        assert [step.count for step in ready[:2]] == ["+", "-"]


async def test_it_folds_and_unfolds_with_the_terminal(workspace: Workspace):
    app = open_app(workspace, "segments")
    async with app.run_test(size=(140, 45)) as pilot:
        for width, height in ((80, 24), (60, 15), (40, 10), (20, 5), (140, 45)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert wrong_widths(app) == []
        await wait_until(pilot, lambda: app.screen.has_class("-wide"))


async def test_a_settings_file_that_breaks_while_the_app_runs_is_told_and_breaks_nothing(workspace: Workspace):
    app = open_app(workspace, "segments")
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "No recording" in screen_text(app))
        workspace.config_path.write_text("[segment]\nlenght_s = 3\n")
        screen = app.screen
        assert isinstance(screen, PipelineScreen)
        for _ in range(3):
            screen.store_changed()
        await wait_until(pilot, lambda: "did you mean `length_s`" in screen_text(app))
        assert app.screen is screen
        error = UserError("it is so", "because", "")
        screen.show_error(error)
        screen.show_error(error)
        await wait_until(pilot, lambda: "it is so" in screen_text(app))
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is screen)
        workspace.config_path.write_text("")
        screen.store_changed()
        await wait_until(pilot, lambda: not screen.query_one(ErrorBanner).display)


async def test_a_disk_that_takes_nothing_is_told_and_breaks_nothing(workspace: Workspace):
    # Root may write anywhere: a file stands where the jobs' folder has to be.
    workspace.jobs.rmdir()
    workspace.jobs.write_text("")
    app = open_app(workspace, "segments")
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: isinstance(app.screen, PipelineScreen))
        assert isinstance(app.screen, PipelineScreen)
        app.screen.start_job("segment", {})
        await wait_until(pilot, lambda: "segment cannot be started" in screen_text(app))


async def test_damaged_jobs_of_every_kind_are_rows_and_no_fault(workspace: Workspace):
    folders = all_of_them(workspace)
    damaged_log(workspace, LAST_LINES["a later version"], "train")
    app = open_app(workspace, None)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: app.monitor.pollers["newest"].polls)
        for key, step in enumerate(STEPS, start=1):
            await pilot.press(str(key))
            await wait_until(pilot, lambda step=step: app.current_mode == step and "? help" in screen_text(app))
        await pilot.press("5")
        await wait_until(pilot, lambda: "this job's folder is damaged" in screen_text(app))
        # Every old run, also one whose result is of no type that a figure has.
        runs = [found for folder in folders if (found := view(folder)) is not None and found.stage == "train"]
        assert len(runs) > len(LAST_LINES)
        screen = app.screen
        assert isinstance(screen, TrainingScreen)
        await pilot.press("v")
        await wait_until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("escape")
        for run in runs:
            screen._open(run)
            await pilot.pause()
        await wait_until(pilot, lambda: "events.jsonl" in screen_text(app) or "done" in screen_text(app))
        await pilot.press("q")
        await wait_until(pilot, lambda: app._exit)
    assert app.return_code == 0


async def test_a_live_job_whose_folder_is_removed_ends_on_the_screen(workspace: Workspace):
    job = FakeJob(workspace, "label")
    job.progress(63, 100)
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "● label  63%" in screen_lines(app)[0])
        shutil.rmtree(job.folder)
        await wait_until(pilot, lambda: "label is gone" in screen_text(app))
        await wait_until(pilot, lambda: "label  63%" not in screen_lines(app)[0])
        assert not app.live
