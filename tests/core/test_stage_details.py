"""The pass that asks for licences: one cheap request each, in the order of the screen, and not too fast."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import UserError
from core.events import ItemState
from core.jobs import send
from core.jobs.handle import Cancelled
from core.sources.rate_limit import BURST, RateLimiter
from core.stages import details
from core.store import Store
from core.workspace import Workspace
from tests.core.youtube_kit import kinds, listed, made, ran, rows
from tests.fakes.stage import Run, start, wait_until
from tests.fakes.youtube import HOSTILE, STANDARD, Caption, Fault, Video, YouTube, many


@pytest.fixture
def site(tmp_path: Path) -> Iterator[YouTube]:
    with YouTube(tmp_path / "site", []) as site:
        yield site


def place(site: YouTube, tmp_path: Path, *videos: Video, **tables: object) -> Workspace:
    site.videos = {video.id: video for video in videos}
    workspace = made(tmp_path, site, **tables)
    listed(workspace, site)
    return workspace


def said(run: Run) -> str:
    return " ".join(line for line in run.log())


def refuse(*videos: Video) -> None:
    for video in videos:
        video.faults = [Fault("all", 429, times=None)]


# -- what is learnt


def test_one_request_tells_licence_captions_channel_date_and_length(site: YouTube, tmp_path: Path) -> None:
    spoken = [Caption("zh-TW"), Caption("en", automatic=True)]
    videos = [Video("freeAAAAAAA", captions=spoken), Video("standardAAA", licence=STANDARD, seconds=90)]
    workspace = place(site, tmp_path, *videos)
    result, run = ran("details", workspace)
    assert result == {"asked": 2, "left": 0, "stopped": ""}
    assert [(request.what, request.video) for request in site.requests()] == [
        ("watch", "freeAAAAAAA"),
        ("watch", "standardAAA"),
    ]
    free, standard = rows(workspace).values()
    assert (free.licence, free.captions, free.live_status) == ("cc-by", ("zh-TW", "en:auto"), "not_live")
    assert (free.channel, free.upload_date) == ("A loopback channel", "2024-05-06")
    assert free.licence_text.startswith("Creative Commons Attribution")
    assert (standard.licence, standard.duration_ms, standard.licence_text) == ("standard", 90_000, "")
    assert free.asked
    assert standard.asked
    assert run.items(ItemState.LISTED) == ["freeAAAAAAA", "standardAAA"]
    # Nobody is asked twice, unless it is wanted.
    site.forget()
    assert ran("details", workspace)[0]["asked"] == 0
    assert site.requests() == []
    site.videos["standardAAA"].licence = videos[0].licence
    site.videos["freeAAAAAAA"].captions = []
    assert ran("details", workspace, ids=["standardAAA"], again=True)[0] == {"asked": 1, "left": 0, "stopped": ""}
    assert site.asked("watch") == ["standardAAA"]
    assert rows(workspace)["standardAAA"].licence == "cc-by"
    ran("details", workspace, again=True)
    assert rows(workspace)["freeAAAAAAA"].captions == ()


def test_rows_that_cannot_be_fetched_get_their_reason(site: YouTube, tmp_path: Path) -> None:
    states = {
        "private": "private",
        "deleted": "gone",
        "terminated": "gone",
        "members": "members",
        "age": "age",
        "country": "country",
        "copyright": "copyright",
        "live": "live",
        "premiere": "upcoming",
        "announced": "upcoming",
    }
    ids = {state: f"{state:A<11.11}" for state in states}
    workspace = place(site, tmp_path, *(Video(ids[state], state=state) for state in states), Video("okAAAAAAAAA"))
    result, run = ran("details", workspace)
    assert (result["asked"], result["stopped"]) == (len(states) + 1, "")
    assert kinds(workspace) == {ids[state]: kind for state, kind in states.items()}
    found = rows(workspace)
    assert {row.state for row in found.values() if row.error} == {"failed"}
    assert all(
        row.error and row.error["what"] and row.error["why"] and row.error["fix"] for row in list(found.values())[:-1]
    )
    assert "in your country" in (found[ids["country"]].error or {})["detail"]
    assert found["okAAAAAAAAA"].state == "listed"
    assert sorted(run.items(ItemState.FAILED)) == sorted(ids.values())
    # None of these is a fault of the pass.
    assert run.job.failures == []
    assert ran("details", workspace)[0]["asked"] == 0

    # What was announced has been shown by now.
    site.videos[ids["premiere"]].state = "ok"
    ran("details", workspace, ids=[ids["premiere"]], again=True)
    row = rows(workspace)[ids["premiere"]]
    assert (row.state, row.error, row.licence) == ("listed", None, "cc-by")


def test_a_row_that_is_here_never_becomes_a_failed_one(site: YouTube, tmp_path: Path) -> None:
    workspace = place(site, tmp_path, Video("privateAAAA", state="private"))
    with Store(workspace.db_path) as store:
        store.videos.update("privateAAAA", state="fetched", path="media/privateAAAA.mp4")
    ran("details", workspace)
    assert (rows(workspace)["privateAAAA"].state, kinds(workspace)) == ("fetched", {})


def test_a_failure_of_another_kind_gives_way_to_the_reason(site: YouTube, tmp_path: Path) -> None:
    workspace = place(site, tmp_path, Video("deletedAAAA", state="deleted"), Video("okAAAAAAAAA"))
    with Store(workspace.db_path) as store:
        for id in site.videos:
            store.videos.update(id, state="failed", error={"what": "the server does not answer", "kind": "network"})
    ran("details", workspace)
    # A failure of the transfer stays where the page is in order: nothing was transferred.
    assert kinds(workspace) == {"deletedAAAA": "gone", "okAAAAAAAAA": "network"}
    assert rows(workspace)["okAAAAAAAAA"].licence == "cc-by"


def test_hostile_texts_are_stored_harmless(site: YouTube, tmp_path: Path) -> None:
    videos = [Video(f"{name:A<11.11}", title=title, channel=title) for name, title in HOSTILE.items()]
    workspace = place(site, tmp_path, *videos)
    assert ran("details", workspace)[0]["asked"] == len(videos)
    for row in rows(workspace).values():
        for text in (row.title, row.channel):
            assert len(text) <= 300
            assert all(char.isprintable() or char in "\u200d\u200c" for char in text), repr(text)
        assert row.licence == "cc-by"


# -- what the site refuses


def test_a_429_leaves_the_row_unasked_and_stops_the_pass(site: YouTube, tmp_path: Path) -> None:
    videos = many(4)
    refuse(videos[2])
    workspace = place(site, tmp_path, *videos)
    result, run = ran("details", workspace)
    assert (result["asked"], result["left"]) == (2, 2)
    assert "too many requests" in result["stopped"]
    assert "not asked for: 2 more" in said(run)
    assert site.asked("watch") == [video.id for video in videos[:3]]
    row = rows(workspace)[videos[2].id]
    assert (row.licence, row.asked, row.state, row.error) == ("unknown", None, "listed", None)
    videos[2].faults.clear()
    site.forget()
    assert ran("details", workspace)[0] == {"asked": 2, "left": 0, "stopped": ""}
    assert site.asked("watch") == [video.id for video in videos[2:]]


def test_what_is_known_outlives_a_refusal(site: YouTube, tmp_path: Path) -> None:
    workspace = place(site, tmp_path, *many(1))
    ran("details", workspace)
    before = rows(workspace)
    refuse(*site.videos.values())
    assert ran("details", workspace, again=True)[0]["stopped"]
    assert rows(workspace) == before


def test_the_bot_wall_stops_the_pass(site: YouTube, tmp_path: Path) -> None:
    workspace = place(site, tmp_path, *many(3))
    site.wall = True
    result, _ = ran("details", workspace)
    assert "not a bot" in result["stopped"]
    assert len(site.asked("watch")) == 1


def test_three_that_fail_in_a_row_end_the_pass_and_one_does_not(site: YouTube, tmp_path: Path) -> None:
    videos = many(8)
    for number in (0, 3, 4, 5):
        videos[number].faults = [Fault("all", 503, times=None)]
    workspace = place(site, tmp_path, *videos)
    result, _ = ran("details", workspace)
    assert site.asked("watch") == [video.id for video in videos[:6]]
    assert (result["asked"], result["left"]) == (2, 6)
    assert result["stopped"]


# -- order and pace


def test_rows_on_the_screen_go_first(site: YouTube, tmp_path: Path) -> None:
    videos = many(6)
    ids = [video.id for video in videos]
    workspace = place(site, tmp_path, *videos)
    run = start(workspace, "details")
    send(run.job.dir, "rows", [ids[4], "no such row", 7, ids[2]])
    assert details.run(workspace, workspace.config(), run.job)["asked"] == 6
    assert site.asked("watch") == [ids[4], ids[2], ids[0], ids[1], ids[3], ids[5]]


def test_a_screen_that_is_scrolled_is_followed(site: YouTube, tmp_path: Path) -> None:
    videos = many(6)
    ids = [video.id for video in videos]
    workspace = place(site, tmp_path, *videos, fetch={"request_pause_s": 0.4})
    run = start(workspace, "details")
    thread = threading.Thread(target=details.run, args=(workspace, workspace.config(), run.job))
    thread.start()
    wait_until(lambda: site.asked("watch"))
    send(run.job.dir, "rows", [ids[5]])
    thread.join(30)
    assert not thread.is_alive()
    assert site.asked("watch").index(ids[5]) <= 2


def test_only_the_ids_and_only_so_many(site: YouTube, tmp_path: Path) -> None:
    videos = many(5)
    ids = [video.id for video in videos]
    workspace = place(site, tmp_path, *videos)
    assert ran("details", workspace, ids=[ids[3], ids[1], ids[4]], limit=2)[0] == {"asked": 2, "left": 1, "stopped": ""}
    assert site.asked("watch") == [ids[3], ids[1]]
    with pytest.raises(UserError, match="there is no video nothing"):
        ran("details", workspace, ids=["nothing"])


def test_only_youtube_is_asked(site: YouTube, tmp_path: Path) -> None:
    from core.store import Video as Row

    workspace = place(site, tmp_path)
    with Store(workspace.db_path) as store:
        store.videos.add(Row("talk", licence="own", path="media/talk.mp3", state="fetched"))
        store.videos.add(Row("episode", url="https://example.invalid/one.mp3"))
    assert ran("details", workspace, again=True)[0] == {"asked": 0, "left": 0, "stopped": ""}
    assert site.requests() == []


def test_rows_that_appear_meanwhile_are_asked_about(site: YouTube, tmp_path: Path) -> None:
    videos = many(2)
    workspace = place(site, tmp_path, videos[0], fetch={"request_pause_s": 0.3})
    site.videos[videos[1].id] = videos[1]
    run = start(workspace, "details")
    thread = threading.Thread(target=details.run, args=(workspace, workspace.config(), run.job))
    send(run.job.dir, "rows", [])
    run.job.pause()
    thread.start()
    listed(workspace, site)
    run.job.pause(False)
    thread.join(30)
    assert site.asked("watch") == [video.id for video in videos]


def test_a_wait_is_ended_by_a_cancel_and_what_is_known_stays(site: YouTube, tmp_path: Path) -> None:
    workspace = place(site, tmp_path, *many(3), fetch={"request_pause_s": 3600.0})
    run = start(workspace, "details")
    ended: list[type[BaseException]] = []

    def work() -> None:
        try:
            details.run(workspace, workspace.config(), run.job)
        except Cancelled as caught:
            ended.append(type(caught))

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: run.items(ItemState.LISTED))
    run.job.cancel()
    thread.join(30)
    assert ended == [Cancelled]
    assert [row.licence for row in rows(workspace).values()] == ["cc-by", "unknown", "unknown"]


def spaced(pace: RateLimiter, count: int, took_s: float = 0.0) -> list[float]:
    """When each of `count` requests begins, on a clock that moves only while it waits or asks."""
    now, begun = 1000.0, []
    for _ in range(count):
        now += pace.wait_s(now)
        pace.begin(now)
        begun.append(now - 1000.0)
        now += took_s
    return begun


def test_the_pace() -> None:
    begun = spaced(RateLimiter(0.75, 300), 160)
    assert begun[:3] == [0.0, 0.75, 1.5]
    gaps = [later - earlier for earlier, later in itertools.pairwise(begun)]
    assert set(gaps[: BURST - 1]) == {0.75}
    assert set(gaps[BURST - 1 :]) == {12.0}
    # A request that takes longer than the pause is followed by the next at once.
    assert spaced(RateLimiter(0.75), 3, took_s=2.0) == [0.0, 2.0, 4.0]
    # No limit; and one that is faster than the pause changes nothing.
    assert spaced(RateLimiter(0.5, 0), 300)[-1] == spaced(RateLimiter(0.5, 1_000_000), 300)[-1] == 299 * 0.5
