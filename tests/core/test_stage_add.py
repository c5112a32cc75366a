"""Adding feeds over loopback, and files and folders of this machine, to a real store."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.events import ItemState
from core.jobs.handle import Cancelled
from core.stages import add
from core.store import Store, Video
from core.workspace import Workspace, create
from tests.fakes.feed import Episode, FeedServer, make_audio
from tests.fakes.stage import Run, start
from tests.fakes.youtube import HOSTILE

TOML = """
[fetch]
request_pause_s = 0.0
[ytdlp]
retries = 0
extractor_retries = 0
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "ws", config_text=TOML)


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_audio(tmp_path_factory.mktemp("tone") / "tone.mp3", 2)


def added(workspace: Workspace, *what: object, **more: Any) -> tuple[dict[str, Any], Run]:
    run = start(workspace, "add", {"what": [str(text) for text in what], **more})
    return add.run(workspace, workspace.config(), run.job), run


def rows(workspace: Workspace) -> list[Video]:
    with Store(workspace.db_path) as store:
        return store.videos.all()


def said(error: UserError) -> bool:
    return bool(error.what and error.why and error.fix)


# -- links


def test_a_feed_is_listed_and_nothing_is_downloaded(workspace: Workspace, tmp_path: Path) -> None:
    episodes = [
        Episode("one", "第一集\u202e !", guid="tag:x,2024:/1"),
        Episode("two", guid=""),
        Episode("three"),
    ]
    with FeedServer(tmp_path / "site", episodes) as server:
        result, run = added(workspace, server.feed_url)
        assert [request.what for request in server.log] == ["feed"]
        assert (result["added"], result["known"], result["failed"]) == (3, 0, 0)
        assert result["sources"][0]["title"] == "A loopback podcast"
        assert result["sources"][0]["kind"] == "feed"
        videos = rows(workspace)
        assert run.items(ItemState.LISTED) == [video.id for video in videos]
        assert [video.title for video in videos] == ["第一集 !", "two", "three"]
        assert [video.selected for video in videos] == [True, False, False]
        assert {video.channel for video in videos} == {"A loopback podcast"}
        assert {(video.licence, video.duration_ms, video.upload_date) for video in videos} == {
            ("unknown", 6000, "2024-05-06")
        }

        # Again, with one more in front: only that one is new, and what a person selected stays.
        with Store(workspace.db_path) as store:
            store.videos.select([videos[0].id], False)
        server.episodes = {"four": server.episodes["one"], **server.episodes}
        server.episodes["four"] = Episode("four", "four")
        (tmp_path / "site" / "four.m4a").write_bytes(server.audio("one").read_bytes())
        result, _ = added(workspace, server.feed_url)
        assert (result["added"], result["known"]) == (1, 3)
        assert not any(video.selected for video in rows(workspace))
        assert len(rows(workspace)) == 4


def test_the_same_feed_gives_the_same_ids_elsewhere(workspace: Workspace, tmp_path: Path) -> None:
    ids = []
    for name in ("a", "b"):
        other = create(tmp_path / name, config_text=TOML)
        # Another port: the guid counts, not the address it happened to have.
        with FeedServer(tmp_path / "site", [Episode("one", guid="tag:x,2024:/1")]) as server:
            added(other, server.feed_url)
        ids.append(rows(other)[0].id)
    assert ids[0] == ids[1]


def test_a_page_and_a_bare_file(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", [Episode("one", "On a page"), Episode("two")]) as server:
        result, _ = added(workspace, server.page_url("one"), server.media_url("two"))
    assert result["added"] == 2
    page, bare = rows(workspace)
    assert page.title.startswith("On a page")
    assert (page.selected, bare.selected) == (True, True)
    assert bare.url.endswith("/media/two.m4a")


def test_links_that_lead_nowhere(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", [Episode("one")], feed_status=429) as server:
        base = server.base
        for url, words in (
            (f"{base}/nothing", "404"),
            (server.feed_url, "too many requests"),
            ("http://127.0.0.1:9/x", "does not answer"),
            ("http://no-such-host.invalid/x", "does not answer"),
            ("nonsense", "neither a link nor a file"),
        ):
            with pytest.raises(UserError) as caught:
                added(workspace, url)
            assert words in caught.value.what
            assert said(caught.value)
            assert "whispersmith fetch" not in caught.value.fix
        # Beside one that works, the others are items that failed.
        server.feed_status = 200
        result, run = added(workspace, f"{base}/nothing", server.feed_url, "nonsense")
    assert (result["added"], result["failed"]) == (1, 2)
    assert [id for id, _ in run.job.failures] == [f"{base}/nothing", "nonsense"]
    assert all(said(error) for _, error in run.job.failures)


def test_an_empty_feed_lists_nothing(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", []) as server, pytest.raises(UserError, match="lists nothing"):
        added(workspace, server.feed_url)
    with Store(workspace.db_path) as store:
        assert store.videos.sources() == []


def test_cancelled_before_the_first_request(workspace: Workspace, tmp_path: Path) -> None:
    with FeedServer(tmp_path / "site", [Episode("one")]) as server:
        run = start(workspace, "add", {"what": [server.feed_url]})
        run.job.cancel()
        with pytest.raises(Cancelled):
            add.run(workspace, workspace.config(), run.job)
        assert server.log == []


# -- files and folders


@pytest.mark.parametrize(
    "name",
    [
        "a.mkv",
        "a.webm",
        "a.ogg",
        "a.opus",
        "a.flac",
        "a.wav",
        "a.mov",
        "a.avi",
        "a.aac",
        "a.mka",
        "a.ts",
        "a.AIFF",
        "a.odd",
    ],
)
def test_any_container_that_ffmpeg_reads(workspace: Workspace, tmp_path: Path, name: str) -> None:
    file = make_audio(tmp_path / "made" / (name if name != "a.odd" else "a.m4a"), 1)
    if name == "a.odd":
        # Neither the ending nor its absence says what a file is.
        file = file.rename(file.with_name("-第一講 no ending"))
    added(workspace, file)
    (video,) = rows(workspace)
    assert (video.state, video.title) == ("fetched", file.stem)
    assert abs((video.duration_ms or 0) - 1000) < 150
    assert (workspace.root / str(video.path)).read_bytes() == file.read_bytes()


def test_a_file_whose_name_is_nothing_to_see(workspace: Workspace, tmp_path: Path, tone: Path) -> None:
    file = tmp_path / "\u3164\u200b.mp3"
    file.write_bytes(tone.read_bytes())
    added(workspace, file)
    (video,) = rows(workspace)
    assert video.title == video.id


def test_a_podcast_of_hostile_texts(workspace: Workspace, tmp_path: Path, tone: Path) -> None:
    # What XML itself forbids cannot arrive.
    texts = {name: "".join(c for c in text if c >= " " or c in "\t\n\r") for name, text in HOSTILE.items()}
    episodes = [Episode(name, text, guid=f"{name} {text[:200]}") for name, text in texts.items()]
    with FeedServer(tmp_path / "site", episodes, audio=tone, name="第一 & <b>[red]\u202e") as server:
        result, _ = added(workspace, server.feed_url)
    assert (result["added"], result["sources"][0]["title"]) == (len(episodes), "第一 & <b>[red]")
    for video in rows(workspace):
        assert video.title
        assert video.licence == "unknown"
        assert all(char.isprintable() or char == "\u200d" for char in video.title)
        assert set(video.id) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def test_a_file_is_linked_not_copied_and_known_again(workspace: Workspace, tmp_path: Path, tone: Path) -> None:
    file = tmp_path / "talk.mp3"
    file.write_bytes(tone.read_bytes())
    (tmp_path / "talk.zh-TW.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\n好\n", encoding="utf-8")
    (tmp_path / "talk.vtt").write_text("WEBVTT\n", encoding="utf-8")
    (tmp_path / "talk.of another.srt").write_text("", encoding="utf-8")
    result, run = added(workspace, file)
    (video,) = rows(workspace)
    assert (video.id, video.title, video.licence, video.state) == ("talk", "talk", "own", "fetched")
    assert (video.path, video.bytes) == ("media/talk.mp3", file.stat().st_size)
    assert video.captions == ("und", "zh-TW")
    assert abs((video.duration_ms or 0) - 2000) < 100
    assert os.path.samefile(workspace.media / "talk.mp3", file)
    assert (workspace.media / "talk.zh-TW.srt").is_file()
    assert json.loads((workspace.media / "talk.json").read_text())["licence"] == "own"
    assert run.items(ItemState.FETCHED) == ["talk"]
    assert result["added"] == 1

    renamed = tmp_path / "renamed.mp3"
    renamed.write_bytes(file.read_bytes())
    for again in (file, renamed):
        result, run = added(workspace, again)
        assert (result["added"], result["known"]) == (0, 1)
        assert any("is here already, as talk" in line for line in run.log())
    assert len(rows(workspace)) == 1


def test_names_that_collide_or_are_not_ascii(workspace: Workspace, tmp_path: Path, tone: Path) -> None:
    other = make_audio(tmp_path / "other.mp3", 1)
    for name, content in (
        ("a/talk.mp3", tone),
        ("b/talk.mp3", other),
        ("c/第一講.mp3", make_audio(tmp_path / "x.mp3", 1.5)),
    ):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_bytes(content.read_bytes())
        added(workspace, path)
    first, second, third = (video.id for video in rows(workspace))
    assert first == "talk"
    assert second.startswith("talk-")
    assert third.startswith("recording-")
    assert rows(workspace)[2].title == "第一講"
    assert len({first, second, third}) == 3


def test_a_folder_gives_its_recordings_and_names_the_rest(workspace: Workspace, tmp_path: Path, tone: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.mp3").write_bytes(tone.read_bytes())
    make_audio(folder / "deeper" / "b.wav", 1)
    (folder / "broken.mp4").write_bytes(b"no media at all")
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.mp3").write_bytes(tone.read_bytes())
    result, run = added(workspace, "in", cwd=str(tmp_path))
    assert (result["added"], result["failed"]) == (2, 0)
    assert [(video.id, video.path) for video in rows(workspace)] == [("a", "media/a.mp3"), ("b", "media/b.wav")]
    logged = " ".join(line for line in run.log())
    assert "broken.mp4" in logged
    assert "notes.txt" not in logged


def test_files_that_are_none(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "text.mp3").write_text("hello")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "useless").mkdir()
    (tmp_path / "useless" / "x.mp4").write_bytes(b"no media")
    mute = tmp_path / "mute.mp4"
    import subprocess

    from tests.fakes.feed import ffmpeg

    picture = ["-f", "lavfi", "-i", "color=black:size=64x64:duration=1"]
    subprocess.run([ffmpeg(), "-loglevel", "error", "-y", *picture, str(mute)], check=True)
    cases = (
        ("empty.mp3", "is empty"),
        ("text.mp3", "is not a recording"),
        ("mute.mp4", "has no sound"),
        ("nothing", "no recording in"),
        ("useless", "no recording in"),
        ("absent.mp3", "neither a link nor a file"),
        (str(workspace.media), "is the workspace"),
    )
    for name, words in cases:
        with pytest.raises(UserError) as caught:
            added(workspace, name, cwd=str(tmp_path))
        assert words in caught.value.what
        assert said(caught.value)
    assert rows(workspace) == []
    assert list(workspace.media.glob("*.*")) == []


def test_a_copy_where_a_link_cannot_be(
    workspace: Workspace, tmp_path: Path, tone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    added(workspace, tone)
    assert (workspace.media / "tone.mp3").read_bytes() == tone.read_bytes()
    assert not os.path.samefile(workspace.media / "tone.mp3", tone)
    assert list(workspace.partial.iterdir()) == []


def test_a_run_killed_between_file_and_row_is_continued(workspace: Workspace, tone: Path) -> None:
    added(workspace, tone)
    with Store(workspace.db_path) as store, store.write() as db:
        db.execute("DELETE FROM videos")
    result, _ = added(workspace, tone)
    assert result["added"] == 1
    assert [video.id for video in rows(workspace)] == ["tone"]
    assert sorted(path.name for path in workspace.media.glob("*.mp3")) == ["tone.mp3"]
    assert list(workspace.partial.glob("*")) == []


def test_a_file_deleted_from_media_comes_back(workspace: Workspace, tone: Path) -> None:
    added(workspace, tone)
    (workspace.media / "tone.mp3").unlink()
    result, _ = added(workspace, tone)
    assert result["added"] == 1
    assert [video.id for video in rows(workspace)] == ["tone"]
    assert (workspace.media / "tone.mp3").is_file()
