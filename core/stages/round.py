"""round: train quickly on what is accepted, then write anew what no person has touched.

It is composed of the stages split, train and label. Where it is, and what stood in the rows before, is kept, so that a
killed round goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.config import Config
from core.dataset import lineage
from core.errors import UserError
from core.files import read_json, write_text
from core.jobs import Job
from core.labelling.dealing import expected_errors
from core.labelling.first import FirstTranscripts
from core.stages import label, split, train
from core.store import Segment, Store
from core.text import plural
from core.training import runs
from core.training.checkpoints import last_checkpoint
from core.workspace import Workspace

NOTE = "round"
"""The note of the round that is at work, or was the last: {"name", "step", "method"}; step: "train", "label" or
"done"."""
BEFORE = "round.json"
"""In the run's hidden folder: what the rows held before they were written anew."""
BEFORE_BYTES = 1_000_000_000
USUAL_METHOD = "quick"
NEXT = 10
"""Rows that are named as the next to correct."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--method",
        choices=("quick", "light", "full"),
        help="default: quick; light learns more, in about twice the time",
    )


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"method": arguments.method}


def report(result: dict[str, Any]) -> str:
    before, after = result["expected_before"], result["expected_after"]
    lines = [
        f"{result['name']} has written {plural(result['rows'], 'row')} anew, {result['changed']} say something else; "
        f"expected errors in them {before} -> {after}"
    ]
    if result["next"]:
        lines.append(f"correct next: {' '.join(result['next'])}")
    return "\n".join(lines)


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """What is seen without a GPU: something is accepted, and a run can be had with the settings."""
    with Store(workspace.db_path) as store:
        counts = store.segments.counts()
    if not counts["usable"]:
        raise UserError(
            "there is nothing to learn from yet",
            "no segment with a text has been accepted",
            "whispersmith transcript SEGMENT --accept, or a in the Transcripts screen",
        )
    train.check_settings(workspace, config, params.get("method") or USUAL_METHOD)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Train, then let the new model write every text that no person has written, accepted or rejected.

    params: method ("quick" by default). A round that was stopped or killed goes on, where its model or a checkpoint of
    it is there; else it begins anew. Its model is a run like any other: models/<name>. Returns {"name", "rows" (written
    anew), "changed" (how many of them say something else), "expected_before", "expected_after" (errors of those rows,
    as their labellers are unsure of them), "next" (segments to correct next, the most suspicious first), "cer",
    "base_cer" (of the validation segments; None without)}.
    """
    with Store(workspace.db_path) as store:
        at = store.note(NOTE) or {}
        if not _goes_on(workspace, config, at, job.params.get("method")):
            begun = at.get("step") in ("train", "label")
            method = job.params.get("method") or USUAL_METHOD
            at = {"name": runs.next_name(workspace.models), "step": "train", "method": method}
            if begun:
                job.log(f"the last round cannot go on from where it was: it begins anew, with {at['name']}")
            if not _is_split(store):
                split.run(workspace, config, job)
            store.set_note(NOTE, at)
        else:
            job.log(f"the round of {at['name']} goes on")
        name = str(at["name"])
        if at["step"] == "train":
            if not (workspace.models / name).exists():
                at |= _train(workspace, config, job, name, str(at["method"]))
            at["step"] = "label"
            store.set_note(NOTE, at)
        written = _write_anew(workspace, config, job, store, name)
        store.set_note(NOTE, {"name": name, "step": "done"})
    return {"name": name, **written, "cer": at.get("cer"), "base_cer": at.get("base_cer")}


def _goes_on(workspace: Workspace, config: Config, at: Mapping[str, Any], method: str | None) -> bool:
    """Whether the round of the note can be finished: its own model is there, or a checkpoint of its own that the
    settings still fit.

    method: asked for now; None takes that of the run.
    """
    step, name = at.get("step"), str(at.get("name"))
    finished = (workspace.models / name / "config.json").is_file()
    if step != "train":
        return step == "label" and finished
    folder = runs.hidden(workspace.models, name)
    record = runs.read_record(folder)
    if record is None or not record.of_round:
        return False
    if (workspace.models / name).exists():
        return finished
    begun_with = record.train.get("method")
    fits = record.base == config.model.base and begun_with == at.get("method") and method in (None, begun_with)
    return fits and last_checkpoint(folder) is not None and lineage.read(folder) is not None


def _is_split(store: Store) -> bool:
    """Whether the split in force is of the rows that are usable now. Of one by an earlier version only their number is
    known."""
    made = store.note("split") or {}
    if "digest" in made:
        return made["digest"] == store.segments.usable_digest()
    return made.get("usable") == store.segments.counts()["usable"]


def _train(workspace: Workspace, config: Config, job: Job, name: str, method: str) -> dict[str, Any]:
    job.params = {**job.params, "name": name, "method": method, "include": "reviewed"}
    result = train.run(workspace, config, job)
    return {key: result.get(key) for key in ("cer", "base_cer")}


def _write_anew(workspace: Workspace, config: Config, job: Job, store: Store, name: str) -> dict[str, Any]:
    rows = label.due(store.segments.all(), redo=True)
    before = _before(workspace, store, name, rows)
    model = f"{workspace.relative(workspace.models)}/{name}"
    with_model = config.model_copy(update={"model": config.model.model_copy(update={"labeller": model})})
    job.params = {**job.params, "redo": True}
    if rows:
        FirstTranscripts(workspace, with_model, job, store, rows).write()
    ids = {row.id for row in rows}
    now = [row for row in label.due(store.segments.all(), redo=True) if row.id in ids]
    changed = sum(before.texts.get(row.id) != row.text for row in now)
    after = round(expected_errors(store, now))
    first = sorted(now, key=lambda row: -(row.suspicion or 0.0))[:NEXT]
    job.log(f"{changed} of {plural(len(now), 'row')} say something else; expected errors {before.expected} -> {after}")
    return {
        "rows": len(now),
        "changed": changed,
        "expected_before": before.expected,
        "expected_after": after,
        "next": [row.id for row in first],
    }


@dataclass(frozen=True)
class _Before:
    texts: Mapping[str, str]
    expected: int


def _before(workspace: Workspace, store: Store, name: str, rows: Sequence[Segment]) -> _Before:
    """What the rows held before the first of them was written anew: kept, as a killed round has changed some."""
    path = runs.hidden(workspace.models, name) / BEFORE
    try:
        data = read_json(path, BEFORE_BYTES)
        return _Before(data["texts"], data["expected"])
    except (UserError, KeyError, TypeError):
        pass
    expected = round(expected_errors(store, rows))
    found = _Before({row.id: row.text for row in rows}, expected)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps({"texts": found.texts, "expected": expected}, ensure_ascii=False))
    return found
