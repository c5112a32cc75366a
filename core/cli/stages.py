"""Commands that run a stage as a job and follow it to its end."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from core import demo as demo_workspace
from core.cli import CANNOT, DONE, ITEM_FAILED, AppOptions, OpenApp, show
from core.errors import UserError
from core.events import JobState
from core.jobs import find_job, list_jobs, pause, resume, spawn
from core.jobs import stop as stop_job
from core.stage import STAGES, lookup
from core.stages.details import is_due
from core.store import Store, Video
from core.workspace import Workspace, create, open_workspace

Arguments = argparse.Namespace

LOOKUPS = 100
"""Licences that `add` asks for before it ends: with the pauses about two minutes."""

LICENCES = {"cc-by": "Creative Commons", "standard": "standard", "unknown": "unknown", "own": "own"}


def run_stage(
    workspace: Workspace, stage: str, params: dict[str, Any], *, detach: bool = False, as_json: bool = False
) -> tuple[int, dict[str, Any]]:
    """Start a stage and follow it. Returns the exit code and the stage's result."""
    from core.cli.follow import follow

    folder = spawn(workspace, stage, params)
    id = folder.name.rpartition("-")[2]
    if detach:
        if as_json:
            show.document({"job": id, "folder": folder.name})
        else:
            print(f"{stage} runs as job {id}; `whispersmith jobs --follow {id}` shows it")
        return DONE, {}
    end = follow(folder, quiet=as_json)
    if end.state == JobState.DONE:
        return (ITEM_FAILED if end.failed else DONE), end.result
    if end.state == JobState.CANCELLED:
        raise UserError(f"{stage} was stopped", "somebody asked for it", "start it again: it goes on where it was")
    raise end.error or UserError(f"{stage} failed")


def _simple(arguments: Arguments, stage: str, params: dict[str, Any], sentence: str) -> int:
    """The usual shape: open the workspace, run the stage, print its result as JSON or as one sentence."""
    workspace = open_workspace(arguments.workspace)
    as_json = getattr(arguments, "json", False)
    code, result = run_stage(workspace, stage, params, detach=arguments.detach, as_json=as_json)
    if arguments.detach:
        return code
    if as_json:
        show.document(result)
    else:
        stopped = result.get("stopped")
        heard = result.get("captions")
        count = heard.get("found") if isinstance(heard, dict) else 0
        more = {
            "_stopped": f"; stopped: {stopped}" if stopped else "",
            "_captions": f", captions of {count}" if count else "",
        }
        print(sentence.format_map(_Lenient(result | more)))
    # What was not tried is no success either.
    return max(code, ITEM_FAILED) if result.get("stopped") else code


class _Lenient(dict[str, Any]):
    """A result for a sentence: lists become their length, and what is missing becomes –."""

    def __getitem__(self, key: str) -> Any:
        value = self.get(key, "–")
        return len(value) if isinstance(value, (list, tuple)) else value


def model(arguments: Arguments, _: OpenApp) -> int:
    from core.cli.commands import show_models

    workspace = open_workspace(arguments.workspace)
    if arguments.id is None and not arguments.detach and arguments.role is None:
        return show_models(workspace, arguments.json)
    # The job runs in the workspace; a relative folder may be meant from here.
    params = {"id": arguments.id, "role": arguments.role, "cwd": str(Path.cwd())}
    return _simple(arguments, "model", params, "{id} is ready in {path}")


def add(arguments: Arguments, _: OpenApp) -> int:
    workspace = open_workspace(arguments.workspace)
    # The job runs in the workspace; a relative path is meant from here.
    params = {"what": arguments.what, "cwd": str(Path.cwd())}
    code, result = run_stage(workspace, "add", params, detach=arguments.detach, as_json=arguments.json)
    if arguments.detach:
        return code
    sources = {source["id"] for source in result["sources"]}
    code = max(code, _ask_licences(workspace, sources, as_json=arguments.json))
    rows = _rows_of(workspace, sources)
    result["licences"] = {name: sum(row.licence == name for row in rows) for name in LICENCES}
    if arguments.json:
        show.document(result)
        return code
    print("{added} videos added, {known} known already, {failed} failed".format_map(result))
    counts = ", ".join(f"{count} {LICENCES[name]}" for name, count in result["licences"].items() if count)
    if counts:
        print(f"licences: {counts}")
    if left := sum(map(is_due, rows)):
        print(f"{left} not asked for yet: the same `add` asks for up to {LOOKUPS} more, the Playlist screen for all")
    return code


def _ask_licences(workspace: Workspace, sources: set[int], *, as_json: bool) -> int:
    """Ask for the licences of these sources that nobody has asked for yet: so many as are through in two minutes."""
    ids = [row.id for row in _rows_of(workspace, sources) if is_due(row)]
    if not ids:
        return DONE
    if any(job.live and job.stage == "details" for job in list_jobs(workspace)):
        # It asks at its own pace, which may take hours: nobody should have to wait for its end.
        print("another job is asking for licences already", file=sys.stderr)
        return DONE
    try:
        code, _ = run_stage(workspace, "details", {"ids": ids, "limit": LOOKUPS}, as_json=as_json)
    except UserError as error:
        # What was listed is here all the same, and is told of.
        show.error(error)
        return CANNOT
    return code


def _rows_of(workspace: Workspace, sources: set[int]) -> list[Video]:
    with Store(workspace.db_path) as store:
        return [video for video in store.videos.all() if video.source in sources]


def fetch(arguments: Arguments, _: OpenApp) -> int:
    sentence = "{fetched} fetched, {skipped} were here, {failed} failed{_captions}{_stopped}"
    params = {
        "ids": arguments.ids or None,
        "all": arguments.all,
        "first": arguments.first,
        "any_licence": arguments.any_licence,
        "wait": arguments.wait,
    }
    return _simple(arguments, "fetch", params, sentence)


def captions(arguments: Arguments, _: OpenApp) -> int:
    sentence = "captions of {found} recordings, {none} have none, {failed} failed{_stopped}"
    # None leaves it to the setting captions.automatic.
    params = {"ids": arguments.ids or None, "automatic": arguments.automatic or None, "again": arguments.again}
    return _simple(arguments, "captions", params, sentence)


def segment(arguments: Arguments, _: OpenApp) -> int:
    given = {"length_s": arguments.length, "overlap_s": arguments.overlap}
    settings = {key: value for key, value in given.items() if value is not None}
    params = {"ids": arguments.ids or None, "settings": settings}
    return _simple(arguments, "segment", params, "{segments} segments, {new} of them new")


def label(arguments: Arguments, _: OpenApp) -> int:
    sentence = "{captions} segments written from captions, {labelled} by the labeller; {flagged} flagged"
    params = {"redo": arguments.redo, "no_captions": arguments.no_captions}
    return _simple(arguments, "label", params, sentence)


def import_(arguments: Arguments, _: OpenApp) -> int:
    params = {"path": str(arguments.path.expanduser().resolve()), "as": arguments.origin}
    sentence = "{rows} rows: {imported} imported, {unchanged} unchanged, {kept} kept as they are, {copies} copies"
    return _simple(arguments, "import", params, sentence)


def export(arguments: Arguments, _: OpenApp) -> int:
    folder = str(arguments.dir.expanduser().resolve()) if arguments.dir else None
    sentence = "{train} train and {test} test segments written to {path}"
    return _simple(arguments, "export", {"dir": folder, "format": arguments.format}, sentence)


def split(arguments: Arguments, _: OpenApp) -> int:
    sentence = (
        "{train} train, {test} test, {guard} left out between them; {leak} test segments share audio with "
        "training ones (a random split: {random_leak})"
    )
    return _simple(arguments, "split", {"by": arguments.by, "test": arguments.test}, sentence)


def train(arguments: Arguments, _: OpenApp) -> int:
    params = {"name": arguments.name, "resume": arguments.resume, "steps": arguments.steps}
    return _simple(arguments, "train", params, "{name} is tuned: {path}")


def evaluate(arguments: Arguments, _: OpenApp) -> int:
    workspace = open_workspace(arguments.workspace)
    code, result = run_stage(
        workspace, "evaluate", {"model": arguments.model}, detach=arguments.detach, as_json=arguments.json
    )
    if arguments.detach:
        return code
    if arguments.json:
        show.document(result)
    else:
        print_evaluation(result)
    return code


def print_evaluation(result: dict[str, Any]) -> None:
    """Base beside tuned, and what it was measured on."""
    models = result["models"]
    left_out = f", {result['excluded']} left out as the model knows them" if result.get("excluded") else ""
    print(
        f"on {result['segments']} held-out segments, {result['characters']} characters, leak {result['leak']}{left_out}"
    )
    for role in ("base", "tuned"):
        if role in models:
            figures = models[role]
            bounds = f"{show.percent(figures.get('cer_low'))} to {show.percent(figures.get('cer_high'))}"
            print(f"{role:<6} CER {show.percent(figures['cer'])} (95 %: {bounds})  {figures.get('name', '')}")


def transcribe(arguments: Arguments, _: OpenApp) -> int:
    from core.stages.transcribe import write

    workspace = open_workspace(arguments.workspace)
    params = {"file": str(arguments.file.expanduser().resolve()), "model": arguments.model}
    code, result = run_stage(workspace, "transcribe", params, as_json=True)
    print(write(result, arguments.format), end="")
    return code


def jobs(arguments: Arguments, _: OpenApp) -> int:
    from core.cli.follow import follow

    workspace = open_workspace(arguments.workspace)
    if arguments.stop:
        found = find_job(workspace, arguments.stop)
        stop_job(found.folder)
        print(f"{found.stage} {found.id} was asked to stop")
        return DONE
    if arguments.pause or arguments.resume:
        return _hold(workspace, arguments.pause or arguments.resume, bool(arguments.pause))
    if arguments.follow:
        end = follow(find_job(workspace, arguments.follow).folder)
        if end.error is not None:
            show.error(end.error)
        return DONE if end.state == JobState.DONE else CANNOT
    found_jobs = list_jobs(workspace)
    if arguments.json:
        show.document([job.as_json() for job in found_jobs])
        return DONE
    rows = [
        [
            job.id,
            job.stage,
            "paused" if job.paused else job.state,
            show.percent(job.share),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created / 1000)),
            job.error.what if job.error else "",
        ]
        for job in found_jobs
    ]
    columns = [("id", False), ("stage", False), ("state", False), ("done", True), ("started", False), ("error", False)]
    show.table(columns, rows, "no job has run here")
    return DONE


def _hold(workspace: Workspace, id: str, wanted: bool) -> int:
    found = find_job(workspace, id)
    if not found.live:
        raise UserError(
            f"{found.stage} {found.id} is not running",
            f"it is {found.state}",
            f"whispersmith {found.stage} starts it again",
        )
    if wanted and not lookup(found.stage).holdable:
        holdable = sorted(stage.name for stage in STAGES.values() if stage.holdable)
        raise UserError(
            f"{found.stage} cannot be held",
            f"of the stages only {', '.join(holdable)} can",
            f"whispersmith jobs --stop {found.id} stops it; started again it goes on where it was",
        )
    (pause if wanted else resume)(found.folder)
    asked = f"was asked to pause; `whispersmith jobs --resume {found.id}` lets it go on" if wanted else "goes on"
    print(f"{found.stage} {found.id} {asked}")
    return DONE


def run(arguments: Arguments, _: OpenApp) -> int:
    """Every stage that is due. It ends where a person is needed, and says so."""
    return run_due(open_workspace(arguments.workspace))


def run_due(workspace: Workspace) -> int:
    from core.status import summary

    worst, before = DONE, ""
    while True:
        with Store(workspace.db_path) as store:
            due = summary(store, workspace).next
        if due in ("done", "add", "review") or due == before:
            break
        print(f"── {due}", flush=True)
        params = {"redo": False} if due == "label" else {}
        code, result = run_stage(workspace, due, params)
        if due == "evaluate":
            print_evaluation(result)
        worst, before = max(worst, code), due
    hints = {
        "add": "nothing to work on yet: whispersmith add URL_OR_PATH",
        "review": "now a person is needed: correct and accept transcripts in the app, or `whispersmith import`",
        "done": "every stage is done",
    }
    print(hints.get(due, f"{due} is still due; see `whispersmith jobs`"))
    return worst


def demo(arguments: Arguments, open_app: OpenApp) -> int:
    folder: Path = arguments.dir
    if not arguments.headless:
        return open_app(demo_workspace.create_demo(folder).root, AppOptions(arguments.ascii, arguments.no_mouse))
    workspace = create(folder, config_text=demo_workspace.SETTINGS)
    worst = DONE
    for stage, params in demo_workspace.stages(workspace):
        print(f"── {stage}", flush=True)
        code, result = run_stage(workspace, stage, params)
        if stage == "evaluate":
            print_evaluation(result)
        worst = max(worst, code)
    return worst
