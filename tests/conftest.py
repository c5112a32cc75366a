"""For every test, and the processes it starts."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from core import redaction
from core.cores import usable_cores
from core.dataset import selection

GOLDEN = Path(__file__).parent / "golden"

# The suite runs a process on each core; torch with a thread for every core in each of them would only get in its own
# way. The real hub is never asked: what needs one starts its own on loopback.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
# Nor is any real site: what does not bring a proxy of its own ends at a closed port.
os.environ["HTTPS_PROXY"] = os.environ["https_proxy"] = "http://127.0.0.1:9"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
# What is drawn is what a terminal with colours shows, whatever the tests are started from.
for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "SSH_CONNECTION", "SSH_TTY"):
    os.environ.pop(name, None)
os.environ["TERM"] = "xterm-256color"
# Where bytecode may not be kept, each of the hundreds of processes that are started here would compile `core` anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-goldens", action="store_true", help="write tests/golden/ anew; look at the diff")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half again as many as there are cores: a test that watches a process, a tab or a clock leaves its own idle."""
    return usable_cores() * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that have a time limit of their own come first: begun last, they would keep one core busy and none else."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


def pytest_collection_finish() -> None:
    """What all tests share, torch and the tests themselves, is not looked through for garbage any more: each training
    and each app does so at its end, which takes most of a second on two million objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test gives as a password is a word like any other in the next."""
    monkeypatch.setattr(redaction, "_remembered", {})


@pytest.fixture
def small_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty training segments are enough for a validation block, so that a test need not learn from a hundred."""
    monkeypatch.setattr(selection, "LEAST_TO_CUT", 30)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Sequence[str]], None]:
    """golden(name, lines): these lines are what tests/golden/<name>.txt holds; with `--write-goldens`, from now on.

    In the files each line stands between two bars, so that blanks at its end are seen and kept.
    """

    def check(name: str, lines: Sequence[str]) -> None:
        path, text = GOLDEN / f"{name}.txt", "".join(f"|{line}|\n" for line in lines)
        if request.config.getoption("write_goldens"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return check
