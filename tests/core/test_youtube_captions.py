"""Captions that people wrote, apart from the audio: never a translation, never at its cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.events import ItemState
from tests.core.youtube_kit import captions, kinds, listed, made, ran, rows
from tests.fakes.youtube import Caption, Fault, Video, YouTube, many

ZH = (0.0, 2.0, "各位同學大家好"), (2.5, 1.5, "今天我們來看\n第一個例子"), (4.0, 2.0, "接下來請看下一頁")
OTHER = ((0.0, 2.0, "another track"),)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sound")


def test_people_s_captions_come_with_a_fetch_and_translations_are_never_asked_for(sound: Path, tmp_path: Path) -> None:
    tracks = [Caption("en", OTHER), Caption("zh-TW", ZH), Caption("zh", OTHER, automatic=True)]
    with YouTube(sound, [Video("captionsAAA", captions=tracks)]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        result, run = ran("fetch", workspace, all=True)
        assert (result["fetched"], result["captions"]["found"]) == (1, 1)
        stored = captions(workspace, "captionsAAA")
        assert stored is not None
        assert (stored.language, stored.automatic, stored.error) == ("zh-TW", False, None)
        assert stored.cues == (
            (0, 2000, "各位同學大家好"),
            (2500, 4000, "今天我們來看第一個例子"),
            (4000, 6000, "接下來請看下一頁"),
        )
        # The site offers four translations of every track.
        assert [(request.language, request.translated) for request in site.requests("captions")] == [("zh-TW", "")]
        # First the sound, then the words.
        order = [request.what for request in site.requests() if request.what in ("media", "captions")]
        assert order == ["media", "captions"]
        assert run.items(ItemState.CAPTIONS) == ["captionsAAA"]
        site.forget()
        ran("fetch", workspace, all=True)
        ran("captions", workspace)
        assert site.requests() == []


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (["zh-Hans", "zh", "zh-HK", "zh-Hant", "zh-TW"], "zh-TW"),
        (["zh-Hans", "zh", "zh-HK", "zh-Hant"], "zh-Hant"),
        (["en", "zh", "zh-HK"], "zh-HK"),
        (["zh-Hans", "zh"], "zh"),
        (["en", "ja"], None),
    ],
)
def test_which_language_is_taken(sound: Path, tmp_path: Path, offered: list[str], taken: str | None) -> None:
    with YouTube(sound, [Video("captionsAAA", captions=[Caption(code) for code in offered])]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site, state="fetched", path="media/captionsAAA.mp4")
        ran("captions", workspace)
        stored = captions(workspace, "captionsAAA")
        assert stored is not None
        assert stored.language == (taken or "")
        assert [request.language for request in site.requests("captions")] == ([taken] if taken else [])
        assert [request.translated for request in site.requests("captions")] == ([""] if taken else [])


def test_a_named_track_is_taken_where_it_is_the_only_one(sound: Path, tmp_path: Path) -> None:
    with YouTube(sound, [Video("captionsAAA", captions=[Caption("zh-TW", ZH, name="Anna")])]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site, state="fetched", path="media/captionsAAA.mp4")
        result, _ = ran("captions", workspace)
        assert result["found"] == 1
        stored = captions(workspace, "captionsAAA")
        assert stored is not None
        assert (stored.language, len(stored.cues)) == ("zh-TW-Anna", 3)


def test_what_a_machine_heard_only_if_it_is_asked_for(sound: Path, tmp_path: Path) -> None:
    with YouTube(sound, [Video("heardAAAAAA", captions=[Caption("zh-TW", ZH, automatic=True)])]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site, state="fetched", path="media/heardAAAAAA.mp4")
        result, _ = ran("captions", workspace)
        assert (result["found"], result["none"]) == (0, 1)
        assert not site.requests("captions")
        result, _ = ran("captions", workspace, automatic=True)
        stored = captions(workspace, "heardAAAAAA")
        assert stored is not None
        assert (result["found"], stored.language, stored.automatic) == (1, "zh-TW", True)
        assert [(request.language, request.translated) for request in site.requests("captions")] == [("zh-TW", "")]


def test_what_a_machine_translated_is_not_even_then(sound: Path, tmp_path: Path) -> None:
    """The site offers zh-Hant of what it heard as English, and of what people wrote in English."""
    tracks = [Caption("en", OTHER, automatic=True), Caption("en", OTHER)]
    with YouTube(sound, [Video("englishAAAA", captions=tracks)]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site, state="fetched", path="media/englishAAAA.mp4")
        result, _ = ran("captions", workspace, automatic=True)
        assert (result["found"], result["none"]) == (0, 1)
        assert not site.requests("captions")


def test_a_429_on_captions_costs_no_audio_and_asks_for_no_more(sound: Path, tmp_path: Path) -> None:
    videos = many(3, captions=[Caption("zh-TW", ZH)], faults=[Fault("captions", 429, times=None)])
    with YouTube(sound, videos) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        result, run = ran("fetch", workspace, all=True)
        assert (result["fetched"], result["failed"], result["stopped"]) == (3, 0, "")
        assert {row.state for row in rows(workspace).values()} == {"fetched"}
        assert (kinds(workspace), run.job.failures) == ({}, [])
        assert result["captions"]["stopped"]
        assert {request.video for request in site.requests("captions")} == {videos[0].id}
        for video in videos:
            video.faults = []
        site.forget()
        result, _ = ran("captions", workspace)
        assert (result["found"], result["stopped"]) == (3, "")
        assert not site.requests("media")


def test_captions_that_are_listed_and_come_back_empty_are_none(sound: Path, tmp_path: Path) -> None:
    empty = Video("emptyAAAAAA", captions=[Caption("zh-TW", ZH)], faults=[Fault("captions", 200, times=None)])
    silent = Video("silentAAAAA", captions=[Caption("zh-TW", [])])
    with YouTube(
        sound, [empty, silent, Video("noneAAAAAAA"), Video("goodAAAAAAA", captions=[Caption("zh-TW")])]
    ) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        result, _ = ran("fetch", workspace, all=True)
        assert result["fetched"] == 4
        counts = result["captions"]
        assert (counts["found"], counts["none"], counts["stopped"]) == (1, 3, "")


def test_captions_that_the_page_hides_are_asked_of_another_client(sound: Path, tmp_path: Path) -> None:
    video = Video("hiddenAAAAA", captions=[Caption("zh-TW", ZH)], captions_hidden=True)
    with YouTube(sound, [video]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site, state="fetched", path="media/hiddenAAAAA.mp4")
        result, _ = ran("captions", workspace)
        assert result["found"] == 1
        assert site.requests("player")
