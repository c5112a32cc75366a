"""train: a whole model at the end, a whole checkpoint at every stop, and the way back in."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import UserError
from core.jobs import Cancelled, EventReader
from core.jobs.spec import EVENTS, create
from core.stages import train
from core.store import Segment, Store
from core.whisper import lessons, material, runs
from core.workspace import Workspace
from tests.core.whisper_kit import QUICK, Listened, make_workspace, toy

LONG = QUICK.replace("steps = 4", "steps = 400").replace("eval_every = 2", "eval_every = 3")


def wait_until(true: Callable[[], bool], timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def cancel_at(listened: Listened, kind: str, count: int = 1) -> None:
    emit, seen = listened.job.emit, []

    def cancelling(name: str, **data: object) -> None:
        emit(name, **data)
        seen.append(name)
        if seen.count(kind) >= count:
            listened.job.cancel()

    listened.job.emit = cancelling  # type: ignore[method-assign]


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
    needed |= {"tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "README.md", material.FILE}
    assert needed <= {path.name for path in folder.iterdir()}
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    model = WhisperForConditionalGeneration.from_pretrained(folder)
    base = WhisperForConditionalGeneration.from_pretrained(toy())
    assert WhisperProcessor.from_pretrained(folder).feature_extractor.n_samples == 160_000
    assert (model.generation_config.language, model.generation_config.task) == ("zh", "transcribe")
    assert not model.proj_out.weight.equal(base.proj_out.weight)
    assert "training segments: 8" in (folder / "README.md").read_text()

    steps = [event["step"] for event in listened.of("metric")]
    assert steps == [1, 2, 3, 4]
    metric = listened.of("metric")[-1]
    assert {"total", "epoch", "loss", "learning_rate", "grad_norm", "samples_per_second"} <= set(metric)
    assert [event["step"] for event in listened.of("evaluated")] == [0, 2, 4]  # 0 is the base model
    assert listened.of("evaluated")[0]["cer"] == result["base_cer"]
    assert {event["segment"] for event in listened.of("sample")} == {"test_0_10", "test_8_18"}
    assert all(event["reference"] for event in listened.of("sample"))
    assert [event["path"] for event in listened.of("saved")][-1] == "models/run-01"
    assert {event["on"] for event in listened.of("evaluated")} == {"test"}
    assert result["cer"] == listened.of("evaluated")[-1]["cer"]


def test_with_too_little_data_nothing_is_chosen(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test segments only show a figure: a better one in between changes nothing, and patience does not stop by it."""
    from core import text

    answers = iter([0.9, 0.2, 0.5])
    monkeypatch.setattr(text, "corpus_cer", lambda pairs: next(answers))
    config = made.config()
    config.train.patience = 1
    result = train.run(made, config, Listened(made, "train", {}).job)
    assert (result["best_step"], result["cer"], result["base_cer"], result["on"]) == (4, 0.5, 0.9, "test")
    card = (made.models / "run-01" / "README.md").read_text()
    assert "last checkpoint; none was chosen" in card
    assert "50.0 %, base model 90.0 %, on 2 test segments" in card


def test_the_validation_block_chooses_and_the_test_part_is_not_touched(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=36, test=3)
    for wav in made.absolute("segments/test").iterdir():
        wav.write_bytes(b"no sound: to read it would fail")
    listened = Listened(made, "train", {})
    result = train.run(made, made.config(), listened.job)
    assert (result["on"], result["validation_segments"]) == ("validation", 2)
    assert (result["eval_segments"], result["leak"]) == (2, 0)
    kept = material.read(made.models / "run-01")
    assert kept is not None
    assert kept == material.read(made.models / ".run-01")
    assert len(kept.trained) == result["train_segments"] < 36
    assert all(one.digest for one in kept.heard)
    assert not material.sharing(kept.validated, kept.trained)
    assert {event["segment"] for event in listened.of("sample")} == {one.id for one in kept.validated}
    assert {event["on"] for event in listened.of("evaluated")} == {"validation"}
    card = (made.models / "run-01" / "README.md").read_text()
    assert "on 2 validation segments (normalised text; the checkpoint was chosen by this figure" in card
    with Store(made.db_path) as store:
        assert store.segments.counts()["train"] == 36


def test_the_best_checkpoint_is_the_one_that_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import load_file

    from core import text

    made = make_workspace(tmp_path / "w", toy(), train=36, test=3)
    answers = iter([0.9, 0.2, 0.5])
    monkeypatch.setattr(text, "corpus_cer", lambda pairs: next(answers))
    result = train.run(made, made.config(), Listened(made, "train", {}).job)
    assert (result["best_step"], result["cer"], result["base_cer"]) == (2, 0.2, 0.9)
    final = load_file(made.models / "run-01" / "model.safetensors")
    name = "model.decoder.embed_tokens.weight"
    best, last = (made.models / ".run-01" / f"checkpoint-{step}" / "model.safetensors" for step in (2, 4))
    assert final[name].equal(load_file(best)[name])
    assert not final[name].equal(load_file(last)[name])

    answers = iter([0.7])  # an extension that makes it worse ends with the best of all
    longer = train.run(made, made.config(), Listened(made, "train", {"resume": True, "steps": 6}).job)
    assert (longer["steps"], longer["best_step"], longer["cer"], longer["base_cer"]) == (6, 2, 0.2, 0.9)
    assert load_file(made.models / "run-01" / "model.safetensors")[name].equal(final[name])


def interrupted(made: Workspace) -> material.Material:
    listened = Listened(made, "train", {})
    cancel_at(listened, "metric")
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    kept = material.read(made.models / ".run-01")
    assert kept is not None
    return kept


def part(made: Workspace, changes: dict[str, str | None]) -> None:
    with Store(made.db_path) as store:
        store.segments.set_parts({row.id: row.part for row in store.segments.all()} | changes)


def test_a_resume_keeps_its_segments_and_leaves_out_what_is_test_now(tmp_path: Path) -> None:
    made = make_workspace(
        tmp_path / "w", toy(), train=40, test=3, settings=LONG.replace("segments = 2", "segments = 4")
    )
    kept = interrupted(made)
    assert len(kept.validated) == 4
    steps = {"steps": runs.last_checkpoint(made.models / ".run-01").step + 1}  # type: ignore[union-attr]
    moved, judge = kept.trained[0].id, kept.validated[0].id
    # The former test part is training now; one trained and one validation segment are for testing.
    part(made, {"test_0_10": "train", "test_8_18": "train", "test_16_26": "train", moved: "test", judge: "test"})
    heard_moved = {one.id for one in kept.trained if material.sharing([one], [kept.trained[0]])}
    assert moved in heard_moved

    listened = Listened(made, "train", {"resume": True, **steps})
    result = train.run(made, made.config(), listened.job)
    assert result["train_segments"] == len(kept.trained) - len(heard_moved)
    assert result["base_cer"] is None  # it was measured on another block
    asked = {event["segment"] for event in listened.of("sample")}
    assert result["on"] == "validation"
    assert asked == {one.id for one in kept.validated[2:]}  # the first is for testing, the second overlaps it
    said = "\n".join(event["text"] for event in listened.of("log"))
    assert f"{len(heard_moved)} segments of run-01 are test segments now" in said
    assert "earlier figures are forgotten" in said
    assert "run-01 keeps its own segments" in said
    final = material.read(made.models / "run-01")
    assert final is not None
    assert (final.trained, final.validated) == (kept.trained, kept.validated)  # it has heard them
    assert result["leak"] == 2


def test_a_run_goes_on_by_itself_only_with_the_same_segments(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=2, settings=LONG)
    kept = interrupted(made)
    part(made, {"train_0_10": None})
    result = train.run(made, made.config(), Listened(made, "train", {"steps": 1}).job)
    assert (result["name"], result["train_segments"], result["resumed_from"]) == ("run-02", 3, None)
    (made.models / ".run-01" / material.FILE).unlink()
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
    first = material.read(made.models / "run-01")
    config = made.config()
    config.model.base = "models/run-01"
    part(made, {"train_0_10": None})
    train.run(made, config, Listened(made, "train", {"steps": 1}).job)
    second = material.read(made.models / "run-02")
    assert first is not None
    assert second is not None
    assert second.inherited == first.heard
    assert len(second.trained) == 2


def rows(video: str, count: int) -> list[Segment]:
    return [
        Segment(f"{video}_{n}", video, 8000 * n, 8000 * n + 10_000, "", part="train", text="宮", review="accepted")
        for n in range(count)
    ]


def test_the_block_is_small_far_from_the_rest_and_the_same_each_time(made: Workspace) -> None:
    config = made.config()
    config.train.eval_segments = 100
    one = rows("a", 200)
    learn, block = lessons.cut_validation(one, config)
    assert len(block) == 20
    assert lessons.cut_validation(one, config) == (learn, block)
    assert 160 <= len(learn) < 180
    for far in learn:
        for near in block:
            assert far.start_ms >= near.end_ms + 10_000 or far.end_ms <= near.start_ms - 10_000
    config.train.eval_segments = 5
    learn, block = lessons.cut_validation(one, config)
    assert (len(block), len(learn) > 185) == (5, True)
    config.train.eval_segments = 100
    many = [row for number in range(40) for row in rows(f"v{number}", 5)]
    learn, block = lessons.cut_validation(many, config)  # whole videos: a guard in each would cost half of it
    assert (len(learn), len(block)) == (180, 20)
    assert not {row.video for row in learn} & {row.video for row in block}
    assert lessons.cut_validation(one[:29], config) == (one[:29], [])
    config.split.guard_s = 60.0  # of half an hour, that leaves too little to train on
    assert lessons.cut_validation(one[:31], config) == (one[:31], [])


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
    cancel_at(listened, "metric")
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    last = runs.last_checkpoint(made.models / ".run-01")
    assert last is not None
    assert last.step in (4, 5)
    assert not (made.models / "run-01").exists()
    assert listened.of("saved")[-1]["path"] == f"models/.run-01/checkpoint-{last.step}"

    again = Listened(made, "train", {"resume": True, "steps": last.step + 3})
    result = train.run(made, made.config(), again.job)
    assert (result["name"], result["resumed_from"], result["steps"]) == ("run-01", last.step, last.step + 3)
    assert again.of("metric")[0]["step"] == last.step + 1
    assert all(event["step"] > 0 for event in again.of("evaluated"))
    assert result["base_cer"] == listened.of("evaluated")[0]["cer"]  # remembered over the stop

    longer = Listened(made, "train", {"resume": True, "steps": last.step + 5})
    extended = train.run(made, made.config(), longer.job)
    assert (extended["resumed_from"], extended["steps"]) == (last.step + 3, last.step + 5)


def test_stopped_and_resumed_is_the_same_as_never_stopped(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    weights = []
    for name in ("whole", "parts"):
        made = make_workspace(tmp_path / name, toy(), train=8, test=0)
        listened = Listened(made, "train", {})
        if name == "parts":
            cancel_at(listened, "metric")
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
    listened.job.check = lambda: None if not listened.of("progress")[1:] else _cancelled()  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    assert listened.of("evaluated") == []
    assert not (made.models / "run-01").exists()


def _cancelled() -> None:
    raise Cancelled


def test_the_same_settings_go_on_by_themselves_others_start_anew(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=2, settings=LONG)
    listened = Listened(made, "train", {})
    cancel_at(listened, "metric")
    with pytest.raises(Cancelled):
        train.run(made, made.config(), listened.job)
    config = made.config()
    same = {"base": config.model.base, "language": "zh", "train": train._settings(config)}
    kept = material.read(made.models / ".run-01")
    assert kept is not None
    assert train.choose(made, {}, same, kept) == train.Run("run-01", True)
    assert train.choose(made, {}, same | {"language": "en"}, kept) == train.Run("run-02", False)
    assert train.choose(made, {}, same, material.Material(kept.trained[1:])) == train.Run("run-02", False)
    assert train.choose(made, {"name": "run-01"}, same | {"language": "en"}, kept) == train.Run("run-01", True)
    assert train.choose(made, {"name": "mine"}, same, kept) == train.Run("mine", False)
    (made.models / "done").mkdir()
    with pytest.raises(UserError, match="already"):
        train.choose(made, {"name": "done"}, same, kept)


def test_another_base_model_cannot_go_on(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=2, settings=LONG)
    listened = Listened(made, "train", {})
    cancel_at(listened, "metric")
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
            seen.extend(event.kind for event in reader.all())
            return "saved" in seen or process.poll() is not None

        wait_until(saved)
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (made.models / "run-01").exists()
    half = made.models / ".run-01" / "checkpoint-399"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    last = runs.last_checkpoint(made.models / ".run-01")
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
    best = runs.best_checkpoint(made.models / ".run-01")
    assert best is not None
    weights = load_file(best.path / "model.safetensors")
    listened = Listened(made, "train", {})
    result = train.run(made, made.config(), listened.job)
    assert listened.of("metric") == []  # no step is made twice
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
    assert listened.of("evaluated") == []
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
    monkeypatch.setattr(train.shutil, "disk_usage", lambda _: usage(10, 9, 1))
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
    made = make_workspace(tmp_path / "w", tmp_path / "toy", train=120, test=40, settings=DEMO, seed=seed)
    train.run(made, made.config(), Listened(made, "train", {}).job)
    found = evaluate.run(made, made.config(), Listened(made, "evaluate", {}).job)["models"]
    assert found["base"]["cer"] > 0.8
    assert found["tuned"]["cer"] < 0.08
