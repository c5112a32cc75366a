"""train: what is learnt from, what chooses the checkpoint, and what a later split changes; never the test part."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.dataset import lineage
from core.dataset.leak import sharing_audio
from core.dataset.selection import select_for_run
from core.errors import UserError
from core.events import Evaluated, ItemFailed, LogLine, Metric, Sample
from core.jobs import Cancelled
from core.stages import train
from core.store import Store
from core.text import plural
from core.training import checkpoints
from core.training.planning import read_plan, read_usable
from core.workspace import Workspace
from tests.core.whisper_kit import LONG, Listened, cancel_at, make_workspace, toy


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", toy(), train=8, test=3)


def test_with_too_little_data_nothing_is_chosen(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test segments only show a figure: a better one in between changes nothing, and patience does not stop by it."""
    from core.training import trainer

    answers = iter([0.9, 0.2, 0.5])
    monkeypatch.setattr(trainer, "corpus_cer", lambda pairs: next(answers))
    config = made.config()
    config.train.patience, config.train.between = 1, False
    result = train.run(made, config, Listened(made, "train", {}).job)
    assert (result["best_step"], result["cer"], result["base_cer"], result["on"]) == (4, 0.5, 0.9, "test")
    card = (made.models / "run-01" / "README.md").read_text()
    assert "last checkpoint; none was chosen" in card
    assert "50.0 %, base model 90.0 %, on 2 test segments" in card


@pytest.mark.usefixtures("small_block")
def test_a_block_that_cannot_be_heard_chooses_nothing_and_is_not_counted(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=36, test=3)
    with Store(made.db_path) as store:
        plan = read_plan(made, made.config(), store)[0]
        block = select_for_run(read_usable(store, made.config()), made.config()).lineage.measured
    for name in block:
        made.absolute(f"segments/train/{name}.wav").write_bytes(b"no sound")
    listened = Listened(made, "train", {})
    result = train.run(made, made.config(), listened.job)
    assert (plan.measured_on, plan.measured_segments) == ("validation", 2)
    assert (result["on"], result["eval_segments"], result["cer"]) == (None, 0, None)
    assert {event.id for event in listened.of(ItemFailed)} == set(block)
    assert listened.of(Evaluated) == []


@pytest.mark.usefixtures("small_block")
def test_the_validation_block_chooses_and_the_test_part_is_not_touched(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=36, test=3)
    for wav in made.absolute("segments/test").iterdir():
        wav.write_bytes(b"no sound: to read it would fail")
    listened = Listened(made, "train", {})
    result = train.run(made, made.config(), listened.job)
    assert (result["on"], result["validation_segments"]) == ("validation", 2)
    assert (result["eval_segments"], result["leak"]) == (2, 0)
    kept = lineage.read(made.models / "run-01")
    assert kept is not None
    assert kept == lineage.read(made.models / ".run-01")
    assert len(kept.trained) == result["train_segments"] < 36
    assert all(one.digest for one in kept.heard)
    assert not sharing_audio(kept.validated, kept.trained)
    assert {event.segment for event in listened.of(Sample)} == {one.id for one in kept.validated}
    assert {event.on for event in listened.of(Evaluated)} == {"validation"}
    card = (made.models / "run-01" / "README.md").read_text()
    assert "on 2 validation segments (normalised text; the checkpoint was chosen by this figure" in card
    with Store(made.db_path) as store:
        assert store.segments.counts()["train"] == 36


@pytest.mark.usefixtures("small_block")
def test_the_best_checkpoint_is_the_one_that_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import load_file

    from core.training import trainer

    made = make_workspace(tmp_path / "w", toy(), train=36, test=3)
    answers = iter([0.9, 0.2, 0.5])
    monkeypatch.setattr(trainer, "corpus_cer", lambda pairs: next(answers))
    config = made.config()
    config.train.between = False
    result = train.run(made, config, Listened(made, "train", {}).job)
    assert (result["best_step"], result["cer"], result["base_cer"]) == (2, 0.2, 0.9)
    final = load_file(made.models / "run-01" / "model.safetensors")
    name = "model.decoder.embed_tokens.weight"
    best, last = (made.models / ".run-01" / f"checkpoint-{step}" / "model.safetensors" for step in (2, 4))
    assert final[name].equal(load_file(best)[name])
    assert not final[name].equal(load_file(last)[name])

    answers = iter([0.7])  # an extension that makes it worse ends with the best of all
    longer = train.run(made, config, Listened(made, "train", {"resume": True, "steps": 6}).job)
    assert (longer["steps"], longer["best_step"], longer["cer"], longer["base_cer"]) == (6, 2, 0.2, 0.9)
    assert load_file(made.models / "run-01" / "model.safetensors")[name].equal(final[name])


def interrupted(made: Workspace) -> lineage.Lineage:
    listened = Listened(made, "train", {})
    cancel_at(listened, Metric)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    kept = lineage.read(made.models / ".run-01")
    assert kept is not None
    return kept


def part(made: Workspace, changes: dict[str, str | None]) -> None:
    with Store(made.db_path) as store:
        store.segments.set_parts({row.id: row.part for row in store.segments.all()} | changes)


@pytest.mark.usefixtures("small_block")
def test_a_resume_keeps_its_segments_and_leaves_out_what_is_test_now(tmp_path: Path) -> None:
    made = make_workspace(
        tmp_path / "w", toy(), train=40, test=3, settings=LONG.replace("segments = 2", "segments = 4")
    )
    kept = interrupted(made)
    assert len(kept.validated) == 4
    steps = {"steps": checkpoints.last_checkpoint(made.models / ".run-01").step + 1}  # type: ignore[union-attr]
    moved, judge = kept.trained[0].id, kept.validated[0].id
    # The former test part is training now; one trained and one validation segment are for testing.
    part(made, {"test_0_10": "train", "test_8_18": "train", "test_16_26": "train", moved: "test", judge: "test"})
    heard_moved = {one.id for one in kept.trained if sharing_audio([one], [kept.trained[0]])}
    assert moved in heard_moved

    listened = Listened(made, "train", {"resume": True, **steps})
    result = train.run(made, made.config(), listened.job)
    assert result["train_segments"] == len(kept.trained) - len(heard_moved)
    assert result["base_cer"] is None  # it was measured on another block
    asked = {event.segment for event in listened.of(Sample)}
    assert result["on"] == "validation"
    assert asked == {one.id for one in kept.validated[2:]}  # the first is for testing, the second overlaps it
    said = "\n".join(line.text for line in listened.of(LogLine))
    gone = plural(len(heard_moved), "segment")
    assert f"for testing now or no longer accepted: {gone} of run-01" in said
    assert "earlier figures are forgotten" in said
    assert "run-01 keeps its own segments" in said
    final = lineage.read(made.models / "run-01")
    assert final is not None
    assert (final.trained, final.validated) == (kept.trained, kept.validated)  # it has heard them
    assert result["leak"] == 2


def test_a_run_goes_on_by_itself_only_with_the_same_segments(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=2, settings=LONG)
    kept = interrupted(made)
    folder = made.models / ".run-01"
    # As it was begun when so few segments still gave a block to choose by.
    lineage.write(folder, replace(kept, trained=kept.trained[:3], validated=kept.trained[3:]))
    part(made, {"train_0_10": None})
    listened = Listened(made, "train", {"steps": 1})
    result = train.run(made, made.config(), listened.job)
    assert (result["name"], result["train_segments"], result["resumed_from"]) == ("run-02", 3, None)
    told = (
        "it has 1 segment to choose its best step by, where a new run learns from all; go on: whispersmith train --na"
    )
    assert any(told in line.text for line in listened.of(LogLine))
    (made.models / ".run-01" / lineage.FILE).unlink()
    assert len(kept.trained) == 4
    with pytest.raises(UserError, match="cannot be gone on with") as caught:
        train.run(made, made.config(), Listened(made, "train", {"name": "run-01"}).job)
    assert "measured honestly" in caught.value.why


def test_what_shares_audio_with_the_test_part_is_not_trained_on(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=5, test=1)
    twin = made.absolute("segments/train/train_32_42.wav")
    shutil.copyfile(made.absolute("segments/test/test_0_10.wav"), twin)
    part(made, {"train_0_10": "test"})  # train_8_18 overlaps it by 2 s
    result = train.run(made, made.config(), Listened(made, "train", {"steps": 1}).job)
    assert (result["train_segments"], result["leak"]) == (2, 0)


def test_a_model_tuned_twice_remembers_what_its_base_heard(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=3, test=1)
    train.run(made, made.config(), Listened(made, "train", {"steps": 1}).job)
    first = lineage.read(made.models / "run-01")
    config = made.config()
    config.model.base = "models/run-01"
    part(made, {"train_0_10": None})
    train.run(made, config, Listened(made, "train", {"steps": 1}).job)
    second = lineage.read(made.models / "run-02")
    assert first is not None
    assert second is not None
    assert second.inherited == first.heard
    assert len(second.trained) == 2
