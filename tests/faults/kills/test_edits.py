"""SIGKILL while somebody edits: what the screen has called saved is on the disk, and no text is there in part."""

from __future__ import annotations

import random
import re
import sqlite3
import time
from pathlib import Path

import pytest

from core.store import Segment, Store, Video
from core.store.transcripts import MachineText
from core.workspace import Workspace, create
from tests.tui.test_app_terminal import Terminal
from tui.widgets import marks

ROWS = 80


def recorded(folder: Path) -> Workspace:
    """A workspace with rows of machine text, each another one."""
    workspace = create(folder)
    with Store(workspace.db_path) as store:
        store.videos.add(Video("talk", title="talk", state="fetched", path="media/talk.wav", duration_ms=8000 * ROWS))
        ids = [f"talk_{number * 8}_{number * 8 + 10}" for number in range(ROWS)]
        store.segments.add(
            Segment(id, "talk", number * 8000, number * 8000 + 10_000, f"segments/talk/{id}.wav")
            for number, id in enumerate(ids)
        )
        store.transcripts.write_machine(
            [MachineText(id, f"機器寫的{number}", f"機器寫的{number}", "toy", -0.1) for number, id in enumerate(ids)]
        )
    return workspace


def texts(workspace: Workspace) -> list[str]:
    with sqlite3.connect(workspace.db_path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    with Store(workspace.db_path) as store:
        return [row.text for row in store.segments.rows().rows]


def edit_until_killed(workspace: Workspace, more: str, after_s: float, pause_s: float) -> tuple[int, set[int]]:
    """Open the app, write `more` behind one row after the other, and kill it `after_s` into that. Returns how many rows
    were typed into, and which of them the screen has called saved by then."""
    terminal = Terminal(workspace.root)
    try:
        terminal.shows("Set")
        terminal.type("4")
        terminal.shows(f"{ROWS} rows")  # texts are seen on other screens, too
        terminal.type("e")
        terminal.shows("save, next")
        typed, end = 0, time.monotonic() + after_s
        while typed < ROWS - 1 and time.monotonic() < end:
            terminal.type(f"{more}\r")
            typed += 1
            time.sleep(min(pause_s, max(0.0, end - time.monotonic())))
    finally:
        terminal.kill()
    terminal.close()
    shown = terminal.output.decode(errors="replace")
    # Until a text is on the disk the line says "saving".
    saved = {number for number in range(typed) if re.search(rf"(?<![\d:]){marks.length(number * 8000)} saved", shown)}
    return typed, saved


def kill_at_random(workspace: Workspace, kills: int, seed: int) -> None:
    chance, confirmed, unconfirmed = random.Random(seed), 0, 0
    before = texts(workspace)
    for kill in range(kills):
        more = f"改{kill}"
        typed, saved = edit_until_killed(workspace, more, chance.uniform(0.02, 1.2), chance.uniform(0.01, 0.12))
        after = texts(workspace)
        assert [number for number in saved if after[number] != before[number] + more] == []
        whole = [before[number] + more if number < typed else before[number] for number in range(ROWS)]
        assert [text for text, old, new in zip(after, before, whole, strict=True) if text not in (old, new)] == []
        before = after
        confirmed += len(saved)
        unconfirmed += typed - len(saved)
    # Kills before the first save, and with nothing on its way, would show nothing.
    assert confirmed >= kills
    assert unconfirmed >= kills // 2


def test_no_confirmed_edit_is_lost(tmp_path: Path) -> None:
    kill_at_random(recorded(tmp_path / "w"), kills=3, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_confirmed_edit_is_lost_at_50_random_moments(tmp_path: Path) -> None:
    kill_at_random(recorded(tmp_path / "w"), kills=50, seed=20)
