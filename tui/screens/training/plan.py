"""The training plan as rows: what keeps it from starting, how a setting is read, what the split is. No app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core.config import Config, must_be
from core.errors import UserError
from core.training.plan_rows import PlanRow
from core.training.planning import PlanReading
from core.training.resume import StoppedRun
from tui.widgets.columns import Column
from tui.widgets.dialog import TextPrompt


def plan_columns(wide: bool) -> list[Column]:
    """Where it is narrow the reason of the row under the cursor stands below the table only."""
    columns = [Column("title", "plan", 14), Column("value", "", None, least=20)]
    return [*columns, Column("reason", "why", None, least=20)] if wide else columns


def problem_of(reading: PlanReading) -> UserError | None:
    """Why the training cannot start yet; None where it can."""
    error = reading.error
    if error is not None and reading.plan is not None:  # the base model is yet to be fetched
        return UserError(error.what, error.why, f"1 Setup, then d downloads it; or {error.fix}")
    if reading.plan is None or reading.plan.segments:
        return error
    fix = "p splits the accepted segments now; 4 Transcripts accepts some"
    return UserError("there is nothing to train on", "no accepted segment is in the train part", fix)


def start_words(stopped: StoppedRun | None, *, is_running: bool) -> tuple[str, str]:
    """What Enter does where a training can start, and more on that. stopped: the interrupted run; of one at work nobody
    knows yet what it leaves. is_running: a training is at work."""
    if is_running:
        return "a training runs: enter shows it", "one at a time; s stops it"
    if stopped is None:
        return "enter starts the training", "it goes on without this window"
    if stopped.differs:
        return (
            "enter starts a new training",
            f"{stopped.name} was stopped at {stopped.reached}, and does not go on by itself, since {stopped.differs}; "
            "v shows it, then r goes on with it",
        )
    return (
        f"enter goes on with {stopped.name} from {stopped.reached}",
        "it was stopped, with these settings and segments, and keeps its plan; another: whispersmith train --name NAME",
    )


def split_report(split: Mapping[str, Any]) -> str:
    """What the split in force is: its sizes, and that it does not leak where a random one would."""
    if not split:
        return "not split yet: p parts what is accepted into train and test"
    guard = f", {split['guard']} between" if split.get("guard") else ""
    return (
        f"split by {split.get('by')}: {split.get('train')} train, {split.get('test')} test{guard}; "
        f"leak {split.get('leak')} (at random {split.get('random_leak')})"
    )


def parsed(config: Config, table: str, key: str, text: str) -> Any:
    """The value a text stands for in a setting. ValueError with what is wrong with it."""
    section = getattr(config, table).model_copy()
    try:
        setattr(section, key, text.strip())
    except ValidationError as error:
        raise ValueError(must_be(error)) from error
    if text.strip() == "":
        raise ValueError("it must not be empty")
    return getattr(section, key)


def setting_prompt(row: PlanRow, setting: tuple[str, str], config: Config, file_name: str) -> TextPrompt:
    """Asks for another value of a row; what is not valid is not taken."""
    table, key = setting

    def check(text: str) -> str | None:
        try:
            parsed(config, table, key, text)
        except ValueError as error:
            return str(error)
        return None

    now = str(getattr(getattr(config, table), key))
    return TextPrompt(row.title, now, check, text=f"{row.reason}\n[{table}] {key} in {file_name}")
