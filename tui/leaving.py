"""The question before the window closes on a running job."""

from __future__ import annotations

from collections.abc import Sequence

from tui.widgets.dialog import Choice


def leaving(stages: Sequence[str]) -> Choice:
    """For the live jobs' stages. It answers "enter" to leave, "s" to stop them and leave."""
    names = ", ".join(dict.fromkeys(stages))
    goes, it = ("goes", "it") if len(stages) == 1 else ("go", "them")
    choices = [("enter", "leave"), ("s", f"stop {it}, then leave")]
    return Choice(f"{names} {goes} on without the window", f"`whispersmith` here brings {it} back.", choices)
