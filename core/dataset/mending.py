"""What mends the problems of `core.dataset.check`: edits, which can be undone as one, files, or a stage to be run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.config import Config
from core.dataset.check import LOST, ODD, Problem, TextCharacters
from core.errors import UserError
from core.exchange.glossary import read_glossary
from core.review.punctuation import half_width
from core.review.script_conversion import AS_WRITTEN, converter, sparing
from core.store import Store
from core.store.records import TextChange
from core.text import plural
from core.workspace import Workspace

SETTLED_S = 600
"""A wav without a row that is younger than this may be one that a job is about to enter into the store."""


@dataclass(frozen=True)
class StageToRun:
    """The stage that mends a problem, and what it is asked for."""

    stage: str
    params: dict[str, Any]


def stage_for(store: Store, problem: Problem) -> StageToRun | None:
    """The stage that mends a problem; None where none does. UserError where the recordings to be cut are not here."""
    if problem.mend == "split":
        return StageToRun("split", {})
    if problem.mend != "cut":
        return None
    rows = (store.segments.get(id) for id in problem.rows)
    videos = {row.video for row in rows if row is not None}
    here = sorted(video.id for video in store.videos.some(sorted(videos)) if video.path)
    if not here:
        raise UserError(
            "these wavs cannot be cut again",
            "their recordings are not here: the clips were imported",
            "import the data set again, with its wavs",
        )
    return StageToRun("segment", {"ids": here})


def rewritten(workspace: Workspace, config: Config, store: Store, problem: Problem) -> list[TextChange]:
    """What a problem whose mend is "rewrite" makes of its texts: those that change."""
    rewrite = _rewriting(workspace, config, store, problem.name)
    rows = (store.segments.get(id) for id in problem.rows)
    changes = (TextChange(row.id, row.text, rewrite(row.text)) for row in rows if row is not None)
    return [change for change in changes if change.after != change.before]


def mend_rows(workspace: Workspace, config: Config, store: Store, problem: Problem) -> str:
    """Mend a problem whose mend is "leave-out", "rewrite" or "delete"; returns what was done, in words."""
    if problem.mend == "leave-out":
        return f"{plural(store.transcripts.reject_all(problem.spoiling), 'row')} left out of training"
    if problem.mend == "delete":
        return _delete(workspace, store, problem.files)
    done = store.transcripts.change_texts(rewritten(workspace, config, store, problem), f"mend: {problem.name}")
    return f"{plural(done.count, 'text')} rewritten"


def _delete(workspace: Workspace, store: Store, files: Sequence[str]) -> str:
    """Delete the files that still have no row, and that no job has just written: its rows come after its files."""
    named = {row.path for row in store.segments.dataset_rows()}
    deleted = kept = 0
    for path in map(workspace.absolute, (path for path in files if path not in named)):
        try:
            # Of a file that was linked or moved here st_mtime is older than that.
            if time.time() - path.stat().st_ctime < SETTLED_S:
                kept += 1
                continue
            path.unlink()
            deleted += 1
        except FileNotFoundError:
            continue  # somebody else has deleted it
    younger = f"; {plural(kept, 'file')} younger than {SETTLED_S // 60} minutes kept: a job may be writing them"
    return f"{plural(deleted, 'file')} deleted" + (younger if kept else "")


def _rewriting(workspace: Workspace, config: Config, store: Store, name: str) -> Callable[[str], str]:
    if name == "odd":
        return _without_odd
    terms = read_glossary(workspace.glossary)
    if name == "width":
        return sparing(terms, half_width)
    characters = TextCharacters.of(row.text for row in store.segments.dataset_rows() if row.is_usable)
    if name == "tai":
        rarer = characters.rarer_tai
        return sparing(terms, lambda text: text.replace(rarer, "臺" if rarer == "台" else "台") if rarer else text)
    wanted = config.transcripts.script
    if wanted == AS_WRITTEN:
        wanted = "simplified" if characters.script == "simplified" else "traditional-tw"
    return converter(wanted, terms, phrases=False)


def _without_odd(text: str) -> str:
    """A lost character leaves its sign: what it was has to be heard."""
    return " ".join(ODD.sub(lambda one: LOST if one[0] == LOST else " " * one[0].isspace(), text).split())
