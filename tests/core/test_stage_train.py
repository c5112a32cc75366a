"""train: a whole model at the end, a whole checkpoint at every stop, and the way back in."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.config import set_value
from core.dataset import lineage
from core.engines import Clip
from core.engines.transformers import TransformersEngine
from core.errors import UserError
from core.events import Evaluated, Event, Finished, LogLine, Metric, Outcome, RunStarted, Sample, Saved
from core.jobs import Cancelled, EventReader
from core.jobs.spec import EVENTS, create
from core.stages import train
from core.store import Store
from core.training import checkpoint_state, checkpoints, resume, runs
from core.training.checkpoints import SENTINEL, last_checkpoint
from core.training.planning import PlanReader
from core.training.runs import RunRecord
from core.workspace import Workspace
from tests.core.whisper_kit import LONG, QUICK, Listened, cancel_at, make_workspace, toy


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
    assert (result["weights"]["kept"], result["cer"]) == ("0.7", result["weights"]["cer"])
    assert any("the first step took" in line.text for line in listened.of(LogLine))
    curves = EventAccumulator(str(listened.job.dir / "tensorboard")).Reload()  # beside the event log
    assert [(point.step, point.value) for point in curves.Scalars("train/loss")] == [
        (event.step, pytest.approx(event.loss, rel=1e-6)) for event in listened.of(Metric)
    ]
    assert [point.step for point in curves.Scalars("eval/cer")] == [0, 2, 4]


def test_curves_go_where_the_settings_say_and_what_is_not_installed_is_refused_before_the_queue(
    made: Workspace,
) -> None:
    config = made.config()
    config.train.report_to = []
    listened = Listened(made, "train", {"steps": 1})
    train.run(made, config, listened.job)
    assert not (listened.job.dir / "tensorboard").exists()
    config.train.report_to = ["clearml"]
    with pytest.raises(UserError, match="clearml is not installed"):
        train.check_params(made, config, {})


def test_rejected_and_pending_texts_are_not_trained_on_and_an_accepted_empty_one_is_silence(made: Workspace) -> None:
    with Store(made.db_path) as store:
        store.transcripts.review("train_0_10", "rejected")
        store.transcripts.review("train_8_18", "pending")
        store.transcripts.save("train_16_26", "  ")
    result = train.run(made, made.config(), Listened(made, "train", {"steps": 1}).job)
    assert result["train_segments"] == 6
    assert result["steps"] == 1
    record = runs.read_record(runs.hidden(made.models, result["name"]))
    assert record is not None
    assert record.plan is not None
    assert (record.plan.segments, record.plan.silent_segments, record.plan.unreviewed_segments) == (6, 1, 0)


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
    assert last.step == 3  # its measurement was broken off
    assert not (made.models / "run-01").exists()
    assert listened.of(Saved)[-1].path == f"models/.run-01/checkpoint-{last.step}"

    again = Listened(made, "train", {"resume": True, "steps": last.step + 4})
    result = train.run(made, made.config(), again.job)
    assert (result["name"], result["resumed_from"], result["steps"]) == ("run-01", last.step, last.step + 4)
    assert [event.step for event in again.of(Metric)][:2] == [4, 6]  # the rhythm it was started with, and checkpoints
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


def stop_in_evaluation(listened: Listened, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Ask the job to stop while its model decodes for the number-th time."""
    decode, seen = TransformersEngine.hypotheses, []

    def stopping(self: TransformersEngine, clips: Iterable[Clip]) -> Any:
        seen.append(1)
        if len(seen) == number:
            listened.job.cancel()
        return decode(self, clips)

    monkeypatch.setattr(TransformersEngine, "hypotheses", stopping)


@pytest.mark.usefixtures("small_block")
def test_a_stop_during_an_evaluation_loses_no_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is broken off at once, and made when the run goes on: the end is that of a run which was never stopped."""
    # That trials of other weights go on, too, is shown in training/test_weight_trials.py.
    made = make_workspace(tmp_path / "w", toy(), train=36, test=0, settings=f"{QUICK}between = false\n")
    whole = Listened(made, "train", {})
    expected = train.run(made, made.config(), whole.job)
    assert expected["on"] == "validation"
    for number, step in ((2, 2), (3, 4)):  # half-way, and after the last step
        name = f"stopped-at-{step}"
        stopped = Listened(made, "train", {"name": name})
        with monkeypatch.context() as patch:
            stop_in_evaluation(stopped, patch, number)
            with pytest.raises(Cancelled):
                train.run(made, made.config(), stopped.job)
        assert step not in [event.step for event in stopped.of(Evaluated)]
        last = checkpoints.last_checkpoint(made.models / f".{name}")
        assert last is not None
        assert last.step == step
        again = Listened(made, "train", {"name": name, "resume": True})
        result = train.run(made, made.config(), again.job)
        measured = {event.step: event.cer for event in stopped.of(Evaluated) + again.of(Evaluated)}
        assert measured == {event.step: event.cer for event in whole.of(Evaluated)}
        for fact in ("cer", "base_cer", "best_step", "steps"):
            assert result[fact] == expected[fact]
        card = (made.models / name / "README.md").read_text()
        assert card == (made.models / "run-01" / "README.md").read_text().replace("run-01", name)
        for file in ("generation_config.json", "model.safetensors"):
            assert (made.models / name / file).read_bytes() == (made.models / "run-01" / file).read_bytes()
        written = [job.dir / EVENTS for job in (stopped.job, again.job)]
        written += [*(made.models / f".{name}").glob(f"*/{checkpoint_state.STATE}")]
        assert not any("Infinity" in path.read_text() for path in written)


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
    # And who looks at the plan is told.
    last = last_checkpoint(made.models / ".run-01")
    assert last is not None
    reader = PlanReader(made)
    (last.path / SENTINEL).touch()  # as long as it is written
    before = reader.read().stopped
    (last.path / SENTINEL).unlink()
    stopped = resume.StoppedRun("run-01", last.step, 400)
    assert reader.read().stopped == stopped != before
    assert stopped.told.startswith(f"run-01 was stopped at step {last.step} of 400: whispersmith train goes on")
    # Also where it does not go on with it, and why.
    beginning = f"run-01 was stopped at step {last.step} of 400, and a new run begins, since "
    for record, fresh, why in (
        (other, kept, "settings have changed, it has language = zh"),
        (same, lineage.Lineage(kept.trained[1:]), "it learns from other segments than a new run would"),
    ):
        left = resume.stopped_run(made.models, record, fresh)
        assert left is not None
        assert left.told == f"{beginning}{why}; go on: whispersmith train --name run-01"
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


def start_job(made: Workspace, params: dict[str, Any]) -> tuple[subprocess.Popen[bytes], EventReader]:
    folder = create(made, "train", params)
    process = subprocess.Popen(
        [sys.executable, "-m", "core.jobs.run", str(folder)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return process, EventReader(folder / EVENTS)


def end_with(made: Workspace, params: dict[str, Any], number: signal.Signals, after: type[Event]) -> list[Event]:
    """Train in a process of its own and send it a signal after its first event of a kind; all it said."""
    process, reader = start_job(made, params)
    said: list[Event] = []

    def heard() -> bool:
        said.extend(entry.event for entry in reader.all())
        return any(isinstance(event, after) for event in said) or process.poll() is not None

    try:
        wait_until(heard)
        assert process.poll() is None
        os.kill(process.pid, number)
        process.wait(60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    said.extend(entry.event for entry in reader.all())
    return said


def losses(events: Iterable[Event]) -> dict[int, float | None]:
    return {event.step: event.loss for event in events if isinstance(event, Metric)}


def test_terminated_killed_and_started_again_it_makes_the_same_steps(tmp_path: Path) -> None:
    """Real processes: SIGTERM leaves a checkpoint of the step it was at; SIGKILL the last one; the losses are, step for
    step, those of a run that nobody stopped. Half a checkpoint lies about as well."""
    settings = LONG.replace("steps = 400", "steps = 60").replace("eval_every = 3", "eval_every = 5")
    made = make_workspace(tmp_path / "w", toy(), train=7, test=2, settings=settings)
    first = end_with(made, {"steps": 120}, signal.SIGTERM, Metric)
    folder = made.models / ".run-01"
    last = checkpoints.last_checkpoint(folder)
    assert last is not None
    assert first[-1] == Finished(Outcome.CANCELLED)
    assert last.step == max(losses(first))
    second = end_with(made, {"resume": True}, signal.SIGKILL, Saved)
    half = folder / "checkpoint-119"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    going = checkpoints.last_checkpoint(folder)
    assert going is not None
    assert going.step > last.step
    third = Listened(made, "train", {"resume": True})
    cancel_at(third, Metric, 7)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), third.job)
    (started,) = third.of(RunStarted)
    assert (started.name, started.steps, started.resumed_from) == ("run-01", 120, going.step)  # not the settings' 60
    assert not half.exists()
    assert not (made.models / "run-01").exists()

    parts = [losses(first), losses(second), losses(third.events)]
    whole = Listened(made, "train", {"name": "whole", "steps": 120})
    cancel_at(whole, Metric, max(parts[2]))
    with pytest.raises(Cancelled):
        train.run(made, made.config(), whole.job)
    expected = losses(whole.events)
    assert {step for part in parts for step in part} == set(range(1, max(parts[2]) + 1))
    for part in parts:
        assert part == {step: expected[step] for step in part}
    rates = [event.learning_rate for event in third.of(Metric)]
    assert rates == [event.learning_rate for event in whole.of(Metric) if event.step in parts[2]]


def test_a_run_that_ended_before_its_first_checkpoint_keeps_what_it_was_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=2, settings=LONG)
    listened = Listened(made, "train", {"steps": 3})
    with monkeypatch.context() as patch:
        stop_in_evaluation(listened, patch, 1)
        with pytest.raises(Cancelled):
            train.run(made, made.config(), listened.job)
    assert checkpoints.last_checkpoint(made.models / ".run-01") is None
    set_value(made.config_path, "train", "batch", 1)
    again = Listened(made, "train", {"resume": True})
    assert train.run(made, made.config(), again.job)["steps"] == 3
    record = runs.read_record(made.models / ".run-01")
    assert record is not None
    assert record.plan is not None
    assert record.plan.batch == 2


@pytest.mark.usefixtures("small_block")
@pytest.mark.parametrize("segments", [8, 36])  # too few for a validation block; enough
def test_stopped_between_the_last_step_and_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segments: int
) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=segments, test=3, settings=f"{QUICK}between = false\n")
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
