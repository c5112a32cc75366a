"""The setup screen: answers as they come, what is wrong with its fix beneath, a model on its way."""

from __future__ import annotations

import re
import sys
import threading
import time
from pathlib import Path

import pytest

from core.checks.check import Check, CheckSpec, Context
from core.checks.table import CHECKS
from core.cli import AppOptions
from core.errors import UserError
from core.events import Outcome
from core.workspace import Workspace, create
from tests.fakes import nvml
from tests.tui.fake_job import FakeJob
from tests.tui.wait import fits_at, screen_lines, screen_text, wait_until, wrong_widths
from tui.app import WhispersmithApp
from tui.screens.setup import screen as setup
from tui.screens.setup.check_round import CheckRound
from tui.screens.setup.screen import SetupScreen
from tui.widgets.dialog import Message

FIX = 'pip install "torch==2.14.1+cu126" --index-url https://download.pytorch.org/whl/cu126'


class Machine:
    """A machine whose answers the test gives; `gate` holds an answer back."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[str, str, str, str]] = {}
        self.repeats: dict[str, str] = {}
        self.asked: list[str] = []
        self.gate: dict[str, threading.Event] = {}

    def run_check(self, id: str, context: Context) -> Check:
        self.asked.append(id)
        if id in self.gate:
            assert self.gate[id].wait(30)
        title = next(spec.title for spec in CHECKS if spec.id == id)
        answer = self.answers.get(id, ("ok", f"{id} is fine", "", ""))
        return Check(id, title, *answer, repeats=self.repeats.get(id, ""))


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
    """The first line of the table that holds it; the line above that names what failed, too."""
    return next((line for line in screen_lines(app)[3:] if title in line), "")


async def test_the_real_checks_fill_in_by_themselves(workspace: Workspace):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: len(screen_of(app)._round.answers) == len(CHECKS), timeout=120)
        assert "✓ ok" in row(app, "Python")
        assert "✓ ok" in row(app, "ffmpeg")
        await fits_at(pilot, (80, 24), (140, 45))


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
    machine.answers["ffmpeg"] = ("warn", "an old one", "it is slow; " * 20 + "that is all", "update it")
    app = open_app(workspace)
    async with app.run_test(size=(width, 45), notifications=True) as pilot:
        # Why something is to be looked at is whole where there is room, else one line.
        await wait_until(pilot, lambda: "✗ failed" in row(app, "torch") and "✓ ok" in row(app, "Base model"))
        assert "that is all" in screen_text(app)
        await pilot.resize_terminal(width, 24)
        await wait_until(pilot, lambda: "that is all" not in screen_text(app) and "it is slow" in screen_text(app))
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
        job.progress(done=400_000_000, total=967_000_000, unit="B", note="ADT109119/whisper-small-zh-TW")
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
        job.finish(Outcome.FAILED, UserError("x is gated", "its owner asks for an agreement", "hf auth login"))
        await wait_until(pilot, lambda: "✗ x is gated" in screen_text(app) and "fix  hf auth login" in screen_text(app))


async def test_a_settings_file_with_a_mistake_is_a_failed_check_not_a_crash(workspace: Workspace, machine: Machine):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await wait_until(pilot, lambda: "✓ ok" in row(app, "Labeller"))
        workspace.config_path.write_text("[segment]\nlenght_s = 3\n")
        await pilot.press("r")
        await wait_until(pilot, lambda: "lenght_s is not a setting" in screen_text(app))


TORCH_FAILED = ("fail", "2.15.0 is built for CUDA 13.2", "every CUDA wheel since 2.15 needs it", FIX)
AFTER_TORCH = ["torch, driver", "torch, card", "GPU computes", "Precision", "GPU memory"]


async def test_what_stands_on_a_failed_check_is_one_row_and_comes_back_when_it_is_mended(
    workspace: Workspace, machine: Machine
):
    machine.answers["torch"] = TORCH_FAILED
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: not screen_of(app)._round.busy)
        skipped = row(app, "– skipped")
        assert "5 checks" in skipped
        assert "after torch: torch, driver" in skipped
        assert not set(machine.asked) & {"driver-wheel", "wheel-card", "gpu-add", "precision", "gpu-memory"}
        assert "✗ 1 failed: torch" in screen_text(app)
        assert screen_of(app).table.go_to_key("driver-wheel")
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, Message))
        told = " ".join(screen_text(app).replace("│", " ").split())
        assert all(title in told for title in AFTER_TORCH)
        await pilot.press("escape")
        # Asking a skipped one again asks the one that stops it.
        del machine.answers["torch"]
        await pilot.press("r")
        await wait_until(pilot, lambda: len(screen_of(app)._round.answers) == len(CHECKS))
        await wait_until(pilot, lambda: "✓ ok" in row(app, "GPU memory") and "skipped" not in screen_text(app))
        assert machine.asked.count("torch") == 2
        assert machine.asked.count("driver") == 1


async def test_r_also_asks_what_stands_on_the_check(workspace: Workspace, machine: Machine):
    app = open_app(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await wait_until(pilot, lambda: not screen_of(app)._round.busy)
        assert screen_of(app).table.go_to_key("devices")
        machine.asked.clear()
        await pilot.press("r")
        await wait_until(pilot, lambda: machine.asked and not screen_of(app)._round.busy)
        assert sorted(machine.asked) == sorted(
            ["devices", "driver", "driver-wheel", "wheel-card", "gpu-add", "precision", "gpu-memory"]
        )


async def test_the_cursor_goes_with_its_row_into_the_folded_one(workspace: Workspace, machine: Machine):
    machine.answers["torch"] = TORCH_FAILED
    machine.gate["torch"] = threading.Event()
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "✓ ok" in row(app, "Disk"))
        assert "◌ waits" in row(app, "Precision")
        assert screen_of(app).table.go_to_key("precision")
        machine.gate["torch"].set()
        await wait_until(pilot, lambda: "5 checks" in screen_text(app))
        assert screen_of(app).check_id == "driver-wheel"
        assert "▸ – skipped" in screen_text(app)


async def test_a_check_that_never_comes_back_is_given_up_and_the_rest_goes_on(workspace: Workspace, machine: Machine):
    machine.gate["nvml"] = threading.Event()
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: "✓ ok" in row(app, "JavaScript") and "● running" in row(app, "NVML"))
        assert "after NVML" in row(app, "NVIDIA GPU")
        began = time.monotonic()
        screen_of(app)._round._clock = lambda: time.monotonic() + 3
        await wait_until(pilot, lambda: re.search(r"● running +NVML +\d+ s", screen_text(app)))
        screen_of(app)._round._clock = lambda: began + 1000
        await wait_until(pilot, lambda: "no answer in 20 s" in row(app, "NVML"))
        await wait_until(pilot, lambda: "✗ failed" in row(app, "NVML") and not screen_of(app)._round.busy)
        assert "skipped" in row(app, "after NVML")
        # What it says now, nobody asked for.
        machine.gate["nvml"].set()
        await pilot.pause(0.2)
        assert "no answer in 20 s" in row(app, "NVML")
        await pilot.press("q")
    assert app.return_code == 0


async def test_n_goes_from_one_fault_to_the_next_and_shows_its_fix(workspace: Workspace, machine: Machine):
    machine.answers["terminal"] = ("fail", "it is on fire", "it was left alone", "call someone")
    machine.answers["ffmpeg"] = ("warn", "an old one", "it is of 2011", "update it")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: not screen_of(app)._round.busy)
        # Out of sight, and named at once.
        assert "call someone" not in screen_text(app)
        assert "✗ 1 failed: Terminal   ! 1 to look at: ffmpeg" in screen_text(app)
        # Where there is less room what is to be looked at loses its names, and never its number.
        await pilot.resize_terminal(64, 24)
        await wait_until(pilot, lambda: "✗ 1 failed   ! 1 to look at  " in screen_text(app))
        await pilot.resize_terminal(80, 24)
        await wait_until(pilot, lambda: "! 1 to look at: ffmpeg" in screen_text(app))
        await pilot.press("n")
        await wait_until(pilot, lambda: "▸ ✗ failed   Terminal" in screen_text(app))
        assert "fix  call someone" in screen_text(app)
        await pilot.press("n")
        await wait_until(pilot, lambda: "▸ ! look     ffmpeg" in screen_text(app))
        await pilot.resize_terminal(140, 45)
        await wait_until(pilot, lambda: "call someone" in screen_text(app) and "an old one" in screen_text(app))
        assert wrong_widths(app) == []


async def test_the_terminal_is_looked_at_again_when_its_window_has_another_size(workspace: Workspace, machine: Machine):
    app = open_app(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: not screen_of(app)._round.busy)
        assert machine.asked.count("terminal") == 1
        machine.answers["terminal"] = ("ok", "121×31, UTF-8", "", "")
        for width in (100, 110, 121):
            await pilot.resize_terminal(width, 31)
        await wait_until(pilot, lambda: "121×31" in screen_text(app))
        assert machine.asked.count("terminal") == 2


async def test_a_fault_of_a_check_itself_is_a_row_too(
    workspace: Workspace, machine: Machine, monkeypatch: pytest.MonkeyPatch
):
    def broken(id: str, context: Context) -> Check:
        if id == "javascript":
            raise ZeroDivisionError("the check divides by zero")
        return machine.run_check(id, context)

    monkeypatch.setattr(setup, "run_check", broken)
    app = open_app(workspace)
    async with app.run_test(size=(100, 40)) as pilot:
        await wait_until(pilot, lambda: not screen_of(app)._round.busy)
        assert "✗ failed" in row(app, "JavaScript")
        assert "ZeroDivisionError: the check divides by zero" in screen_text(app)
    assert "ZeroDivisionError" in workspace.log_file.read_text()


async def test_one_model_missing_for_both_roles_is_explained_once(workspace: Workspace, machine: Machine):
    for role in ("base", "labeller"):
        machine.answers[role] = ("fail", f"no {role}", "it was never fetched", f"whispersmith model x --role {role}")
    machine.repeats["labeller"] = "base"
    app = open_app(workspace)
    async with app.run_test(size=(100, 40)) as pilot:
        await wait_until(pilot, lambda: not screen_of(app)._round.busy)
        assert "✗ failed" in row(app, "Labeller")
        assert screen_text(app).count("never fetched") == 1


async def test_details_tell_all_and_copy_the_fix_to_the_file_too(workspace: Workspace, machine: Machine):
    machine.answers["disk"] = ("warn", "3 GB free", "a long story " * 20 + "that ends well", "rm -r things")
    app = open_app(workspace)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: not screen_of(app)._round.busy)
        assert "that ends well" not in screen_text(app)
        assert screen_of(app).table.go_to_key("disk")
        await pilot.press("enter")
        await wait_until(pilot, lambda: "that ends well" in screen_text(app))
        await pilot.press("c")
        await wait_until(pilot, lambda: app.clipboard == "rm -r things")
        assert (workspace.logs / "clipboard.txt").read_text() == "rm -r things\n"


HUNG = """
import asyncio, sys, threading
from functools import partial
from pathlib import Path
import tui
from core.checks import machine
from core.cli import AppOptions
from core.gpu import survey
from core.workspace import create
from tests.tui.wait import screen_text, wait_until
from tui.app import WhispersmithApp
# The driver has two seconds to answer in, not ten.
machine.Machine = partial(machine.Machine, read_survey=partial(survey, 2.0))
async def main():
    app = WhispersmithApp(create(Path(sys.argv[1])), AppOptions(), start="setup")
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: not app.screen._round.busy and "failed" in screen_text(app), 100)
        print("hangs", any(thread.name == "gpu" and thread.is_alive() for thread in threading.enumerate()))
        print("asked", app.monitor.pollers["gpu"].polls)
        await pilot.press("q")
    print("left", app.return_code)
asyncio.run(main())
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or nvml.compiler() is None,
    reason="no Linux, or no C compiler (cc, gcc or clang), to build the stand-in with",
)
def test_a_driver_that_hangs_holds_up_neither_the_checks_nor_leaving(tmp_path: Path):
    library = nvml.build(tmp_path / "library")
    environment = nvml.environment(library, nvml.scenario("hangs")) | {"HF_ENDPOINT": "http://127.0.0.1:9"}
    said = nvml.python("-c", HUNG, str(tmp_path / "w"), environment=environment | {"HF_HOME": str(tmp_path / "hf")})
    assert said.split() == ["hangs", "True", "asked", "0", "left", "0"]


# -- which check may run when


def spec(id: str, *needs: str) -> CheckSpec:
    return CheckSpec(id, id, lambda context: pytest.fail("a round runs nothing"), needs, 10)


def found(id: str, verdict: str = "ok") -> Check:
    return Check(id, id, verdict, "so")


def test_a_round_starts_each_after_what_it_stands_on_and_a_few_at_a_time():
    round = CheckRound([spec("a"), spec("b", "a"), spec("c", "b"), spec("d"), spec("e")], lanes=2)
    round.ask("abcde")
    assert [id for id, _ in round.begin()] == ["a", "d"]
    assert round.begin() == []
    assert round.answer(1, found("a"))
    assert [id for id, _ in round.begin()] == ["b"]
    assert round.answer(3, found("b", "fail"))
    assert [id for id, _ in round.begin()] == ["e"]
    assert (round.answers["c"].verdict, round.answers["c"].blocked_by) == ("skipped", "b")
    assert round.blocker_of("c") == "b"
    assert not round.answer(99, found("e"))
    assert round.answer(4, found("e"))
    assert round.busy
    assert round.answer(2, found("d"))
    assert not round.busy


def test_asking_again_while_it_runs_starts_no_second_one():
    round = CheckRound([spec("a"), spec("b", "a")])
    round.ask("ab")
    assert len(round.begin()) == 1
    for _ in range(5):
        round.ask("ab")
        assert round.begin() == []
    assert round.answer(1, found("a"))
    assert round.begin() == [("b", 2)]


def test_who_is_late_frees_its_lane():
    now = [0.0]
    round = CheckRound([spec("a"), spec("b"), spec("c", "a")], lanes=1, clock=lambda: now[0])
    round.ask("abc")
    assert round.begin() == [("a", 1)]
    now[0] = 14.9
    assert not round.expire()
    now[0] = 15.0
    assert round.expire()
    assert round.answers["a"].found == "no answer in 15 s"
    assert round.begin() == [("b", 2)]
    assert round.answers["c"].blocked_by == "a"
    assert not round.answer(1, found("a"))


def test_who_stops_whom_is_read_from_the_field_and_not_from_the_words():
    round = CheckRound([spec("a"), spec("b", "a"), spec("c", "b")])
    round.ask("abc")
    assert [id for id, _ in round.begin()] == ["a"]
    assert round.answer(1, found("a"))
    assert round.begin() == [("b", 2)]
    # A check that says so itself, in whatever language.
    assert round.answer(2, Check("b", "b", "skipped", "nach a übersprungen", blocked_by="a"))
    assert round.begin() == []
    assert (round.answers["c"].blocked_by, round.blocker_of("b"), round.blocker_of("c")) == ("a", "a", "a")
