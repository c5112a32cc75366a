"""What a queue of downloads does: it is on disk first, tries again what may work, passes over what never will."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.config import set_value
from core.events import Item, ItemState
from core.status import summary
from core.store import Store
from tests.core.fetch_kit import ONE, THREE, TWO, Background, error_of, fetched, prepared, row, states, talk
from tests.fakes.stage import wait_until
from tests.fakes.youtube import HOSTILE, STANDARD, Fault, Track, YouTube


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoded")


# -- the queue on disk


def test_what_is_asked_for_is_on_disk_before_the_first_request(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE, rate=30_000), talk(TWO), talk(THREE)]) as site:
        workspace = prepared(site, tmp_path / "ws")
        job = Background(workspace, ids=[ONE, THREE])
        wait_until(lambda: site.requests("watch"))
        assert [row(workspace, id).selected for id in (ONE, TWO, THREE)] == [True, False, True]
        assert [job.run.items(ItemState.QUEUED)[:2]] == [[ONE, THREE]]
        wait_until(lambda: site.sent(ONE) >= 10_000)
        job.cancel()
        site.videos[ONE].rate = None
        result, _ = fetched(workspace)
        assert (result["fetched"], result["failed"]) == (2, 0)
        assert not site.requests("media", TWO)


def test_what_can_never_work_is_passed_over_unless_it_is_named(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE, state="members"), talk(TWO), talk(THREE)]) as site:
        workspace = prepared(site, tmp_path / "ws")
        assert fetched(workspace, ids=[ONE])[0]["failed"] == 1
        assert (error_of(workspace, ONE)["kind"], error_of(workspace, ONE)["retry"]) == ("members", "never")
        assert row(workspace, ONE).selected
        with Store(workspace.db_path) as store:
            store.videos.select([TWO])
            assert summary(store, workspace).stages["fetch"].due == 1
        site.forget()
        for params in (dict[str, bool](), {"first": True}, {"all": True}):
            result, _ = fetched(workspace, **params)
            assert result["failed"] == 0
            assert not site.requests(None, ONE)
            # Of the first so many, it is none.
            assert result["passed"] == (0 if "first" in params else 1)
        site.videos[ONE].state = "ok"
        assert fetched(workspace, ids=[ONE])[0]["fetched"] == 1


def test_a_refused_licence_is_due_once_somebody_vouches_for_it(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE)]) as site:
        workspace = prepared(site, tmp_path / "ws", licence="standard")
        fetched(workspace, ids=[ONE])
        assert error_of(workspace, ONE)["kind"] == "licence"
        with Store(workspace.db_path) as store:
            assert summary(store, workspace).stages["fetch"].due == 0
            set_value(workspace.config_path, "fetch", "any_licence", True)
            assert summary(store, workspace).stages["fetch"].due == 1


def test_a_named_hopeless_one_stays_due_when_it_is_interrupted(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE, state="private"), talk(TWO)]) as site:
        workspace = prepared(site, tmp_path / "ws")
        fetched(workspace, ids=[ONE])
        site.videos[ONE].state = "ok"
        site.videos[ONE].rate = 20_000
        job = Background(workspace, ids=[ONE])
        wait_until(lambda: site.sent(ONE) >= 1_000)
        job.cancel()
        site.videos[ONE].rate = None
        assert fetched(workspace)[0]["fetched"] == 1


# -- second tries


def test_what_breaks_off_is_tried_again_at_the_end_of_the_queue(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE, Fault("media", cut_after=20_000)), talk(TWO)]) as site:
        workspace = prepared(site, tmp_path / "ws")
        result, run = fetched(workspace, all=True)
        assert (result["fetched"], result["failed"]) == (2, 0)
        assert states(run, ONE) == ["queued", "fetching", "again", "fetching", "fetched"]
        assert run.items(ItemState.FETCHED) == [TWO, ONE]
        starts = [request.start for request in site.requests("media", ONE)]
        assert starts[0] == 0
        assert 0 < starts[1] <= 20_000
        assert row(workspace, ONE).error is None


def test_tries_have_an_end_and_their_waits_grow(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE, Fault("media", status=503, times=None)), talk(TWO)]) as site:
        workspace = prepared(site, tmp_path / "ws", tries=3, retry_wait_s=0.4)
        result, run = fetched(workspace, all=True)
        assert (result["fetched"], result["failed"], result["stopped"]) == (1, 1, "")
        assert len(site.requests("media", ONE)) == 3
        assert error_of(workspace, ONE)["kind"] == "server"
        assert "503" in error_of(workspace, ONE)["detail"]
        items = [(entry.t, entry.event) for entry in run.entries(Item) if isinstance(entry.event, Item)]
        (t1, at1), (t2, at2) = [(t, item.at or 0) for t, item in items if item.state == ItemState.AGAIN]
        assert (at1 - t1, at2 - t2) == (
            pytest.approx(400, abs=100),
            pytest.approx(800, abs=100),
        )
        begun = [t for t, item in items if (item.id, item.state) == (ONE, ItemState.FETCHING)]
        assert begun[1] >= at1 - 20
        assert begun[2] >= at2 - 20


def test_a_refused_link_is_renewed_at_once_and_then_waits_like_the_others(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE, Fault("media", status=403, times=2)), talk(TWO)]) as site:
        workspace = prepared(site, tmp_path / "ws", tries=3)
        result, run = fetched(workspace, all=True)
        assert (result["fetched"], result["failed"]) == (2, 0)
        assert [request.video for request in site.requests("media")] == [ONE, ONE, TWO, ONE]
        assert run.items(ItemState.AGAIN) == [ONE]
    with YouTube(encoded, [talk(ONE, Fault("media", status=403, times=None))]) as site:
        workspace = prepared(site, tmp_path / "never", tries=3)
        assert fetched(workspace, all=True)[0]["failed"] == 1
        assert len(site.requests("media")) == 3
        assert error_of(workspace, ONE)["kind"] == "refused"


def test_too_short_and_silent_are_not_taken_for_recordings(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE, promised=30), talk(TWO, silent=True)]) as site:
        workspace = prepared(site, tmp_path / "ws", tries=2)
        result, run = fetched(workspace, all=True)
    assert (result["fetched"], result["failed"]) == (0, 2)
    assert (error_of(workspace, ONE)["kind"], error_of(workspace, TWO)["kind"]) == ("incomplete", "silent")
    # The first may have been cut short on its way; silence comes again.
    assert run.items(ItemState.AGAIN) == [ONE]
    assert list(workspace.media.glob("*.mp4")) == []


# -- what is said while it runs


def test_progress_knows_the_whole_queue(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE, rate=60_000), talk(TWO, seconds=12), talk(THREE, state="private")]) as site:
        workspace = prepared(site, tmp_path / "ws")
        sizes = [len(site.audio(id)) for id in (ONE, TWO)]
        _, run = fetched(workspace, all=True)
    seen = [progress.transfer for progress in run.progress if progress.transfer is not None]
    first = seen[0]
    # Nothing is known but the lengths: 6 + 12 + 6 s.
    assert (first.all_bytes, first.all_bytes_total, first.all_eta) == (0, 24 * 16_000, None)
    moving = [figures for figures in seen if figures.bytes]
    assert moving
    assert all(one.bytes_total in sizes and (one.all_bytes or 0) >= (one.bytes or 0) for one in moving)
    assert all(one.all_eta is not None for one in moving if one.speed)
    last = seen[-1]
    assert run.progress[-1].done == run.progress[-1].total == 3
    # The private one will not come: what is left is what came.
    assert last.all_bytes == last.all_bytes_total == sum(row(workspace, id).bytes or 0 for id in (ONE, TWO))


def test_the_original_is_taken_and_not_the_better_sounding_dub(tmp_path: Path, encoded: Path) -> None:
    tracks = [
        Track("en-US.3", "English", channels=2, tone=600),
        Track("zh-TW.4", "Chinese original", default=True, tone=300),
    ]
    with YouTube(encoded, [talk(ONE, tracks=tracks)]) as site:
        workspace = prepared(site, tmp_path / "ws")
        assert fetched(workspace, all=True)[0]["fetched"] == 1
        assert {request.track for request in site.requests("media")} == {"zh-TW.4"}


def test_a_download_that_was_whole_when_the_kill_came_is_not_asked_for_again(tmp_path: Path, encoded: Path) -> None:
    """Between the last byte and the renaming: yt-dlp by itself would ask for the byte behind the end, for ever."""
    with YouTube(encoded, [talk(ONE, Fault("media", cut_after=20_000)), talk(TWO)]) as site:
        workspace = prepared(site, tmp_path / "ws", tries=1)
        fetched(workspace, ids=[ONE])
        (part,) = workspace.partial.glob("*.part")
        part.write_bytes(site.audio(ONE))
        (workspace.partial / f"{TWO}.140-{len(site.audio(TWO))}.m4a.part").write_bytes(site.audio(TWO) + b"more")
        site.forget()
        result, _ = fetched(workspace, ids=[ONE, TWO])
        assert result["fetched"] == 2
        assert not site.requests("media", ONE)
        assert [request.start for request in site.requests("media", TWO)] == [0]


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_the_attribution_is_whole_whatever_the_names_are(tmp_path: Path, encoded: Path, name: str) -> None:
    with YouTube(encoded, [talk(ONE, licence=STANDARD, channel=HOSTILE[name])]) as site:
        site.videos[ONE].title = HOSTILE[name]
        workspace = prepared(site, tmp_path / "ws", licence="standard", any_licence=True)
        result, run = fetched(workspace, all=True)
    assert run.job.failures == []
    assert result["fetched"] == 1
    text = (workspace.media / f"{ONE}.json").read_text(encoding="utf-8")
    beside = json.loads(text)
    assert all(beside[key] for key in ("title", "channel", "url", "licence_text", "fetched", "upload_date"))
    assert all(
        reset not in value for value in beside.values() if isinstance(value, str) for reset in "\x1b\x07\u202e\n\x00"
    )
    assert len(text) < 5_000
    assert sorted(path.name for path in workspace.media.iterdir() if path.is_file()) == [f"{ONE}.json", f"{ONE}.mp4"]


def test_captions_that_fail_cost_nothing(tmp_path: Path, encoded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> dict[str, int]:
        raise RuntimeError("a bug of the captions")

    captions = pytest.importorskip("core.stages.captions")
    monkeypatch.setattr(captions, "fetch_for", broken)
    with YouTube(encoded, [talk(ONE)]) as site:
        workspace = prepared(site, tmp_path / "ws")
        config = workspace.config()
        config.captions.fetch = True
        result, run = fetched(workspace, config, all=True)
    assert (result["fetched"], result["failed"], result["captions"]) == (1, 0, {})
    assert run.job.failures == []
    assert any("a bug of the captions" in line for line in run.log())


def test_what_is_learnt_of_a_row_while_it_waits_or_comes_is_not_taken_back(tmp_path: Path, encoded: Path) -> None:
    """Licences are asked for beside a download, whose own extraction may tell less."""
    with YouTube(encoded, [talk(ONE, rate=30_000), talk(TWO)]) as site:
        workspace = prepared(site, tmp_path / "ws", licence="unknown", any_licence=True)
        job = Background(workspace, all=True)
        wait_until(lambda: site.sent(ONE) >= 10_000)
        with Store(workspace.db_path) as store:
            store.videos.update(ONE, captions=("zh-TW",), licence_text="CC BY")
            store.videos.update(TWO, captions=("en",), upload_date="2020-02-03")
        site.videos[ONE].rate = None
        assert job.end()["fetched"] == 2
    assert row(workspace, ONE).captions == ("zh-TW",)
    assert row(workspace, TWO).captions == ("en",)
