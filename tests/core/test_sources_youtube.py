"""From a link of YouTube to rows: every form of link, both layouts, pages, tabs, on the stand-in with the real yt-dlp.

The unmodified extractor is led there by `[ytdlp]` alone: a proxy, and no check of its certificate.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core.errors import UserError
from core.events import ItemState
from core.jobs.handle import Cancelled
from core.stages import add
from core.store import Store
from tests.core.youtube_kit import LIST, added, kinds, made, rows
from tests.fakes.stage import start, wait_until
from tests.fakes.youtube import Fault, Playlist, Video, YouTube, many

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def page(videos: list[Video], **more: object) -> Playlist:
    return Playlist(LIST, "Talks", [video.id for video in videos], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", ["lockup", "classic"])
def test_a_playlist_of_several_pages_in_both_layouts(tmp_path: Path, layout: str) -> None:
    videos = [
        Video("privateAAAA", state="private"),
        *many(6),
        Video("deletedAAAA", state="deleted"),
        Video("lastAAAAAAA", "最後一講", seconds=3_725),
    ]
    with YouTube(tmp_path, videos, [page(videos, layout=layout, page_size=4)]) as site:
        workspace = made(tmp_path, site)
        result, run = added(workspace, site.playlist_url(LIST))
        found = rows(workspace)
        assert list(found) == [video.id for video in videos]
        assert (result["added"], result["known"], result["failed"]) == (9, 0, 0)
        assert [row.position for row in found.values()] == list(range(9))
        assert [id for id, row in found.items() if row.selected] == ["v0000000000"]
        last = found["lastAAAAAAA"]
        assert (last.title, last.duration_ms, last.licence, last.asked) == ("最後一講", 3_725_000, "unknown", None)
        assert last.channel == "A loopback channel"
        assert kinds(workspace) == {"privateAAAA": "private", "deletedAAAA": "gone"}
        assert {request.page for request in site.requests("list")} == {0, 1, 2}
        # A list is all that was asked for.
        assert {request.what for request in site.requests()} == {"list"}
        assert run.items(ItemState.LISTED)[:2] == ["v0000000000", "v0000000001"]
        with Store(workspace.db_path) as store:
            (source,) = store.videos.sources()
        assert (source.kind, source.url, source.title) == ("playlist", site.playlist_url(LIST), "Talks")
        assert source.listed is not None


def test_rows_arrive_while_the_rest_is_coming_and_a_stopped_list_is_taken_up_again(tmp_path: Path) -> None:
    videos, gate = many(9), threading.Event()
    with YouTube(tmp_path, videos, [page(videos, page_size=3, gate=gate)]) as site:
        workspace = made(tmp_path, site)
        run = start(workspace, "add", {"what": [site.playlist_url(LIST)]})
        stopped: list[type[BaseException]] = []

        def listing() -> None:
            try:
                add.run(workspace, workspace.config(), run.job)
            except Cancelled as caught:
                stopped.append(type(caught))

        thread = threading.Thread(target=listing)
        thread.start()
        wait_until(lambda: len(rows(workspace)) == 3)
        assert {request.page for request in site.requests("list")} == {0}
        run.job.cancel()
        gate.set()
        thread.join(30)
        assert stopped == [Cancelled]
        with Store(workspace.db_path) as store:
            assert store.videos.sources()[0].listed is None
        before = len(rows(workspace))
        assert 3 <= before < 9

        result, _ = added(workspace, site.playlist_url(LIST))
        assert (result["added"], result["known"]) == (9 - before, before)
        assert list(rows(workspace)) == [video.id for video in videos]
        with Store(workspace.db_path) as store:
            assert store.videos.sources()[0].listed is not None


def test_adding_again_brings_only_what_is_new(tmp_path: Path) -> None:
    videos = many(4)
    with YouTube(tmp_path, videos, [page(videos[:3])]) as site:
        workspace = made(tmp_path, site)
        added(workspace, site.playlist_url(LIST))
        with Store(workspace.db_path) as store:
            store.videos.select([videos[0].id], selected=False)
            store.videos.select([videos[2].id])
        site.playlists[LIST].videos.insert(1, videos[3].id)
        site.videos[videos[1].id].state = "private"
        result, run = added(workspace, site.playlist_url(LIST))
        assert (result["added"], result["known"]) == (1, 3)
        assert run.items(ItemState.LISTED) == [videos[3].id]
        assert list(rows(workspace)) == [videos[number].id for number in (0, 3, 1, 2)]
        # What a person has chosen stays, and nothing else is preselected.
        assert [id for id, row in rows(workspace).items() if row.selected] == [videos[2].id]
        assert kinds(workspace) == {videos[1].id: "private"}
        assert rows(workspace)[videos[1].id].title == "Talk 1"


def test_every_form_of_link(tmp_path: Path) -> None:
    one, other = "-_beginsAAA", "v0000000000"
    videos = [Video(one), *many(2)]
    with YouTube(tmp_path, videos, [page(videos)]) as site:
        workspace = made(tmp_path, site)
        added(workspace, f"https://youtu.be/{one}?si=tracking&t=42")
        row = rows(workspace)[one]
        assert (row.licence, row.selected, row.url) == ("cc-by", True, site.watch_url(one))
        # One request told all of it.
        assert [request.what for request in site.requests()] == ["watch"]
        links = [
            f"https://www.youtube.com/shorts/{one}",
            f"https://m.youtube.com/watch?v={one}&pp=x",
            f"youtube.com/watch?v={one}",
            f"https://www.youtube.com/embed/{one}",
            f"https://www.youtube.com/live/{one}",
        ]
        result, _ = added(workspace, *links)
        assert (result["added"], result["known"], result["failed"]) == (0, len(links), 0)
        with Store(workspace.db_path) as store:
            assert [(source.kind, source.url) for source in store.videos.sources()] == [("video", site.watch_url(one))]

        result, _ = added(workspace, f"https://www.youtube.com/watch?v={other}&list={LIST}&index=2")
        assert (result["added"], result["known"]) == (2, 1)
        assert [id for id, row in rows(workspace).items() if row.selected] == [one, other]
        with Store(workspace.db_path) as store:
            assert [source.url for source in store.videos.sources()][1:] == [site.playlist_url(LIST)]


def test_watch_and_list_preselects_that_video_and_no_other(tmp_path: Path) -> None:
    videos = many(5)
    with YouTube(tmp_path, videos, [page(videos, page_size=2)]) as site:
        workspace = made(tmp_path, site)
        added(workspace, f"{site.watch_url(videos[3].id)}&list={LIST}")
        assert [id for id, row in rows(workspace).items() if row.selected] == [videos[3].id]


def test_a_channel_with_tabs_is_one_flat_list(tmp_path: Path) -> None:
    videos = [
        *many(5),
        *many(2, prefix="live", tab="streams"),
        Video("shortsAAAAA", "A short", tab="shorts"),
        Video("memberAAAAA", "Not for all", state="members"),
    ]
    with YouTube(tmp_path, videos) as site:
        site.page_size = 2
        site.channel = "語音實驗室"
        workspace = made(tmp_path, site)
        result, _ = added(workspace, site.channel_url)
        (source,) = result["sources"]
        assert (source["kind"], source["title"], source["added"]) == ("channel", "語音實驗室", 9)
        found = rows(workspace)
        assert sorted(found) == sorted(video.id for video in videos)
        assert (found["shortsAAAAA"].title, found["shortsAAAAA"].url) == ("A short", site.watch_url("shortsAAAAA"))
        assert kinds(workspace) == {"memberAAAAA": "members"}
        assert {request.video for request in site.requests("channel")} == {"videos", "streams", "shorts"}
        again, _ = added(workspace, site.channel_url)
        assert (again["added"], again["known"]) == (0, 9)


def test_unicode_titles_and_ids_that_begin_with_a_dash(tmp_path: Path) -> None:
    titles = {
        "-rfAAAAAAAA": "第一講：前言 👩‍🔬",
        "--helpAAAAA": "Ünïcødé",
        "_-_-_-_-_-_": "العربية",
        "00000000000": "0",
    }
    videos = [Video(id, title) for id, title in titles.items()]
    with YouTube(tmp_path, videos, [page(videos)]) as site:
        workspace = made(tmp_path, site)
        added(workspace, site.playlist_url(LIST))
        assert {id: row.title for id, row in rows(workspace).items()} == titles
        assert {row.url for row in rows(workspace).values()} == {site.watch_url(id) for id in titles}


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with YouTube(tmp_path, [], [Playlist(LIST, "", [], error="The playlist does not exist.")]) as site:
        workspace = made(tmp_path, site)
        for link in (LIST, "PLnobodyknowsit"):
            with pytest.raises(UserError, match="there is no such list"):
                added(workspace, site.playlist_url(link))
        assert rows(workspace) == {}


def test_a_429_in_the_middle_of_a_list_keeps_what_came(tmp_path: Path) -> None:
    videos = many(6)
    # The third visit is the second page; the extractor tries it several times over.
    busy = page(videos, page_size=2, faults=[Fault("list", 429, skip=2, times=None)])
    with YouTube(tmp_path, videos, [busy]) as site:
        workspace = made(tmp_path, site)
        try:
            result, run = added(workspace, site.playlist_url(LIST))
            said = [error.what for _, error in run.job.failures]
            assert result["failed"] == 1
        except UserError as error:
            said = [error.what]
        assert any("too many requests" in what for what in said)
        assert list(rows(workspace)) == [video.id for video in videos[:2]]
        with Store(workspace.db_path) as store:
            assert store.videos.sources()[0].listed is None
        busy.faults.clear()
        result, _ = added(workspace, site.playlist_url(LIST))
        assert (result["added"], result["known"]) == (4, 2)


def test_a_429_on_the_first_page_lists_nothing(tmp_path: Path) -> None:
    videos = many(2)
    with YouTube(tmp_path, videos, [page(videos, faults=[Fault("list", 429, times=None)])]) as site:
        workspace = made(tmp_path, site)
        with pytest.raises(UserError, match="too many requests"):
            added(workspace, site.playlist_url(LIST))
        assert rows(workspace) == {}


def test_nothing_but_the_site_is_reached(tmp_path: Path) -> None:
    with YouTube(tmp_path, []) as site:
        workspace = made(tmp_path, site)
        for link in ("https://example.invalid/talk", "http://example.invalid/feed.xml"):
            with pytest.raises(UserError):
                added(workspace, link)
        assert {(request.what, request.video, request.status) for request in site.requests()} == {
            ("refused", "example.invalid", 502)
        }


def test_five_hundred_rows_cost_one_request_a_page(tmp_path: Path) -> None:
    videos = many(500)
    with YouTube(tmp_path, videos, [page(videos)]) as site:
        workspace = made(tmp_path, site)
        result, _ = added(workspace, site.playlist_url(LIST))
        assert (result["added"], len(rows(workspace))) == (500, 500)
        # The first page comes twice: yt-dlp asks for it again, with what is hidden.
        assert [request.page for request in site.requests("list")] == [0, 0, 1, 2, 3, 4]
        assert list(tmp_path.glob("140-*")) == []
