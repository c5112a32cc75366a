"""Audio from YouTube: the right track, whole, byte for byte, or the reason why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.events import Blocked, ItemState
from core.media import probe
from core.sources import sidecar
from tests.core.youtube_kit import SHOWN, kinds, listed, made, packets, ran, rows
from tests.fakes.youtube import STANDARD, Fault, Track, Video, YouTube, many


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sound")


def test_the_original_is_taken_and_not_the_dub(sound: Path, tmp_path: Path) -> None:
    """A stereo dub comes first by yt-dlp's own order; the mono original is what was spoken."""
    dub = Track("en-US.3", "English (United States)", default=True, channels=2, tone=700)
    video = Video("dubbedAAAAA", tracks=[dub, Track("zh-TW.4", "Chinese (Taiwan) original", tone=300)], opus=True)
    with YouTube(sound, [video]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        ran("fetch", workspace, ids=[video.id])
        assert {(request.itag, request.track) for request in site.requests("media")} == {(140, "zh-TW.4")}
        recording = workspace.media / f"{video.id}.mp4"
        assert packets(recording) == packets(site.audio(video.id, track="zh-TW.4"))
        assert packets(recording) != packets(site.audio(video.id, track="en-US.3"))
        assert abs(probe(recording).duration_ms - 6_000) < 200
        about = sidecar.read(workspace.media, video.id)
        assert (about["title"], about["licence"], about["url"]) == ("A talk", "cc-by", site.watch_url(video.id))
        assert "Creative Commons" in about["licence_text"]


def test_a_cut_transfer_is_kept_and_continued_by_the_next_fetch(sound: Path, tmp_path: Path) -> None:
    video = Video("-cutAAAAAAA", faults=[Fault("media", cut_after=40_000)])
    with YouTube(sound, [video]) as site:
        workspace = made(tmp_path, site, fetch={"tries": 1})
        listed(workspace, site)
        result, _ = ran("fetch", workspace, ids=[video.id])
        assert (result["fetched"], result["failed"]) == (0, 1)
        assert kinds(workspace) == {video.id: "cut off"}
        (part,) = workspace.partial.glob(f"{video.id}.140-*.part")
        size = part.stat().st_size
        assert 0 < size <= 40_000
        assert part.read_bytes() == site.audio(video.id)[:size]
        assert not (workspace.media / f"{video.id}.mp4").exists()

        site.forget()
        result, _ = ran("fetch", workspace, ids=[video.id])
        assert (result["fetched"], kinds(workspace)) == (1, {})
        assert [request.start for request in site.requests("media")] == [size]
        assert packets(workspace.media / f"{video.id}.mp4") == packets(site.audio(video.id))
        assert list(workspace.partial.iterdir()) == []
        assert rows(workspace)[video.id].state == "fetched"

        site.forget()
        result, _ = ran("fetch", workspace, ids=[video.id])
        assert (result["fetched"], result["skipped"], site.requests("watch")) == (0, 1, [])


def test_cuts_are_mended_within_one_run(sound: Path, tmp_path: Path) -> None:
    video = Video("cuttwiceAAA", faults=[Fault("media", cut_after=20_000, times=2)])
    with YouTube(sound, [video, Video("otherAAAAAA", tone=500)]) as site:
        workspace = made(tmp_path, site, fetch={"tries": 3})
        listed(workspace, site)
        result, run = ran("fetch", workspace, ids=[video.id, "otherAAAAAA"])
        assert (result["fetched"], result["failed"], result["stopped"]) == (2, 0, "")
        assert run.items(ItemState.AGAIN) == [video.id, video.id]
        starts = [request.start for request in site.requests("media", video.id)]
        assert len(starts) == 3
        assert starts[0] == 0 < starts[1] < starts[2]
        assert packets(workspace.media / f"{video.id}.mp4") == packets(site.audio(video.id))
        # The others come first.
        assert run.items(ItemState.FETCHED) == ["otherAAAAAA", video.id]


def test_a_403_midway_is_mended_with_a_new_link(sound: Path, tmp_path: Path) -> None:
    faults = [Fault("media", cut_after=30_000), Fault("media", 403, skip=1)]
    video = Video("refusedAAAA", faults=faults)
    with YouTube(sound, [video]) as site:
        workspace = made(tmp_path, site, ytdlp={"retries": 1}, captions={"fetch": False})
        listed(workspace, site)
        result, _ = ran("fetch", workspace, ids=[video.id])
        assert (result["fetched"], kinds(workspace)) == (1, {})
        assert [request.status for request in site.requests("media")] == [206, 403, 206]
        assert site.requests("media")[2].start > 0
        # The page was read again: the old link would have been refused for ever.
        assert len(site.requests("watch")) == 2
        assert packets(workspace.media / f"{video.id}.mp4") == packets(site.audio(video.id))


def test_a_403_that_stays_ends_after_few_tries(sound: Path, tmp_path: Path) -> None:
    videos = [Video("refusedAAAA", faults=[Fault("media", 403, times=None)]), *many(1)]
    with YouTube(sound, videos) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        result, _ = ran("fetch", workspace, all=True)
        assert (result["fetched"], result["failed"]) == (1, 1)
        assert kinds(workspace) == {"refusedAAAA": "refused"}
        assert 2 <= len(site.requests("media", "refusedAAAA")) <= 6


def test_silence_and_a_recording_that_is_too_short_are_refused(sound: Path, tmp_path: Path) -> None:
    videos = [
        Video("silentAAAAA", silent=True),
        Video("shortAAAAAA", promised=600),
        Video("brokenAAAAA", audio=b"\0" * 50_000),
    ]
    with YouTube(sound, videos) as site:
        workspace = made(tmp_path, site, fetch={"tries": 1})
        listed(workspace, site)
        result, run = ran("fetch", workspace, all=True)
        assert (result["fetched"], result["failed"]) == (0, 3)
        found = kinds(workspace)
        assert (found["silentAAAAA"], found["shortAAAAAA"]) == ("silent", "incomplete")
        assert found["brokenAAAAA"] in ("broken", "ffmpeg")
        errors = dict(run.job.failures)
        assert "600.0 s were promised" in errors["shortAAAAAA"].why
        # What was refused neither has its name nor passes for finished the next time.
        assert not list(workspace.media.glob("*.mp4"))
        for video in site.videos.values():
            video.silent, video.promised, video.audio = False, None, None
        assert ran("fetch", workspace, all=True)[0]["fetched"] == 3


def test_what_is_not_creative_commons_is_not_asked_for(sound: Path, tmp_path: Path) -> None:
    video = Video("standardAAA", licence=STANDARD)
    with YouTube(sound, [video]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        result, run = ran("fetch", workspace, ids=[video.id])
        assert (result["fetched"], result["failed"]) == (0, 1)
        assert kinds(workspace) == {video.id: "licence"}
        assert "--any-licence" in run.job.failures[0][1].fix
        assert not site.requests("media")
        assert rows(workspace)[video.id].licence == "standard"
        assert ran("fetch", workspace, ids=[video.id], any_licence=True)[0]["fetched"] == 1
        assert workspace.config().fetch.any_licence


def test_deno_solves_the_challenge_of_a_player(sound: Path, tmp_path: Path) -> None:
    """Also: the table chooses yt-dlp's client for the download, and not for the cheap look-up."""
    with YouTube(sound, many(1)) as site:
        site.serve["TVHTML5"] = "cipher"
        client = {"extractor_args": {"youtube": {"player_client": ["tv_downgraded"]}}}
        workspace = made(tmp_path, site, ytdlp=client)
        listed(workspace, site)
        ran("details", workspace)
        assert not site.requests("player")
        assert not site.requests("script")
        result, run = ran("fetch", workspace, all=True)
        assert (result["fetched"], run.job.failures) == (1, [])
        assert len(site.requests("script")) == 1
        # The stand-in answers 403 to a link whose challenges were not solved; this one's client was given no other.
        assert [(request.client, request.status) for request in site.requests("media")] == [("TVHTML5", 206)]


STATES = [
    *SHOWN,
    ("drm", "drm"),
]


def test_every_state_has_its_reason_and_none_stops_the_rest(sound: Path, tmp_path: Path) -> None:
    videos = [Video(f"{state:-<11}", state=state) for state, _ in STATES]
    with YouTube(sound, [*videos, *many(1)]) as site:
        workspace = made(tmp_path, site, captions={"fetch": False})
        listed(workspace, site)
        result, run = ran("fetch", workspace, ids=list(site.videos), any_licence=True)
        assert kinds(workspace) == {f"{state:-<11}": kind for state, kind in STATES}
        assert (result["fetched"], result["failed"], result["stopped"]) == (1, len(STATES), "")
        assert [request.video for request in site.requests("media")] == ["v0000000000"]
        # None of them gets better within minutes: one try each.
        assert len(site.requests("watch")) == len(site.videos)
        for id, error in run.job.failures:
            assert error.what, id
            assert error.why, id
            assert error.fix, id


def test_two_videos_that_make_no_sense_mean_an_old_yt_dlp(sound: Path, tmp_path: Path) -> None:
    videos = [Video(f"nofmt{number}AAAAA", state="nofmt") for number in range(2)]
    with YouTube(sound, [*videos, *many(1)]) as site:
        workspace = made(tmp_path, site, fetch={"tries": 1})
        listed(workspace, site)
        result, run = ran("fetch", workspace, all=True, any_licence=True)
        assert "out of date" in result["stopped"]
        assert "pip install -U" in result["stopped"]
        assert set(kinds(workspace).values()) == {"outdated"}
        assert not site.requests("watch", "v0000000000")
        (blocked,) = run.events(Blocked)
        assert (blocked.left or 0) >= 1
