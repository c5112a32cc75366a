"""The command that looks at the accepted segments as a data set, and mends what is wrong."""

from __future__ import annotations

import argparse
import sys

from core.cli import DONE, ITEM_FAILED, OpenApp, show
from core.cli.stages import run_stage
from core.stage import STAGES
from core.store import Store
from core.workspace import open_workspace

SHOWN = 3
"""Rows of a problem that are named where people read."""


def arguments(parser: argparse.ArgumentParser) -> None:
    from core.dataset.check import KINDS

    parser.add_argument("--mend", choices=KINDS, metavar="PROBLEM", help="mend what is wrong: " + ", ".join(KINDS))
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def check(arguments: argparse.Namespace, _: OpenApp) -> int:
    """Exit code 1 if anything is wrong. --json prints a list of {problem, what, count, segments, files, mend}."""
    from core.dataset.check import check_dataset
    from core.dataset.mending import mend_rows, stage_for

    workspace = open_workspace(arguments.workspace)
    with Store(workspace.db_path) as store:
        found = check_dataset(workspace, store)
        wrong = next((problem for problem in found if problem.name == arguments.mend), None)
        stage = None
        if wrong is not None and (stage := stage_for(store, wrong)) is None:
            show.say(mend_rows(workspace, workspace.config(), store, wrong), sys.stderr)
    if stage is not None:
        run_stage(workspace, STAGES[stage.stage], stage.params, quiet=arguments.json)
    if wrong is not None:
        with Store(workspace.db_path) as store:
            found = check_dataset(workspace, store)
    if arguments.json:
        show.document([problem.as_json() for problem in found])
    else:
        rows = [
            [
                problem.name,
                str(problem.count),
                _mend(problem.mend),
                ", ".join(_some(problem.rows or problem.files)),
                problem.text,
            ]
            for problem in found
        ]
        columns = [("problem", False), ("count", True), ("--mend", False), ("where", False), ("what", False)]
        show.table(columns, rows, "nothing is wrong with what is accepted")
    return ITEM_FAILED if found else DONE


def _some(names: tuple[str, ...]) -> list[str]:
    return [*names[:SHOWN], *(["…"] if len(names) > SHOWN else [])]


def _mend(how: str) -> str:
    words = {"cut": "cuts again", "delete": "deletes them", "leave-out": "leaves them out", "rewrite": "rewrites them"}
    return words.get(how, "splits again" if how == "split" else "–")
