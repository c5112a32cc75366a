"""Weights between base and tuned: which are kept, what a kill leaves, and what is read back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.config import set_values
from core.events import Metric
from core.jobs import Cancelled
from core.stages import train
from core.text import Errors
from core.training import interpolation
from core.training.checkpoints import last_checkpoint
from core.training.weight_trials import FILE, Trials, Weights, name_of, read_weights
from core.whisper.loading import load
from tests.core.whisper_kit import Listened, make_workspace, toy

Count = Callable[[str, int | None], Errors | None]


def counting(errors: dict[str, int], asked: list[tuple[str, int | None]] | None = None) -> Count:
    def count(name: str, most: int | None) -> Errors | None:
        if asked is not None:
            asked.append((name, most))
        found = Errors(errors[name], 0, 0, 100)
        return None if most is not None and found.total > most else found

    return count


def general(errors: dict[str, int]) -> Callable[[str], Errors | None]:
    return lambda name: Errors(errors[name], 0, 0, 1000)


def test_the_fewest_errors_are_kept_and_the_hopeless_are_broken_off() -> None:
    asked: list[tuple[str, int | None]] = []
    kept = Trials.best(["1", "0.7", "0.5"], counting({"1": 30, "0.7": 20, "0.5": 25}, asked), None)
    assert (kept.kept, kept.cer) == ("0.7", 0.2)
    assert asked == [("1", None), ("0.7", 30), ("0.5", 20)]
    assert [(one.weights, one.cer) for one in kept.tried] == [("1", 0.3), ("0.7", 0.2), ("0.5", None)]
    assert "0.3 base + 0.7 tuned: CER 20.0 %" in [one.said for one in kept.tried]
    assert name_of("mean") == "the mean of the last checkpoints"


def test_of_two_that_hear_alike_the_tuned_one_is_kept() -> None:
    assert Trials.best(["1", "0.7"], counting({"1": 20, "0.7": 20}), None).kept == "1"


def test_what_forgets_more_than_half_a_point_is_barred() -> None:
    on_block = counting({"1": 10, "0.7": 12, "0.3": 20})
    heard = {"0": 100, "1": 106, "0.7": 105, "0.3": 101}  # of 1000: 10 % and half a point are 105
    kept = Trials.best(["1", "0.7", "0.3"], on_block, general(heard))
    assert (kept.kept, kept.general_base) == ("0.7", 0.1)
    assert [one.general for one in kept.tried] == [0.106, 0.105, None]  # asked only as far as it has to be
    worst = Trials.best(["1", "0.7", "0.3"], on_block, general(heard | {"1": 300, "0.7": 200, "0.3": 150}))
    assert worst.kept == "0.3"


@pytest.mark.usefixtures("small_block")
def test_what_was_tried_stands_in_result_card_and_model_and_is_not_tried_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=36, test=2)
    set_values(made.config_path, "train", {"method": "quick", "steps": 2, "eval_every": 1})
    put: list[str] = []
    before = interpolation._Candidates.put

    def putting(self: interpolation._Candidates, name: str) -> None:
        put.append(name)
        before(self, name)
        if len(put) == 3:
            raise Cancelled

    monkeypatch.setattr(interpolation._Candidates, "put", putting)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), Listened(made, "train", {"name": "one"}).job)
    tried = json.loads((made.models / ".one" / FILE).read_text())["trials"]["validation"]
    assert list(tried) == ["1", "0.7"]
    put += ["killed"]
    result = train.run(made, made.config(), Listened(made, "train", {"name": "one", "resume": True}).job)
    assert put[put.index("killed") + 1] == "0.5"  # those before are known
    assert [one["weights"] for one in result["weights"]["tried"]][:4] == ["1", "0.7", "0.5", "0.3"]
    kept = read_weights(made.models / "one")
    assert isinstance(kept, Weights)
    assert kept.as_json() == result["weights"]
    assert result["cer"] == kept.cer
    assert f"weights kept: {kept.said}" in (made.models / "one" / "README.md").read_text()
    assert read_weights(toy()) is None


@pytest.mark.usefixtures("small_block")
def test_a_run_that_stopped_early_and_was_killed_in_the_trials_learns_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=36, test=2)
    settings = {"method": "quick", "steps": 6, "eval_every": 1, "patience": 1, "learning_rate": 1e-12}
    set_values(made.config_path, "train", settings)
    before = interpolation._Candidates.put

    def killed(*_: object) -> None:
        raise Cancelled

    monkeypatch.setattr(interpolation._Candidates, "put", killed)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), Listened(made, "train", {"name": "one"}).job)
    last = last_checkpoint(made.models / ".one")
    assert last is not None
    assert last.step < 6
    monkeypatch.setattr(interpolation._Candidates, "put", before)
    again = Listened(made, "train", {"name": "one"})
    result = train.run(made, made.config(), again.job)
    assert (result["steps"], again.of(Metric)) == (last.step, [])
    # More steps that are asked for are made.
    longer = Listened(made, "train", {"name": "one", "resume": True, "steps": 7})
    assert train.run(made, made.config(), longer.job)["steps"] > last.step


def test_where_nothing_chooses_the_usual_ones_are_kept_unless_they_forget() -> None:
    kept = Trials.usual(None, None)
    assert (kept.kept, kept.cer, kept.tried, kept.chosen) == ("0.7", None, (), False)
    shown = Trials.usual(lambda name: {"0.7": Errors(20, 0, 0, 100)}[name], None)
    assert (shown.kept, shown.cer, [one.said for one in shown.tried]) == (
        "0.7",
        0.2,
        ["0.3 base + 0.7 tuned: CER 20.0 %"],
    )
    near = Trials.usual(lambda _: Errors(20, 0, 0, 100), general({"0": 100, "0.7": 106, "0.5": 104, "0.3": 90}))
    assert (near.kept, near.cer, near.general_base, near.chosen) == ("0.5", 0.2, 0.1, False)
    assert (kept.why_unchosen.split()[:2], near.why_unchosen.split()[-2:]) == (["as", "usual"], ["set", "allows"])
    assert [one.said for one in near.tried] == [
        "0.3 base + 0.7 tuned: on the general set 10.6 %",
        "0.5 base + 0.5 tuned: CER 20.0 %, on the general set 10.4 %",
    ]


def test_without_a_block_what_is_left_is_the_usual_share_and_the_cer_is_its_own(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=2)
    shown = Listened(made, "train", {"name": "one"})
    result = train.run(made, made.config(), shown.job)
    (trial,) = result["weights"]["tried"]
    assert (result["on"], result["weights"]["kept"], trial["cer"]) == ("test", "0.7", result["cer"])
    card = (made.models / "one" / "README.md").read_text()
    assert "weights kept: 0.3 base + 0.7 tuned, as usual without a validation block; measured: 0.3 base" in card
    assert "weights: 0.3 base + 0.7 tuned, measured on test segments" in [one.note for one in shown.progress]
    set_values(made.config_path, "train", {"between": False})
    assert "weights" not in train.run(made, made.config(), Listened(made, "train", {"name": "two"}).job)
    base, kept, tuned = (
        load(str(one)).model.state_dict()["model.decoder.layers.0.fc1.weight"]
        for one in (toy(), made.models / "one", made.models / "two")
    )
    assert not torch.equal(tuned, base)
    assert torch.allclose(kept - base, 0.7 * (tuned - base), atol=1e-6)


def test_weights_lie_between_and_the_model_that_is_left_is_the_kept_one(tmp_path: Path) -> None:
    base, tuned = load(str(toy(2.0))), load(str(toy(2.0)))
    with torch.no_grad():
        for weight in tuned.model.parameters():
            weight += 1.0
    for step in (1, 2):
        tuned.model.save_pretrained(tmp_path / f"checkpoint-{step}")
    candidates = interpolation._Candidates(tuned, tuned.model, tmp_path)
    assert candidates.names == ["1", "0.7", "0.5", "0.3", "mean"]
    for name, moved in (("0.7", 0.7), ("0.3", 0.3), ("0", 0.0), ("mean", 1.0), ("1", 1.0)):
        candidates.put(name)
        for key, weight in tuned.model.state_dict().items():
            assert torch.allclose(weight - base.model.state_dict()[key], torch.tensor(moved), atol=1e-4), (name, key)
