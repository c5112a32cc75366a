"""A site, a workspace that lists all of it, and a fetch of it: in this thread, or in one of its own."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from core.config import Config
from core.events import Item, ItemFailed
from core.jobs.handle import Cancelled
from core.stages import fetch
from core.store import Store, Video
from core.workspace import Workspace, create
from tests.fakes import youtube
from tests.fakes.stage import Run, start
from tests.fakes.youtube import Fault, YouTube

ONE, TWO, THREE, FOUR = "queue000001", "queue000002", "queue000003", "queue000004"


def talk(id: str, *faults: Fault, **more: Any) -> youtube.Video:
    return youtube.Video(id, id, faults=list(faults), **more)


def prepared(site: YouTube, root: Path, *, licence: str = "cc-by", **fetch: Any) -> Workspace:
    """A workspace with every video of the site, none of them selected."""
    made = create(root, config_text=site.toml(fetch=fetch, captions={"fetch": False}))
    with Store(made.db_path) as store:
        for place, video in enumerate(site.videos.values()):
            row = Video(video.id, url=site.watch_url(video.id), title=video.id, position=place, licence=licence)
            store.videos.add(row)
            store.videos.update(video.id, duration_ms=video.claimed * 1000)
    return made


def fetched(workspace: Workspace, config: Config | None = None, **params: Any) -> tuple[dict[str, Any], Run]:
    run = start(workspace, "fetch", params)
    return fetch.run(workspace, config or workspace.config(), run.job), run


def row(workspace: Workspace, id: str) -> Video:
    with Store(workspace.db_path) as store:
        video = store.videos.get(id)
    assert video is not None
    return video


def error_of(workspace: Workspace, id: str) -> dict[str, str]:
    error = row(workspace, id).error
    assert error is not None
    return error


def states(run: Run, id: str) -> list[str]:
    """The states that the item events of a row went through, repeats left out."""
    seen: list[str] = []
    for item in run.events(Item, ItemFailed):
        if item.id == id and seen[-1:] != [item.state]:
            seen.append(item.state)
    return seen


class Background:
    """A fetch in a thread of its own; `end` waits for it and tells what came of it."""

    def __init__(self, workspace: Workspace, **params: Any) -> None:
        self.run = start(workspace, "fetch", params)
        self.result: dict[str, Any] = {}
        self.cancelled = False
        self._workspace = workspace
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        try:
            self.result = fetch.run(self._workspace, self._workspace.config(), self.run.job)
        except Cancelled:
            self.cancelled = True

    def end(self) -> dict[str, Any]:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.result

    def cancel(self) -> None:
        begun = time.monotonic()
        self.run.job.cancel()
        self.end()
        assert self.cancelled
        assert time.monotonic() - begun < 5
