"""The app in a real terminal (a pty): what only a process of its own can show."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.jobs import list_jobs
from core.workspace import Workspace, create
from tests.fakes.feed import make_audio
from tests.tui.fake_job import FakeJob

ROOT = Path(__file__).resolve().parents[2]
OPEN = """
import signal, sys
from pathlib import Path
if "nohup" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
import tui.launch
from core.cli import AppOptions
sys.exit(tui.launch.open_app(Path(sys.argv[1]), AppOptions()))
"""


def wait_for(predicate: Callable[[], object], timeout: float = 30) -> None:
    end = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < end, "not so in time"
        time.sleep(0.02)


class Terminal:
    """The app in a pty, with what it has written so far."""

    def __init__(self, folder: Path, *arguments: str, code: str = OPEN) -> None:
        self.output = b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""}
            os.execve(sys.executable, [sys.executable, "-c", code, str(folder), *arguments], environment)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.code: int | None = None

    def _read(self) -> None:
        import select

        while not self._closing.is_set():
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.output += os.read(self.master, 65536)
                except OSError:
                    return

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def shows(self, text: str) -> None:
        wait_for(lambda: text.encode() in self.output)

    def close(self) -> None:
        """The line drops."""
        self._closing.set()
        self._reader.join()
        os.close(self.master)

    def ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = status
        return self.code is not None

    def kill(self) -> None:
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "w")


@pytest.fixture
def terminals() -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def start(folder: Path, *arguments: str, code: str = OPEN) -> Terminal:
        made.append(Terminal(folder, *arguments, code=code))
        return made[-1]

    yield start
    for terminal in made:
        terminal.kill()


@pytest.mark.parametrize("how", ["", "nohup"])
def test_a_dropped_line_ends_the_app_cleanly_and_no_job(workspace: Workspace, terminals, how: str):
    job = FakeJob(workspace, "label")
    job.progress(done=1, total=2)
    terminal = terminals(workspace.root, how)
    terminal.shows("● label")
    terminal.close()
    wait_for(terminal.ended)
    assert os.waitstatus_to_exitcode(terminal.code) == 0
    assert not job.asked_to_stop
    assert not list(workspace.logs.glob("crash-*"))


def test_sigterm_ends_the_app_cleanly_and_gives_the_terminal_back(workspace: Workspace, terminals):
    terminal = terminals(workspace.root)
    terminal.shows("Setup")
    os.kill(terminal.pid, signal.SIGTERM)
    wait_for(terminal.ended)
    assert os.waitstatus_to_exitcode(terminal.code) == 0
    # Out of the alternate screen.
    terminal.shows("\x1b[?1049l")


def test_a_fault_gives_the_terminal_back_and_says_where_its_story_lies(workspace: Workspace, terminals):
    screen = "tui.screens.setup.screen"
    break_it = f"import {screen}\n{screen}.SetupScreen.action_again = lambda self: 1 / 0\nsys.exit("
    terminal = terminals(workspace.root, code=OPEN.replace("sys.exit(", break_it))
    terminal.shows("JavaScript")
    terminal.type("r")
    wait_for(terminal.ended)
    assert os.waitstatus_to_exitcode(terminal.code) == 1
    path = next(workspace.logs.glob("crash-*.txt"))
    terminal.shows(path.name)
    after = terminal.output.rpartition(b"\x1b[?1049l")[2].decode()
    assert "ZeroDivisionError" in after
    assert "Traceback" not in after
    assert "ZeroDivisionError" in path.read_text()


def test_eight_characters_of_an_input_method_arrive_and_the_job_they_start_outlives_the_terminal(
    tmp_path: Path, terminals
):
    name = "繁體中文輸入法好"
    folder = tmp_path / "first"
    folder.mkdir()
    (tmp_path / name).mkdir()
    make_audio(tmp_path / name / "talk.m4a", 2)
    terminal = terminals(folder)
    terminal.shows("A YouTube link")
    terminal.type("f")
    terminal.shows("Audio files")
    terminal.shows("esc back")
    terminal.type("../")
    # An input method commits all at once, as UTF-8.
    terminal.type(name)
    terminal.type("\r")
    wait_for(lambda: list(folder.glob("logs/jobs/*-add-*/events.jsonl")))
    terminal.close()
    wait_for(terminal.ended)
    assert os.waitstatus_to_exitcode(terminal.code) == 0
    spec = json.loads(next(folder.glob("logs/jobs/*-add-*/spec.json")).read_text())
    assert spec["params"]["what"] == [str(tmp_path / name)]
    workspace = Workspace(folder)
    wait_for(lambda: [job.state for job in list_jobs(workspace)] == ["done"])


def test_without_a_terminal_it_says_so_in_words(workspace: Workspace):
    code = OPEN.replace("sys.exit(", "from core.errors import UserError\ntry:\n  sys.exit(").rstrip()
    code += "\nexcept UserError as error:\n  print(error)\n  sys.exit(3)\n"
    done = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "needs a terminal" in done.stdout


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_keyboard_protocol_that_breaks_input_methods_is_off():
    assert run_python("import tui, textual.constants as c; print(c.DISABLE_KITTY_KEY)") == "True"


def test_no_screen_loads_what_belongs_into_a_job():
    code = """
import sys, pkgutil, importlib
import tui, tui.screens, tui.widgets
for package in (tui, tui.screens, tui.widgets):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
heavy = "torch transformers datasets yt_dlp accelerate soundfile pydub jiwer huggingface_hub".split()
print([name for name in heavy if name in sys.modules])
"""
    assert run_python(code) == "[]"


def test_running_the_checks_in_the_app_loads_no_torch(tmp_path: Path):
    code = f"""
import sys
from pathlib import Path
from core.config import Config
from core.checks.check import Context
from core.checks.runner import run_check
from core.checks.table import CHECKS
from core.workspace import create
workspace = create(Path({str(tmp_path / "w")!r}))
for spec in CHECKS:
    if spec.id != "torch":
        run_check(spec.id, Context(workspace, workspace.config()))
print([name for name in "torch transformers datasets yt_dlp accelerate".split() if name in sys.modules])
"""
    assert run_python(code) == "[]"
