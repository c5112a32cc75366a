"""train: a whole model at the end, a whole checkpoint at every stop, and the way back in."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from core.dataset import lineage
from core.errors import UserError
from core.events import Evaluated, Metric, Sample, Saved
from core.jobs import Cancelled, EventReader
from core.jobs.spec import EVENTS, create
from core.stages import train
from core.store import Store
from core.training import checkpoints, resume, runs
from core.training.runs import RunRecord
from core.workspace import Workspace
from tests.core.whisper_kit import LONG, Listened, cancel_at, make_workspace, toy


def wait_until(true: Callable[[], bool], timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", toy(), train=8, test=3)


def test_a_run_ends_with_a_whole_model(made: Workspace) -> None:
    listened = Listened(made, "train", {})
    result = train.run(made, made.config(), listened.job)
    assert result["name"] == "run-01"
    assert result["path"] == "models/run-01"
    assert (result["steps"], result["train_segments"], result["eval_segments"], result["leak"]) == (4, 8, 2, 0)
    assert (result["validation_segments"], result["on"], result["best_step"]) == (0, "test", 4)

    folder = made.models / "run-01"
    needed = {"config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json"}
    needed |= {"tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "README.md", lineage.FILE}
    assert needed <= {path.name for path in folder.iterdir()}
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    model = WhisperForConditionalGeneration.from_pretrained(folder)
    base = WhisperForConditionalGeneration.from_pretrained(toy())
    assert WhisperProcessor.from_pretrained(folder).feature_extractor.n_samples == 160_000
    settings = model.generation_config.to_dict()
    assert (settings["language"], settings["task"]) == ("zh", "transcribe")
    assert not model.proj_out.weight.equal(base.proj_out.weight)
    assert "training segments: 8" in (folder / "README.md").read_text()

    steps = [event.step for event in listened.of(Metric)]
    assert steps == [1, 2, 3, 4]
    metric = listened.of(Metric)[-1]
    assert None not in astuple(metric)
    assert [event.step for event in listened.of(Evaluated)] == [0, 2, 4]  # 0 is the base model
    assert listened.of(Evaluated)[0].cer == result["base_cer"]
    assert {event.segment for event in listened.of(Sample)} == {"test_0_10", "test_8_18"}
    assert all(event.reference for event in listened.of(Sample))
    assert [event.path for event in listened.of(Saved)][-1] == "models/run-01"
    assert {event.on for event in listened.of(Evaluated)} == {"test"}
    assert result["cer"] == listened.of(Evaluated)[-1].cer


def test_rejected_pending_and_empty_texts_are_not_trained_on(made: Workspace) -> None:
    with Store(made.db_path) as store:
        store.transcripts.review("train_0_10", "rejected")
        store.transcripts.review("train_8_18", "pending")
        store.transcripts.save("train_16_26", "  ")
    result = train.run(made, made.config(), Listened(made, "train", {"steps": 1}).job)
    assert result["train_segments"] == 5
    assert result["steps"] == 1


def test_too_long_a_text_fails_by_name_and_the_rest_goes_on(made: Workspace) -> None:
    with Store(made.db_path) as store:
        store.transcripts.save("train_0_10", "宮" * 500)
    listened = Listened(made, "train", {"steps": 1})
    assert train.run(made, made.config(), listened.job)["train_segments"] == 7
    assert [segment for segment, _ in listened.job.failures] == ["train_0_10"]


def test_cancel_saves_and_resume_goes_on(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=8, test=3, settings=LONG)
    listened = Listened(made, "train", {})
    cancel_at(listened, Metric)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    last = checkpoints.last_checkpoint(made.models / ".run-01")
    assert last is not None
    assert last.step in (4, 5)
    assert not (made.models / "run-01").exists()
    assert listened.of(Saved)[-1].path == f"models/.run-01/checkpoint-{last.step}"

    again = Listened(made, "train", {"resume": True, "steps": last.step + 4})
    result = train.run(made, made.config(), again.job)
    assert (result["name"], result["resumed_from"], result["steps"]) == ("run-01", last.step, last.step + 4)
    assert again.of(Metric)[0].step == 8  # the rhythm it was started with
    assert all(event.step > 0 for event in again.of(Evaluated))
    assert result["base_cer"] == listened.of(Evaluated)[0].cer  # remembered over the stop

    longer = Listened(made, "train", {"resume": True, "steps": last.step + 6})
    extended = train.run(made, made.config(), longer.job)
    assert (extended["resumed_from"], extended["steps"]) == (last.step + 4, last.step + 6)


def test_stopped_and_resumed_is_the_same_as_never_stopped(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    weights = []
    for name in ("whole", "parts"):
        made = make_workspace(tmp_path / name, toy(), train=8, test=0)
        listened = Listened(made, "train", {})
        if name == "parts":
            cancel_at(listened, Metric)
            with pytest.raises(Cancelled):
                train.run(made, made.config(), listened.job)
            listened = Listened(made, "train", {})
        result = train.run(made, made.config(), listened.job)
        assert result["steps"] == 4
        assert (result["resumed_from"] is not None) == (name == "parts")
        weights.append(load_file(made.models / "run-01" / "model.safetensors"))
    assert all(weights[0][key].equal(weights[1][key]) for key in weights[0])


def test_cancel_during_an_evaluation_does_not_wait_for_it(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=3, settings=LONG)
    listened = Listened(made, "train", {})
    listened.job.cancel()
    listened.job.check = lambda: None if not listened.progress[1:] else _cancelled()  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    assert listened.of(Evaluated) == []
    assert not (made.models / "run-01").exists()


def _cancelled() -> None:
    raise Cancelled


def test_the_same_settings_go_on_by_themselves_others_start_anew(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=2, settings=LONG)
    listened = Listened(made, "train", {})
    cancel_at(listened, Metric)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    config = made.config()
    same = RunRecord.of(config)
    other = replace(same, language="en")
    kept = lineage.read(made.models / ".run-01")
    assert kept is not None
    assert resume.choose(made.models, {}, same, kept) == resume.ChosenRun("run-01", True)
    assert resume.choose(made.models, {}, other, kept) == resume.ChosenRun("run-02", False)
    assert resume.choose(made.models, {}, same, lineage.Lineage(kept.trained[1:])) == resume.ChosenRun("run-02", False)
    assert resume.choose(made.models, {"name": "run-01"}, other, kept) == resume.ChosenRun("run-01", True)
    assert resume.choose(made.models, {"name": "mine"}, same, kept) == resume.ChosenRun("mine", False)
    (made.models / "done").mkdir()
    with pytest.raises(UserError, match="already"):
        resume.choose(made.models, {"name": "done"}, same, kept)


def test_another_base_model_cannot_go_on(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=2, settings=LONG)
    listened = Listened(made, "train", {})
    cancel_at(listened, Metric)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    config = made.config()
    config.model.base = str(toy(2.0))
    with pytest.raises(UserError, match="another base model"):
        train.run(made, config, Listened(made, "train", {"resume": True}).job)


def test_killed_at_once_and_started_again(tmp_path: Path) -> None:
    """The real process, killed with SIGKILL after its first checkpoint; half a checkpoint lies about as well."""
    made = make_workspace(tmp_path / "w", toy(), train=6, test=2, settings=LONG)
    folder = create(made, "train", {})
    process = subprocess.Popen(
        [sys.executable, "-m", "core.jobs.run", str(folder)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        reader, seen = EventReader(folder / EVENTS), []

        def saved() -> bool:
            seen.extend(type(entry.event) for entry in reader.all())
            return Saved in seen or process.poll() is not None

        wait_until(saved)
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (made.models / "run-01").exists()
    half = made.models / ".run-01" / "checkpoint-399"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    last = checkpoints.last_checkpoint(made.models / ".run-01")
    assert last is not None

    result = train.run(made, made.config(), Listened(made, "train", {"steps": last.step + 1}).job)
    assert (result["name"], result["resumed_from"]) == ("run-01", last.step)
    assert json.loads((made.models / "run-01" / "config.json").read_text())["model_type"] == "whisper"
    assert not half.exists()


@pytest.mark.parametrize("segments", [8, 36])  # too few for a validation block; enough
def test_stopped_between_the_last_step_and_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segments: int
) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=segments, test=3)
    from safetensors.torch import load_file

    def stopped(*_: object) -> Path:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "publish", stopped)
        with pytest.raises(OSError, match="killed"):
            train.run(made, made.config(), Listened(made, "train", {}).job)
    best = checkpoints.best_checkpoint(made.models / ".run-01")
    assert best is not None
    weights = load_file(best.path / "model.safetensors")
    listened = Listened(made, "train", {})
    result = train.run(made, made.config(), listened.job)
    assert listened.of(Metric) == []  # no step is made twice
    assert (result["name"], result["steps"], result["best_step"]) == ("run-01", 4, best.step)
    assert result["on"] == ("test" if segments == 8 else "validation")
    assert result["cer"] is not None
    name = "model.decoder.embed_tokens.weight"
    assert load_file(made.models / "run-01" / "model.safetensors")[name].equal(weights[name])


def test_without_test_segments_the_last_step_is_kept(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=0)
    listened = Listened(made, "train", {"name": "blind"})
    result = train.run(made, made.config(), listened.job)
    assert (result["name"], result["cer"], result["best_step"]) == ("blind", None, 4)
    assert listened.of(Evaluated) == []
    assert "error rate" not in (made.models / "blind" / "README.md").read_text()


def test_a_finished_model_is_not_trained_over(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=2, test=0)
    shutil.copytree(toy(), made.models / "mine")
    for params in ({"name": "mine"}, {"name": "mine", "resume": True}):
        with pytest.raises(UserError):
            train.run(made, made.config(), Listened(made, "train", params).job)
    assert (made.models / "mine" / "model.safetensors").read_bytes() == (toy() / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("prepare", "fix"),
    [
        (lambda store: store.transcripts.save("train_0_10", "宮"), "whispersmith split"),
        (lambda store: None, "accept"),
    ],
)
def test_nothing_to_train_on_says_what_comes_next(tmp_path: Path, prepare: Callable[[Store], None], fix: str) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=1, accepted=False)
    with Store(made.db_path) as store:
        store.segments.set_parts({})
        prepare(store)
    with pytest.raises(UserError) as caught:
        train.run(made, made.config(), Listened(made, "train", {}).job)
    assert fix in caught.value.fix


def test_resume_without_a_run_is_refused(made: Workspace) -> None:
    with pytest.raises(UserError, match="no run to go on with"):
        train.run(made, made.config(), Listened(made, "train", {"resume": True}).job)


def test_full_disk_is_seen_before_the_first_step(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(UserError, match="too full"):
        train.run(made, made.config(), Listened(made, "train", {}).job)


DEMO = """
steps = 360
batch = 8
accumulation = 1
learning_rate = 3e-3
warmup = 0.1
schedule = "cosine"
eval_every = 50
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_demos_recipe_learns_the_synthetic_language(tmp_path: Path, seed: int) -> None:
    from core.stages import evaluate
    from core.whisper.toy import build_toy

    build_toy(tmp_path / "toy", seed=seed)
    made = make_workspace(tmp_path / "w", tmp_path / "toy", train=130, test=40, settings=DEMO, seed=seed)
    train.run(made, made.config(), Listened(made, "train", {}).job)
    found = evaluate.run(made, made.config(), Listened(made, "evaluate", {}).job)["models"]
    assert found["base"]["cer"] > 0.8
    assert found["tuned"]["cer"] < 0.08
