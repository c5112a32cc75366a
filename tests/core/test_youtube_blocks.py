"""When YouTube refuses the whole machine: the queue stops or waits, asks for nothing more, and loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.events import Blocked, Unblocked
from core.stages import fetch
from core.workspace import Workspace
from tests.core.youtube_kit import kinds, listed, made, ran, rows
from tests.fakes.stage import Run, start, wait_until
from tests.fakes.youtube import Fault, Video, YouTube, many


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sound")


def wall(site: YouTube) -> None:
    site.wall = True


def too_many(site: YouTube) -> None:
    for video in site.videos.values():
        video.faults = [Fault("all", 429, times=None)]


def session_limit(site: YouTube) -> None:
    for video in site.videos.values():
        video.state = "rate_limited"


def opened(site: YouTube) -> None:
    site.wall = False
    for video in site.videos.values():
        video.faults, video.state = [], "ok"


BLOCKS = pytest.mark.parametrize(
    ("block", "kind"), [(wall, "bot wall"), (too_many, "rate limited"), (session_limit, "rate limited")]
)


@BLOCKS
def test_a_block_stops_the_queue_and_the_next_fetch_goes_on(
    sound: Path, tmp_path: Path, block: Callable[[YouTube], None], kind: str
) -> None:
    videos = many(4)
    ids = [video.id for video in videos]
    with YouTube(sound, videos) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site, licence="cc-by")
        assert ran("fetch", workspace, ids=ids[:1])[0]["fetched"] == 1
        block(site)
        site.forget()
        result, run = ran("fetch", workspace, ids=ids)
        assert (result["fetched"], result["skipped"]) == (0, 1)
        assert result["stopped"]
        # The first that was refused is the last that was asked for, whatever was still in the queue.
        assert {request.video for request in site.requests() if request.what in ("watch", "player", "next")} == {ids[1]}
        assert not site.requests("media")
        assert not site.requests("captions")
        (blocked,) = run.events(Blocked)
        assert (blocked.cause, blocked.left, blocked.until) == (kind, 3, None)
        steps = " ".join(blocked.steps)
        assert steps.index("wait") < steps.index("proxy =") < steps.index("cookies.txt")
        assert kinds(workspace) == {ids[1]: kind}
        # The queue lies on the disk: the next one knows what is left without being told.
        assert [row.state for row in rows(workspace).values()] == ["fetched", "failed", "listed", "listed"]
        assert all(row.selected for row in rows(workspace).values())
        opened(site)
        site.forget()
        result, _ = ran("fetch", workspace)
        assert (result["fetched"], result["skipped"], result["stopped"]) == (3, 1, "")
        assert site.asked("media") == ids[1:]
        assert kinds(workspace) == {}


def carried(workspace: Workspace, run: Run) -> tuple[threading.Thread, list[dict[str, object]]]:
    results: list[dict[str, object]] = []
    thread = threading.Thread(target=lambda: results.append(fetch.run(workspace, workspace.config(), run.job)))
    thread.start()
    return thread, results


def test_a_queue_that_may_wait_goes_on_when_it_is_told_to(sound: Path, tmp_path: Path) -> None:
    videos = many(3)
    videos[1].faults = [Fault("all", 429, times=None)]
    with YouTube(sound, videos) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site, licence="cc-by")
        run = start(workspace, "fetch", {"all": True, "wait": True})
        thread, results = carried(workspace, run)
        wait_until(lambda: run.events(Blocked))
        (blocked,) = run.events(Blocked)
        assert blocked.until
        assert site.asked("media") == [videos[0].id]
        asked = len(site.requests())
        opened(site)
        assert len(site.requests()) == asked
        run.job.end_wait()
        thread.join(60)
        assert [result["fetched"] for result in results] == [3]
        assert len(run.events(Unblocked)) == 1
        assert kinds(workspace) == {}
        # The blocked video comes next, before the others.
        assert site.asked("media") == [video.id for video in videos]


def test_a_queue_that_may_wait_goes_on_by_itself(sound: Path, tmp_path: Path) -> None:
    videos = many(2)
    videos[0].faults = [Fault("all", 429, times=2)]
    with YouTube(sound, videos) as site:
        workspace = made(tmp_path, site, fetch={"block_wait_min": 0.003})
        listed(workspace, site, licence="cc-by")
        result, run = ran("fetch", workspace, all=True, wait=True)
        assert (result["fetched"], result["stopped"]) == (2, "")
        assert len(run.events(Blocked)) == len(run.events(Unblocked)) == 2
        lengths = [entry.event.until - entry.t for entry in run.entries(Blocked)]  # type: ignore[union-attr]
        assert lengths[1] > lengths[0]


def test_one_refused_media_server_is_no_block(sound: Path, tmp_path: Path) -> None:
    videos = [Video("busyAAAAAAA", faults=[Fault("media", 503)]), *many(1)]
    with YouTube(sound, videos) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site, licence="cc-by")
        result, run = ran("fetch", workspace, all=True)
        assert (result["fetched"], result["failed"], result["stopped"]) == (2, 0, "")
        assert run.events(Blocked) == []
