"""The captions pass against the stand-in for YouTube: what is taken, what never, and what it costs the audio."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.events import ItemState
from core.jobs.handle import Cancelled
from core.sources.failures import Failure
from core.stages import captions
from core.store import Store, Video
from core.store.records import Captions
from core.workspace import Workspace, create
from tests.fakes import youtube_pages
from tests.fakes.stage import Run, start, wait_until
from tests.fakes.youtube import CUES, Caption, Fault, YouTube
from tests.fakes.youtube import Video as Shown

TEXTS = [(round(start * 1000), round((start + length) * 1000), text) for start, length, text in CUES]
OTHER = ((0.0, 3.0, "另外一份"),)

PEOPLE, NAMED, HEARD, TRANSLATED, EMPTY, BUSY, LAST = (f"{name:0<11}" for name in (
    "people", "named", "heard", "translated", "empty", "busy", "last"
))  # fmt: skip

SHOWN = [
    Shown(PEOPLE, captions=[Caption("en", OTHER), Caption("zh-Hans", OTHER), Caption("zh-TW"), Caption("zh", OTHER)]),
    Shown(NAMED, captions=[Caption("zh-TW", name="second")]),
    Shown(HEARD, captions=[Caption("zh-TW", automatic=True)]),
    Shown(TRANSLATED, captions=[Caption("ja", OTHER), Caption("en", OTHER, automatic=True)]),
    Shown(EMPTY, captions=[Caption("zh-TW")], faults=[Fault("captions", 200, times=None)]),
    Shown(BUSY, captions=[Caption("zh-TW")], faults=[Fault("captions", 429)]),
    Shown(LAST, captions=[Caption("zh-Hant")]),
]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


Open = Callable[..., tuple[YouTube, Workspace]]


@pytest.fixture
def opened(sounds: Path, tmp_path: Path) -> Iterator[Open]:
    """A site with these videos, and a workspace where all of them have been fetched."""
    sites: list[YouTube] = []

    def open_site(*shown: Shown, **tables: Any) -> tuple[YouTube, Workspace]:
        site = YouTube(sounds, shown).__enter__()
        sites.append(site)
        workspace = create(tmp_path / "ws", config_text=site.toml(**tables))
        with Store(workspace.db_path) as store:
            for number, video in enumerate(shown):
                url, path = site.watch_url(video.id), f"media/{video.id}.mp4"
                store.videos.add(Video(video.id, position=number, url=url, state="fetched", path=path))
        return site, workspace

    yield open_site
    for site in sites:
        site.__exit__()


def of(*ids: str) -> list[Shown]:
    """Fresh ones, which a test may change."""
    return [copy.deepcopy(shown) for shown in SHOWN if shown.id in ids]


def passed(workspace: Workspace, **params: Any) -> tuple[dict[str, Any], Run]:
    run = start(workspace, "captions", params)
    return captions.run(workspace, workspace.config(), run.job), run


def stored(workspace: Workspace) -> dict[str, Captions]:
    with Store(workspace.db_path) as store:
        return store.captions.all()


def test_what_people_wrote_is_taken_with_its_times(opened: Open) -> None:
    site, workspace = opened(*of(PEOPLE, NAMED))
    result, run = passed(workspace)
    assert result == {"found": 2, "none": 0, "failed": 0, "stopped": ""}
    found = stored(workspace)
    assert (found[PEOPLE].language, found[PEOPLE].automatic, list(found[PEOPLE].cues)) == ("zh-TW", False, TEXTS)
    assert (found[NAMED].language, list(found[NAMED].cues)) == ("zh-TW-second", TEXTS)
    assert run.items(ItemState.CAPTIONS) == [PEOPLE, NAMED]
    # The page and the one track: no player, no sound.
    assert [request.what for request in site.requests(video=PEOPLE)] == ["watch", "captions"]
    site.forget()
    assert passed(workspace)[0]["found"] == 0
    assert site.log == []


def test_recognition_only_where_it_is_asked_for_and_translation_never(opened: Open) -> None:
    site, workspace = opened(*of(PEOPLE, HEARD, TRANSLATED))
    result, _ = passed(workspace)
    assert (result["found"], result["none"]) == (1, 2)
    assert {id: (row.error or {}).get("kind") for id, row in stored(workspace).items()} == {
        PEOPLE: None,
        HEARD: "no captions",
        TRANSLATED: "no captions",
    }
    assert site.asked("captions") == [PEOPLE]
    site.forget()
    assert passed(workspace)[0]["none"] == 0
    assert site.log == []  # "none" is an answer
    # Recognition is another question, so that it is asked; what people wrote is here and stays.
    result, _ = passed(workspace, automatic=True)
    assert (result["found"], result["none"]) == (1, 1)
    found = stored(workspace)
    assert (found[HEARD].language, found[HEARD].automatic, list(found[HEARD].cues)) == ("zh-TW", True, TEXTS)
    assert not found[PEOPLE].automatic
    assert [(r.video, r.language, r.translated) for r in site.requests("captions")] == [(HEARD, "zh-TW", "")]


def test_captions_in_another_language_than_is_heard_are_warned_of(opened: Open) -> None:
    english = Caption("en", OTHER, automatic=True)
    _, workspace = opened(
        Shown(PEOPLE, captions=[Caption("zh-TW"), english]),
        Shown(LAST, captions=[Caption("zh-Hant"), Caption("zh-TW", automatic=True)]),
    )
    result, run = passed(workspace)
    assert result["found"] == 2
    (warned,) = run.log("warning")
    assert PEOPLE in warned
    assert "zh-TW may translate" in warned


def test_none_is_asked_again_only_if_told_to(opened: Open) -> None:
    site, workspace = opened(Shown(HEARD))
    assert passed(workspace)[0]["none"] == 1
    site.videos[HEARD].captions.append(Caption("zh-TW"))
    assert passed(workspace)[0]["found"] == 0
    assert passed(workspace, again=True)[0]["found"] == 1
    assert list(stored(workspace)[HEARD].cues) == TEXTS


def test_a_track_that_comes_back_empty_is_none(opened: Open) -> None:
    _site, workspace = opened(*of(EMPTY))
    result, run = passed(workspace)
    assert (result["none"], result["failed"], run.job.failures) == (1, 0, [])
    assert (stored(workspace)[EMPTY].error or {})["kind"] == "no captions"


def test_behind_an_empty_track_the_next_one_counts(opened: Open) -> None:
    _, workspace = opened(
        Shown(PEOPLE, captions=[Caption("zh-TW", ()), Caption("zh-HK")], faults=[Fault("captions", 404)])
    )
    assert passed(workspace)[0]["found"] == 1
    assert stored(workspace)[PEOPLE].language == "zh-HK"


def test_too_many_requests_stop_the_pass_and_cost_nothing_else(opened: Open) -> None:
    site, workspace = opened(
        *of(PEOPLE), Shown(BUSY, captions=[Caption("zh-TW")], faults=[Fault("captions", 429)]), *of(LAST)
    )
    with Store(workspace.db_path) as store:
        rows = store.videos.all()
        run = start(workspace, "fetch")
        result = captions.fetch_for(workspace, workspace.config(), run.job, store, rows)
        assert store.videos.all() == rows
    assert (result["found"], result["failed"]) == (1, 1)
    assert "too many requests" in result["stopped"]
    assert run.job.failures == []
    assert run.items(ItemState.FAILED) == []
    assert any("1 not tried" in line for line in run.log())
    error = stored(workspace)[BUSY].error or {}
    assert (error["kind"], error["retry"]) == ("rate limited", "later")
    assert "whispersmith captions" in error["fix"]
    assert site.asked("watch") == [PEOPLE, BUSY]
    # Later it goes on from there.
    site.forget()
    assert passed(workspace)[0] == {"found": 2, "none": 0, "failed": 0, "stopped": ""}
    assert site.asked("captions") == [BUSY, LAST]


def test_the_bot_wall_and_a_refused_page_stop_the_pass(opened: Open) -> None:
    site, workspace = opened(*of(PEOPLE, LAST))
    site.wall = True
    result, run = passed(workspace)
    assert (result["found"], result["failed"]) == (0, 1)
    assert "not a bot" in result["stopped"]
    assert [id for id, _ in run.job.failures] == [PEOPLE]
    site.wall = False
    site.videos[PEOPLE].faults.append(Fault("all", 429, times=None))
    result, _ = passed(workspace)
    assert (result["failed"], "too many requests" in result["stopped"]) == (1, True)
    assert site.asked("captions") == []


def test_captions_that_are_here_outlive_a_failure(opened: Open) -> None:
    site, workspace = opened(*of(PEOPLE))
    passed(workspace)
    site.wall = True
    assert passed(workspace, again=True)[0]["failed"] == 1
    site.wall = False
    site.videos[PEOPLE].captions.clear()
    assert passed(workspace, again=True)[0]["none"] == 1
    assert list(stored(workspace)[PEOPLE].cues) == TEXTS


def test_a_video_that_is_gone_by_now_is_not_without_captions(opened: Open) -> None:
    _site, workspace = opened(Shown(PEOPLE, captions=[Caption("zh-TW")], state="private"), *of(LAST))
    result, run = passed(workspace)
    assert (result["found"], result["failed"], result["stopped"]) == (1, 1, "")
    assert "private" in run.job.failures[0][1].why
    assert (stored(workspace)[PEOPLE].error or {})["kind"] == "private"
    with Store(workspace.db_path) as store:
        row = store.videos.get(PEOPLE)
    assert row is not None
    assert (row.state, row.error) == ("fetched", None)


def test_only_what_is_here_and_anything_by_name(opened: Open) -> None:
    _site, workspace = opened(*of(PEOPLE, LAST))
    with Store(workspace.db_path) as store:
        store.videos.update(LAST, state="listed", path=None)
        store.videos.add(Video("own", state="fetched", licence="own"))
    assert passed(workspace)[0]["found"] == 1
    assert passed(workspace, ids=[LAST])[0]["found"] == 1
    with pytest.raises(UserError, match="no video nowhere"):
        passed(workspace, ids=["nowhere"])
    with pytest.raises(UserError, match="comes from this machine"):
        passed(workspace, ids=["own"])


def test_captions_that_only_other_clients_are_shown(opened: Open) -> None:
    """YouTube hides them from a part of its guests' web pages; what has none is not asked for a second time."""
    site, workspace = opened(Shown(PEOPLE, captions=[Caption("zh-TW")], captions_hidden=True), Shown(HEARD))
    assert passed(workspace)[0] == {"found": 1, "none": 1, "failed": 0, "stopped": ""}
    assert list(stored(workspace)[PEOPLE].cues) == TEXTS
    assert site.requests("player", PEOPLE)
    assert not site.requests("player", HEARD)
    assert not site.requests("media")


def test_captions_that_no_client_is_shown_are_asked_for_again(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    _, workspace = opened(Shown(PEOPLE, captions=[Caption("zh-TW")], captions_hidden=True))
    caption = youtube_pages._caption
    monkeypatch.setattr(
        youtube_pages,
        "_caption",
        lambda *all, **more: (track := caption(*all, **more)) | {"baseUrl": track["baseUrl"] + "&exp=xpe"},
    )
    result, run = passed(workspace)
    assert (result["failed"], result["stopped"]) == (1, "")
    assert "PO token" in run.job.failures[0][1].why
    assert (stored(workspace)[PEOPLE].error or {})["retry"] == "later"
    monkeypatch.undo()
    assert passed(workspace)[0]["found"] == 1


def test_a_pass_can_be_held(opened: Open) -> None:
    site, workspace = opened(*of(PEOPLE, LAST))
    run = start(workspace, "captions", {})
    run.job.pause()
    results: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: results.append(captions.run(workspace, workspace.config(), run.job)))
    thread.start()
    thread.join(0.5)
    assert (thread.is_alive(), site.log) == (True, [])
    run.job.pause(False)
    thread.join(30)
    assert results[0]["found"] == 2


def test_a_cancel_ends_a_request_that_is_not_answered(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    held, go = threading.Event(), threading.Event()
    json3 = youtube_pages.json3

    def never(caption: Caption) -> dict[str, Any]:
        held.set()
        go.wait(30)
        return json3(caption)

    monkeypatch.setattr(youtube_pages, "json3", never)
    _, workspace = opened(*of(PEOPLE))
    run = start(workspace, "captions", {})
    stopper = threading.Thread(target=lambda: (held.wait(30), run.job.cancel()))
    stopper.start()
    try:
        with pytest.raises(Cancelled):
            captions.run(workspace, workspace.config(), run.job)
        assert not go.is_set()
    finally:
        go.set()
        stopper.join(10)
    assert stored(workspace) == {}


def test_a_cancel_ends_the_pause(opened: Open) -> None:
    site, workspace = opened(*of(PEOPLE, LAST), fetch={"request_pause_s": 600.0})
    run = start(workspace, "captions", {})
    stopper = threading.Thread(target=lambda: (wait_until(lambda: site.requests("watch")), run.job.cancel()))
    stopper.start()
    with pytest.raises(Cancelled):
        captions.run(workspace, workspace.config(), run.job)
    stopper.join(10)


def test_settings_that_cannot_be_cost_a_fetch_nothing(opened: Open) -> None:
    _, workspace = opened(*of(PEOPLE), ytdlp={"proxi": "x"})
    with pytest.raises(UserError, match="proxi"):
        passed(workspace)
    with Store(workspace.db_path) as store:
        run = start(workspace, "fetch")
        result = captions.fetch_for(workspace, workspace.config(), run.job, store, store.videos.all())
    assert "proxi" in result["stopped"]
    assert run.job.failures == []


def test_the_languages_of_the_settings_count(opened: Open) -> None:
    _site, workspace = opened(*of(PEOPLE), captions={"languages": ["ja", "en"]})
    assert passed(workspace)[0]["found"] == 1
    assert stored(workspace)[PEOPLE].language == "en"


def test_hostile_captions_are_stored_harmless(opened: Open) -> None:
    nasty = ((0.0, 2.0, "\x1b[31m紅\x1b[0m\u202e色\x00"), (2.0, 2.0, "第一行\n第二行"), (4.0, 1.0, "\u200b\n"))
    _, workspace = opened(Shown(PEOPLE, captions=[Caption("zh-TW", nasty)]))
    passed(workspace)
    assert [text for _, _, text in stored(workspace)[PEOPLE].cues] == ["紅色", "第一行第二行"]


class _Page(BaseHTTPRequestHandler):
    """A page of some other site: a recording with its captions."""

    def do_GET(self) -> None:
        bodies = {
            "/talk": (
                "text/html",
                '<html><body><video src="/talk.mp4"><track kind="subtitles" srclang="zh-TW" src="/talk.vtt">'
                "</video></body></html>",
            ),
            "/talk.vtt": ("text/vtt", "WEBVTT\n\n00:01.000 --> 00:02.500\n<i>大家好</i>\n"),
        }
        kind, body = bodies.get(self.path, ("", ""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind or "text/plain")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body.encode())

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_another_site_by_name(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    workspace = create(tmp_path / "ws", config_text='[fetch]\nrequest_pause_s = 0.0\n[ytdlp]\nproxy = ""\n')
    with Store(workspace.db_path) as store:
        store.videos.add(Video("talk", url=f"{address}/talk", state="fetched"))
        store.videos.add(Video("bare", url=f"{address}/nothing", state="fetched"))
    try:
        assert passed(workspace)[0]["found"] == 0  # by itself only YouTube is asked
        result, run = passed(workspace, ids=["talk", "bare"])
    finally:
        server.shutdown()
        server.server_close()
    assert (result["found"], result["failed"]) == (1, 1)
    assert stored(workspace)["talk"].cues == ((1000, 2500, "大家好"),)
    assert [id for id, _ in run.job.failures] == ["bare"]


def test_a_stop_keeps_its_own_words() -> None:
    failure = captions._in_words_of_captions(Failure("server", "a fault", "500", "whispersmith fetch"))
    assert (failure.what, failure.fix) == ("the captions could not be fetched", "whispersmith captions")
    assert failure.why == "a fault: 500; the audio is not concerned"
