"""What becomes of the rows of a list: batches, places, preselection, and rows that are known already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.events import ItemState
from core.stages import add
from core.store import Store, Video
from core.store.videos import Videos
from core.workspace import Workspace, create
from tests.core import youtube_kit
from tests.core.youtube_kit import added
from tests.fakes.youtube import HOSTILE, Playlist, YouTube, many
from tests.fakes.youtube import Video as Posted


def rows(workspace: Workspace) -> list[Video]:
    return list(youtube_kit.rows(workspace).values())


def youtube(tmp_path: Path, site: YouTube, *videos: Posted, **more: Any) -> tuple[Workspace, str]:
    """A workspace led to the site, and the link of a playlist of these videos."""
    site.videos = {video.id: video for video in videos}
    site.playlists = {"PLlist": Playlist("PLlist", "Talks", list(site.videos), **more)}
    return create(tmp_path / "yt", config_text=site.toml()), site.playlist_url("PLlist")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[YouTube]:
    with YouTube(tmp_path / "youtube", []) as site:
        yield site


def test_what_is_announced_or_live_has_its_reason_until_it_is_over(site: YouTube, tmp_path: Path) -> None:
    videos = [Posted("soonAAAAAAA", state="premiere"), Posted("liveAAAAAAA", state="live"), *many(1)]
    workspace, url = youtube(tmp_path, site, *videos)
    added(workspace, url)
    before = {video.id: video for video in rows(workspace)}
    kinds = {id: (video.error or {}).get("kind") for id, video in before.items()}
    assert kinds == {"soonAAAAAAA": "upcoming", "liveAAAAAAA": "live", "v0000000000": None}
    assert [id for id, video in before.items() if video.selected] == ["v0000000000"]
    for video in videos[:2]:
        video.state = "ok"
    result, _ = added(workspace, url)
    assert (result["added"], result["known"]) == (0, 3)
    after = rows(workspace)
    assert [(video.state, video.error, video.asked) for video in after] == [("listed", None, None)] * 3
    assert [video.id for video in after if video.selected] == ["v0000000000"]


def test_a_hidden_row_comes_back_with_its_title(site: YouTube, tmp_path: Path) -> None:
    workspace, url = youtube(tmp_path, site, Posted("aAAAAAAAAAA", "A talk", state="private"))
    added(workspace, url)
    (video,) = rows(workspace)
    assert (video.title, video.state, video.duration_ms) == ("[Private video]", "failed", None)
    site.videos[video.id].state = "ok"
    added(workspace, url)
    (video,) = rows(workspace)
    assert (video.title, video.state, video.error, video.duration_ms) == ("A talk", "listed", None, 6000)
    # Hidden anew, it keeps what is known of it.
    site.videos[video.id].state = "deleted"
    added(workspace, url)
    (video,) = rows(workspace)
    assert (video.title, video.state, (video.error or {})["kind"]) == ("A talk", "failed", "gone")


def test_a_row_that_is_here_is_left_alone(site: YouTube, tmp_path: Path) -> None:
    workspace, url = youtube(tmp_path, site, *many(2))
    added(workspace, url)
    with Store(workspace.db_path) as store:
        store.videos.update("v0000000001", state="fetched", path="media/v0000000001.mp4", licence="cc-by")
    kept = rows(workspace)[1]
    site.videos["v0000000001"].state = "private"
    added(workspace, url)
    assert rows(workspace)[1] == kept


def test_places_follow_a_list_that_grows_at_its_top(site: YouTube, tmp_path: Path) -> None:
    old, new = many(60), many(7, prefix="n")
    workspace, url = youtube(tmp_path, site, *new, *old, page_size=20)
    site.playlists["PLlist"].videos = [video.id for video in old]
    added(workspace, url)
    site.playlists["PLlist"].videos = [video.id for video in (*new, *old)]
    result, _ = added(workspace, url)
    assert (result["added"], result["known"]) == (7, 60)
    assert [video.id for video in rows(workspace)] == site.playlists["PLlist"].videos
    assert [video.position for video in rows(workspace)] == list(range(67))
    assert [video.id for video in rows(workspace) if video.selected] == [old[0].id]


def test_a_long_list_takes_few_transactions(site: YouTube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, url = youtube(tmp_path, site, *many(600))
    batches: list[int] = []
    whole = Videos.add_many

    def counted(self: Videos, videos: Sequence[Video]) -> set[str]:
        batches.append(len(videos))
        return whole(self, videos)

    monkeypatch.setattr(Videos, "add_many", counted)
    result, run = added(workspace, url)
    assert (result["added"], sum(batches), batches[0]) == (600, 600, 1)
    assert max(batches) <= add.BATCH
    # 25 rows at a time, and what is held when a page ends or a tenth of a second is over.
    assert len(batches) < 120
    assert len(run.items(ItemState.LISTED)) == 600
    assert (run.progress[-1].done, run.progress[-1].total) == (600, 600)


def test_the_link_points_at_a_video_that_its_list_no_longer_holds(site: YouTube, tmp_path: Path) -> None:
    extra, hidden = Posted("extraAAAAAA", "Beside it"), Posted("hiddenAAAAA", state="private")
    workspace, _ = youtube(tmp_path, site, *many(2), extra, hidden)
    site.playlists["PLlist"].videos = ["v0000000000", "v0000000001"]
    added(workspace, f"https://youtu.be/{extra.id}?list=PLlist")
    assert [(video.id, video.position, video.selected) for video in rows(workspace)] == [
        ("v0000000000", 0, False),
        ("v0000000001", 1, False),
        ("extraAAAAAA", 2, True),
    ]
    added(workspace, f"{site.watch_url(hidden.id)}&list=PLlist")
    last = rows(workspace)[-1]
    assert (last.id, last.state, last.selected, (last.error or {})["kind"]) == (hidden.id, "failed", False, "private")


def test_a_persons_choice_outlives_another_list(site: YouTube, tmp_path: Path) -> None:
    workspace, url = youtube(tmp_path, site, *many(3))
    added(workspace, url)
    with Store(workspace.db_path) as store:
        store.videos.select(["v0000000000"], False)
    # The same videos in another list, which begins with the one that was put aside.
    site.playlists["PLother"] = Playlist("PLother", "Again", ["v0000000000", "v0000000001"])
    added(workspace, site.playlist_url("PLother"))
    assert not any(video.selected for video in rows(workspace))
    # Who points at it wants it.
    added(workspace, f"{site.watch_url('v0000000000')}&list=PLother")
    assert [video.id for video in rows(workspace) if video.selected] == ["v0000000000"]


def test_a_page_of_its_own_tells_what_no_list_did(site: YouTube, tmp_path: Path) -> None:
    workspace, url = youtube(tmp_path, site, *many(2))
    added(workspace, url)
    assert [video.licence for video in rows(workspace)] == ["unknown", "unknown"]
    added(workspace, site.watch_url("v0000000001"))
    first, second = rows(workspace)
    assert (first.licence, first.asked) == ("unknown", None)
    assert (second.licence, second.upload_date, second.selected) == ("cc-by", "2024-05-06", True)
    assert second.asked


def test_hostile_texts_of_a_list_are_harmless(site: YouTube, tmp_path: Path) -> None:
    videos = [Posted(f"{name:A<11.11}", title=title, channel=title) for name, title in HOSTILE.items()]
    workspace, url = youtube(tmp_path, site, *videos)
    site.playlists["PLlist"].title = HOSTILE["ansi"] + HOSTILE["bidi"]
    result, _ = added(workspace, url)
    assert result["added"] == len(videos)
    for video in rows(workspace):
        assert video.title
        for text in (video.title, video.channel, result["sources"][0]["title"]):
            assert len(text) <= 300
            assert all(char.isprintable() or char == "\u200d" for char in text), repr(text)
    assert rows(workspace)[list(HOSTILE).index("empty")].title == "emptyAAAAAA"
