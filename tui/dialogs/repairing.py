"""A database that is damaged or gone: the app offers to repair the workspace, and says what came back."""

from __future__ import annotations

from core.recovery.repair import Repair
from core.store import DamagedStore
from tui.widgets.dialog import Choice, Message

REPAIR = "r"


def question(error: DamagedStore, *, is_open: bool) -> Choice:
    """The dialog; it answers REPAIR. is_open: the rest of the app is there to go back to."""
    text = "\n".join(line for line in error.lines()[1:] if line)
    back = "go on without" if is_open else "leave"
    choices = [(REPAIR, "repair it: nothing is deleted, the damaged file is kept"), ("l", back)]
    return Choice(error.what, text, choices)


def told(made: Repair) -> Message:
    return Message("Repaired" if made.fault else "Nothing to repair", "\n".join(made.lines()))
