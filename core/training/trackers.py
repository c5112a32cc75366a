"""Who is told the curves of a run beside its event log: TensorBoard's files, or a service. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.config import Tracker
from core.errors import UserError

TENSORBOARD = "tensorboard"
"""The tracker, and its folder beside the event log."""


def check(names: Iterable[Tracker]) -> None:
    """UserError for one whose package is not installed."""
    for name in names:
        if find_spec(name) is None:
            raise UserError(
                f"{name} is not installed",
                "whispersmith.toml names it in report_to under [train]",
                f"pip install {name.replace('_', '-')}, or take it out of report_to",
            )


def services(names: Sequence[Tracker]) -> list[str]:
    """Those that transformers itself reports to (`report_to`)."""
    return [name for name in names if name != TENSORBOARD]


def callbacks(names: Sequence[Tracker], job_folder: Path) -> list[Any]:
    """The trainer callback that writes TensorBoard's files beside the event log, where it is asked for."""
    if TENSORBOARD not in names:
        return []
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations.integration_utils import TensorBoardCallback

    return [TensorBoardCallback(SummaryWriter(str(job_folder / TENSORBOARD)))]
