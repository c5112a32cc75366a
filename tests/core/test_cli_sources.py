"""add, videos, captions and jobs on the command line, against the stand-in for YouTube."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.cli.follow import FollowDisplay, block_lines, transfer_text
from core.events import Blocked, Finished, Outcome, Paused, Resumed, TransferProgress, Unblocked
from core.jobs import list_jobs, lock, spec
from core.jobs.event_log import EventWriter
from core.sources.failures import RATE_LIMITED
from core.store import Captions, Store
from core.store import Video as Row
from core.workspace import Workspace, create
from tests.core.cli_kit import Run, caller
from tests.core.youtube_kit import LIST, listed, made, rows
from tests.fakes.youtube import HOSTILE, STANDARD, Caption, Fault, Playlist, Video, YouTube, many


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[YouTube]:
    with YouTube(tmp_path / "site", []) as site:
        yield site


def place(site: YouTube, tmp_path: Path, *videos: Video) -> Workspace:
    site.videos = {video.id: video for video in videos}
    site.playlists = {LIST: Playlist(LIST, "Talks", list(site.videos))}
    return made(tmp_path, site)


@pytest.fixture
def shelf(tmp_path: Path) -> Workspace:
    """A workspace with rows that no site was asked for."""
    workspace = create(tmp_path / "ws")
    with Store(workspace.db_path) as store:
        store.videos.add_many(
            [
                Row(
                    "-dashAAAAAA",
                    title="第一講 語音",
                    licence="cc-by",
                    duration_ms=605_000,
                    captions=("zh-TW", "en:auto"),
                ),
                Row("longAAAAAAA", position=1, title="[red]長[/]\u202e", duration_ms=5_400_000, licence="standard"),
                Row(
                    "goneAAAAAAA",
                    position=2,
                    state="failed",
                    error={"what": "this video is private", "kind": "private", "retry": "never"},
                ),
            ]
        )
        store.captions.put(Captions("longAAAAAAA", "zh", cues=((0, 1000, "好"),)))
    return workspace


# -- add


def test_add_asks_for_the_licences_and_counts_them(site: YouTube, tmp_path: Path, run: Run) -> None:
    videos = [Video("freeAAAAAAA", captions=[Caption("zh-TW")]), Video("standardAAA", licence=STANDARD)]
    workspace = place(site, tmp_path, *videos, Video("privateAAAA", state="private"))
    code, out, error = run("-w", workspace.root, "add", site.playlist_url(LIST))
    assert code == 0, error
    assert "3 videos added, 0 known already, 0 failed" in out
    assert "licences: 1 Creative Commons, 1 standard, 1 unknown" in out
    assert "not asked for" not in out
    assert [job.stage for job in list_jobs(workspace)] == ["details", "add"]
    code, out, _ = run("-w", workspace.root, "add", site.playlist_url(LIST), "--json")
    result = json.loads(out)
    assert code == 0
    assert set(result) >= {"sources", "added", "known", "failed", "licences"}
    assert result["licences"] == {"cc-by": 1, "standard": 1, "unknown": 1, "own": 0}
    # Nothing is left to ask for, so nothing is started.
    assert [job.stage for job in list_jobs(workspace)] == ["add", "details", "add"]
    code, out, _ = run("-w", workspace.root, "videos", "--json")
    free = json.loads(out)[0]
    assert (free["captions"], free["captions_here"], free["live_status"]) == (["zh-TW"], None, "not_live")
    assert free["asked"] > 1_700_000_000_000
    # The same video by itself is a source without rows of its own.
    code, out, _ = run("-w", workspace.root, "add", site.watch_url("freeAAAAAAA"))
    assert code == 0
    assert out.splitlines()[-1] == "0 videos added, 1 known already, 0 failed"


def test_add_does_not_wait_for_licences_that_are_asked_for_elsewhere(site: YouTube, tmp_path: Path, run: Run) -> None:
    """The app asks for thousands of licences in the background, some hundred an hour."""
    workspace = place(site, tmp_path, Video("freeAAAAAAA"))
    held = lock.acquire(spec.create(workspace, "details", {}) / spec.LOCK)
    assert held is not None
    code, out, error = run("-w", workspace.root, "add", site.playlist_url(LIST))
    held.release()
    assert code == 0
    assert "another job is asking for licences already" in error
    assert "1 not asked for yet" in out


def test_add_says_how_to_ask_for_what_the_site_refused(site: YouTube, tmp_path: Path, run: Run) -> None:
    videos = many(3)
    videos[1].faults = [Fault("all", 429, times=None)]
    workspace = place(site, tmp_path, *videos)
    code, out, error = run("-w", workspace.root, "add", site.playlist_url(LIST))
    assert (code, error) == (0, "")
    assert "too many requests" in out
    assert "licences: 1 Creative Commons, 2 unknown" in out
    assert "2 not asked for yet: the same `add` asks for up to 100 more" in out


def test_add_detached_asks_for_nothing_more(site: YouTube, tmp_path: Path, run: Run) -> None:
    workspace = place(site, tmp_path, *many(1))
    code, out, _ = run("-w", workspace.root, "add", site.playlist_url(LIST), "--detach")
    assert code == 0
    assert "runs as job" in out
    assert [job.stage for job in list_jobs(workspace)] == ["add"]
    run("-w", workspace.root, "jobs", "--follow", list_jobs(workspace)[0].id)


def test_bare_ids_are_answered_with_the_link(shelf: Workspace, run: Run) -> None:
    for words in (["add", "-dashAAAAAA"], ["add", "--", "-dashAAAAAA"]):
        code, _, error = run("-w", shelf.root, *words)
        assert code == 3
        assert "whispersmith add https://youtu.be/-dashAAAAAA" in error
    assert "https://www.youtube.com/playlist?list=PLabcdefghijkl" in run("-w", shelf.root, "add", "PLabcdefghijkl")[2]
    assert "whispersmith add https://www.youtube.com/@somebody" in run("-w", shelf.root, "add", "@somebody")[2]


def test_an_id_with_a_dash_needs_no_care(site: YouTube, tmp_path: Path, run: Run) -> None:
    ids = ["-rfAAAAAAAA", "--helpAAAAA", "-wAAAAAAAAA"]
    workspace = place(site, tmp_path, *(Video(id) for id in ids))
    listed(workspace, site, licence="cc-by")
    code, out, error = run("-w", workspace.root, "fetch", *ids[:2], "--wait")
    assert code == 0, error
    assert "2 videos fetched" in out
    code, out, error = run("-w", workspace.root, "fetch", "--", ids[2])
    assert code == 0, error
    assert [row.state for row in rows(workspace).values()] == ["fetched"] * 3
    code, out, error = run("segment", ids[0], "-w", workspace.root)
    assert code == 0, error
    code, out, _ = run("segments", "--video", ids[0], "--json", "-w", workspace.root)
    (segment,) = json.loads(out)
    assert segment["id"].startswith("-rfAAAAAAAA_0")
    code, out, error = run("transcript", segment["id"], "--set", "好", "-w", workspace.root)
    assert code == 0, error
    code, out, error = run("captions", "--again", ids[1], "--no-such", "-w", workspace.root)
    assert code == 2


def test_captions_come_with_the_audio_and_again_by_themselves(site: YouTube, tmp_path: Path, run: Run) -> None:
    workspace = place(site, tmp_path, Video("spokenAAAAA", captions=[Caption("zh-TW")]), Video("muteAAAAAAA"))
    listed(workspace, site, licence="cc-by", captions=("zh-TW",))
    code, out, error = run("-w", workspace.root, "fetch", "--all")
    assert code == 0, error
    assert "2 videos fetched, 0 here already, 0 failed, captions of 1" in out
    _, out, _ = run("-w", workspace.root, "videos", "--json")
    assert [row["captions_here"] for row in json.loads(out)] == ["zh-TW", None]
    site.forget()
    code, out, error = run("-w", workspace.root, "captions", "spokenAAAAA", "--again")
    assert code == 0, error
    assert "captions of 1 recording, none for 0, 0 failed" in out
    assert len(site.requests("captions", "spokenAAAAA")) == 1
    assert not site.requests("media")


def test_a_block_is_no_success(site: YouTube, tmp_path: Path, run: Run) -> None:
    workspace = place(site, tmp_path, *many(2))
    listed(workspace, site, licence="cc-by")
    site.wall = True
    code, out, _ = run("-w", workspace.root, "fetch", "--all")
    assert code == 1
    assert "not a bot" in out


# -- videos


def test_videos_are_filtered_and_selected(shelf: Workspace, run: Run) -> None:
    def ids(*words: str) -> list[str]:
        code, out, error = run("-w", shelf.root, "videos", *words, "--json")
        assert code == 0, error
        return [row["id"] for row in json.loads(out)]

    assert ids("--filter", "語音 length>10m") == ["-dashAAAAAA"]
    assert ids("--filter=captions：yes") == ["-dashAAAAAA", "longAAAAAAA"]
    assert ids("--filter", "captions:zh") == ["-dashAAAAAA"]
    assert ids("--filter", "nothing like it") == []
    # What can never be fetched is not selected with the rest.
    assert ids("--select") == ["-dashAAAAAA", "longAAAAAAA", "goneAAAAAAA"]
    assert ids("--filter", "selected") == ["-dashAAAAAA", "longAAAAAAA"]
    assert ids("--unselect", "--filter", "cc") == ["-dashAAAAAA"]
    assert ids("--filter", "selected") == ["longAAAAAAA"]
    code, _, error = run("-w", shelf.root, "videos", "--filter", "lenght>10m")
    assert code == 3
    assert "lenght is not known here" in error
    assert run("-w", shelf.root, "videos", "--select", "--unselect")[0] == 2


def test_lines_for_programs_keep_their_order(shelf: Workspace, run: Run) -> None:
    _, out, error = run("-w", shelf.root, "videos", "--select")
    lines = [line.split("\t") for line in out.splitlines()]
    assert lines[0] == ["id", "length", "licence", "state", "title", "captions"]
    assert lines[1] == ["-dashAAAAAA", "10:05", "cc-by", "selected", "第一講 語音", "zh-TW, en:auto"]
    assert lines[2] == ["longAAAAAAA", "1:30:00", "standard", "selected", "[red]長[/]", "zh ✓"]
    assert lines[3] == ["goneAAAAAAA", "–", "unknown", "failed", "goneAAAAAAA (this video is private)", "–"]
    assert error == "2 selected\n"
    _, out, _ = run("-w", shelf.root, "videos", "--json")
    assert {row["id"]: row["captions_here"] for row in json.loads(out)} == {
        "-dashAAAAAA": None,
        "longAAAAAAA": "zh",
        "goneAAAAAAA": None,
    }


# -- jobs


def test_a_job_is_held_and_let_go(shelf: Workspace, run: Run) -> None:
    ended = spec.create(shelf, "fetch", {})
    EventWriter(ended / spec.EVENTS).emit(Finished(Outcome.DONE))
    code, _, error = run("-w", shelf.root, "jobs", "--pause", spec.read(ended).id)
    assert code == 3
    assert "is not running" in error

    for stage, holds in (("fetch", True), ("segment", False)):
        folder = spec.create(shelf, stage, {})
        id = spec.read(folder).id
        held = lock.acquire(folder / spec.LOCK)
        assert held is not None
        code, out, error = run("-w", shelf.root, "jobs", "--pause", id)
        assert (code == 0) == holds, error
        assert (folder / spec.CONTROL / spec.PAUSE).exists() == holds
        if holds:
            assert f"jobs --resume {id}" in out
            code, out, _ = run("-w", shelf.root, "jobs")
            assert f"{id}\tfetch\tpaused" in out
            assert run("-w", shelf.root, "jobs", "--resume", id)[0] == 0
            assert not (folder / spec.CONTROL / spec.PAUSE).exists()
            assert (folder / spec.CONTROL / spec.RESUME).exists()
        else:
            assert "cannot be held" in error
        held.release()


@pytest.mark.parametrize("words", [["fetch"], ["captions"], ["jobs"], ["label"], ["videos"]])
def test_the_new_options_are_explained(words: list[str], run: Run) -> None:
    code, out, _ = run(*words, "--help")
    assert code == 0
    new = {
        "fetch": "--wait",
        "captions": "--automatic",
        "jobs": "--resume",
        "label": "--no-captions",
        "videos": "--filter",
    }
    assert new[words[0]] in out


# -- what is said while a queue runs


def test_a_blocked_queue_says_what_to_do_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    blocked = Blocked(
        cause="bot wall",
        what="YouTube asks to prove that this is not a bot",
        why="it does not trust this address",
        fix="wait",
        steps=("wait a day", "set ytdlp.proxy", "set ytdlp.cookiefile"),
        until=1_700_000_000_000,
        left=7,
    )
    lines = block_lines(blocked, "abc123")
    assert "7 not fetched yet" in lines[0]
    assert [line[:2] for line in lines[2:5]] == ["1.", "2.", "3."]
    assert "goes on by itself at 2023-11-1" in lines[-1]
    assert "`whispersmith jobs --resume abc123`" in lines[-1]
    assert block_lines(Blocked(RATE_LIMITED.what, fix=RATE_LIMITED.fix), "x")[-1] == f"1. {RATE_LIMITED.fix}"
    waiting = block_lines(Blocked("x", steps=("go on now: whispersmith fetch",), waits=True), "abc123")
    assert waiting[1:] == [
        "1. go on now: whispersmith jobs --resume abc123",
        "it waits until it is told to go on: `whispersmith jobs --resume abc123`",
    ]
    with FollowDisplay(quiet=False, id="abc123") as display:
        for event in (blocked, Paused(), Resumed(), Unblocked()):
            display.show(event)
    out = capsys.readouterr().out.splitlines()
    assert out[: len(lines)] == lines
    assert len(out) == len(lines) + 3


def test_bytes_speed_and_time_of_the_whole_queue() -> None:
    one = TransferProgress("v", bytes=1_000_000, bytes_total=4_000_000, speed=500_000.0, eta=6.0)
    assert transfer_text(one) == "1 MB of 4 MB, 500 kB/s, 0:06 left"
    assert transfer_text(replace(one, all_bytes=2_000_000, all_eta=75)) == "2 MB of 4 MB, 500 kB/s, 1:15 left"
    assert transfer_text(TransferProgress(bytes=0)) == "0 B"
    assert transfer_text(TransferProgress()) == transfer_text(None) == ""


def test_hostile_titles_break_no_line(site: YouTube, tmp_path: Path, run: Run) -> None:
    videos = [Video(f"{name:A<11.11}", title=title, channel=title) for name, title in HOSTILE.items()]
    workspace = place(site, tmp_path, *videos)
    code, out, error = run("-w", workspace.root, "add", site.playlist_url(LIST))
    assert code == 0, error
    code, out, _ = run("-w", workspace.root, "videos")
    head, *lines = out.split("\n")[:-1]
    assert head.startswith("id\t")
    assert [line.split("\t")[0] for line in lines] == [video.id for video in videos]
    assert all(line.count("\t") == 5 and all(c.isprintable() or c in "\t\u200d" for c in line) for line in lines)
    assert all(line.split("\t")[4] for line in lines)
