"""A canary in every place that may hold a secret; afterwards it is nowhere but in the three files that are for it."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core import crash_file
from core.checks.check import Context
from core.checks.runner import run_check
from core.exchange.card import dataset_card
from core.store import Store, Video
from core.workspace import create
from tests.core.cli_kit import Run, caller
from tests.fakes.feed import Episode, FeedServer
from tests.faults.secrets.canaries import CANARY, LOGIN, SETTINGS, TOKEN, environment, leaks, write_cookies


@pytest.fixture
def podcast(tmp_path: Path) -> Iterator[FeedServer]:
    with FeedServer(
        tmp_path / "podcast", [Episode("one"), Episode("two", status=403)], login=LOGIN, token=TOKEN
    ) as site:
        yield site


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    return caller(capsys)


def test_what_a_person_gives_as_a_link_and_in_the_settings_is_nowhere_afterwards(
    tmp_path: Path, podcast: FeedServer, run: Run
) -> None:
    workspace = create(tmp_path / "w")
    plain = workspace.config_path.read_text()
    plain = plain.replace("[fetch]", "[fetch]\ntries = 1\npause_max_s = 0\npause_min_s = 0", 1)
    workspace.config_path.write_text(plain.replace("[ytdlp]", f"[ytdlp]\n{SETTINGS}", 1))
    write_cookies(workspace.root / "cookies.txt")

    at = ("-w", workspace.root)
    said = [run(*at, "add", podcast.feed_url)]  # through a proxy that is not there
    assert said[-1][0] == 3
    workspace.config_path.write_text(plain.replace("[ytdlp]", '[ytdlp]\ncookiefile = "cookies.txt"', 1))
    said.append(run(*at, "add", podcast.feed_url, "--json"))
    assert json.loads(said[-1][1])["added"] == 2
    said.append(run(*at, "fetch", "--all", "--any-licence"))
    assert said[-1][0] == 1
    # The links still lead to their recordings: a secret is kept by reference, not thrown away.
    assert podcast.requests("media", "one")[-1].status == 200
    said += [run(*at, *words) for words in (["videos", "--json"], ["videos"], ["jobs", "--json"], ["jobs"])]
    assert [row["state"] for row in json.loads(said[3][1])] == ["fetched", "failed"]
    # The same link is the same source, and its rows are the same rows.
    said.append(run(*at, "add", podcast.feed_url, "--json"))
    again = json.loads(said[-1][1])
    assert (again["added"], again["known"], again["sources"][0]["id"]) == (0, 2, 1)

    assert CANARY not in repr(said)
    assert leaks(workspace.root) == []
    with Store(workspace.db_path) as store:
        card = dataset_card("d", "zh", "", {}, store.videos.all(), 0)
        assert "/media/one.m4a>" in card
        assert "hidden" not in card
    for name in ("whispersmith.toml", "secrets.jsonl", "logs/log.txt"):
        assert stat.S_IMODE((workspace.root / name).stat().st_mode) == 0o600, name
    for folder in workspace.jobs.glob("2*"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("spec.json", "events.jsonl", "status.json", "output.log"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name

    # What the checks and a crash tell.
    for id in ("huggingface", "yt-dlp"):
        assert CANARY not in repr(run_check(id, Context(workspace, workspace.config())))
    path = crash_file.write(ValueError(f"https://{LOGIN}@host/?token={TOKEN}"), workspace.logs, [f"cookie: a={TOKEN}"])
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert leaks(workspace.root) == []

    # The source of an earlier version, which kept the link as it was given, is the same one, and loses the secret.
    with sqlite3.connect(workspace.db_path) as database:
        database.execute("UPDATE sources SET url = ?", (podcast.feed_url,))
    database.close()
    assert json.loads(run(*at, "add", podcast.feed_url, "--json")[1])["sources"][0]["id"] == 1
    with Store(workspace.db_path) as store:
        assert CANARY not in repr(store.videos.sources())


def test_a_link_whose_secret_is_lost_says_so(tmp_path: Path, run: Run) -> None:
    workspace = create(tmp_path / "w")
    with Store(workspace.db_path) as store:
        url = workspace.vault.seal(f"http://{LOGIN}@127.0.0.1:9/one.m4a")
        store.videos.add(Video("one", store.videos.add_source(url, "video"), title="one", url=url, selected=True))
    (workspace.root / "secrets.jsonl").unlink()
    code, _, error = run("-w", workspace.root, "fetch", "--any-licence")
    assert code == 1
    assert "is not known any more" in error
    assert "whispersmith add URL" in error


def test_a_secret_that_was_stored_by_an_earlier_version_is_not_shown(tmp_path: Path, run: Run) -> None:
    """Databases and job folders of before hold links as they were given."""
    workspace = create(tmp_path / "w")
    url = f"https://{LOGIN}@host.example/feed?token={TOKEN}"
    job = workspace.jobs / "20260101-000000-add-abcdef"
    job.mkdir()
    spec = {"id": "abcdef", "stage": "add", "created": 1_760_000_000_000, "params": {"what": [url]}, "v": 1}
    (job / "spec.json").write_text(json.dumps(spec))
    error = {"what": "w", "why": f"Unable to open {url}", "fix": "", "detail": url}
    end = {"outcome": "done", "result": {"sources": [{"url": url}]}, "error": error}
    line = {"v": 1, "seq": 1, "t": 1_760_000_000_000, "kind": "finished", **end}
    (job / "events.jsonl").write_text(json.dumps(line) + "\n")
    with Store(workspace.db_path) as store:
        row = Video("v1", store.videos.add_source(url, "feed"), title="t", url=url, state="failed")
        store.videos.add(replace(row, error={**error, "kind": "x", "retry": "later"}))
    for words in (["videos", "--json"], ["videos"], ["jobs", "--json"], ["jobs"]):
        code, out, err = run("-w", workspace.root, *words)
        assert code == 0
        assert CANARY not in out + err
        assert "host.example" in out or words[-1] != "--json"
