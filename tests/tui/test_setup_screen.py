"""The setup screen: answers as they come, what is wrong with its fix beneath, a model on its way."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core.cli import AppOptions
from core.stages.check import CHECKS, Check, Context
from core.workspace import Workspace, create
from tests.tui.fake_job import FakeJob
from tests.tui.wait import screen_lines, screen_text, wait_until, wrong_widths
from tui.app import WhispersmithApp
from tui.screens import setup
from tui.screens.setup import SetupScreen
from tui.widgets.dialog import Message

FIX = 'pip install "torch==2.14.1+cu126" --index-url https://download.pytorch.org/whl/cu126'


class Machine:
    """A machine whose answers the test gives; `gate` holds an answer back."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[str, str, str, str]] = {}
        self.asked: list[str] = []
        self.gate: dict[str, threading.Event] = {}

    def run_check(self, id: str, context: Context) -> Check:
        self.asked.append(id)
        if id in self.gate:
            assert self.gate[id].wait(30)
        title = next(spec.title for spec in CHECKS if spec.id == id)
        return Check(id, title, *self.answers.get(id, ("ok", f"{id} is fine", "", "")))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(setup, "run_check", machine.run_check)
    return machine


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "w")


def open_app(workspace: Workspace) -> WhispersmithApp:
    return WhispersmithApp(workspace, AppOptions(), start="setup")


def screen_of(app: WhispersmithApp) -> SetupScreen:
    assert isinstance(app.screen, SetupScreen)
    return app.screen


def row(app: WhispersmithApp, title: str) -> str:
    return next((line for line in screen_lines(app)[2:] if title in line), "")


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_the_real_checks_fill_in_by_themselves(workspace: Workspace, size: tuple[int, int]):
    app = open_app(workspace)
    async with app.run_test(size=size) as pilot:
        await wait_until(pilot, lambda: len(screen_of(app)._checks) == len(CHECKS), timeout=120)
        assert "✓ ok" in row(app, "Python")
        assert "✓ ok" in row(app, "ffmpeg")
        assert wrong_widths(app) == []


async def test_a_slow_check_holds_up_no_other_and_shows_that_it_runs(workspace: Workspace, machine: Machine):
    machine.gate["torch"] = threading.Event()
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: "✓ ok" in row(app, "Labeller"))
        assert "● running" in row(app, "torch")
        machine.gate["torch"].set()
        await wait_until(pilot, lambda: "✓ ok" in row(app, "torch"))


@pytest.mark.parametrize("width", [80, 140])
async def test_what_is_wrong_shows_why_and_the_whole_fix_and_c_copies_it(
    workspace: Workspace, machine: Machine, width: int
):
    machine.answers["torch"] = ("fail", "2.15.0 is built for CUDA 13.2", "every CUDA wheel since 2.15 needs it", FIX)
    app = open_app(workspace)
    async with app.run_test(size=(width, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: "✗ failed" in row(app, "torch") and "✓ ok" in row(app, "Labeller"))
        shown = "".join(line.partition("│")[2].strip() for line in screen_lines(app) if "│" in line)
        assert FIX.replace(" ", "") in shown.replace(" ", "")
        # The cursor stands on a line of the fix: it belongs to the check.
        assert screen_of(app).table.go_to_key("torch:1")
        await pilot.press("c")
        await wait_until(pilot, lambda: app.clipboard == FIX)
        path = workspace.logs / "clipboard.txt"
        assert path.read_text() == FIX + "\n"
        await wait_until(pilot, lambda: "clipboard.txt" in "".join(screen_text(app).split()))
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Message) and "every CUDA wheel" in screen_text(app))


async def test_r_asks_one_again_and_capital_r_all(workspace: Workspace, machine: Machine):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: "✓ ok" in row(app, "Labeller") and len(machine.asked) == len(CHECKS))
        machine.answers["ffmpeg"] = ("warn", "an old one", "", "update it")
        await pilot.press("down", "r")
        await wait_until(pilot, lambda: "! look" in row(app, "ffmpeg"))
        assert machine.asked.count("ffmpeg") == 2
        assert len(machine.asked) == len(CHECKS) + 1
        await pilot.press("R")
        await wait_until(pilot, lambda: len(machine.asked) == 2 * len(CHECKS) + 1)


async def test_c_without_a_fix_says_so(workspace: Workspace, machine: Machine):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "✓ ok" in row(app, "Labeller"))
        await pilot.press("c")
        await wait_until(pilot, lambda: "nothing to mend" in screen_text(app))
        await pilot.press("d")
        await wait_until(pilot, lambda: "Both models are here" in screen_text(app))
        assert not (workspace.logs / "clipboard.txt").exists()


async def test_d_downloads_the_missing_model_and_shows_how_far_it_is(workspace: Workspace, machine: Machine):
    machine.answers["base"] = ("fail", "the model is not here", "", "whispersmith model x --role base")
    app = open_app(workspace)
    started: list[tuple[str, dict[str, object] | None]] = []
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "d download" in row(app, "Base model"))
        screen_of(app).start_job = lambda stage, params=None, then=None: started.append((stage, params))
        await pilot.press("d")
        assert started == [("model", {"role": "base"})]
        job = FakeJob(workspace, "model", {"role": "base"})
        job.emit("progress", done=400_000_000, total=967_000_000, unit="B", note="ADT109119/whisper-small-zh-TW")
        await wait_until(pilot, lambda: "● 41%" in row(app, "Base model"))
        await pilot.press("x")
        await wait_until(pilot, lambda: job.asked_to_stop)
        machine.answers["base"] = ("ok", "it is here", "", "")
        job.finish()
        await wait_until(pilot, lambda: "✓ ok" in row(app, "Base model"))


async def test_a_download_that_failed_tells_what_why_and_fix(workspace: Workspace, machine: Machine):
    machine.answers["base"] = ("fail", "the model is not here", "", "whispersmith model x --role base")
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: "✗ failed" in row(app, "Base model"))
        job = FakeJob(workspace, "model", {"role": "base"})
        await wait_until(pilot, lambda: app.live)
        job.finish("failed", {"what": "x is gated", "why": "its owner asks for an agreement", "fix": "hf auth login"})
        await wait_until(pilot, lambda: "✗ x is gated" in screen_text(app) and "fix  hf auth login" in screen_text(app))


async def test_a_settings_file_with_a_mistake_is_a_failed_check_not_a_crash(workspace: Workspace, machine: Machine):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "✓ ok" in row(app, "Labeller"))
        workspace.config_path.write_text("[segment]\nlenght_s = 3\n")
        await pilot.press("r")
        await wait_until(pilot, lambda: "lenght_s is not a setting" in screen_text(app))
