"""A stage of its own, with all that a stage may offer: it counts the words of a text."""

from __future__ import annotations

import argparse
from typing import Any

from core.config import Config
from core.errors import UserError
from core.jobs import Job
from core.stage import Stage
from core.store import Store
from core.workspace import Workspace

ROW = Stage(
    "tally",
    ("transcripts",),
    "store",
    "count the words of a text",
    "tally",
    items=("word", "words"),
    done="tallied",
    due="untallied",
    word="word count",
    doing="counting words",
    result_counts=(("words", "counted"),),
    advice="count words",
)
HOLD = "hold"
"""While a file of this name lies in the workspace, the stage does not end."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT")
    parser.add_argument("--at-most", type="positive", metavar="N", default=100)


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"text": arguments.text, "at_most": arguments.at_most}


def report(result: dict[str, Any]) -> str:
    return f"{result['words']} words were counted"


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    if not params["text"].split():
        raise UserError("there is nothing to count", "the text is empty", "whispersmith tally 'some words'")


def figures(store: Store, workspace: Workspace) -> dict[str, int]:
    done = int((store.note("tally") or {}).get("words", 0))
    return {"tallied": done, "untallied": int(not done)}


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    words = job.params["text"].split()[: job.params["at_most"]]
    while (workspace.root / HOLD).exists():
        job.progress(0, len(words), "words", words[0])
        job.wait(0.05)
    with Store(workspace.db_path) as store, store.write():
        store.set_note("tally", {"words": len(words)})
    return {"words": len(words)}
