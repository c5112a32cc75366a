"""The whole way from a playlist to audio against a stand-in for YouTube, where one lies beside the checkout.

The unmodified extractor is led there by `[ytdlp]` alone: a proxy, and no check of its certificate.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.jobs.handle import Cancelled
from core.media import probe
from core.stages import add, fetch
from core.store import Store, Video
from core.workspace import Workspace, create
from tests.fakes.stage import Run, start, wait_until

STAND_IN = Path(__file__).resolve().parents[3] / "shared" / "tools" / "fakeyt"

pytestmark = pytest.mark.skipif(not (STAND_IN / "fakeyt.py").is_file(), reason="no stand-in for YouTube is here")

CC, CC_AUTO, STANDARD, PRIVATE, CUT = "fakeCC00001", "fakeCC00002", "fakeSTD0003", "fakePRIV004", "fakeCUT0005"
REFUSED, BUSY, DUB, LAST = "fake4030006", "fake4290007", "fakeDUB0008", "fakeLAST-_9"
LIST = "https://www.youtube.com/playlist?list=PLfakefakefakefake01"

TOML = """
[fetch]
pause_min_s = 0.0
pause_max_s = 0.0
request_pause_s = 0.0
[ytdlp]
proxy = "{proxy}"
nocheckcertificate = true
cachedir = false
retries = 0
"""


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoded")


@pytest.fixture
def site(encoded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(STAND_IN))
    import fakeyt  # type: ignore[import-not-found]

    assert Path(sys.modules["fakeyt"].__file__ or "").parent == STAND_IN
    with fakeyt.demo_site(
        folder=encoded, clients={"TVHTML5": "direct", "TVHTML5_SAMSUNG": "direct"}, opus=False
    ) as site:
        yield site


@pytest.fixture
def workspace(site: Any, tmp_path: Path) -> Workspace:
    return create(tmp_path / "ws", config_text=TOML.format(proxy=site.base))


def added(workspace: Workspace, *what: str) -> tuple[dict[str, Any], Run]:
    run = start(workspace, "add", {"what": list(what)})
    return add.run(workspace, workspace.config(), run.job), run


def fetched(workspace: Workspace, **params: Any) -> tuple[dict[str, Any], Run]:
    run = start(workspace, "fetch", params)
    return fetch.run(workspace, workspace.config(), run.job), run


def rows(workspace: Workspace) -> dict[str, Video]:
    with Store(workspace.db_path) as store:
        return {video.id: video for video in store.videos.all()}


def test_a_playlist_with_its_licences(workspace: Workspace, site: Any) -> None:
    site.videos[BUSY].faults.clear()
    result, run = added(workspace, LIST)
    found = rows(workspace)
    assert (result["added"], result["failed"], len(found)) == (9, 0, 9)
    assert {id: video.licence for id, video in found.items()} == {
        **dict.fromkeys((CC, CC_AUTO, CUT, REFUSED, BUSY, DUB, LAST), "cc-by"),
        STANDARD: "standard",
        PRIVATE: "unknown",
    }
    assert (found[CC].captions, found[CC_AUTO].captions) == (("zh-TW",), ("zh-TW:auto",))
    assert (found[CC].title, found[CC].channel, found[CC].upload_date) == (
        "第一講：前言 (CC)",
        "Fake Channel",
        "2024-05-06",
    )
    assert (found[CC].duration_ms, found[CC].live_status) == (20_000, "not_live")
    assert found[PRIVATE].state == "failed"
    assert (found[PRIVATE].error or {})["kind"] == "private"
    assert [id for id, video in found.items() if video.selected] == [CC]
    # The list, and one request for each video that can be asked about.
    assert len(site.requests("watch")) == 8
    assert not site.requests("player")
    assert not site.requests("media")
    assert run.items("listed")[:2] == [CC, CC_AUTO]

    site.log.clear()
    result, _ = added(workspace, LIST)
    assert (result["added"], result["known"]) == (0, 9)
    assert not site.requests("watch")


def test_a_429_ends_the_licence_pass_and_the_next_add_goes_on(workspace: Workspace, site: Any) -> None:
    _, run = added(workspace, LIST)
    found = rows(workspace)
    assert found[REFUSED].licence == "cc-by"
    assert [found[id].licence for id in (BUSY, DUB, LAST)] == ["unknown"] * 3
    assert any("not asked for: 2 more" in str(event.data["text"]) for event in run.events("log"))
    site.log.clear()
    added(workspace, LIST)
    assert [entry["video"] for entry in site.requests("watch")] == [BUSY, DUB, LAST]
    assert rows(workspace)[LAST].licence == "cc-by"


def test_the_licence_pass_can_be_stopped_and_goes_on(workspace: Workspace, site: Any) -> None:
    text = workspace.config_path.read_text(encoding="utf-8")
    workspace.config_path.write_text(text.replace("request_pause_s = 0.0", "request_pause_s = 0.3"), encoding="utf-8")
    run = start(workspace, "add", {"what": [LIST]})
    stopper = threading.Thread(target=lambda: (wait_until(lambda: len(site.requests("watch")) >= 2), run.job.cancel()))
    stopper.start()
    with pytest.raises(Cancelled):
        add.run(workspace, workspace.config(), run.job)
    stopper.join(10)
    assert len(rows(workspace)) == 9
    asked = {entry["video"] for entry in site.requests("watch")}
    assert 2 <= len(asked) < 8
    site.log.clear()
    added(workspace, LIST)
    assert rows(workspace)[CC_AUTO].licence == "cc-by"
    assert CC not in {entry["video"] for entry in site.requests("watch")}


def test_every_form_of_link(workspace: Workspace, site: Any) -> None:
    added(workspace, f"https://youtu.be/{CC}")
    assert (rows(workspace)[CC].licence, rows(workspace)[CC].selected) == ("cc-by", True)
    result, _ = added(workspace, f"https://www.youtube.com/shorts/{CC}", f"https://www.youtube.com/watch?v={CC}")
    assert (result["added"], result["known"]) == (0, 2)
    result, _ = added(workspace, f"https://www.youtube.com/watch?v={CC_AUTO}&list={LIST.partition('=')[2]}")
    assert (result["added"], result["known"]) == (8, 1)
    assert [id for id, video in rows(workspace).items() if video.selected] == [CC, CC_AUTO]
    with Store(workspace.db_path) as store:
        assert [(source.kind, source.url) for source in store.videos.sources()] == [
            ("video", f"https://www.youtube.com/watch?v={CC}"),
            ("playlist", LIST),
        ]


def test_a_channel_with_tabs_is_one_flat_list(workspace: Workspace, site: Any) -> None:
    site.channel_tabs = ["videos", "streams"]
    site.sign_in_wall = True
    result, run = added(workspace, "https://www.youtube.com/@fakechannel")
    (source,) = result["sources"]
    assert (source["kind"], source["title"]) == ("channel", "Fake Channel")
    shown = [video.id for video in site.videos.values() if video.state not in ("private", "deleted", "terminated")]
    assert sorted(rows(workspace)) == sorted(shown)
    assert any("not a bot" in str(event.data["text"]) for event in run.events("log"))


def test_a_single_video_that_is_private_says_so(workspace: Workspace, site: Any) -> None:
    added(workspace, f"https://youtu.be/{PRIVATE}")
    video = rows(workspace)[PRIVATE]
    assert (video.state, (video.error or {})["kind"], video.selected) == ("failed", "private", False)


def test_two_fetched_a_cut_one_resumed_a_private_one_passed(workspace: Workspace, site: Any) -> None:
    added(workspace, LIST)
    result, run = fetched(workspace, ids=[CC, DUB, CUT, STANDARD, PRIVATE])
    assert (result["fetched"], result["stopped"]) == (2, "")
    failures = dict(run.job.failures)
    assert set(failures) == {CUT, STANDARD, PRIVATE}
    assert "--any-licence" in failures[STANDARD].fix
    assert not site.requests("media", STANDARD)
    assert "private" in failures[PRIVATE].what
    found = rows(workspace)
    assert (found[CUT].error or {})["kind"] == "cut off"
    assert abs(probe(workspace.media / f"{CC}.mp4").duration_ms - 20_000) < 2000
    # The dub is stereo and comes first by yt-dlp's own order; the original is what was spoken.
    assert {entry["track"] for entry in site.requests("media", DUB)} == {"lang=zh-TW.4"}
    (part,) = workspace.partial.glob(f"{CUT}.140-*.part")
    size = part.stat().st_size
    assert part.read_bytes() == site.media_file(site.videos[CUT], 140).read_bytes()[:size]

    site.log.clear()
    result, _ = fetched(workspace, ids=[CC, DUB, CUT])
    assert (result["fetched"], result["skipped"]) == (1, 2)
    assert {entry["video"] for entry in site.requests("media")} == {CUT}
    assert site.requests("media")[0]["range"].startswith(f"bytes={size}-")
    assert abs(probe(workspace.media / f"{CUT}.mp4").duration_ms - 40_000) < 2000
    assert list(workspace.partial.iterdir()) == []
    assert not site.requests("refused")


def test_all_passes_over_what_is_private(workspace: Workspace, site: Any) -> None:
    site.videos[BUSY].faults.clear()
    added(workspace, LIST)
    for id in (CUT, REFUSED):
        site.videos[id].faults.clear()
    result, run = fetched(workspace, all=True)
    assert (result["fetched"], result["failed"], result["passed"]) == (7, 1, 1)
    assert [id for id, _ in run.job.failures] == [STANDARD]
    site.log.clear()
    assert fetched(workspace, all=True)[0]["skipped"] == 7
    assert site.log == []


def test_the_bot_wall_stops_the_queue(workspace: Workspace, site: Any) -> None:
    added(workspace, LIST)
    site.sign_in_wall = True
    site.log.clear()
    result, run = fetched(workspace, ids=[CC, CC_AUTO, LAST], any_licence=True)
    assert (result["fetched"], result["failed"]) == (0, 1)
    assert "not a bot" in result["stopped"]
    assert {entry["video"] for entry in site.requests("watch")} == {CC}
    assert [id for id, _ in run.job.failures] == [CC]


def test_an_unknown_licence_is_asked_for_before_the_audio(workspace: Workspace, site: Any) -> None:
    added(workspace, LIST)
    with Store(workspace.db_path) as store:
        for id in (CC, STANDARD):
            store.videos.update(id, licence="unknown")
    result, run = fetched(workspace, ids=[CC, STANDARD])
    assert (result["fetched"], result["failed"]) == (1, 1)
    assert [id for id, _ in run.job.failures] == [STANDARD]
    assert not site.requests("media", STANDARD)
    assert rows(workspace)[STANDARD].licence == "standard"


def test_deno_solves_the_challenge_of_a_player(workspace: Workspace, site: Any) -> None:
    """Also: the table chooses yt-dlp's client for the download, and not for the cheap look-up."""
    site.clients["TVHTML5"] = "cipher"
    with workspace.config_path.open("a", encoding="utf-8") as file:
        file.write('[ytdlp.extractor_args.youtube]\nplayer_client = ["tv_downgraded"]\n')
    added(workspace, f"https://youtu.be/{LAST}")
    assert not site.requests("player")
    result, run = fetched(workspace)
    assert run.job.failures == []
    assert result["fetched"] == 1
    assert site.requests("playerjs")
    # The stand-in answers 403 to a link whose challenge was not solved.
    assert {entry["client"] for entry in site.requests("media")} == {"TVHTML5"}


STATES = [
    ("deleted", "gone"),
    ("terminated", "gone"),
    ("age", "age"),
    ("geo", "country"),
    ("copyright", "copyright"),
    ("members", "members"),
    ("upcoming", "upcoming"),
    ("live", "live"),
    ("rate_limited", "rate limited"),
    ("drm", "drm"),
    ("nofmt", "outdated"),
]


def test_every_state_a_video_can_be_in(workspace: Workspace, site: Any) -> None:
    ids = {video.state: video.id for video in site.videos.values()}
    with Store(workspace.db_path) as store:
        for state, _ in STATES:
            store.videos.add(Video(ids[state], url=f"https://www.youtube.com/watch?v={ids[state]}"))
    for state, kind in STATES:
        result, run = fetched(workspace, ids=[ids[state]], any_licence=True)
        assert result["failed"] == 1
        error = rows(workspace)[ids[state]].error
        assert error is not None
        assert (state, error["kind"]) == (state, kind)
        assert bool(result["stopped"]) == (kind == "rate limited")
        assert all(caught.what and caught.why and caught.fix for _, caught in run.job.failures)
