"""Commands that run stages as jobs and follow them to their end.

Options, parameters and what is said of a result are each stage's own (see core/stage.py). Here is what all of them have
in common, and what a command does around its stage.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from core import demo as demo_workspace
from core.cli import CANNOT, DONE, ITEM_FAILED, AppOptions, OpenApp, commands, show
from core.errors import UserError
from core.events import JobState
from core.jobs import list_jobs, spawn
from core.stage import STAGES, Stage
from core.stages.details import is_due
from core.store import Store, Video
from core.workspace import Workspace, create, open_workspace

LOOKUPS = 100
"""Licences that `add` asks for before it ends: with the pauses about two minutes."""

LICENCES = {"cc-by": "Creative Commons", "standard": "standard", "unknown": "unknown", "own": "own"}


def command(stage: Stage, arguments: argparse.Namespace, _: OpenApp) -> int:
    """The command of a stage: run it with what was asked for, and show its result."""
    workspace = open_workspace(arguments.workspace)
    if stage.name == "model" and arguments.id is None and arguments.role is None and not arguments.detach:
        return commands.show_models(workspace, arguments.json)
    module = stage.load()
    params = module.params(arguments)
    if getattr(arguments, "dry_run", False):
        return _forecast(workspace, stage, params, as_json=arguments.json)
    if arguments.detach:
        return _detach(workspace, stage, params, as_json=arguments.json)
    code, result = run_stage(workspace, stage, params, quiet=arguments.json or stage.prints_document)
    more: list[str] = []
    if stage.name == "add":
        licences_code, more = _ask_licences(workspace, result, quiet=arguments.json)
        code = max(code, licences_code)
    if arguments.json:
        show.document(result)
    else:
        show.say("\n".join([module.report(result).removesuffix("\n"), *more]))
    # What was not tried is no success either.
    return max(code, ITEM_FAILED) if result.get("stopped") else code


def _forecast(workspace: Workspace, stage: Stage, params: dict[str, Any], *, as_json: bool) -> int:
    config, module = workspace.config(), stage.load()
    stage.check(workspace, config, params)
    found = module.forecast(workspace, config, params)
    if as_json:
        show.document(found)
    else:
        show.say(module.forecast_report(found))
    return DONE


def _detach(workspace: Workspace, stage: Stage, params: dict[str, Any], *, as_json: bool) -> int:
    folder = _start(workspace, stage, params)
    id = folder.name.rpartition("-")[2]
    if as_json:
        show.document({"job": id, "folder": folder.name})
    else:
        show.say(f"{stage.name} runs as job {id}; `whispersmith jobs --follow {id}` shows it")
    return DONE


def _start(workspace: Workspace, stage: Stage, params: dict[str, Any]) -> Path:
    # The job looks at them, too; here they are refused without leaving a failed job behind.
    stage.check(workspace, workspace.config(), params)
    return spawn(workspace, stage.name, params)


def run_stage(
    workspace: Workspace, stage: Stage, params: dict[str, Any], *, quiet: bool = False
) -> tuple[int, dict[str, Any]]:
    """Run a stage as a job and follow it: (exit code, the stage's result). quiet: nothing but errors is shown."""
    from core.cli.follow import follow

    end = follow(_start(workspace, stage, params), quiet=quiet)
    if end.state == JobState.DONE:
        return (ITEM_FAILED if end.failed else DONE), end.result
    if end.state == JobState.CANCELLED:
        raise UserError(f"{stage.name} was stopped", "somebody asked for it", "start it again: it goes on where it was")
    raise end.error or UserError(f"{stage.name} failed")


# -- licences, which `add` asks for after its stage


def _ask_licences(workspace: Workspace, result: dict[str, Any], *, quiet: bool) -> tuple[int, list[str]]:
    """Ask for the licences of what was added that nobody has asked for yet: so many as are through in two minutes.

    Returns (exit code, lines that say what came of it), and puts the counts of all licences into the result.
    """
    sources = {source["id"] for source in result["sources"]}
    code = _run_details(workspace, [row.id for row in _rows_of(workspace, sources) if is_due(row)], quiet=quiet)
    rows = _rows_of(workspace, sources)
    result["licences"] = {name: sum(row.licence == name for row in rows) for name in LICENCES}
    lines = []
    if counts := ", ".join(f"{count} {LICENCES[name]}" for name, count in result["licences"].items() if count):
        lines.append(f"licences: {counts}")
    if left := sum(map(is_due, rows)):
        lines.append(
            f"{left} not asked for yet: the same `add` asks for up to {LOOKUPS} more, the Playlist screen for all"
        )
    return code, lines


def _run_details(workspace: Workspace, ids: list[str], *, quiet: bool) -> int:
    if not ids:
        return DONE
    if any(job.live and job.stage == "details" for job in list_jobs(workspace)):
        # It asks at its own pace, which may take hours: nobody should have to wait for its end.
        show.say("another job is asking for licences already", sys.stderr)
        return DONE
    try:
        return run_stage(workspace, STAGES["details"], {"ids": ids, "limit": LOOKUPS}, quiet=quiet)[0]
    except UserError as error:
        # What was listed is here all the same, and is shown.
        show.error(error)
        return CANNOT


def _rows_of(workspace: Workspace, sources: set[int]) -> list[Video]:
    with Store(workspace.db_path) as store:
        return [video for video in store.videos.all() if video.source in sources]


# -- several stages in order


def run(arguments: argparse.Namespace, _: OpenApp) -> int:
    """Every stage that is due. It ends where a person is needed, and says so."""
    from core.status import summary

    workspace = open_workspace(arguments.workspace)
    worst, before = DONE, ""
    while True:
        with Store(workspace.db_path) as store:
            due = summary(store, workspace).next
        if due == "done":
            show.say("every stage is done")
            return worst
        if STAGES[due].by_person:
            show.say(STAGES[due].by_person)
            return worst
        if due == before:
            show.say(f"{due} is still due; see `whispersmith jobs`")
            return worst
        worst, before = max(worst, _run_in_turn(workspace, STAGES[due], {})), due


def demo(arguments: argparse.Namespace, open_app: OpenApp) -> int:
    folder: Path = arguments.dir
    if not arguments.headless:
        return open_app(demo_workspace.create_demo(folder).root, AppOptions(arguments.ascii, arguments.no_mouse))
    workspace = create(folder, config_text=demo_workspace.SETTINGS)
    return max(_run_in_turn(workspace, STAGES[name], params) for name, params in demo_workspace.stages(workspace))


def _run_in_turn(workspace: Workspace, stage: Stage, params: dict[str, Any]) -> int:
    show.say(f"── {stage.name}")
    code, result = run_stage(workspace, stage, params)
    if stage.help:
        show.say(stage.load().report(result))
    return code
