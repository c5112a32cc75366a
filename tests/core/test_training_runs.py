"""Runs on disk: names, checkpoints that are whole, the final folder that is whole or not there."""

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.training import checkpoint_state, checkpoints, runs
from core.training.card import CardFacts, model_card
from core.whisper.tuned import tuned_folders
from tests.core.whisper_kit import toy


def content(path: Path) -> dict[str, Any]:
    """All that a checkpoint's state says."""
    state = checkpoint_state.read_state(path)
    assert state is not None
    return dict(state.content)


def checkpoint(folder: Path, step: int, best: str | None = None) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(toy(2.0) / "model.safetensors", path / "model.safetensors")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        with zipfile.ZipFile(path / name, "w") as archive:
            archive.writestr("data", "x" * 100)
    (path / checkpoint_state.STATE).write_text(json.dumps({"global_step": step, "best_model_checkpoint": best}))
    return path


def _mend(folder: Path) -> None:
    checkpoints.mend(folder, lambda text: None, lambda path: "")


def halve(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def test_next_name_passes_models_and_runs(tmp_path: Path) -> None:
    assert runs.next_name(tmp_path) == "run-01"
    (tmp_path / "run-01").mkdir()
    checkpoint(tmp_path / ".run-02", 5)
    (tmp_path / ".run-03").mkdir()  # killed before its first checkpoint: nothing to go on from
    assert runs.next_name(tmp_path) == "run-03"


@pytest.mark.parametrize("name", ["../evil", ".hidden", "", "a/b", "a b"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(UserError):
        runs.check_name(name)


@pytest.mark.parametrize(
    "file", ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", checkpoint_state.STATE]
)
def test_a_half_written_checkpoint_is_passed_over(tmp_path: Path, file: str) -> None:
    checkpoint(tmp_path, 10)
    late = checkpoint(tmp_path, 20)
    found = checkpoints.last_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 20
    halve(late / file)
    found = checkpoints.last_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 10
    (late / file).unlink()
    assert not checkpoints.is_whole(late)


def test_the_sentinel_means_half_written(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, 10)
    (path / checkpoints.SENTINEL).touch()
    assert checkpoints.last_checkpoint(tmp_path) is None


def test_a_checkpoint_is_whole_only_when_all_of_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint-10"
    with checkpoints.being_written(path):
        checkpoint(tmp_path, 10)
        assert not checkpoints.is_whole(path)
    assert checkpoints.is_whole(path)
    with pytest.raises(OSError, match="full"), checkpoints.being_written(path):
        raise OSError("disk full")
    assert not checkpoints.is_whole(path)


def test_two_checkpoints_stay_while_a_run_goes_on(tmp_path: Path) -> None:
    for step in (8, 9, 10):  # by number, not by name
        checkpoint(tmp_path, step)
    (checkpoint(tmp_path, 11) / checkpoints.SENTINEL).touch()
    checkpoints.rotate(tmp_path, str(tmp_path / "checkpoint-8"))
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-8", "checkpoint-10", "checkpoint-11"}
    checkpoint(tmp_path, 12)
    checkpoints.rotate(tmp_path, str(tmp_path / "checkpoint-12"))
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-10", "checkpoint-11", "checkpoint-12"}


def test_mend_removes_the_broken_and_follows_a_moved_workspace(tmp_path: Path) -> None:
    checkpoint(tmp_path, 10)
    last = checkpoint(tmp_path, 20, best="/elsewhere/models/.run/checkpoint-10")
    broken = checkpoint(tmp_path, 30)
    (broken / checkpoint_state.STATE).unlink()
    _mend(tmp_path)
    assert not broken.exists()
    assert content(last)["best_model_checkpoint"] == str(tmp_path / "checkpoint-10")
    best = checkpoints.best_checkpoint(tmp_path)
    assert best is not None
    assert best.step == 10


def test_a_best_figure_goes_with_its_weights(tmp_path: Path) -> None:
    last = checkpoint(tmp_path, 20, best=str(tmp_path / "checkpoint-10"))
    state = content(last)
    (last / checkpoint_state.STATE).write_text(json.dumps(state | {"best_metric": 0.1, "best_global_step": 10}))
    _mend(tmp_path)
    state = content(last)
    assert (state["best_metric"], state["best_global_step"], state["best_model_checkpoint"]) == (None, None, None)


def test_forgetting_what_was_measured_keeps_the_losses(tmp_path: Path) -> None:
    last = checkpoint(tmp_path, 20, best=str(tmp_path / "checkpoint-20"))
    history = [{"step": 0, "eval_cer": 0.9}, {"step": 10, "loss": 2.0}, {"step": 20, "eval_cer": 0.3}]
    state = content(last)
    (last / checkpoint_state.STATE).write_text(json.dumps(state | {"best_metric": 0.3, "log_history": history}))
    checkpoints.forget_measures(tmp_path)
    state = content(last)
    assert state["log_history"] == [{"step": 10, "loss": 2.0}]
    assert (state["best_metric"], state["best_model_checkpoint"], state["global_step"]) == (None, None, 20)


def test_the_last_and_the_best_checkpoint_stay(tmp_path: Path) -> None:
    for step in (10, 20):
        checkpoint(tmp_path, step)
    checkpoint(tmp_path, 30, best=str(tmp_path / "checkpoint-10"))
    checkpoints.keep_last(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-10", "checkpoint-30"}


def test_interrupted_runs_are_those_without_a_model(tmp_path: Path) -> None:
    checkpoint(tmp_path / ".one", 5)
    checkpoint(tmp_path / ".two", 5)
    (tmp_path / ".three").mkdir()
    (tmp_path / "two").mkdir()
    assert runs.interrupted(tmp_path) == ["one"]


def test_publish_is_whole_or_not_at_all(tmp_path: Path) -> None:
    def fails(place: Path) -> None:
        (place / "config.json").write_text("{}")
        raise OSError("disk full")

    def writes(place: Path) -> None:
        (place / "config.json").write_text("{}")

    with pytest.raises(OSError, match="disk full"):
        runs.publish(tmp_path, "mine", toy(2.0), "card", fails)
    assert not (tmp_path / "mine").exists()
    assert tuned_folders(tmp_path) == []

    made = runs.publish(tmp_path, "mine", toy(2.0), "card", writes)
    assert made == tmp_path / "mine"
    assert {path.name for path in made.iterdir()} >= {"config.json", "README.md", "vocab.json", "merges.txt"}
    assert tuned_folders(tmp_path) == [made]
    runs.publish(tmp_path, "mine", toy(2.0), "newer", writes)
    assert (made / "README.md").read_text() == "newer"
    assert [path.name for path in (tmp_path / ".mine").iterdir()] == []


def test_card_says_what_it_was_measured_on() -> None:
    facts = CardFacts(
        name="run-01",
        base="openai/whisper-small",
        language="zh",
        train_segments=120,
        train_seconds=1200.0,
        test_segments=16,
        validation_segments=0,
        eval_segments=16,
        on="test",
        split="video",
        leak=0,
        steps=300,
        best_step=250,
        cer=0.049,
        base_cer=1.0,
    )
    text = model_card(facts)
    assert "base_model: openai/whisper-small" in text
    assert "4.9 %, base model 100.0 %, on 16 test segments" in text
    assert "0 of them share audio" in text
    assert "nothing was chosen" in text
    chosen = model_card(replace(facts, on="validation", validation_segments=12, eval_segments=12))
    assert "on 12 validation segments" in chosen
    assert "the checkpoint was chosen by this figure" in chosen
    without = model_card(replace(facts, cer=None, base="/home/me/toy"))
    assert "error rate" not in without
    assert "base_model" not in without
