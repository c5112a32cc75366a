"""What strangers write into titles, channel names, captions and errors: harmless in the store, on disk, in a log."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from core.sources import sidecar
from core.stages import add
from tests.core.youtube_kit import LIST, added, captions, kinds, listed, made, ran, rows
from tests.fakes.stage import Run, start
from tests.fakes.youtube import HOSTILE, Caption, Playlist, Video, YouTube

IDS = {name: f"{name:-<11}" for name in HOSTILE}
# What reorders a line or hides in it; tabs and line ends are controls as well.
FORBIDDEN = {"Cc", "Zl", "Zp", "Cs"}
BIDI = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sound")


def hostile(**more: object) -> list[Video]:
    return [Video(IDS[name], text, channel=text, **more) for name, text in HOSTILE.items()]  # type: ignore[arg-type]


def assert_harmless(text: str, limit: int) -> None:
    assert len(text) <= limit
    assert not {char for char in text if unicodedata.category(char) in FORBIDDEN or char in BIDI}, ascii(text)
    text.encode("utf-8")


def assert_log_is_harmless(run: Run) -> None:
    for text in (*run.log(), *(progress.note for progress in run.progress)):
        assert_harmless(text, 1000)


@pytest.mark.parametrize("layout", ["lockup", "classic"])
def test_titles_and_channels_of_a_list(tmp_path: Path, layout: str) -> None:
    videos = hostile()
    playlist = Playlist(LIST, " ".join(HOSTILE.values()), [video.id for video in videos], layout=layout)  # type: ignore[arg-type]
    with YouTube(tmp_path, videos, [playlist]) as site:
        workspace = made(tmp_path, site)
        result, run = added(workspace, site.playlist_url(LIST))
        assert result["added"] == len(HOSTILE)
        assert_harmless(result["sources"][0]["title"], 300)
        found = rows(workspace)
        for row in found.values():
            assert_harmless(row.title, 300)
            assert_harmless(row.channel, 200)
            assert row.title
        assert_log_is_harmless(run)
        # Markup is text like any other: it stays as it was written, and is for the screen to take literally.
        assert "[red]red[/red]" in found[IDS["markup"]].title
        assert found[IDS["ansi"]].title.startswith("red")
        # Letters and pictures with all that belongs to them stay; how many marks a letter may carry is not said here.
        assert found[IDS["emoji"]].title.startswith("👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301\u0327\u0308 Z\u0351")
        assert found[IDS["emoji"]].title.endswith("lgo 日本語")
        assert found[IDS["long"]].title.endswith("…")


def test_details_of_every_video(tmp_path: Path) -> None:
    with YouTube(tmp_path, hostile(licence="\x1b[31mCreative Commons Attribution license (reuse allowed)")) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site)
        result, run = ran("details", workspace)
        assert (result["asked"], result["left"]) == (len(HOSTILE), 0)
        for row in rows(workspace).values():
            for text, limit in ((row.title, 300), (row.channel, 200), (row.channel_url, 500), (row.licence_text, 300)):
                assert_harmless(text, limit)
        assert_log_is_harmless(run)


def test_files_and_their_attribution(sound: Path, tmp_path: Path) -> None:
    words = [Caption("zh-TW", [(0.0, 2.0, text) for text in HOSTILE.values()])]
    names = ("path", "markup", "ansi", "newlines", "empty")
    ids = [IDS[name] for name in names]
    videos = [video for video in hostile(seconds=3, captions=words) if video.id in ids]
    with YouTube(sound, videos) as site:
        workspace = made(tmp_path, site)
        result, run = ran("add", workspace, what=[site.watch_url(id) for id in ids])
        assert result["added"] == len(ids)
        outside = {path for path in tmp_path.rglob("*") if workspace.root not in path.parents}
        result, run = ran("fetch", workspace, all=True)
        assert (result["fetched"], kinds(workspace)) == (len(ids), {})
        assert_log_is_harmless(run)
        # No word of a stranger is in a path.
        files = {path.name for path in workspace.media.iterdir() if path.is_file()}
        assert {name for name in files if name.endswith(".mp4")} == {f"{id}.mp4" for id in ids}
        assert {name.partition(".")[0] for name in files} == set(ids)
        assert {path for path in tmp_path.rglob("*") if workspace.root not in path.parents} == outside
        for id in ids:
            about = json.loads(sidecar.path_of(workspace.media, id).read_text(encoding="utf-8"))
            assert about["url"] == site.watch_url(id)
            for key in ("title", "channel", "licence_text"):
                assert_harmless(about[key], 300)
            stored = captions(workspace, id)
            assert stored is not None
            assert stored.cues
            for _, _, text in stored.cues:
                assert_harmless(text, 1000)


def test_words_of_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.fakes import youtube_pages as pages

    spoken = "".join(HOSTILE.values())[:3_000]
    odd = pages.State("UNPLAYABLE", spoken, spoken)
    monkeypatch.setitem(pages.STATES, "odd", odd)
    with YouTube(tmp_path, [Video("oddAAAAAAAA", state="odd")]) as site:
        workspace = made(tmp_path, site)
        listed(workspace, site, licence="cc-by")
        _, run = ran("fetch", workspace, all=True)
        error = rows(workspace)["oddAAAAAAAA"].error
        assert error is not None
        for text in error.values():
            assert_harmless(text, 3000)
        assert "[red]" in error["detail"]
        assert_log_is_harmless(run)


def test_a_list_whose_name_is_nothing(tmp_path: Path) -> None:
    videos = [Video("v0000000000", "")]
    with YouTube(tmp_path, videos, [Playlist(LIST, "", [videos[0].id])]) as site:
        workspace = made(tmp_path, site)
        run = start(workspace, "add", {"what": [site.playlist_url(LIST)]})
        result = add.run(workspace, workspace.config(), run.job)
        assert result["sources"][0]["title"]
        assert rows(workspace)["v0000000000"].title
