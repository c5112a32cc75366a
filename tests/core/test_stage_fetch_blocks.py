"""What a queue does once the site, or this machine, lets nothing through: it ends or waits, and says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.config import set_value
from core.downloads import download, queue, watchdog
from core.events import Blocked, ItemState, Unblocked
from core.sources.failures import classify
from core.stages import fetch
from core.store import Store
from tests.core.fetch_kit import FOUR, ONE, THREE, TWO, Background, error_of, fetched, prepared, row, states, talk
from tests.fakes.feed import Episode, FeedServer
from tests.fakes.stage import Run, start, wait_until
from tests.fakes.youtube import Fault, YouTube


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoded")


def test_a_wall_ends_the_queue_and_says_what_to_do_in_order(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE), talk(TWO), talk(THREE)]) as site:
        workspace = prepared(site, tmp_path / "ws")
        site.wall = True
        result, run = fetched(workspace, all=True)
        assert (result["fetched"], result["failed"]) == (0, 1)
        assert "not a bot" in result["stopped"]
        assert site.asked("watch") == [ONE]
        (event,) = run.events(Blocked)
        assert (event.cause, event.until, event.left) == ("bot wall", None, 3)
        steps = event.steps
        places = [next(n for n, step in enumerate(steps) if word in step) for word in ("wait", "socks5h://", "cookies")]
        assert places == sorted(set(places))
        text = " ".join(steps)
        for word in ("robots.txt", "spare account", "Netscape", "scp", "chmod 600", "cookiefile", "without"):
            assert word in text
        assert row(workspace, TWO).selected
        # What was blocked is due, and the next fetch takes it up.
        site.wall = False
        assert fetched(workspace)[0]["fetched"] == 3


def blocked(run: Run, times: int = 1) -> Callable[[], bool]:
    return lambda: len(run.events(Blocked)) == times


def waited(run: Run) -> list[int]:
    """ms from each block to the time when it goes on by itself."""
    return [entry.event.until - entry.t for entry in run.entries(Blocked)]  # type: ignore[union-attr]


def test_a_blocked_queue_waits_and_goes_on_with_the_same_video(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE), talk(TWO, Fault("all", status=429, times=2)), talk(THREE)]) as site:
        workspace = prepared(site, tmp_path / "ws", block_wait_min=0.002, tries=1)
        result, run = fetched(workspace, all=True, wait=True)
        assert (result["fetched"], result["failed"], result["stopped"]) == (3, 0, "")
        assert run.items(ItemState.FETCHED) == [ONE, TWO, THREE]
        waits = waited(run)
        # Twice as long the second time.
        assert waits == [pytest.approx(120, abs=60), pytest.approx(240, abs=60)]
        assert len(run.events(Unblocked)) == 2
        assert states(run, TWO) == ["queued", "fetching", "queued", "fetching", "queued", "fetching", "fetched"]
        assert any(told.note.startswith("blocked by YouTube: goes on at ") for told in run.progress)


def test_a_blocked_queue_goes_on_by_key_and_asks_for_nothing_before(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE), talk(TWO)]) as site:
        workspace = prepared(site, tmp_path / "ws")
        site.wall = True
        job = Background(workspace, all=True, wait=True)
        wait_until(blocked(job.run))
        # Six hours, for the wall.
        assert waited(job.run) == [pytest.approx(6 * 3_600_000, abs=60_000)]
        site.wall = False
        site.forget()
        assert site.requests() == []
        job.run.job.end_wait()
        assert job.end()["fetched"] == 2


def test_a_wait_without_an_end_waits_for_the_key_and_can_be_cancelled(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE)]) as site:
        workspace = prepared(site, tmp_path / "ws", block_wait_min=0)
        site.wall = True
        job = Background(workspace, all=True, wait=True)
        wait_until(blocked(job.run))
        assert job.run.events(Blocked)[0].until is None
        job.run.job.end_wait()
        wait_until(blocked(job.run, 2))
        job.cancel()
        assert row(workspace, ONE).state == "listed"
        assert row(workspace, ONE).selected


def test_what_is_set_while_a_queue_waits_counts_when_it_goes_on(tmp_path: Path, encoded: Path) -> None:
    """Another exit, or cookies, is what ends a block: nobody should have to start the download anew for it."""
    with YouTube(encoded, [talk(ONE), talk(TWO)]) as site:
        workspace = prepared(site, tmp_path / "ws", block_wait_min=0)
        right = workspace.config().ytdlp["proxy"]
        set_value(workspace.config_path, "ytdlp", "proxy", "http://127.0.0.1:9")
        job = Background(workspace, all=True, wait=True)
        wait_until(blocked(job.run))
        assert job.run.events(Blocked)[0].waits is True
        set_value(workspace.config_path, "ytdlp", "proxy", right)
        job.run.job.end_wait()
        assert job.end()["fetched"] == 2
        assert len(job.run.events(Blocked)) == 1


def test_a_proxy_that_is_gone_stops_the_queue_at_once(tmp_path: Path, encoded: Path) -> None:
    with YouTube(encoded, [talk(ONE), talk(TWO), talk(THREE)]) as site:
        workspace = prepared(site, tmp_path / "ws")
    result, run = fetched(workspace, all=True)
    assert (result["failed"], run.events(Blocked)[0].cause) == (1, "proxy")
    assert [id for id, _ in run.job.failures] == [ONE]


def test_two_that_do_not_answer_are_the_network(tmp_path: Path, encoded: Path) -> None:
    """The first of them would have been tried again: as the queue ends, it keeps its reason."""
    with YouTube(encoded, [talk(ONE), talk(TWO), talk(THREE)]) as site:
        workspace = prepared(site, tmp_path / "ws", block_wait_min=0.6, tries=3)
    config = workspace.config()
    # Nobody listens at this port any more, and no proxy hides that.
    with FeedServer(tmp_path / "feed", [Episode("x", seconds=1)]) as server:
        gone = server.base
    config.ytdlp["proxy"] = ""
    with Store(workspace.db_path) as store:
        for id in (ONE, TWO, THREE):
            store.videos.update(id, url=f"{gone}/media/{id}.m4a")
    result, run = fetched(workspace, config, all=True)
    assert (result["failed"], [id for id, _ in run.job.failures]) == (2, [TWO, ONE])
    (event,) = run.events(Blocked)
    assert (event.cause, event.left) == ("network", 3)
    assert any("stopped with 1 not tried" in line for line in run.log())
    assert row(workspace, THREE).state == "listed"


def test_a_full_disk_ends_even_a_patient_queue(tmp_path: Path, encoded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    with YouTube(encoded, [talk(ONE), talk(TWO)]) as site:
        workspace = prepared(site, tmp_path / "ws")
        run = start(workspace, "fetch", {"all": True, "wait": True})
        config = workspace.config()
        site.audio(ONE)  # encoded now: the stand-in, too, puts its files in place by os.replace
        with monkeypatch.context() as patch:
            patch.setattr("core.downloads.download.os.replace", full)
            result = fetch.run(workspace, config, run.job)
        assert os.replace is not full
        assert "cannot be written" in result["stopped"]
        assert run.events(Blocked)[0].cause == "disk"
        assert site.asked("watch") == [ONE]
        assert list(workspace.media.glob("*.mp4")) == []
        site.forget()
        result, run = fetched(workspace)
        assert run.job.failures == [], [e.detail for _, e in run.job.failures]
        assert result["fetched"] == 2
        # All of the first was here already.
        assert not site.requests("media", ONE)


def test_two_that_make_no_sense_point_at_an_old_ytdlp(tmp_path: Path, encoded: Path) -> None:
    talks = [
        talk(ONE, state="nofmt"),
        talk(TWO),
        talk(THREE, state="nofmt"),
        talk(FOUR, state="nofmt"),
        talk("queue000005"),
    ]
    with YouTube(encoded, talks) as site:
        workspace = prepared(site, tmp_path / "ws")
        result, run = fetched(workspace, all=True, wait=True)
        assert (result["fetched"], result["failed"]) == (1, 3)
        assert "yt-dlp is probably out of date" in result["stopped"]
        assert "queue000005" not in site.asked("watch")
        (event,) = run.events(Blocked)
        assert event.until is None
        assert "days old" in event.why
        assert event.fix == 'pip install -U "yt-dlp[default,deno]"'
        assert error_of(workspace, ONE)["retry"] == "later"


def test_cookies_that_have_ended_are_said(tmp_path: Path, encoded: Path) -> None:
    """yt-dlp only warns of it, at every request; what the site then says is that this is a bot."""
    warning = "[youtube] The provided YouTube account cookies are no longer valid. They have likely been rotated"
    failure = classify(ValueError("Sign in to confirm you're not a bot"), [warning])
    assert (failure.kind, failure.stops_queue, failure.wait_s) == ("cookies", True, None)
    assert "without" in failure.steps[0]
    assert classify(ValueError("Private video"), [warning]).kind == "private"
    with YouTube(encoded, [talk(ONE)]) as site:
        workspace = prepared(site, tmp_path / "ws")
        run = start(workspace, "fetch")
        with Store(workspace.db_path) as store:
            waiting = queue.DownloadQueue(workspace, workspace.config(), run.job, store, free=True)
            for _ in range(3):
                waiting._warn_of_old_cookies([warning])
    (line,) = run.log("warning")
    assert "no longer valid" in line


def test_only_a_javascript_runtime_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import time; time.sleep(600)"
    (tmp_path / "deno").write_text(f"#!{sys.executable}\n{code}\n")
    (tmp_path / "deno").chmod(0o755)
    deno = subprocess.Popen([str(tmp_path / "deno")])
    other = subprocess.Popen([sys.executable, "-c", code])
    try:
        with watchdog.Watchdog(0.2) as dog:
            wait_until(lambda: dog.fired)
            assert deno.wait(10) == -9
            assert other.poll() is None
    finally:
        for process in (deno, other):
            process.kill()
            process.wait(10)


def test_a_challenge_that_is_never_solved_does_not_hold_the_queue(
    tmp_path: Path, encoded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = tmp_path / "deno"
    hanging.write_text(
        f"#!{sys.executable}\nimport sys, time\n"
        "print('deno 2.9.8 (stable)') if '--version' in sys.argv else time.sleep(600)\n"
    )
    hanging.chmod(0o755)
    monkeypatch.setattr("core.sources.ytdlp.find_deno", lambda: str(hanging))
    monkeypatch.setattr(download, "STUCK_S", 1.0)
    with YouTube(encoded, [talk(ONE)]) as site:
        site.serve["TVHTML5"] = "cipher"
        workspace = prepared(site, tmp_path / "ws", tries=2)
        config = workspace.config()
        config.ytdlp["extractor_args"] = {"youtube": {"player_client": ["tv_downgraded"]}}
        result, run = fetched(workspace, config, all=True)
        assert (result["failed"], result["stopped"]) == (1, "")
        assert (error_of(workspace, ONE)["kind"], error_of(workspace, ONE)["retry"]) == ("stuck", "again")
        assert run.items(ItemState.AGAIN) == [ONE]
