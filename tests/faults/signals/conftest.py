"""Jobs that only count (`nap`, see tests/jobs/with_nap), in processes that may see another world; and terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.jobs import spawn
from core.jobs.attach import JobView, view
from core.workspace import Workspace
from tests.faults import shims
from tests.jobs.conftest import NAP, wait_for
from tests.jobs.conftest import workspace as workspace
from tests.tui.test_app_terminal import Terminal

LONG = {"steps": 1000, "each": 0.05}


def seen(folder: Path) -> JobView:
    found = view(folder)
    assert found is not None
    return found


def counted(workspace: Workspace) -> list[int]:
    """The steps that naps have made, in order."""
    mark = workspace.root / "mark.txt"
    return [int(line.split()[0]) for line in mark.read_text().splitlines()] if mark.exists() else []


def begun(workspace: Workspace, params: dict[str, Any] | None = None) -> Path:
    """A nap that has made a step."""
    before = len(counted(workspace))
    folder = spawn(workspace, "nap", params or LONG)
    goes_on(workspace, before)
    return folder


def goes_on(workspace: Workspace, since: int | None = None) -> None:
    """Return when another step is made."""
    before = len(counted(workspace)) if since is None else since
    wait_for(lambda: len(counted(workspace)) > before)


@pytest.fixture
def with_shims(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Jobs that are started from now on run these shims, and know naps."""

    def use(*paths: Path) -> None:
        for name, value in shims.environment([NAP / "sitecustomize.py", *paths]).items():
            monkeypatch.setenv(name, value)

    return use


@pytest.fixture
def terminals() -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def start(folder: Path, *arguments: str, code: str) -> Terminal:
        made.append(Terminal(folder, *arguments, code=code))
        return made[-1]

    yield start
    for terminal in made:
        terminal.kill()
