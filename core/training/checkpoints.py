"""Checkpoints of a run: whether they are whole, which is the best, what stays on the disk. Loads no torch."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.files import sync, write_text
from core.whisper.model_files import whole_safetensors, whole_weights

SENTINEL = "checkpoint-is-incomplete.txt"  # transformers leaves it while it writes a checkpoint in a hurry
STATE = "trainer_state.json"
ADAPTER = "adapter_model.safetensors"
NO_BEST = {"best_metric": None, "best_global_step": None, "best_model_checkpoint": None}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is whole. step: optimizer steps done."""

    path: Path
    step: int


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint; one that a kill left half-written is passed over."""
    found = []
    for path in folder.glob("checkpoint-*"):
        number = path.name.rpartition("-")[2]
        if number.isdigit() and is_whole(path):
            found.append(Checkpoint(path, int(number)))
    return max(found, key=lambda checkpoint: checkpoint.step, default=None)


def best_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint with the lowest CER as the newest state remembers it, else the newest."""
    last = last_checkpoint(folder)
    state = read_state(last.path) if last else None
    best = (state or {}).get("best_model_checkpoint")
    if best and is_whole(folder / Path(best).name):
        name = Path(best).name
        return Checkpoint(folder / name, int(name.rpartition("-")[2]))
    return last


def is_whole(path: Path) -> bool:
    """All that a resume needs is there and readable: weights, optimizer, schedule, chance, and how far it was."""
    if (path / SENTINEL).exists() or read_state(path) is None or not _whole_weights(path):
        return False
    chance = [file.name for file in path.glob("rng_state*.pth")]  # one of each process
    return bool(chance) and all(zipfile.is_zipfile(path / name) for name in ("optimizer.pt", "scheduler.pt", *chance))


@contextmanager
def being_written(path: Path) -> Iterator[None]:
    """While it lasts the checkpoint is not whole; afterwards it is, and on the disk."""
    path.mkdir(parents=True, exist_ok=True)
    (path / SENTINEL).touch()
    yield
    for file in path.iterdir():
        sync(file)
    (path / SENTINEL).unlink()
    sync(path)


def rotate(folder: Path, best: str | None) -> None:
    """Keep the newest whole checkpoint and the best one, or the one before it where those are the same."""
    whole = sorted((path for path in folder.glob("checkpoint-*") if is_whole(path)), key=_step)
    others = [path for path in whole[:-1] if best and path.name == Path(best).name] or whole[-2:-1]
    for path in whole[:-1]:
        if path not in others:
            shutil.rmtree(path, ignore_errors=True)


def _step(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


def _whole_weights(path: Path) -> bool:
    """Of the whole model, or of the change that a light tuning learns."""
    return whole_safetensors(path / ADAPTER) if (path / ADAPTER).is_file() else whole_weights(path)


def read_state(path: Path) -> dict[str, Any] | None:
    """trainer_state.json of a checkpoint, None if it is missing or cut short."""
    try:
        data = json.loads((path / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and "global_step" in data else None


def without_gain(path: Path) -> int:
    """How many measurements in a row had not got better when a checkpoint was saved, as early stopping counts them."""
    found: Any = (read_state(path) or {}).get("stateful_callbacks")
    for key in ("EarlyStoppingCallback", "attributes", "early_stopping_patience_counter"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, int) else 0


def mend(folder: Path) -> None:
    """Before a resume: remove checkpoints that are not whole, and point the best one to where the folder is now.

    The trainer remembers the best checkpoint by an absolute path, which is stale once the workspace has moved.
    """
    for path in folder.glob("checkpoint-*"):
        if not is_whole(path):
            shutil.rmtree(path)
            continue
        state = read_state(path) or {}
        best = state.get("best_model_checkpoint")
        if best and Path(best).parent != folder:
            state["best_model_checkpoint"] = str(folder / Path(best).name)
            write_text(path / STATE, json.dumps(state))
    for path in folder.glob("checkpoint-*"):
        state = read_state(path) or {}
        best = state.get("best_model_checkpoint")
        if best and not Path(best).is_dir():
            # A best figure whose weights are gone would be reported for other weights.
            write_text(path / STATE, json.dumps(state | NO_BEST))


def forget_measures(folder: Path) -> None:
    """Make every checkpoint forget what was measured so far: figures of other segments cannot be compared with."""
    for path in folder.glob("checkpoint-*"):
        state = read_state(path)
        if state is not None:
            history = [entry for entry in state.get("log_history", []) if "eval_cer" not in entry]
            write_text(path / STATE, json.dumps(state | NO_BEST | {"log_history": history}))


def keep_last(folder: Path) -> None:
    """Free the disk after a finished run: the newest checkpoint stays, so that the run can be extended, and the best
    one, so that an extension which makes it worse still ends with it."""
    last, best = last_checkpoint(folder), best_checkpoint(folder)
    for path in folder.glob("checkpoint-*"):
        if last is not None and best is not None and path not in (last.path, best.path):
            shutil.rmtree(path, ignore_errors=True)
