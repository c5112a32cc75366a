"""What the keys of the transcripts screen that start and stop jobs have to do, as effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.labelling.forecast import LabelForecast, forecast, forecast_second
from core.store import Store
from core.text import clean, plural
from core.whisper.folders import ModelMissing
from core.whisper.info import describe
from core.workspace import Workspace
from tui.bridge import JobBatch
from tui.effects import Effect, InThread, OpenDialog, StartJob, StopJob, Toast
from tui.screens.transcripts import dialogs
from tui.status.jobs import progress_text

DOWNLOADS = "1 Setup, then d downloads it."

SHOWN = 8
"""Rows of an import that are named."""


def label(workspace: Workspace, store: Store, live: Sequence[JobBatch]) -> list[Effect]:
    """Offer the labeller on what has no text, or ask whether to stop it. live: its live jobs."""
    if live:
        return _stop(live[0])

    def weigh() -> tuple[LabelForecast, str]:
        config = workspace.config()
        return forecast(workspace, config, store), _not_here(workspace, config.model.labeller, DOWNLOADS)

    def offer(weighed: tuple[LabelForecast, str]) -> list[Effect]:
        found, not_here = weighed
        if not found.segments and found.alone is None:
            return [Toast("Every segment has a text already" if store.segments.counts()["segments"] else "No segments")]
        alone = () if found.alone is None else found.alone.ids
        params = {"y": {}, "r": {"ids": list(alone), "redo": True}}
        question = dialogs.label(found, not_here)
        return [OpenDialog(question, lambda answer: [StartJob("label", params[answer])] if answer in params else [])]

    return [InThread(weigh, offer, "forecast")]


def begin_round(workspace: Workspace, store: Store, live: Sequence[JobBatch]) -> list[Effect]:
    """Offer a training on what is accepted whose model writes the rest anew, or ask whether to stop it."""
    if live:
        return _stop(live[0])

    def weigh() -> tuple[Mapping[str, int], Mapping[str, Any], str]:
        from core.stages.round import NOTE  # the training room is not needed before

        not_here = _not_here(workspace, workspace.config().model.base, DOWNLOADS)
        return store.segments.counts(), store.note(NOTE) or {}, not_here

    def offer(weighed: tuple[Mapping[str, int], Mapping[str, Any], str]) -> list[Effect]:
        counts, last, not_here = weighed
        if not counts["usable"]:
            return [Toast("A round learns from what is accepted: correct a few rows first, enter or a accepts them")]
        return [OpenDialog(dialogs.begin_round(counts, last, not_here), start)]

    def start(answer: str) -> list[Effect]:
        params = {"y": {}, "l": {"method": "light"}}.get(answer)
        return [] if params is None else [StartJob("round", params)]

    return [InThread(weigh, offer, "forecast")]


def second_opinion(workspace: Workspace, store: Store, live: Sequence[JobBatch]) -> list[Effect]:
    """Offer that another labeller reads what nobody has reviewed; which, where the settings name none."""
    if live:
        return _stop(live[0])

    def offer(asked: str, weighed: tuple[LabelForecast, str]) -> list[Effect]:
        found, not_here = weighed
        if not found.segments:
            return [Toast("There is no text yet that a second opinion could be on")]
        question = dialogs.second_opinion(found, not_here)
        return [OpenDialog(question, lambda answer: [StartJob("label", {"second": asked})] if answer == "y" else [])]

    def weigh(answer: str) -> list[Effect]:
        file = workspace.find(answer)
        asked = str(file) if file.is_file() else answer.strip()

        def look() -> tuple[LabelForecast, str]:
            found = forecast_second(workspace, store, asked)
            return found, "" if found.is_file else _not_here(workspace, asked)

        return [InThread(look, lambda weighed: offer(asked, weighed), "forecast")]

    def ask(second: str) -> list[Effect]:
        return weigh(second) if second else [OpenDialog(dialogs.second_labeller(workspace), weigh)]

    return [InThread(lambda: workspace.config().labeller.second, ask, "forecast")]


def _not_here(workspace: Workspace, model: str, how: str = "") -> str:
    """That a model is yet to be fetched, and how; "" where it is here. What else may be wrong with it its job says."""
    try:
        describe(model, workspace.root)
    except ModelMissing as missing:
        return f"{missing.what}: {how or missing.fix}"
    except UserError:
        pass
    return ""


def _stop(job: JobBatch) -> list[Effect]:
    question = dialogs.stop_job("The round" if job.stage == "round" else "The labeller", progress_text(job))
    return [OpenDialog(question, lambda answer: [StopJob(job.folder)] if answer == "s" else [])]


@dataclass(frozen=True)
class _Imported:
    """Of an import's result: the rows that belong to no segment here."""

    unmatched: tuple[str, ...] = ()


def left_over(job: JobBatch) -> UserError | None:
    """What an import that has ended could not place, by name."""
    names = job.view.result_as(_Imported).unmatched if job.stage == "import" else ()
    if not names:
        return None
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return UserError(
        f"{plural(len(names), 'row')} of the import {'belongs' if len(names) == 1 else 'belong'} to no segment here",
        f"{', '.join(clean(name, 60) for name in names[:SHOWN])}{more}",
        "name them like the segments; the rest is here",
    )


def bring_in(workspace: Workspace) -> list[Effect]:
    """Ask for transcripts that were made elsewhere, and as what they are taken, and import them."""

    def ask(answer: str) -> list[Effect]:
        path = workspace.find(answer)
        return [OpenDialog(dialogs.import_as(path), lambda origin: start(path, origin))]

    def start(path: Path, origin: str) -> list[Effect]:
        return [StartJob("import", {"path": str(path), "as": dialogs.ORIGINS[origin]})]

    return [OpenDialog(dialogs.import_from(workspace), ask)]
