"""The command `jobs`: what runs and what has run; following, holding and stopping a job."""

from __future__ import annotations

import argparse
import time

from core.cli import CANNOT, DONE, OpenApp, show
from core.errors import UserError
from core.events import JobState
from core.jobs import find_job, list_jobs, pause, resume, stop
from core.stage import STAGES, lookup
from core.text import percent
from core.workspace import Workspace, open_workspace


def jobs(arguments: argparse.Namespace, _: OpenApp) -> int:
    workspace = open_workspace(arguments.workspace)
    if arguments.stop:
        found = find_job(workspace, arguments.stop)
        stop(found.folder)
        show.say(f"{found.stage} {found.id} was asked to stop")
        return DONE
    if arguments.pause or arguments.resume:
        return _hold(workspace, arguments.pause or arguments.resume, bool(arguments.pause))
    if arguments.follow:
        return _follow(workspace, arguments.follow)
    found_jobs = list_jobs(workspace)
    if arguments.json:
        show.document([job.as_json() for job in found_jobs])
        return DONE
    rows = [
        [
            job.id,
            job.stage,
            "paused" if job.paused else job.state,
            percent(job.share),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created / 1000)),
            job.error.what if job.error else "",
        ]
        for job in found_jobs
    ]
    columns = [("id", False), ("stage", False), ("state", False), ("done", True), ("started", False), ("error", False)]
    show.table(columns, rows, "no job has run here")
    return DONE


def _follow(workspace: Workspace, id: str) -> int:
    from core.cli.follow import follow

    end = follow(find_job(workspace, id).folder)
    if end.error is not None:
        show.error(end.error)
    return DONE if end.state == JobState.DONE else CANNOT


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
    show.say(f"{found.stage} {found.id} {asked}")
    return DONE
