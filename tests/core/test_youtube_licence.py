"""What no list tells: licence, captions, channel, date, by one cheap request each; states that a page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.events import Item
from tests.core.youtube_kit import LIST, SHOWN, added, kinds, listed, made, ran, rows
from tests.fakes.youtube import CC_BY, STANDARD, Caption, Fault, Playlist, Video, YouTube, many

REFUSED = [Fault("all", 429, times=None)]


def test_creative_commons_standard_and_unknown_are_told_apart(tmp_path: Path) -> None:
    videos = [
        Video("creativeAAA", "第一講", licence=CC_BY, channel="語音實驗室", date="2023-11-05"),
        Video("standardAAA", licence=STANDARD),
        Video("otherwordsA", licence="Creative Commons Attribution-NonCommercial license"),
        Video("refusedAAAA", faults=REFUSED),
    ]
    with YouTube(tmp_path, videos, [Playlist(LIST, "Talks", [video.id for video in videos])]) as site:
        workspace = made(tmp_path, site)
        added(workspace, site.playlist_url(LIST))
        assert {row.licence for row in rows(workspace).values()} == {"unknown"}
        site.forget()
        result, run = ran("details", workspace)
        found = rows(workspace)
        assert {id: row.licence for id, row in found.items()} == {
            "creativeAAA": "cc-by",
            "standardAAA": "standard",
            "otherwordsA": "standard",
            "refusedAAAA": "unknown",
        }
        assert (found["creativeAAA"].licence_text, found["standardAAA"].licence_text) == (CC_BY, "")
        first = found["creativeAAA"]
        assert (first.channel, first.upload_date, first.live_status) == ("語音實驗室", "2023-11-05", "not_live")
        assert [row.asked is not None for row in found.values()] == [True, True, True, False]
        assert (result["asked"], result["left"]) == (3, 1)
        assert "too many requests" in result["stopped"]
        # One request each; only the refused one makes yt-dlp look elsewhere.
        assert [r.video for r in site.requests() if r.video != "refusedAAAA"] == [video.id for video in videos[:3]]
        assert not site.requests("media")
        assert not site.requests("script")
        assert "creativeAAA" in [item.id for item in run.events(Item)]

        site.videos["refusedAAAA"].faults = []
        site.forget()
        result, _ = ran("details", workspace)
        assert (result["asked"], result["left"], result["stopped"]) == (1, 0, "")
        assert site.asked("watch") == ["refusedAAAA"]
        assert rows(workspace)["refusedAAAA"].licence == "cc-by"


def test_a_page_that_was_not_shown_has_no_licence(tmp_path: Path) -> None:
    """Its row would be missing from a page under the standard licence, too: only the channel beside it tells."""
    places = ("watch", "next", "player")
    blind, halfblind = ([Fault(place, 429, times=None) for place in places[:count]] for count in (2, 1))
    with YouTube(tmp_path, [Video("halfblindAA", faults=halfblind), Video("blindAAAAAA", faults=blind)]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        ran("details", workspace, ids=["halfblindAA"])
        ran("details", workspace, ids=["blindAAAAAA"])
        found = rows(workspace)
        # What is said beside the page counts, too.
        assert found["halfblindAA"].licence == "cc-by"
        assert (found["blindAAAAAA"].licence, found["blindAAAAAA"].asked) == ("unknown", None)


def test_a_429_stops_the_pass_with_nothing_asked_after_it(tmp_path: Path) -> None:
    videos = many(5)
    videos[2].faults = [Fault("all", 429)]
    with YouTube(tmp_path, videos) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        result, _ = ran("details", workspace)
        assert (result["asked"], result["left"]) == (2, 3)
        assert "too many requests" in result["stopped"]
        assert site.asked("watch") == [video.id for video in videos[:3]]
        site.forget()
        assert ran("details", workspace)[0] == {"asked": 3, "left": 0, "stopped": ""}
        assert site.asked("watch") == [video.id for video in videos[2:]]


def test_the_bot_wall_stops_the_pass(tmp_path: Path) -> None:
    videos = many(3)
    with YouTube(tmp_path, videos) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        site.wall = True
        result, _ = ran("details", workspace)
        assert "not a bot" in result["stopped"]
        assert site.asked("watch") == [videos[0].id]
        # The wall is before the player; what the page says of the licence counts all the same.
        assert rows(workspace)[videos[0].id].licence == "cc-by"
        site.wall = False
        assert ran("details", workspace)[0]["left"] == 0


def test_captions_of_people_and_of_machines_are_told_apart_and_translations_left_out(tmp_path: Path) -> None:
    tracks = [Caption("zh-TW"), Caption("zh-TW", name="second"), Caption("en"), Caption("zh", automatic=True)]
    heard = [Caption("yue", automatic=True)]
    videos = [Video("captionsAAA", captions=tracks), Video("heardAAAAAA", captions=heard), Video("noneAAAAAAA")]
    with YouTube(tmp_path, videos) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        ran("details", workspace)
        assert {id: row.captions for id, row in rows(workspace).items()} == {
            "captionsAAA": ("zh-TW", "zh-TW-second", "en", "zh:auto"),
            "heardAAAAAA": ("yue:auto",),
            "noneAAAAAAA": (),
        }
        assert not site.requests("captions")


def test_what_a_page_shows_is_known_before_anything_is_fetched(tmp_path: Path) -> None:
    videos = [Video(f"{state:A<11}", state=state) for state, _ in SHOWN]
    with YouTube(tmp_path, [*videos, Video("fineAAAAAAA")]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        result, _ = ran("details", workspace)
        assert kinds(workspace) == {f"{state:A<11}": kind for state, kind in SHOWN}
        assert (result["left"], result["stopped"]) == (0, "")
        found = rows(workspace)
        assert found["fineAAAAAAA"].licence == "cc-by"
        assert all(row.error["what"] and row.error["why"] for row in found.values() if row.error)
        assert not site.requests("media")


@pytest.mark.parametrize("state", ["private", "deleted", "members", "live", "premiere"])
def test_a_single_link_to_what_cannot_be_fetched_says_so_at_once(tmp_path: Path, state: str) -> None:
    with YouTube(tmp_path, [Video("theonlyoneA", state=state)]) as site:
        workspace = made(tmp_path, site)
        added(workspace, site.watch_url("theonlyoneA"))
        row = rows(workspace)["theonlyoneA"]
        assert (row.state, row.selected) == ("failed", False)
        assert kinds(workspace) == {"theonlyoneA": dict(SHOWN)[state]}
