"""The training plan as rows: what keeps it from starting, how a setting is read, what the split is. No app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from core.config import Config
from core.errors import UserError
from core.jobs import JobView
from core.training.plan import Plan
from tui.widgets.columns import Column


def plan_columns(wide: bool) -> list[Column]:
    """Where it is narrow the reason of the row under the cursor stands below the table only."""
    columns = [Column("title", "plan", 14), Column("value", "", None, least=20)]
    return [*columns, Column("reason", "why", None, least=20)] if wide else columns


def runs_of(views: Iterable[JobView]) -> list[JobView]:
    """The training jobs, newest first."""
    return [view for view in views if view.stage == "train"]


def problems_of(plan: Plan) -> list[UserError]:
    """Why the training cannot start yet."""
    if plan.segments:
        return []
    fix = "p splits the accepted segments now; 4 Transcripts accepts some"
    return [UserError("there is nothing to train on", "no accepted segment is in the train part", fix)]


def split_report(split: dict[str, Any]) -> str:
    """What the split in force is: its sizes, and that it does not leak where a random one would."""
    if not split:
        return "not split yet: p parts the accepted segments into train and test"
    guard = f", {split['guard']} left out between them" if split.get("guard") else ""
    return (
        f"split by {split.get('by')}: {split.get('train')} train, {split.get('test')} test{guard}; "
        f"leak {split.get('leak')} (a random split: {split.get('random_leak')})"
    )


def parsed(config: Config, table: str, key: str, text: str) -> Any:
    """The value a text stands for in a setting. ValueError with what is wrong with it."""
    section = getattr(config, table).model_copy()
    try:
        setattr(section, key, text.strip())
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from error
    if text.strip() == "":
        raise ValueError("it must not be empty")
    return getattr(section, key)
