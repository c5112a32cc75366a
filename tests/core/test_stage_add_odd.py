"""Odd things to add: links that are none, pipes, names that are no UTF-8, lists and items that fail."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.jobs import spawn
from core.jobs.attach import view
from core.links import is_youtube
from core.sources import names
from core.store import Store
from core.workspace import Workspace, create
from tests.core.youtube_kit import added, made, rows
from tests.fakes.feed import make_audio
from tests.fakes.stage import wait_until
from tests.fakes.youtube import Playlist, Video, YouTube

TOML = """
[fetch]
request_pause_s = 0.0
[ytdlp]
retries = 0
extractor_retries = 0
"""

FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>P</title>
<item><title>no host</title><enclosure url="http://[x/b.mp3" type="audio/mp3"/></item>
<item><title>in order</title><enclosure url="http://127.0.0.1:9/c.mp3" type="audio/mp3"/></item>
</channel></rss>"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create(tmp_path / "ws", config_text=TOML)


@pytest.fixture
def odd_feed() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            data = FEED.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data if self.command == "GET" else b"")

        do_HEAD = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/feed.xml"
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_one_link_that_is_none_does_not_cost_the_list(workspace: Workspace, odd_feed: str) -> None:
    result, _ = added(workspace, odd_feed)
    assert result["added"] == 2
    assert sorted(video.title for video in rows(workspace).values()) == ["in order", "no host"]
    assert not is_youtube("http://[x/b.mp3")
    with pytest.raises(UserError, match="is not a link"):
        names.parse("http://[x/b.mp3")


def test_what_an_extractor_stumbles_over_is_told_and_the_next_source_is_listed(
    workspace: Workspace, odd_feed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yt_dlp.extractor.generic import GenericIE

    real = GenericIE._real_extract

    def entries() -> Iterator[dict[str, str]]:
        yield {"_type": "url", "url": "http://127.0.0.1:9/first.mp3", "title": "first"}
        raise KeyError("contents")

    def stumbles(self: Any, url: str) -> Any:
        return self.playlist_result(entries(), "x", "x") if url.endswith("other") else real(self, url)

    monkeypatch.setattr(GenericIE, "_real_extract", stumbles)
    result, run = added(workspace, odd_feed + "?other", odd_feed)
    assert (result["added"], result["failed"]) == (3, 1)
    assert "could not make sense" in run.job.failures[0][1].what


def test_a_list_of_lists_goes_on_behind_one_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from yt_dlp.extractor.generic import GenericIE

    first, last = Video("firstlistAA"), Video("lastlistAAA")
    lists = [Playlist("PLfirstAAAAAAA", "one", [first.id]), Playlist("PLlastAAAAAAAA", "two", [last.id])]
    with YouTube(tmp_path / "site", [first, last], lists) as site:
        links = [site.playlist_url(id) for id in ("PLfirstAAAAAAA", "PLgoneAAAAAAAA", "PLlastAAAAAAAA")]

        def shelf(self: Any, url: str) -> Any:
            return self.playlist_result([self.url_result(link, "YoutubeTab") for link in links], "shelf", "Shelf")

        monkeypatch.setattr(GenericIE, "_real_extract", shelf)
        workspace = made(tmp_path, site)
        result, run = added(workspace, "http://127.0.0.1:9/shelf")
    assert set(rows(workspace)) == {first.id, last.id}
    assert (result["added"], result["failed"]) == (2, 1)
    assert "no such list" in run.job.failures[0][1].what
    with Store(workspace.db_path) as store:
        # It was not read to its end.
        assert [source.listed for source in store.videos.sources()] == [None]


def test_nobody_of_that_name_and_no_file_is_said_with_the_folder_it_was_looked_for_in(
    workspace: Workspace, tmp_path: Path
) -> None:
    for text in ("~nobody-of-that-name/talk.mp3", "talk.mp3"):
        with pytest.raises(UserError) as caught:
            names.parse(text, tmp_path / "here")
        assert f"looked in {tmp_path / 'here'}" in caught.value.why


def test_a_pipe_is_not_waited_for(workspace: Workspace, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(UserError, match="neither a file nor a folder"):
        added(workspace, str(tmp_path / "pipe.wav"))


def test_a_recording_without_an_ending_is_known_again(workspace: Workspace, tmp_path: Path) -> None:
    os.rename(make_audio(tmp_path / "talk.wav", 1), tmp_path / "talk")
    assert added(workspace, str(tmp_path / "talk"))[0]["added"] == 1
    assert added(workspace, str(tmp_path / "talk"))[0]["known"] == 1


def test_a_name_that_is_no_utf8_goes_through_a_real_job(workspace: Workspace, tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/d\xff")
    os.mkdir(folder)
    make_audio(tmp_path / "talk.wav", 1).rename(Path(folder, os.fsdecode(b"talk\xff.wav")))
    job = spawn(workspace, "add", {"what": [folder], "cwd": str(tmp_path)})
    wait_until(lambda: (seen := view(job)) is not None and not seen.live)
    seen = view(job)
    assert seen is not None
    assert (seen.state, seen.result["added"]) == ("done", 1)
    with Store(workspace.db_path) as store:
        assert store.videos.sources()[0].url == f"{tmp_path}/d\\xff"
