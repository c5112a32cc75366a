"""The question before the window closes on a running job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from core.errors import UserError
from core.jobs import stop
from core.stage import lookup
from tui.widgets.dialog import Choice


def leaving(stages: Sequence[str]) -> Choice:
    """For the live jobs' stages. It answers "enter" to leave, "s" to stop them and leave."""
    names = ", ".join(dict.fromkeys(lookup(stage).title for stage in stages))
    goes, it = ("goes", "it") if len(stages) == 1 else ("go", "them")
    choices = [("enter", "leave"), ("s", f"stop {it}, then leave")]
    return Choice(f"{names} {goes} on without the window", f"`whispersmith` here brings {it} back.", choices)


def stop_all(folders: Iterable[Path]) -> str:
    """Ask jobs to stop; "" or what stood in the way."""
    try:
        for folder in folders:
            stop(folder)
    except UserError as error:
        return f"The jobs could not be asked to stop: {error.why}"
    return ""
