"""Holding, releasing and stopping a download from outside, in whatever it is doing: real job processes, a slow site."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.events import Blocked, Event, Paused, Resumed, Unblocked
from core.jobs import EventReader, pause, resume, spawn, stop
from core.jobs.attach import JobView, view
from core.media import probe
from core.store import Store, Video
from core.workspace import Workspace, create
from tests.fakes import youtube
from tests.fakes.stage import start
from tests.fakes.youtube import Fault, YouTube
from tests.jobs.conftest import wait_for

ONE, TWO = "control0001", "control0002"


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoded")


class Download:
    """A fetch of two videos in a process of its own, and the site it comes from."""

    def __init__(self, root: Path, site: YouTube, **fetch: Any) -> None:
        self.site = site
        self.workspace: Workspace = create(root, config_text=site.toml(fetch=fetch, captions={"fetch": False}))
        with Store(self.workspace.db_path) as store:
            for place, id in enumerate((ONE, TWO)):
                row = Video(id, position=place, url=site.watch_url(id), duration_ms=6000, licence="cc-by")
                store.videos.add(row)
        self.folder = Path()

    def start(self, **params: Any) -> None:
        self.folder = spawn(self.workspace, "fetch", {"all": True, **params})

    @property
    def view(self) -> JobView:
        seen = view(self.folder)
        assert seen is not None
        return seen

    def events(self, kind: type[Event]) -> list[Event]:
        entries = EventReader(self.folder / "events.jsonl").all()
        return [entry.event for entry in entries if isinstance(entry.event, kind)]

    @property
    def note(self) -> str:
        return self.view.note

    def part(self) -> int:
        return sum(path.stat().st_size for path in self.workspace.partial.glob("*.part"))

    def end(self) -> JobView:
        wait_for(lambda: not self.view.live, timeout=60)
        return self.view

    def row(self, id: str) -> Video:
        with Store(self.workspace.db_path) as store:
            found = store.videos.get(id)
        assert found is not None
        return found


@pytest.fixture
def site(encoded: Path) -> Iterator[YouTube]:
    with YouTube(encoded, [youtube.Video(ONE, ONE), youtube.Video(TWO, TWO)]) as site:
        yield site


@pytest.fixture
def begun() -> Iterator[list[Download]]:
    """Every download of a test; none may outlive it."""
    made: list[Download] = []
    yield made
    for download in made:
        if download.folder.name and download.view.live:
            stop(download.folder)
            download.end()


def made(begun: list[Download], root: Path, site: YouTube, **fetch: Any) -> Download:
    begun.append(Download(root, site, **fetch))
    return begun[-1]


def test_a_pause_interrupts_a_transfer_and_it_goes_on_at_the_same_byte(
    tmp_path: Path, site: YouTube, begun: list[Download]
) -> None:
    site.videos[ONE].rate = 25_000
    download = made(begun, tmp_path / "ws", site)
    download.start()
    wait_for(lambda: download.part() > 10_000)
    pause(download.folder)
    # The line is hung up: the request ends, and is written down by the site.
    wait_for(lambda: site.requests("media", ONE))
    assert download.events(Paused)
    assert download.view.paused
    assert download.view.state == "running"
    wait_for(lambda: download.note.startswith("paused: "))
    size = download.part()
    assert 10_000 < size < len(site.audio(ONE))
    assert site.audio(ONE).startswith(next(download.workspace.partial.glob("*.part")).read_bytes())
    asked = len(site.requests())
    # Time has to pass here: that nothing is asked for while it does is the point.
    time.sleep(1.0)
    assert (len(site.requests()), download.part()) == (asked, size)

    site.videos[ONE].rate = None
    resume(download.folder)
    done = download.end()
    assert (done.state, done.result["fetched"], done.paused) == ("done", 2, False)
    assert [request.start for request in site.requests("media", ONE)] == [0, size]
    assert download.events(Resumed)
    assert abs(probe(download.workspace.media / f"{ONE}.mp4").duration_ms - 6000) < 200
    # The same video went on at once, before the other.
    assert site.asked("media") == [ONE, TWO]


def test_a_pause_holds_in_the_pause_between_two_videos(tmp_path: Path, site: YouTube, begun: list[Download]) -> None:
    download = made(begun, tmp_path / "ws", site, pause_min_s=0.6, pause_max_s=0.6)
    download.start()
    wait_for(lambda: download.note.startswith("pause of"))
    pause(download.folder)
    wait_for(lambda: download.events(Paused))
    # Longer than the pause between the videos would have taken.
    time.sleep(1.2)
    assert not site.requests(None, TWO)
    resume(download.folder)
    assert download.end().result["fetched"] == 2


def test_a_pause_before_a_second_try_holds_and_its_end_begins_it(
    tmp_path: Path, site: YouTube, begun: list[Download]
) -> None:
    site.videos[TWO].faults = [Fault("media", cut_after=20_000)]
    download = made(begun, tmp_path / "ws", site, retry_wait_s=600)
    download.start()
    wait_for(lambda: download.note.startswith("tried again at"))
    pause(download.folder)
    wait_for(lambda: download.events(Paused))
    assert len(site.requests("media", TWO)) == 1
    resume(download.folder)
    assert download.end().result["fetched"] == 2
    assert site.requests("media", TWO)[1].start > 0


def test_a_blocked_queue_goes_on_when_told(tmp_path: Path, site: YouTube, begun: list[Download]) -> None:
    site.wall = True
    download = made(begun, tmp_path / "ws", site)
    download.start(wait=True)
    wait_for(lambda: download.events(Blocked))
    assert download.view.state == "running"
    wait_for(lambda: download.note.startswith("blocked by YouTube: goes on at "))
    assert download.view.block is not None
    site.wall = False
    resume(download.folder)
    done = download.end()
    assert (done.state, done.result["fetched"], done.failed) == ("done", 2, 0)
    assert download.events(Unblocked)


def in_a_transfer(download: Download) -> Callable[[], object]:
    download.site.videos[ONE].rate = 10_000
    return lambda: download.part() > 2_000


def on_a_dead_line(download: Download) -> Callable[[], object]:
    download.site.videos[ONE].faults = [Fault("media", hang_after=5_000)]
    return lambda: download.site.sent(ONE) >= 5_000


def between_two(download: Download) -> Callable[[], object]:
    return lambda: download.note.startswith("pause of")


def before_a_second_try(download: Download) -> Callable[[], object]:
    for video in download.site.videos.values():
        video.faults = [Fault("media", cut_after=20_000)]
    return lambda: download.note.startswith("tried again at")


def blocked(download: Download) -> Callable[[], object]:
    download.site.wall = True
    return lambda: download.events(Blocked)


def paused(download: Download) -> Callable[[], object]:
    download.site.videos[ONE].rate = 10_000
    wanted = in_a_transfer(download)

    def held() -> bool:
        if wanted() and not download.view.paused:
            pause(download.folder)
        return download.note.startswith("paused: ")

    return held


STATES = [in_a_transfer, on_a_dead_line, between_two, before_a_second_try, blocked, paused]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_cancel_ends_it_at_once_and_the_next_fetch_takes_it_up(
    tmp_path: Path, site: YouTube, begun: list[Download], state: Callable[[Download], Callable[[], object]]
) -> None:
    long = 600 if state in (between_two,) else 0
    download = made(begun, tmp_path / "ws", site, pause_min_s=long, pause_max_s=long, retry_wait_s=600)
    reached = state(download)
    download.start(wait=True)
    wait_for(reached)
    asked = time.monotonic()
    stop(download.folder)
    wait_for(lambda: not download.view.live)
    assert time.monotonic() - asked < 3
    assert download.view.state == "cancelled"
    assert all(download.row(id).state != "failed" and download.row(id).selected for id in (ONE, TWO))

    site.wall = False
    site.release()
    for video in site.videos.values():
        video.rate, video.faults = None, []
    text = download.workspace.config_path.read_text(encoding="utf-8")
    download.workspace.config_path.write_text(text.replace("= 600", "= 0"), encoding="utf-8")
    download.folder = spawn(download.workspace, "fetch", {})
    assert download.end().state == "done"
    assert [download.row(id).state for id in (ONE, TWO)] == ["fetched", "fetched"]


def test_a_word_to_go_on_that_is_quicker_than_the_wait_counts(tmp_path: Path) -> None:
    job = start(create(tmp_path / "ws"), "fetch").job
    before = job.resumes
    job.end_wait()
    assert job.wait_for_resume(60, since=before)
    assert not job.wait_for_resume(0.01)
