"""The tuned models of a workspace: which there are, and what a name on the command line means."""

from __future__ import annotations

from pathlib import Path

from core.text import is_utf8
from core.whisper.info import describe
from core.workspace import Workspace


def tuned_folders(models: Path) -> list[Path]:
    """The tuned models of a workspace's models/, newest first. Hidden folders hold checkpoints, not models.

    A folder whose name is no UTF-8 is none of them: `core.models.cache` lists it, with what is wrong with it.
    """
    found = []
    for config in models.glob("*/config.json"):
        if not config.parent.name.startswith(".") and is_utf8(config.parent.name):
            try:
                found.append((config.stat().st_mtime, config.parent))
            except OSError:  # gone since it was listed
                continue
    return [folder for _, folder in sorted(found, reverse=True)]


def tuned_or_named(workspace: Workspace, asked: str) -> Path | str:
    """What `--model` means: the folder of the tuned model of that name, else a path or an id as it stands."""
    inside = workspace.models / asked
    return inside if inside.is_dir() else asked


def check_model(workspace: Workspace, asked: str) -> None:
    """UserError if `--model` means no whole Whisper. One that is just being trained may be there in time."""
    model = tuned_or_named(workspace, asked)
    if isinstance(model, Path) or not (workspace.models / f".{asked}").is_dir():
        describe(str(model), workspace.root)
