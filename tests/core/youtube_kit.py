"""Stages run on a workspace that is led to the stand-in for YouTube."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path
from typing import Any

from core.store import Captions, Store, Video
from core.workspace import Workspace, create
from tests.fakes.feed import ffmpeg
from tests.fakes.stage import Run, start
from tests.fakes.youtube import YouTube

LIST = "PLloopbacklist"

SHOWN = [
    ("private", "private"),
    ("deleted", "gone"),
    ("terminated", "gone"),
    ("members", "members"),
    ("age", "age"),
    ("country", "country"),
    ("copyright", "copyright"),
    ("premiere", "upcoming"),
    ("announced", "upcoming"),
    ("live", "live"),
]
"""States of a video that its page shows, and the kind of failure each is."""


def made(folder: Path, site: YouTube, **tables: Any) -> Workspace:
    return create(folder / "ws", config_text=site.toml(**tables))


def ran(stage: str, workspace: Workspace, **params: Any) -> tuple[dict[str, Any], Run]:
    """(result, what it said) of a stage run to its end."""
    run = start(workspace, stage, params)
    module = importlib.import_module(f"core.stages.{stage}")
    return module.run(workspace, workspace.config(), run.job), run


def added(workspace: Workspace, *what: str) -> tuple[dict[str, Any], Run]:
    return ran("add", workspace, what=list(what))


def listed(workspace: Workspace, site: YouTube, **changes: Any) -> None:
    """Put every video of the site into the store as a list would, without asking for anything."""
    with Store(workspace.db_path) as store:
        for position, video in enumerate(site.videos.values()):
            row = Video(video.id, url=site.watch_url(video.id), title=video.title, position=position, **changes)
            store.videos.add(row)


def rows(workspace: Workspace) -> dict[str, Video]:
    with Store(workspace.db_path) as store:
        return {video.id: video for video in store.videos.all()}


def captions(workspace: Workspace, id: str) -> Captions | None:
    with Store(workspace.db_path) as store:
        return store.captions.get(id)


def kinds(workspace: Workspace) -> dict[str, str]:
    """Id -> kind of its failure, of the rows that have one."""
    return {id: video.error["kind"] for id, video in rows(workspace).items() if video.error}


def packets(recording: Path | bytes) -> bytes:
    """The encoded sound without its container, which a remux writes anew."""
    source, data = ("-", recording) if isinstance(recording, bytes) else (str(recording), None)
    command = [ffmpeg(), "-loglevel", "error", "-i", source, "-map", "0:a", "-c", "copy", "-f", "data", "-"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout
