"""A workspace of which a copy holds only some files: every command answers, tells what is missing, and loses nothing of
what is there."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from core import workspace as workspaces
from core.jobs import list_jobs
from core.store import Store
from core.workspace import Workspace
from tests.core import media_kit
from tests.core.cli_kit import caller

SHOWN = (("status",), ("videos",), ("segments", "--json"), ("check-dataset",), ("jobs",), ("transcript", "talk_8_18"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A recording with its segments, half of them corrected; nobody writes in it."""
    made = workspaces.create(tmp_path_factory.mktemp("whole") / "ws")
    media_kit.fetched(made, "talk", 42)
    media_kit.with_segments(made, "talk", 5, {1: "一", 2: "二", 3: "三"})
    return made


def some_of(whole: Workspace, folder: Path, seed: int) -> Workspace:
    """A copy that lacks about half of the files, and has others in part; settings and database are there."""
    made, dice = media_kit.copied(whole, folder), random.Random(seed)
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path in (made.config_path, made.db_path):
            continue
        if dice.random() < 0.5:
            path.unlink()
        elif dice.random() < 0.5:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for name in ("segments/talk", "models", "media"):
        if dice.random() < 0.3:
            shutil.rmtree(folder / name, ignore_errors=True)
    return made


@pytest.mark.parametrize("seed", range(6))
def test_every_command_answers(whole: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int) -> None:
    made, run = some_of(whole, tmp_path / "ws", seed), caller(capsys)
    for words in SHOWN:
        code, out, error = run("-w", made.root, *words)
        assert code in (0, 1), (words, error)
        assert "Traceback" not in out + error
    # The texts are all there, whatever became of their sound.
    _, out, _ = run("-w", made.root, "segments", "--json")
    assert [row["text"] for row in json.loads(out)] == ["", "一", "二", "三", ""]


def test_what_is_missing_is_told_and_the_rest_is_exported(
    whole: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, run = media_kit.copied(whole, tmp_path / "ws"), caller(capsys)
    (made.segments / "talk" / "talk_8_18.wav").unlink()
    code, out, error = run("-w", made.root, "export")
    assert "Traceback" not in out + error
    assert code in (0, 1)
    assert "talk_8_18" in out + error + made.log_file.read_text()
    metadata = (made.dataset / "train" / "metadata.csv").read_text()
    assert "talk_16_26" in metadata
    assert "talk_8_18" not in metadata
    assert not [job for job in list_jobs(made) if job.live]
    with Store(made.db_path) as store:
        assert store.segments.counts()["accepted"] == 3
