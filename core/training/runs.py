"""Training runs on disk: their names, what they were started with, and the finished model folder. Loads no torch.

models/.<name>/  run.json, training.json, checkpoint-<step>/ ...   a run at work, or one that can go on
models/<name>/   the finished model with its training.json; it appears whole, by a rename
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.atomic_folder import move_into_place
from core.config import Config, Include, TrainConfig
from core.dataset.inclusion import INCLUDES
from core.errors import UserError
from core.files import read_json, sync, write_text
from core.temporaries import leftovers_in, leftovers_of, remove_abandoned, temporary_folder
from core.training.checkpoints import last_checkpoint
from core.training.plan import Plan
from core.typed_json import Text, build

RECORD = "run.json"
RECORD_BYTES = 1_000_000
NOT_THE_RUN = {"epochs", "steps", "patience", "between", "general", "processes", "report_to"}
VOCABULARY_FILES = ("vocab.json", "merges.txt", "added_tokens.json", "normalizer.json", "special_tokens_map.json")
"""transformers 5 no longer writes these beside tokenizer.json; the converters to CTranslate2 and ggml want them."""


@dataclass(frozen=True)
class RunRecord:
    """run.json of a run's hidden folder. train: the [train] settings it was started with, less what says how long it
    goes on. plan: None in a run that was started before plans were kept. of_round: a round began it, and may go on with
    it."""

    base: Text
    language: Text
    train: dict[str, Any]
    plan: Plan | None = None
    of_round: bool = False

    @classmethod
    def of(cls, config: Config, plan: Plan | None = None) -> RunRecord:
        return cls(config.model.base, config.project.language, _lasting(config.train), plan)

    @property
    def include(self) -> Include:
        """Whose texts it learns from; before that could be chosen, those that were accepted."""
        found = self.train.get("include")
        return found if found in INCLUDES else "reviewed"

    def same_settings(self, other: RunRecord) -> bool:
        """Whether both make the same run, whatever its plan."""
        return not self.differing(other)

    def differing(self, other: RunRecord) -> list[str]:
        """What of this one is another in `other`, each as `name = value`; a setting that one does not know yet has its
        default."""
        own = {"base": self.base, "language": self.language} | _lasting(TrainConfig()) | self.train
        others = {"base": other.base, "language": other.language} | _lasting(TrainConfig()) | other.train
        names = ("base", "language", *_lasting(TrainConfig()))
        return [f"{name} = {own[name]}" for name in names if own[name] != others[name]]


def _lasting(settings: TrainConfig) -> dict[str, Any]:
    """The settings that make a run the same run: not how long it goes on, what is kept after its last step, how many
    share the work, nor who is told."""
    return settings.model_dump(exclude=NOT_THE_RUN)


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


def begun(models: Path) -> list[str]:
    """Names of runs that ended before their first checkpoint, newest first."""
    found = [path for path in models.glob(f".*/{RECORD}") if last_checkpoint(path.parent) is None]
    newest = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    return [name for path in newest if not (models / (name := path.parent.name[1:])).exists()]


def read_record(folder: Path) -> RunRecord | None:
    """What a run was started with; None if that cannot be read."""
    try:
        data = read_json(folder / RECORD, RECORD_BYTES)
        fields = data if isinstance(data, dict) else {}
        return build(RunRecord, fields | {"plan": Plan.from_json(fields.get("plan"))})
    except (UserError, ValueError):
        return None


def write_record(folder: Path, record: RunRecord) -> None:
    """Write run.json, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {"base": record.base, "language": record.language, "train": record.train}
    plan = {"plan": record.plan.as_json()} if record.plan else {}
    of_round = {"of_round": True} if record.of_round else {}
    write_text(folder / RECORD, json.dumps(data | plan | of_round, ensure_ascii=False, indent=1))


def publish(models: Path, name: str, base: Path, card: str, save: Callable[[Path], None]) -> Path:
    """Make models/<name> whole or not at all: `save` writes model and processor into a hidden folder, the base's
    vocabulary files and the card are added, everything is synced, and the folder is renamed."""
    target = models / name
    hidden(models, name).mkdir(parents=True, exist_ok=True)
    with temporary_folder(hidden(models, name) / "final") as beside:
        save(beside)
        for file in VOCABULARY_FILES:
            if (base / file).is_file() and not (beside / file).exists():
                shutil.copyfile(base / file, beside / file)
        (beside / "README.md").write_text(card, encoding="utf-8")
        for path in beside.iterdir():
            sync(path)
        move_into_place(beside, target)
    return target


def remove_half_written(models: Path) -> None:
    """Remove the models that runs were writing when they were killed, and what was to be a record of theirs."""
    for folder in models.glob(".*"):
        left = [*leftovers_in(folder), *leftovers_of(folder / "final")]
        remove_abandoned([*left, folder / "final.part", folder / "old"])  # the last two as they were called once
