"""The demo: a workspace with synthetic recordings and a toy Whisper, in which every stage works at once.

Three recordings of a small musical language, two of them with captions; no network, no GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.config import Config
from core.jobs import list_jobs, spawn
from core.workspace import Workspace, create

TOY = "toy-whisper"
RECORDINGS = "recordings"

SETTINGS = """\
# A whispersmith demo: melodies whose notes are named 宮商角徵羽, and a toy Whisper that learns to write them down.

[project]
language = "zh"

[model]
base = "toy-whisper"
labeller = "toy-whisper"

[fetch]
pause_min_s = 0.0
pause_max_s = 0.0

[segment]
length_s = 10.0
overlap_s = 2.0

[split]
by = "auto"
test = 0.1

[train]                  # a toy with random weights wants large steps; a real Whisper does not
windows = "single"
timestamps = 0.0
epochs = 16.0
batch = 8
accumulation = 1
learning_rate = 3e-3
warmup = 0.1
schedule = "cosine"
eval_every = 60
eval_segments = 20
"""


def create_demo(folder: Path) -> Workspace:
    """Make the workspace and start the job that fills it; the job goes on by itself.

    A workspace that is there is left as it is; a demo whose making was cut short is made further.
    """
    workspace = create(folder, config_text=SETTINGS)
    if _is_unfinished(workspace, workspace.config()) and not _is_being_made(workspace):
        spawn(workspace, "demo")
    return workspace


def is_on_its_way(model: str, workspace: Workspace, config: Config) -> bool:
    """Whether a model is the toy Whisper, which is not here yet because the demo is being made just now."""
    return model == TOY and _is_unfinished(workspace, config) and _is_being_made(workspace)


def _is_unfinished(workspace: Workspace, config: Config) -> bool:
    """The toy is what is made last."""
    return TOY in (config.model.base, config.model.labeller) and not (workspace.root / TOY).is_dir()


def _is_being_made(workspace: Workspace) -> bool:
    return any(job.live and job.stage == "demo" for job in list_jobs(workspace))


def stages(workspace: Workspace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every stage from nothing to a measured model, with its parameters, in order."""
    recordings = str((workspace.root / RECORDINGS).resolve())
    yield "demo", {}
    yield "fetch", {"all": True}
    yield "segment", {}
    yield "import", {"path": recordings}
    yield "label", {}
    yield "split", {}
    yield "train", {}
    yield "evaluate", {}
