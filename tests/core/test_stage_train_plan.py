"""train obeys the plan that was shown, also when it goes on; its figures are those of evaluate."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.config import set_value
from core.errors import UserError
from core.events import Evaluated, LogLine, Metric, RunStarted, Saved
from core.jobs import Cancelled
from core.stages import evaluate, round, train
from core.store import Store
from core.training import planning, runs
from core.training.plan import Plan
from core.training.planning import read_plan
from core.workspace import Workspace
from tests.core.test_training_trainer import obeyed
from tests.core.whisper_kit import LONG, Listened, cancel_at, make_workspace, toy


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The Seq2SeqTrainingArguments of every trainer that is made."""
    from core.training import trainer

    made: list[Any] = []
    real = trainer.Seq2SeqTrainingArguments

    def recorded(**settings: Any) -> Any:
        made.append(real(**settings))
        return made[-1]

    monkeypatch.setattr(trainer, "Seq2SeqTrainingArguments", recorded)
    return made


def shown(made: Workspace) -> Plan:
    with Store(made.db_path) as store:
        return read_plan(made, made.config(), store)[0]


def kept(made: Workspace, name: str = "run-01") -> Plan:
    record = runs.read_record(runs.hidden(made.models, name))
    assert record is not None
    assert record.plan is not None
    return record.plan


def test_what_is_shown_is_kept_and_is_what_runs_and_the_base_has_one_figure(
    tmp_path: Path, arguments: list[Any]
) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=8, test=3)
    set_value(made.config_path, "train", "eval_segments", 100)
    plan = shown(made)
    assert (plan.segments, plan.measured_on, plan.measured_segments) == (8, "test", 3)
    listened = Listened(made, "train", {})
    trained = train.run(made, made.config(), listened.job)
    assert kept(made) == plan
    assert obeyed(arguments[0], plan) == {}
    assert trained["steps"] == plan.steps
    assert {event.segments for event in listened.of(Evaluated)} == {3}
    # The same three test segments, the same decoding: the same figure on either screen.
    models = evaluate.run(made, made.config(), Listened(made, "evaluate", {}).job)["models"]
    assert models["base"]["cer"] == pytest.approx(trained["base_cer"], abs=1e-9)
    assert models["tuned"]["cer"] == pytest.approx(trained["cer"], abs=1e-9)


SINGLE = 'windows = "single"\ntimestamps = 0\n'


def interrupted(made: Workspace) -> int:
    """Start a long run and stop it; the step of its checkpoint."""
    listened = Listened(made, "train", {})
    cancel_at(listened, Metric)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    return listened.of(Saved)[-1].step


def change_settings(made: Workspace) -> None:
    for key, value in (("batch", 1), ("learning_rate", 1e-5), ("eval_every", 50), ("seed", 3), ("steps", 9)):
        set_value(made.config_path, "train", key, value)


@pytest.mark.parametrize("yesterday", [False, True])
def test_a_run_that_goes_on_obeys_its_own_plan_and_the_steps_asked_for_now(
    tmp_path: Path, arguments: list[Any], yesterday: bool
) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=8, test=2, settings=LONG + SINGLE)
    done = interrupted(made)
    begun = kept(made)
    assert begun.steps == 400
    record = runs.hidden(made.models, "run-01") / runs.RECORD
    if yesterday:  # before plans were kept, run.json held these three only
        data = json.loads(record.read_text())
        for name in ("windows", "timestamps", "augment"):
            del data["train"][name]
        record.write_text(json.dumps({name: data[name] for name in ("base", "language", "train")}))
        begun = replace(begun, windows=None)  # in an order drawn anew every epoch, as it was
    change_settings(made)
    # Without steps asked for it goes on with its own 400, though the settings say 9 now.
    again = Listened(made, "train", {"resume": True})
    cancel_at(again, Metric)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), again.job)
    assert replace(kept(made), fixed_steps=begun.fixed_steps) == begun
    assert obeyed(arguments[-1], begun) == {}
    said = "".join(line.text for line in again.of(LogLine))
    assert "the settings have changed since" in said
    assert ("earlier figures are forgotten" in said) == yesterday  # they were of another decoding
    # --steps changes the steps, and nothing else.
    done = again.of(Saved)[-1].step
    result = train.run(made, made.config(), Listened(made, "train", {"resume": True, "steps": done + 2}).job)
    assert (result["name"], result["resumed_from"], result["steps"]) == ("run-01", done, done + 2)
    longer = kept(made)
    assert longer == replace(begun, steps=done + 2, epochs=longer.epochs, fixed_steps=True)
    assert obeyed(arguments[-1], longer) == {}


def test_when_memory_runs_out_the_run_goes_on_from_its_last_checkpoint_with_less_at_once(
    tmp_path: Path, arguments: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from core.training.trainer import WhisperTrainer

    step = WhisperTrainer.training_step

    def full(self: WhisperTrainer, model: Any, inputs: Any, *rest: Any) -> Any:
        if self.state.global_step >= 4 and len(inputs["labels"]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(self, model, inputs, *rest)

    made = make_workspace(tmp_path / "w", toy(), train=8, test=0, settings=LONG)
    monkeypatch.setattr(WhisperTrainer, "training_step", full)
    listened = Listened(made, "train", {"steps": 6})
    result = train.run(made, made.config(), listened.job)
    assert (result["name"], result["steps"]) == ("run-01", 6)
    # First activations are computed twice, then half as many segments at once, twice as often.
    assert [event.resumed_from for event in listened.of(RunStarted)] == [None, 3, 3]
    assert [(one.per_device_train_batch_size, one.gradient_accumulation_steps) for one in arguments] == [
        *((2, 2), (2, 2), (1, 4))
    ]
    assert (kept(made).batch, kept(made).accumulation, kept(made).recompute) == (1, 4, True)
    assert "memory ran out; it goes on from step 3 with 1 at once" in "".join(
        line.text for line in listened.of(LogLine) if line.level == "warning"
    )
    monkeypatch.setattr(WhisperTrainer, "training_step", lambda *_: full_always())
    with pytest.raises(UserError, match="memory ran out") as error:
        train.run(made, made.config(), Listened(made, "train", {"name": "hopeless"}).job)
    assert "smaller base model" in error.value.fix


def full_always() -> None:
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory")


def test_the_card_of_the_plan_is_asked_before_torch_takes_some_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NVML sees a card, torch does not: the processor computes, and the log says so."""
    from core.gpu import Gpu

    made = make_workspace(tmp_path / "w", toy(), train=2, test=0)
    card = Gpu(0, "GPU-1", "Some GPU", (8, 6), 8 << 30, 1 << 30, 7 << 30, 0, 40, 10.0)
    monkeypatch.setattr(train, "training_card", lambda wish: card)
    listened = Listened(made, "train", {"steps": 1})
    train.run(made, made.config(), listened.job)
    assert kept(made).device == "cpu"
    assert any("torch cannot use Some GPU" in line.text for line in listened.of(LogLine))


def test_what_can_be_refused_is_refused_before_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=2, test=0)
    monkeypatch.setattr(planning, "training_card", lambda wish: pytest.fail("no card is needed to see that"))
    config = made.config()
    train.check_params(made, config, {})
    (made.models / "done").mkdir()
    for params, said in (
        ({"name": "../evil"}, "cannot be the name"),
        ({"name": "done"}, "there is a model done"),
        ({"resume": True}, "no run to go on with"),
        ({"resume": True, "name": "typo"}, "there is no run typo"),
    ):
        with pytest.raises(UserError, match=said):
            train.check_params(made, config, params)
    for table, key, value, said in (
        ("project", "language", "auto", "cannot be trained with"),
        ("model", "base", "no/such", "is not here"),
        ("train", "general", "typo", "typo holds no sound"),
        ("train", "report_to", ["clearml"], "clearml is not installed"),
    ):
        changed = made.config()
        setattr(getattr(changed, table), key, value)
        with pytest.raises(UserError, match=said):
            train.check_params(made, changed, {})
        with pytest.raises(UserError, match=said):
            round.check_params(made, changed, {})
