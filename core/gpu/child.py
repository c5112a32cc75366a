"""Asking something in a short-lived Python process that may hang for ever without hanging the one who asks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CODE = Path(__file__).resolve().parents[2]
"""Where `core` lies: the child must find the same code whatever folder it is started from."""

_abandoned: list[subprocess.Popen[bytes]] = []


class TimedOut(Exception):
    """The child did not end in time and was left behind."""


@dataclass(frozen=True)
class ChildResult:
    code: int
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        """The last line that says something, of what it complained of or else of what it said."""
        for text in (self.stderr, self.stdout):
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            if lines:
                return lines[-1]
        return ""


def run(arguments: Sequence[str], *, timeout_s: float, environment: dict[str, str] | None = None) -> ChildResult:
    """Run this Python with `arguments`. environment: variables on top of the present ones. Raises TimedOut.

    Its output goes to files, and after a kill nobody waits for it: a process that sleeps in a driver cannot be
    killed, and waiting for its end, or for the end of its pipes, would hang here too.
    """
    known = os.environ.get("PYTHONPATH", "")
    path = f"{CODE}{os.pathsep}{known}" if known else str(CODE)
    settings = {**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **(environment or {})}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            # -P: the current folder is the person's, and may hold a torch.py.
            [sys.executable, "-P", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            env=settings,
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            _leave(process)
            raise TimedOut from error
        except BaseException:
            _leave(process)
            raise
        for file in (out, err):
            file.seek(0)
        return ChildResult(code, _text(out.read(1_000_000)), _text(err.read(1_000_000)))


def _leave(process: subprocess.Popen[bytes]) -> None:
    """Kill the child's whole group, and do not wait. The object is kept: subprocess collects it once it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    _abandoned[:] = [left for left in _abandoned if left.poll() is None] + [process]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
