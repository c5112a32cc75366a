"""The editor in a real terminal: long commits of an input method, pastes, Alt and a digit, and Enter right behind."""

from __future__ import annotations

import os

from core.review.differences import differences
from core.store import Store
from core.store.records import SecondReading
from core.workspace import Workspace
from tests.tui.test_app_terminal import terminals, wait_for
from tests.tui.transcripts_kit import TEXTS, row, segment, workspace

__all__ = ["terminals", "workspace"]

LONG = "今天我們要來吃到飽然後先去拿海鮮再去拿甜點最後喝一杯咖啡，好不好？" * 6


def test_whatever_arrives_before_an_enter_is_saved_by_it(workspace: Workspace, terminals) -> None:
    other = "接下去我們看甜點喔"
    with Store(workspace.db_path) as store:
        reading = SecondReading(segment(4).id, "m", TEXTS[4], other, tuple(differences(TEXTS[4], other)))
        store.second_readings.put([reading])
    terminal = terminals(workspace.root)
    terminal.shows(TEXTS[0])
    terminal.type("4")
    terminal.shows("of 8 reviewed")
    # Each of these is one write: nothing waits for what the app makes of it.
    terminal.type(f"e{LONG}\r")
    wait_for(lambda: row(workspace, 0).text == TEXTS[0] + LONG)
    # A bracketed paste with a line break, between two commits.
    terminal.type(f"很好\x1b[200~{LONG}\n第二行\x1b[201~吃\r")
    wait_for(lambda: row(workspace, 1).text == f"{TEXTS[1]}很好{LONG} 第二行吃")
    # A loop opens selected: the first commit replaces it, whole.
    terminal.type(f"{LONG}\r")
    wait_for(lambda: row(workspace, 2).text == LONG)
    terminal.type(f"嗯{LONG}\r")
    wait_for(lambda: row(workspace, 3).text == f"{TEXTS[3]}嗯{LONG}")
    # Alt and a digit, as terminals send it: twice, and once more to put the second back. Then Alt and an arrow, which
    # does not leave the text.
    terminal.type("\x1b1\x1b2\x1b2好\x1b[1;3D嗨\r")
    wait_for(lambda: row(workspace, 4).review == "accepted")
    assert row(workspace, 4).text == "嗨接下去我們看甜點好"
    terminal.close()
    wait_for(terminal.ended)
    assert os.waitstatus_to_exitcode(terminal.code) == 0
