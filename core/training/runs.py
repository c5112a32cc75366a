"""Training runs on disk: their names, their checkpoints, and the finished model folder.

models/.<name>/  run.json, training.json, checkpoint-<step>/ ...   a run at work, or one that can go on
models/<name>/   the finished model with its training.json; it appears whole, by a rename
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.files import write_text
from core.whisper.model_files import whole_weights

SENTINEL = "checkpoint-is-incomplete.txt"  # transformers leaves it while it writes a checkpoint in a hurry
STATE = "trainer_state.json"
NO_BEST = {"best_metric": None, "best_global_step": None, "best_model_checkpoint": None}
VOCABULARY_FILES = ("vocab.json", "merges.txt", "added_tokens.json", "normalizer.json", "special_tokens_map.json")
"""transformers 5 no longer writes these beside tokenizer.json; the converters to CTranslate2 and ggml want them."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is whole. step: optimizer steps done."""

    path: Path
    step: int


def hidden(models: Path, name: str) -> Path:
    """Where a run keeps its checkpoints."""
    return models / f".{name}"


def check_name(name: str) -> str:
    """The name, if it can be a folder in models/."""
    if not re.fullmatch(r"\w[\w.-]{0,63}", name):
        raise UserError(
            f"{name!r} cannot be the name of a model",
            "a name has letters, digits, . _ -",
            "whispersmith train --name run-01",
        )
    return name


def next_name(models: Path) -> str:
    """run-01, run-02 ...: the first that is neither a model nor a run with anything to go on from."""
    number = 1
    while True:
        name = f"run-{number:02d}"
        if not (models / name).exists() and last_checkpoint(hidden(models, name)) is None:
            return name
        number += 1


def interrupted(models: Path) -> list[str]:
    """Names of runs that have a whole checkpoint and no finished model, newest first."""
    if not models.is_dir():
        return []
    found = []
    for folder in models.glob(".*"):
        name = folder.name[1:]
        last = last_checkpoint(folder) if folder.is_dir() and not (models / name).exists() else None
        if last is not None:
            found.append((last.path.stat().st_mtime, name))
    return [name for _, name in sorted(found, reverse=True)]


def read_run(folder: Path) -> dict[str, Any]:
    """run.json of a run's hidden folder: what it was started with; {} if there is none."""
    try:
        data = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def write_run(folder: Path, data: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "run.json", json.dumps(data, ensure_ascii=False, indent=1))


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint; one that a kill left half-written is passed over."""
    found = []
    for path in folder.glob("checkpoint-*"):
        number = path.name.rpartition("-")[2]
        if number.isdigit() and is_whole(path):
            found.append(Checkpoint(path, int(number)))
    return max(found, key=lambda checkpoint: checkpoint.step, default=None)


def is_whole(path: Path) -> bool:
    """All that a resume needs is there and readable. The trainer writes trainer_state.json last."""
    if (path / SENTINEL).exists() or read_state(path) is None:
        return False
    if not whole_weights(path):
        return False
    return all(zipfile.is_zipfile(path / name) for name in ("optimizer.pt", "scheduler.pt"))


def read_state(path: Path) -> dict[str, Any] | None:
    """trainer_state.json of a checkpoint, None if it is missing or cut short."""
    try:
        data = json.loads((path / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and "global_step" in data else None


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


def set_intervals(checkpoint: Path, *, log_every: int, eval_every: int) -> None:
    """Let a resume follow today's plan: the trainer would otherwise keep the intervals it once started with."""
    state = read_state(checkpoint)
    if state is not None:
        state |= {"logging_steps": log_every, "eval_steps": eval_every, "save_steps": eval_every}
        write_text(checkpoint / STATE, json.dumps(state))


def best_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint with the lowest CER as the newest state remembers it, else the newest."""
    last = last_checkpoint(folder)
    state = read_state(last.path) if last else None
    best = (state or {}).get("best_model_checkpoint")
    if best and is_whole(folder / Path(best).name):
        name = Path(best).name
        return Checkpoint(folder / name, int(name.rpartition("-")[2]))
    return last


def keep_last(folder: Path) -> None:
    """Free the disk after a finished run: the newest checkpoint stays, so that the run can be extended, and the best
    one, so that an extension which makes it worse still ends with it."""
    last, best = last_checkpoint(folder), best_checkpoint(folder)
    for path in folder.glob("checkpoint-*"):
        if last is not None and best is not None and path not in (last.path, best.path):
            shutil.rmtree(path, ignore_errors=True)


def publish(models: Path, name: str, base: Path, card: str, save: Callable[[Path], None]) -> Path:
    """Make models/<name> whole or not at all: `save` writes model and processor into a hidden folder, the base's
    vocabulary files and the card are added, everything is synced, and the folder is renamed."""
    beside = models / f".{name}" / "final.part"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    save(beside)
    for file in VOCABULARY_FILES:
        if (base / file).is_file() and not (beside / file).exists():
            shutil.copyfile(base / file, beside / file)
    (beside / "README.md").write_text(card, encoding="utf-8")
    for path in beside.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    target = models / name
    old = models / f".{name}" / "old"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(beside, target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def card(facts: dict[str, Any]) -> str:
    """The model card: what it came from, what it was taught with, how it was measured. Unknown facts are left out."""
    lines = [
        "---",
        f"language: {facts['language']}",
        "library_name: transformers",
        "pipeline_tag: automatic-speech-recognition",
        "tags: [whisper]",
    ]
    if "/" in facts["base"] and not facts["base"].startswith(("/", ".")):
        lines.append(f"base_model: {facts['base']}")
    lines += [
        "---",
        "",
        f"# {facts['name']}",
        "",
        f"A Whisper fine-tuned from `{facts['base']}` with whispersmith.",
        "",
        f"- training segments: {facts['train_segments']} ({facts['train_seconds'] / 60:.1f} min of audio, "
        "text accepted by a person)",
        f"- validation segments, cut out of the training part: {facts['validation_segments']}",
        f"- test segments: {facts['test_segments']}, split by {facts['split']}, "
        f"{facts['leak']} of them share audio with training or validation segments",
        f"- steps: {facts['steps']}, this is the {_which(facts)}",
        "- training.json lists every segment it was trained on or chosen by",
    ]
    if facts.get("cer") is not None:
        base = f", base model {100 * facts['base_cer']:.1f} %" if facts.get("base_cer") is not None else ""
        meaning = (
            "the checkpoint was chosen by this figure, which flatters it a little: measure it on test segments"
            if facts["on"] == "validation"
            else "nothing was chosen by this figure"
        )
        lines.append(
            f"- character error rate: {100 * facts['cer']:.1f} %{base}, on {facts['eval_segments']} {facts['on']} "
            f"segments (normalised text; {meaning})"
        )
    lines += ["- trained without timestamps: the model writes text only", ""]
    return "\n".join(lines)


def _which(facts: dict[str, Any]) -> str:
    if facts["on"] == "validation":
        return f"checkpoint of step {facts['best_step']}, the best on the validation segments"
    return "last checkpoint; none was chosen"
