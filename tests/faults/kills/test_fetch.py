"""A download that is killed again and again ends as if nothing had happened: every file the same, nothing sent twice.

Real job processes, the real yt-dlp and ffmpeg, SIGKILL for the job or its whole process group at seeded moments.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.events import Item
from core.jobs import EventReader, spawn
from core.jobs.attach import view
from core.store import Store, Video
from core.workspace import Workspace, create
from tests.fakes import youtube
from tests.fakes.youtube import Request, YouTube
from tests.jobs.conftest import process_of, wait_for

IDS = ["killed00001", "-illed00002", "killed_0003"]


@dataclass
class Trail:
    """What was seen after each kill. sizes: of every partial file; done: requests made for a video once it was here."""

    kills: int = 0
    sizes: dict[str, list[int]] = field(default_factory=lambda: {id: [0] for id in IDS})
    done: dict[str, int] = field(default_factory=dict)


@pytest.fixture
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoded")


def site_of(folder: Path, rate: int | None) -> YouTube:
    lengths = zip(IDS, (18, 24, 30), strict=True)
    return YouTube(folder, [youtube.Video(id, id, seconds, rate=rate) for id, seconds in lengths])


def prepared(root: Path, site: YouTube) -> Workspace:
    made = create(root, config_text=site.toml(captions={"fetch": False}))
    with Store(made.db_path) as store:
        for id in IDS:
            length = site.videos[id].seconds * 1000
            store.videos.add(Video(id, url=site.watch_url(id), duration_ms=length, licence="cc-by"))
    return made


def files(workspace: Workspace) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in workspace.media.glob("*.mp4")}


def part(workspace: Workspace, id: str) -> int:
    """Bytes of a download that are on the disk, whether or not it has lost its suffix yet."""
    return sum(path.stat().st_size for path in workspace.partial.glob(f"{id}.*") if path.suffix in (".part", ".m4a"))


def to_the_end(workspace: Workspace) -> None:
    folder = spawn(workspace, "fetch", {})
    wait_for(lambda: not alive(folder), timeout=120)
    seen = view(folder)
    assert seen is not None
    assert (seen.state, seen.failed, seen.error) == ("done", 0, None)


def kill(folder: Path, send: Callable[[int, int], None]) -> bool:
    """SIGKILL for the job, with or without its children. False if it had ended already."""
    if not alive(folder):
        return False
    send(process_of(folder), signal.SIGKILL)
    wait_for(lambda: not alive(folder))
    return True


def alive(folder: Path) -> bool:
    return (seen := view(folder)) is not None and seen.live


def came(site: YouTube) -> int:
    return sum(site.sent(id) for id in IDS)


def killed_often(workspace: Workspace, site: YouTube, times: int, dice: random.Random) -> Trail:
    trail = Trail()
    params: dict[str, object] = {"ids": IDS}
    while trail.kills < times:
        folder = spawn(workspace, "fetch", params)
        if params:
            # Before this nobody can know what was asked for; from here on a bare fetch goes on with it.
            events = EventReader(folder / "events.jsonl")
            wait_for(lambda events=events: any(isinstance(entry.event, Item) for entry in events.read()[0]))
            params = {}
        if trail.kills % 2 == 0:
            before = came(site)
            wait_for(lambda before=before, folder=folder: came(site) > before or not alive(folder))
        # The moment itself, not a wait for something: any will do. Every second one lies in a transfer or behind it.
        time.sleep(dice.uniform(0.0, 0.3 if trail.kills % 2 == 0 else 1.8))
        trail.kills += kill(folder, dice.choice((os.kill, os.killpg)))
        for id in IDS:
            trail.sizes[id].append(part(workspace, id))
            if (workspace.media / f"{id}.mp4").exists():
                trail.done.setdefault(id, len(site.requests("watch", id)))
        assert len(trail.done) < len(IDS), "the site is too fast for so many kills"
    return trail


def transfers(site: YouTube, id: str) -> Iterator[Request]:
    """The requests that sound was taken from. A file that was whole when the kill came is only asked for its length:
    with 416 for the byte behind its end, and then without a range, of which nothing is read."""
    before = None
    for request in site.requests("media", id):
        if request.status != 416 and not (before is not None and before.status == 416):
            yield request
        before = request


def assert_nothing_twice(site: YouTube, workspace: Workspace, trail: Trail) -> None:
    for id in IDS:
        # A killed transfer is written down when the server notices: all have ended now, in whatever order.
        starts = sorted(request.start for request in transfers(site, id))
        assert starts[0] == 0
        # Every transfer begins at what was on the disk, so that each byte was written by exactly one of them.
        assert set(starts) <= set(trail.sizes[id])
        for start in set(starts):
            assert starts.count(start) <= trail.sizes[id].count(start), "asked for again although it was here"
        if id in trail.done:
            assert len(site.requests("watch", id)) == trail.done[id], "a finished video was asked for again"
    assert list(workspace.partial.iterdir()) == []


def undisturbed(root: Path, encoded: Path) -> dict[str, str]:
    with site_of(encoded, None) as site:
        workspace = prepared(root, site)
        with Store(workspace.db_path) as store:
            store.videos.select(IDS)
        to_the_end(workspace)
    found = files(workspace)
    assert sorted(found) == sorted(f"{id}.mp4" for id in IDS)
    return found


def check(tmp_path: Path, encoded: Path, *, times: int, rate: int, seed: int) -> None:
    expected = undisturbed(tmp_path / "calm", encoded)
    with site_of(encoded, rate) as site:
        workspace = prepared(tmp_path / "killed", site)
        trail = killed_often(workspace, site, times, random.Random(seed))
        for video in site.videos.values():
            video.rate = None
        to_the_end(workspace)
        assert trail.kills == times
        assert len({size for sizes in trail.sizes.values() for size in sizes}) > times / 4, "hardly any hit a transfer"
        assert files(workspace) == expected
        assert_nothing_twice(site, workspace, trail)
        with Store(workspace.db_path) as store:
            assert [video.state for video in store.videos.all()] == ["fetched"] * 3


def test_killed_three_times(tmp_path: Path, encoded: Path) -> None:
    check(tmp_path, encoded, times=3, rate=120_000, seed=3)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path, encoded: Path) -> None:
    check(tmp_path, encoded, times=20, rate=60_000, seed=20)
