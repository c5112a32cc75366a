"""All windows of a run in one order: the same at the same place, wherever a run goes on."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from core import workspace
from core.config import Config, TrainConfig
from core.events import Metric
from core.jobs import Cancelled
from core.store import Segment
from core.training.checkpoints import last_checkpoint
from core.training.dataset import examples
from core.training.plan import DataCounts, Plan, make_plan, mix_of
from core.training.plan_rows import plan_rows
from core.training.run_examples import RunExamples, heard_in_run
from core.training.trainer import train
from core.training.windows import Row, WindowMix, windows_an_epoch
from core.whisper.info import describe
from core.whisper.loading import LoadedModel, load
from tests.core.whisper_kit import Listened, cancel_at, noise, toy, toy_copy, write_wav

NOTES = "宮商角徵羽零一二三四五六"


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(str(toy(2.0)))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Twelve segments of 0.6 s, one beside the other: three to a window of 2 s."""
    folder = tmp_path_factory.mktemp("rows")
    found = [
        Row(f"talk_{place}", folder / f"{place}.wav", note, "talk", 600 * place, 600 * place + 600)
        for place, note in enumerate(NOTES)
    ]
    for place, row in enumerate(found):
        write_wav(row.path, noise(0.6, place))
    return found


def planned(model: str, **train: object) -> Plan:
    settings = TrainConfig(**{"batch": 2, "accumulation": 2, "learning_rate": 1e-4, **train})  # type: ignore[arg-type]
    return make_plan(Config(train=settings), DataCounts(len(NOTES), windows=4), describe(model), None)


def test_a_run_hears_whole_epochs_and_finds_any_place_again(loaded: LoadedModel, rows: list[Row]) -> None:
    plan = planned(str(toy(2.0)), epochs=6)
    data, _ = examples(loaded, rows, "zh", plan.label_tokens)
    heard = heard_in_run(loaded, plan, data)
    assert isinstance(heard, RunExamples)
    assert len(heard) == plan.steps * 4
    first = heard.epoch(0)
    assert Counter(row.segment for one in first for row in one.window.rows) == Counter(row.segment for row in rows)
    in_order = [heard[place].window for place in range(len(heard))]
    assert in_order[: len(first)] == [one.window for one in first]
    again = heard_in_run(loaded, replace(plan, steps=plan.steps + 9), data)  # --steps asks for more of the same
    assert [again[place].window for place in (len(heard) - 1, 0, 7)] == [in_order[place] for place in (-1, 0, 7)]
    assert sum(window.timestamps for window in in_order) == pytest.approx(len(in_order) / 2, abs=6)


def test_what_is_kept_of_a_window_serves_every_epoch_of_quick(loaded: LoadedModel, rows: list[Row]) -> None:
    data, _ = examples(loaded, rows, "zh", 448)
    kept = heard_in_run(loaded, planned(str(toy(2.0)), method="quick"), data)
    new = heard_in_run(loaded, planned(str(toy(2.0))), data)
    assert isinstance(kept, RunExamples)
    assert isinstance(new, RunExamples)
    audio, other = ([{one.window.audio for one in run.epoch(number)} for number in range(4)] for run in (kept, new))
    assert audio[0] == audio[1] == audio[2] == audio[3]
    assert len(set().union(*other)) > len(other[0])


def test_the_plan_counts_windows_and_gives_as_much_time_as_single_segments_would_take(rows: list[Row]) -> None:
    settings = TrainConfig(batch=2, accumulation=2)
    assert mix_of(settings) == WindowMix(single=0, stretch=1, timestamps=0.5)
    spans = [Segment(row.segment, row.video, row.start_ms, row.end_ms, "", text=row.text) for row in rows]
    assert windows_an_epoch(spans, mix_of(settings), 2.0, seed=0) == 4
    assert windows_an_epoch(spans, WindowMix(), 2.0, seed=0) == len(rows)
    silent = [replace(one, text="") for one in spans[:6]]
    assert windows_an_epoch([*silent, *spans[6:]], WindowMix(), 2.0, seed=0) == 6 + 1
    plan = planned(str(toy(2.0)))
    assert (plan.epochs, plan.steps) == (12, 12)  # of 4 windows by 4; a third of what 12 epochs of segments take
    short = planned(str(toy(2.0)), epochs=6)
    assert short.steps == 6
    assert "6 epochs of these windows are few: epochs = 0 takes 12, as they were tried" in short.reasons
    assert not any("few" in reason for reason in (*plan.reasons, *planned(str(toy(2.0)), epochs=8).reasons))
    row = next(row for row in plan_rows(plan) if row.key == "windows")
    assert row.value == "stretch, 4 an epoch, 50% with times"
    assert Plan.from_json(json.loads(json.dumps(plan.as_json()))) == plan
    before = {name: value for name, value in plan.as_json().items() if name not in ("windows", "epoch_windows")}
    old = Plan.from_json(before)
    assert old is not None
    assert old.windows is None  # a run from before goes on with single segments


def test_a_run_that_was_stopped_goes_on_with_the_windows_it_would_have_heard(tmp_path: Path, rows: list[Row]) -> None:
    model = toy_copy(tmp_path / "toy", 2.0)
    plan = replace(
        planned(str(model), steps=6, windows="stretch", augment=["speed", "masks"]), log_every=1, eval_every=1
    )
    losses = []
    for name in ("whole", "stopped"):
        listened = Listened(workspace.create(tmp_path / name), "train", {})
        loaded = load(str(model))
        data, _ = examples(loaded, rows, "zh", plan.label_tokens)
        if name == "stopped":
            cancel_at(listened, Metric, 3)
            with pytest.raises(Cancelled):
                train(loaded, plan, data, [], folder=tmp_path / f"run-{name}", job=listened.job)
            told, last = [one.loss for one in listened.of(Metric)], last_checkpoint(tmp_path / f"run-{name}")
            assert last is not None
            listened, loaded = Listened(workspace.create(tmp_path / "again"), "train", {}), load(str(model))
            train(loaded, plan, data, [], folder=tmp_path / f"run-{name}", job=listened.job, resume=last)
            losses.append([*told, *(one.loss for one in listened.of(Metric))])
        else:
            train(loaded, plan, data, [], folder=tmp_path / f"run-{name}", job=listened.job)
            losses.append([one.loss for one in listened.of(Metric)])
    assert len(losses[0]) == 6
    assert losses[0] == losses[1]
