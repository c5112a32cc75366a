"""trainer_state.json of a checkpoint, as transformers' Trainer writes it: how far a run was, what it had measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from core.errors import UserError
from core.files import read_json, write_text
from core.typed_json import Count, Text, build

STATE = "trainer_state.json"
_BYTES = 64_000_000
"""A line of its history for every logged step: a million of them have as much."""
_NO_BEST = {"best_metric": None, "best_global_step": None, "best_model_checkpoint": None}


@dataclass(frozen=True)
class CheckpointState:
    """What is read of it; `content` is all that stands there. best_model_checkpoint: a path as it was when that was
    saved, on whatever machine."""

    global_step: Count
    max_steps: Count | None = None
    eval_steps: Count | None = None
    logging_steps: Count | None = None
    best_model_checkpoint: Text | None = None
    log_history: tuple[dict[str, Any], ...] = ()
    stateful_callbacks: dict[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)

    @property
    def best(self) -> str:
        """The name of the best checkpoint's folder; "" where none is remembered."""
        return PurePath(self.best_model_checkpoint or "").name

    @property
    def without_gain(self) -> int:
        """How many measurements in a row had not got better, as early stopping counts them."""
        found: Any = self.stateful_callbacks
        for key in ("EarlyStoppingCallback", "attributes", "early_stopping_patience_counter"):
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, int) else 0


def read_state(checkpoint: Path) -> CheckpointState | None:
    """The state in a checkpoint's folder; None if it is missing, cut short or none."""
    try:
        content = read_json(checkpoint / STATE, _BYTES)
        return build(CheckpointState, {**content, "content": content}) if isinstance(content, dict) else None
    except (UserError, ValueError):
        return None


def point_to_best(checkpoint: Path, state: CheckpointState, best: Path) -> None:
    """Say where the best checkpoint is now."""
    _write(checkpoint, dict(state.content) | {"best_model_checkpoint": str(best)})


def forget_best(checkpoint: Path, state: CheckpointState) -> None:
    _write(checkpoint, dict(state.content) | _NO_BEST)


def forget_measures(checkpoint: Path, state: CheckpointState) -> None:
    """Without the best and every error rate."""
    history = [entry for entry in state.log_history if "eval_cer" not in entry]
    _write(checkpoint, dict(state.content) | _NO_BEST | {"log_history": history})


def _write(checkpoint: Path, content: dict[str, Any]) -> None:
    write_text(checkpoint / STATE, json.dumps(content))
