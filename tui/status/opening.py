"""Where the app opens: the screen of what is due, or of a job that has just begun a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.jobs import list_jobs
from core.stage import lookup
from core.status import Step, summary
from core.store import Store
from core.workspace import Workspace
from tui.status.steps import screen_due


@dataclass(frozen=True)
class Opening:
    """next: the stage that is due. filled_by: the folder of the live job that makes what every other stage works on
    (the demo); None without one."""

    screen: str
    steps: Mapping[str, Step]
    next: str
    filled_by: Path | None = None


def opening_of(store: Store, workspace: Workspace) -> Opening:
    """The screen of the stage that comes next; where nothing has begun that of a job that begins it, else Setup.

    UserError where settings or store cannot be read.
    """
    found = summary(store, workspace)
    begun = next((view for view in list_jobs(workspace) if view.live), None) if found.next == "add" else None
    if begun is None:
        return Opening(screen_due(found.next), found.steps, found.next)
    stage = lookup(begun.stage)
    return Opening(stage.screen, found.steps, found.next, begun.folder if stage.fills_workspace else None)
