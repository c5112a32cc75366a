"""Checkpoints that look whole and are not: the one before is taken, the log says so, and no code of theirs runs."""

from __future__ import annotations

import errno
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.errors import UserError
from core.events import LogLine, Metric, RunStarted
from core.jobs import Cancelled
from core.stages import train
from core.training import checkpoints, resume, runs
from core.training.checkpoint_state import STATE
from core.workspace import Workspace
from tests.core.whisper_kit import LONG, Listened, cancel_at, make_workspace, toy


def _saved(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    with checkpoints.being_written(path):
        save_file({"a": torch.zeros(1000)}, path / "model.safetensors")
        for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
            torch.save({"state": torch.arange(1000), "step": step}, path / name)
        (path / STATE).write_text(json.dumps({"global_step": step}))
    return path


def _change_one_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _gone_on_from(folder: Path) -> tuple[int | None, list[str]]:
    told: list[str] = []
    resume.mend_checkpoints(folder, told.append)
    last = checkpoints.last_checkpoint(folder)
    return last.step if last else None, told


@pytest.mark.parametrize("kept", [True, False], ids=["digests", "from before digests"])
@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_one_byte_of_a_file_is_seen(tmp_path: Path, name: str, kept: bool) -> None:
    for step in (10, 20):
        path = _saved(tmp_path, step)
        if not kept:
            (path / checkpoints.DIGESTS).unlink()
    assert _gone_on_from(tmp_path) == (20, [])
    _change_one_byte(path / name)
    assert checkpoints.is_whole(path)  # as it looks from its lengths
    step, (told,) = _gone_on_from(tmp_path)
    assert step == 10
    assert f"checkpoint-20 of {tmp_path.name} is passed over" in told
    assert name in told


@pytest.mark.parametrize("digests", [b"", b"[]", b"[" * 100_000, b'{"optimizer.pt": 5}', b'{"../../x": "y"}'])
def test_digests_that_are_none_are_those_of_a_broken_checkpoint(tmp_path: Path, digests: bytes) -> None:
    (_saved(tmp_path, 10) / checkpoints.DIGESTS).write_bytes(digests)
    assert _gone_on_from(tmp_path)[0] is None


@pytest.mark.parametrize("where", ["first header", "directory", "its end"])
def test_a_bit_of_a_zip_s_own_tables_is_seen_where_there_are_no_digests(tmp_path: Path, where: str) -> None:
    _saved(tmp_path, 10)
    path = _saved(tmp_path, 20)
    (path / checkpoints.DIGESTS).unlink()
    file = path / "scheduler.pt"
    whole = file.read_bytes()
    places = {"first header": range(30), "directory": range(whole.find(b"PK\x01\x02"), len(whole), 97)}
    for place in places.get(where, range(len(whole) - 22, len(whole))):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        assert isinstance(checkpoints.fault_of(path), str)


def test_a_disk_that_gives_no_file_costs_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _saved(tmp_path, 20)

    def fails(path: Path) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    def another_version(*_: object, **__: object) -> None:
        raise AttributeError("no such class")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "digest_read", fails)
        with pytest.raises(UserError, match="cannot be read"):
            _gone_on_from(tmp_path)
    assert _gone_on_from(tmp_path) == (20, [])
    monkeypatch.setattr(torch, "load", another_version)
    step, (told,) = _gone_on_from(tmp_path)
    assert step is None
    assert "is passed over and kept as unloadable-checkpoint-20" in told
    monkeypatch.undo()
    (tmp_path / "unloadable-checkpoint-20").rename(path)
    assert _gone_on_from(tmp_path) == (20, [])


def test_what_a_person_put_beside_the_checkpoints_stays(tmp_path: Path) -> None:
    _saved(tmp_path, 10)
    _saved(tmp_path, 20)
    (tmp_path / "checkpoint-10").rename(tmp_path / "checkpoint-good")
    (tmp_path / "checkpoint-notes.txt").write_text("the good one is the first")
    assert _gone_on_from(tmp_path) == (20, [])
    checkpoints.keep_last(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-20",
        "checkpoint-good",
        "checkpoint-notes.txt",
    ]


def test_weights_count_as_well(tmp_path: Path) -> None:
    _saved(tmp_path, 10)
    _change_one_byte(_saved(tmp_path, 20) / "model.safetensors")
    assert _gone_on_from(tmp_path)[0] == 10


class _Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state_3.pth", "scaler.pt"])
def test_a_file_with_code_is_told_without_advice_to_trust_it(tmp_path: Path, name: str) -> None:
    """Whoever planted it has written its digest as well."""
    folder, mark = tmp_path / "run", tmp_path / "ran"
    _saved(folder, 10)
    path = _saved(folder, 20)
    with checkpoints.being_written(path):
        torch.save(_Evil(mark), path / name)
    step, (told,) = _gone_on_from(folder)
    assert step == 10
    assert f"{name} cannot be loaded" in told
    assert "weights_only" not in told
    assert not mark.exists()


def test_a_zip_that_holds_something_else_does_not_load(tmp_path: Path) -> None:
    path = _saved(tmp_path, 10)
    with zipfile.ZipFile(path / "optimizer.pt", "w") as archive:
        archive.writestr("data", "x")
    (path / checkpoints.DIGESTS).unlink()
    assert _gone_on_from(tmp_path)[0] is None


@pytest.fixture
def stopped(tmp_path: Path) -> Workspace:
    """A run of 400 steps that was stopped behind its checkpoints at 3 and 6."""
    made = make_workspace(tmp_path / "w", toy(), train=7, test=2, settings=LONG)
    listened = Listened(made, "train", {})
    cancel_at(listened, Metric, 7)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    return made


def _resumed(made: Workspace, **settings: object) -> Listened:
    config = made.config()
    for name, value in settings.items():
        setattr(config.train, name, value)
    listened = Listened(made, "train", {"resume": True})
    cancel_at(listened, Metric, 1)
    with pytest.raises(Cancelled):
        train.run(made, config, listened.job)
    return listened


def test_a_training_goes_on_from_the_one_before(stopped: Workspace) -> None:
    folder = stopped.models / ".run-01"
    last = checkpoints.last_checkpoint(folder)
    assert last is not None
    assert set(json.loads((last.path / checkpoints.DIGESTS).read_text())) >= {"optimizer.pt", "model.safetensors"}
    before = shutil.copytree(last.path, folder / f"checkpoint-{last.step - 1}")
    state = json.loads((before / STATE).read_text())
    (before / STATE).write_text(json.dumps(state | {"global_step": last.step - 1}))
    _change_one_byte(last.path / "optimizer.pt")
    listened = _resumed(stopped)
    (started,) = listened.of(RunStarted)
    assert started.resumed_from == last.step - 1
    assert any("is passed over and removed: optimizer.pt" in line.text for line in listened.of(LogLine))


def test_how_long_a_run_goes_on_is_said_where_the_settings_have_changed(stopped: Workspace) -> None:
    quiet = _resumed(stopped)
    assert not [line.text for line in quiet.of(LogLine) if "settings say" in line.text]
    said = "\n".join(line.text for line in _resumed(stopped, steps=0, epochs=50.0, patience=7).of(LogLine))
    assert "patience is 7 now, in place of" in said
    assert "it keeps its 400 steps, though the settings say epochs = 50, which is" in said
    record = runs.read_record(stopped.models / ".run-01")
    assert record is not None
    assert record.plan is not None
    assert (record.plan.patience, record.plan.steps) == (7, 400)
