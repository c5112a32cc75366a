"""A fetch that is killed at any moment, as a real process: what has come is kept, and the end is the same."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from core.jobs.spawn import spawn
from core.jobs.status import read_status
from core.workspace import Workspace
from tests.core.youtube_kit import listed, made, packets, ran, rows
from tests.fakes.stage import runs, wait_until
from tests.fakes.youtube import Fault, Video, YouTube


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sound")


def three() -> list[Video]:
    return [Video(f"-{name:A<10}", name, tone=tone) for name, tone in (("one", 300), ("two", 400), ("three", 500))]


def running(workspace: Workspace) -> int:
    """The process of a fetch of what is selected, which has begun."""
    pid = read_status(spawn(workspace, "fetch")).pid
    assert pid is not None
    return pid


def kill(pid: int) -> None:
    os.killpg(pid, signal.SIGKILL)
    wait_until(lambda: not runs(pid))


def part(workspace: Workspace, id: str) -> int:
    return sum(path.stat().st_size for path in workspace.partial.glob(f"{id}.*.part"))


def test_sigkill_in_the_middle_of_the_second_of_three(sound: Path, tmp_path: Path) -> None:
    videos = three()
    first, second, third = (video.id for video in videos)
    videos[1].faults = [Fault("media", hang_after=50_000)]
    with YouTube(sound, videos) as site:
        undisturbed = made(tmp_path / "undisturbed", site)
        for workspace in (undisturbed, made(tmp_path / "killed", site)):
            listed(workspace, site, licence="cc-by", selected=True)
        pid = running(workspace)
        wait_until(lambda: part(workspace, second) > 30_000)
        kill(pid)
        # The queue and what is finished are on the disk.
        assert [(row.state, row.selected) for row in rows(workspace).values()] == [
            ("fetched", True),
            ("listed", True),
            ("listed", True),
        ]
        size = part(workspace, second)
        (kept,) = workspace.partial.glob(f"{second}.*.part")
        assert kept.read_bytes() == site.audio(second)[:size]
        wait_until(lambda: site.requests("media", second))
        site.forget()
        result, _ = ran("fetch", workspace)
        assert (result["fetched"], result["skipped"], result["failed"]) == (2, 1, 0)
        assert [(request.video, request.start) for request in site.requests("media")] == [(second, size), (third, 0)]
        assert list(workspace.partial.iterdir()) == []

        ran("fetch", undisturbed)
        for id in (first, second, third):
            recording = workspace.media / f"{id}.mp4"
            assert recording.read_bytes() == (undisturbed.media / f"{id}.mp4").read_bytes()
            assert packets(recording) == packets(site.audio(id))
