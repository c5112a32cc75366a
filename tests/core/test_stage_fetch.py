"""Fetching over real HTTP on loopback, with the real yt-dlp and ffmpeg."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.events import ItemState
from core.jobs.handle import Cancelled
from core.jobs.spawn import spawn
from core.jobs.status import read_status
from core.media import probe
from core.sources import sidecar
from core.stages import add, fetch
from core.store import Store
from core.workspace import Workspace, create
from tests.core.fetch_kit import fetched, row
from tests.fakes.feed import Episode, FeedServer
from tests.fakes.stage import runs, start, wait_until

TOML = """
[fetch]
any_licence = {free}
pause_min_s = 0.0
pause_max_s = 0.0
request_pause_s = 0.0
retry_wait_s = 0.0
tries = {tries}
[ytdlp]
cachedir = false
retries = {retries}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One try for each: what a second one does stands in test_stage_fetch_queue.py."""
    return create(tmp_path / "ws", config_text=TOML.format(free="true", retries=0, tries=1))


def listed(workspace: Workspace, server: FeedServer) -> dict[str, str]:
    """Add the server's feed; episode -> id of its row."""
    add.run(workspace, workspace.config(), start(workspace, "add", {"what": [server.feed_url]}).job)
    with Store(workspace.db_path) as store:
        return {video.title: video.id for video in store.videos.all()}


def sound(path: Path) -> bytes:
    """The encoded sound of an mp4 or m4a without its wrapping: what must not change by a single byte."""
    import subprocess

    from core.media import find_ffmpeg

    command = [
        find_ffmpeg().path,
        "-loglevel",
        "error",
        "-i",
        str(path),
        "-map",
        "0:a",
        "-c",
        "copy",
        "-f",
        "adts",
        "-",
    ]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_two_are_fetched_with_their_attribution_and_nothing_is_asked_for_twice(
    workspace: Workspace, tmp_path: Path
) -> None:
    with FeedServer(tmp_path / "site", [Episode("one"), Episode("two", seconds=4), Episode("three")]) as server:
        ids = listed(workspace, server)
        result, run = fetched(workspace, ids=[ids["one"], ids["two"]])
        counts = {key: result[key] for key in ("fetched", "skipped", "failed", "passed", "stopped")}
        assert counts == {"fetched": 2, "skipped": 0, "failed": 0, "passed": 0, "stopped": ""}
        # The captions pass has looked at them; a feed has none.
        assert (result["captions"]["found"], result["captions"]["failed"]) == (0, 0)
        assert run.items(ItemState.FETCHED) == [ids["one"], ids["two"]]
        for name in ("one", "two"):
            video = row(workspace, ids[name])
            assert video.state == "fetched"
            assert video.path == f"media/{video.id}.mp4"
            assert sound(workspace.root / video.path) == sound(server.audio(name))
            assert video.bytes == (workspace.root / video.path).stat().st_size
        beside = json.loads((workspace.media / f"{ids['one']}.json").read_text(encoding="utf-8"))
        assert (beside["title"], beside["channel"]) == ("one", "A loopback podcast")
        assert beside["url"] == server.media_url("one")
        assert beside["upload_date"] == "2024-05-06"
        assert abs(beside["duration_ms"] - 6000) < 200
        assert list(workspace.partial.iterdir()) == []
        assert not server.requests("media", "three")

        server.log.clear()
        again, run = fetched(workspace, ids=[ids["one"], ids["two"]])
        assert (again["fetched"], again["skipped"]) == (0, 2)
        assert server.log == []

        # The disk is the truth: a file that a person deleted is fetched again, whatever the store says.
        (workspace.media / f"{ids['two']}.mp4").unlink()
        once_more, _ = fetched(workspace, ids=[ids["one"], ids["two"]])
        assert (once_more["fetched"], once_more["skipped"]) == (1, 1)


def test_one_that_is_missing_is_said_and_stops_nothing(workspace: Workspace, tmp_path: Path) -> None:
    episodes = [Episode("gone", status=404), Episode("good"), Episode("silent", silent=True)]
    with FeedServer(tmp_path / "site", episodes) as server:
        ids = listed(workspace, server)
        result, run = fetched(workspace, all=True)
    assert (result["fetched"], result["failed"], result["stopped"]) == (1, 2, "")
    assert [id for id, _ in run.job.failures] == [ids["gone"], ids["silent"]]
    gone = row(workspace, ids["gone"])
    assert gone.state == "failed"
    assert gone.error is not None
    assert (gone.error["kind"], gone.error["retry"]) == ("not found", "never")
    assert gone.error["fix"]
    assert "404" in gone.error["detail"]
    silent = row(workspace, ids["silent"])
    assert silent.error is not None
    assert silent.error["kind"] == "silent"
    assert not (workspace.media / f"{ids['silent']}.mp4").exists()
    assert ids["gone"] in workspace.log_file.read_text(encoding="utf-8")


def test_too_many_requests_stops_the_queue_and_says_so(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", [Episode("busy", status=429), Episode("next")]) as server:
        ids = listed(workspace, server)
        result, run = fetched(workspace, all=True)
        assert result["failed"] == 1
        assert "too many requests" in result["stopped"]
        assert not server.requests("media", "next")
        assert any("stopped with 1 not tried" in line for line in run.log())
        assert row(workspace, ids["next"]).state == "listed"


def test_a_refusal_is_tried_once_more_with_a_new_link(workspace: Workspace, tmp_path: Path) -> None:
    config = workspace.config()
    config.fetch.tries = 2
    with FeedServer(tmp_path / "site", [Episode("one", status=403, refusals=1)]) as server:
        listed(workspace, server)
        result, run = fetched(workspace, config, all=True)
    assert (result["fetched"], result["failed"]) == (1, 0)
    # At once, not after the wait of the others.
    assert run.items(ItemState.AGAIN) == []


def test_a_cut_transfer_goes_on_where_it_stopped(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", [Episode("one", cut_at=20_000), Episode("two")]) as server:
        ids = listed(workspace, server)
        result, _ = fetched(workspace, all=True)
        assert (result["fetched"], result["failed"]) == (1, 1)
        error = row(workspace, ids["one"]).error
        assert error is not None
        assert (error["kind"], error["retry"]) == ("cut off", "again")
        (part,) = workspace.partial.glob(f"{ids['one']}.*.part")
        left = part.stat().st_size
        assert 0 < left <= 20_000
        assert server.audio("one").read_bytes().startswith(part.read_bytes())

        server.log.clear()
        again, _ = fetched(workspace, ids=[ids["one"]])
        assert again["fetched"] == 1
        assert server.requests("media", "one")[-1].start == left
        assert sound(workspace.media / f"{ids['one']}.mp4") == sound(server.audio("one"))


def test_with_retries_a_cut_mends_itself(workspace: Workspace, tmp_path: Path) -> None:
    config = workspace.config()
    config.ytdlp["retries"] = 3
    with FeedServer(tmp_path / "site", [Episode("one", cut_at=20_000)]) as server:
        ids = listed(workspace, server)
        result, _ = fetched(workspace, config, all=True)
        assert result["fetched"] == 1
        assert 0 < server.requests("media", "one")[-1].start <= 20_000
        assert sound(workspace.media / f"{ids['one']}.mp4") == sound(server.audio("one"))


def test_the_licence_has_to_permit_it(tmp_path: Path) -> None:
    workspace = create(tmp_path / "ws", config_text=TOML.format(free="false", retries=0, tries=1) + "# kept\n")
    with FeedServer(tmp_path / "site", [Episode("one"), Episode("two")]) as server:
        ids = listed(workspace, server)
        server.log.clear()
        result, run = fetched(workspace, ids=[ids["one"]])
        assert result["failed"] == 1
        assert server.log == []
        ((_, error),) = run.job.failures
        assert "--any-licence" in error.fix
        result, _ = fetched(workspace, ids=[ids["one"]], any_licence=True)
        assert result["fetched"] == 1
        # Said once, it is remembered, and every comment of the file stays.
        assert workspace.config().fetch.any_licence
        assert "# kept" in workspace.config_path.read_text(encoding="utf-8")
        assert fetched(workspace, ids=[ids["two"]])[0]["fetched"] == 1


def test_what_is_asked_for(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no videos yet"):
        fetched(workspace)
    with FeedServer(tmp_path / "site", [Episode("one"), Episode("two")]) as server:
        ids = listed(workspace, server)
        with pytest.raises(UserError, match="there is no video nonsense"):
            fetched(workspace, ids=["nonsense"])
        # Without a word: what is selected, which is the first of a new source.
        assert fetched(workspace)[0]["fetched"] == 1
        assert row(workspace, ids["one"]).state == "fetched"
        assert fetched(workspace, first=1)[0] | {"skipped": 1} == fetched(workspace, first=1)[0]
        assert fetched(workspace, first=2)[0]["fetched"] == 1


def test_a_host_that_is_not_there_is_given_up_after_two(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", [Episode("one"), Episode("two"), Episode("three")]) as server:
        listed(workspace, server)
    result, run = fetched(workspace, all=True)
    assert result["failed"] == 2
    assert "does not answer" in result["stopped"]
    assert all(error.what and error.why and error.fix for _, error in run.job.failures)


def test_progress_says_bytes_and_speed(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", [Episode("one", rate=60_000)]) as server:
        ids = listed(workspace, server)
        size = server.audio("one").stat().st_size
        _, run = fetched(workspace, all=True)
    seen = [one.transfer for one in run.progress if one.transfer is not None and one.transfer.bytes]
    assert seen
    assert all(0 < (one.bytes or 0) <= size and (one.bytes_total, one.id) == (size, ids["one"]) for one in seen)
    shares = [one.done for one in run.progress]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_picture_and_sound_in_one_file_is_taken_where_there_is_no_other(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", [Episode("film", ext="mp4")]) as server:
        listed(workspace, server)
        result, run = fetched(workspace, all=True)
    assert run.job.failures == []
    assert result["fetched"] == 1


@pytest.mark.parametrize("ext", ["mp3", "wav", "ogg", "opus", "flac", "webm"])
def test_other_encodings_end_up_in_an_mp4(workspace: Workspace, tmp_path: Path, ext: str) -> None:
    with FeedServer(tmp_path / "site", [Episode("one", ext=ext)]) as server:
        ids = listed(workspace, server)
        result, run = fetched(workspace, all=True)
    assert run.job.failures == []
    assert result["fetched"] == 1
    assert abs(probe(workspace.media / f"{ids['one']}.mp4").duration_ms - 6000) < 300


def test_cancel_leaves_a_part_that_is_continued(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", [Episode("one", rate=30_000)]) as server:
        ids = listed(workspace, server)
        run = start(workspace, "fetch", {"all": True})
        outcome: list[BaseException] = []

        def work() -> None:
            try:
                fetch.run(workspace, workspace.config(), run.job)
            except Cancelled as stop:
                outcome.append(stop)

        thread = threading.Thread(target=work)
        thread.start()
        wait_until(lambda: part_size(workspace, ids["one"]) > 8_000, 30)
        run.job.cancel()
        thread.join(10)
        assert not thread.is_alive()
        assert len(outcome) == 1
        assert row(workspace, ids["one"]).state == "listed"
        assert_resumes(workspace, server, ids["one"])


def test_sigkill_in_the_middle_then_resumed_to_the_byte(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", [Episode("one", rate=30_000)]) as server:
        ids = listed(workspace, server)
        folder = spawn(workspace, "fetch", {"all": True})
        pid = read_status(folder).pid
        assert pid is not None
        wait_until(lambda: part_size(workspace, ids["one"]) > 8_000, 60)
        os.killpg(pid, signal.SIGKILL)
        wait_until(lambda: not runs(pid), 30)
        assert not list(workspace.media.glob("*.mp4"))
        assert_resumes(workspace, server, ids["one"])


def part_size(workspace: Workspace, id: str) -> int:
    return sum(part.stat().st_size for part in workspace.partial.glob(f"{id}.*.part"))


def assert_resumes(workspace: Workspace, server: FeedServer, id: str) -> None:
    """The next run asks for the rest only, and the whole is what the server has."""
    left = part_size(workspace, id)
    server.episodes["one"].rate = None
    server.log.clear()
    result, _ = fetched(workspace, all=True)
    assert result["fetched"] == 1
    # A killed run's own request may be written down late, as the server notices the end of the line late.
    assert left in [request.start for request in server.requests("media", "one")]
    assert sound(workspace.media / f"{id}.mp4") == sound(server.audio("one"))


def test_a_half_remux_is_never_taken_for_whole(workspace: Workspace, tmp_path: Path) -> None:
    """What a kill in the middle of ffmpeg leaves: the download complete, the mp4 beside it cut short."""
    with FeedServer(tmp_path / "site", [Episode("one", cut_at=20_000)]) as server:
        ids = listed(workspace, server)
        fetched(workspace, all=True)
        (part,) = workspace.partial.iterdir()
        download = part.with_suffix("")
        whole = server.audio("one").read_bytes()
        part.unlink()
        download.write_bytes(whole)
        download.with_suffix(".mp4").write_bytes(whole[:9_000])
        server.log.clear()
        result, _ = fetched(workspace, all=True)
        assert result["fetched"] == 1
        # The look at the link, which yt-dlp breaks off; the audio itself is not asked for again.
        assert len(server.requests("media")) == 1
    assert abs(probe(workspace.media / f"{ids['one']}.mp4").duration_ms - 6000) < 200


def test_a_whole_download_of_unknown_size_never_gets_stuck(workspace: Workspace, tmp_path: Path) -> None:
    """A feed tells no size: that nothing is left is seen by the server's 416 alone."""
    config = workspace.config()
    config.fetch.tries = 2
    with FeedServer(tmp_path / "site", [Episode("one", cut_at=20_000)]) as server:
        ids = listed(workspace, server)
        fetched(workspace, all=True)
        (part,) = workspace.partial.glob("*.part")
        part.write_bytes(server.audio("one").read_bytes())
        server.episodes["one"].cut_at = None
        result, _ = fetched(workspace, config, all=True)
        assert result["fetched"] == 1
        assert sound(workspace.media / f"{ids['one']}.mp4") == sound(server.audio("one"))


def test_a_file_that_lost_its_row_is_found_again(workspace: Workspace, tmp_path: Path) -> None:
    """Killed between the file and the store: nothing is asked for, the row follows the disk."""
    with FeedServer(tmp_path / "site", [Episode("one")]) as server:
        ids = listed(workspace, server)
        fetched(workspace, all=True)
        with Store(workspace.db_path) as store:
            store.videos.update(ids["one"], state="listed", path=None, bytes=None, duration_ms=None)
            store.videos.update(ids["one"], upload_date="", licence="unknown")
        beside = sidecar.read(workspace.media, ids["one"])
        told = {"upload_date": "2023-01-02", "licence": "cc-by", "licence_text": "CC BY 4.0"}
        sidecar.path_of(workspace.media, ids["one"]).write_text(json.dumps(beside | told))
        server.log.clear()
        result, _ = fetched(workspace, all=True)
        assert result["skipped"] == 1
        assert server.log == []
    video = row(workspace, ids["one"])
    assert (video.state, video.path) == ("fetched", f"media/{ids['one']}.mp4")
    assert video.duration_ms == sidecar.read(workspace.media, ids["one"])["duration_ms"]
    assert {name: getattr(video, name) for name in told} == told


@pytest.mark.parametrize("broken", [lambda table: table.update(outtmpl="x"), lambda table: table.update(proxi="x")])
def test_a_setting_that_would_break_it_is_refused(
    workspace: Workspace, tmp_path: Path, broken: Callable[[dict[str, Any]], None]
) -> None:
    config = workspace.config()
    broken(config.ytdlp)
    with FeedServer(tmp_path / "site", [Episode("one")]) as server:
        listed(workspace, server)
        with pytest.raises(UserError, match=r"ytdlp\."):
            fetched(workspace, config, all=True)
