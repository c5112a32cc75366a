"""Ways of tuning: what each trains, what it leaves as it was, and that quick sees what full would have seen."""

import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from core import workspace
from core.config import Config, Method, TrainConfig, set_value
from core.engines import Clip, EngineOptions
from core.engines.transformers import TransformersEngine
from core.errors import UserError
from core.events import Metric
from core.jobs import Cancelled
from core.models.suggested import BASE, LARGE, SMALL, TINY
from core.stages import train
from core.training import checkpoints, trainer
from core.training.dataset import Collator, Row, SegmentDataset, examples
from core.training.loss import batch_loss
from core.training.methods import METHODS
from core.training.methods.light import change_parameters
from core.training.plan import DataCounts, make_plan
from core.training.plan_rows import AUGMENT_REASONS, plan_rows
from core.training.windows import Augmentation
from core.whisper.encoder_cache import EncoderCache
from core.whisper.features import heard_mel
from core.whisper.info import describe
from core.whisper.loading import load
from tests.core.whisper_kit import Listened, cancel_at, make_workspace, noise, toy, write_wav


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """[total, used, free] bytes as the disk says: half of it free, whatever the one is that this runs on."""
    usage, says = type(shutil.disk_usage(".")), [10**12, 5 * 10**11, 5 * 10**11]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(*says))
    return says


def test_every_method_of_the_settings_is_in_the_table() -> None:
    assert set(get_args(Method)) == set(METHODS)
    for name, method in METHODS.items():
        assert method.name == name
        assert method.memory(SMALL, 2, recompute=True) <= method.memory(SMALL, 2, recompute=False)


def test_what_a_method_needs_is_in_the_order_of_what_it_trains() -> None:
    def need(name: str) -> int:
        return METHODS[name].memory(SMALL, 8, recompute=False)

    assert need("light-8bit") < need("light") < need("full-8bit") < need("full")
    assert need("quick") < need("full")
    # Published: a small by LoRA of rank 32 on all six matrices of a layer; 419 GFLOP forward over 30 s.
    assert change_parameters(SMALL) == 32 * (12 * (8 * 768 + 10 * 768) + 12 * (16 * 768 + 10 * 768))
    assert METHODS["full"].work(SMALL) / 3 == pytest.approx(419e9, rel=0.03)
    assert METHODS["quick"].work(SMALL) < METHODS["full"].work(SMALL) / 5


@pytest.mark.parametrize(("shape", "published"), [(TINY, 3.75e-5), (BASE, 2.5e-5), (SMALL, 1.25e-5), (LARGE, 4.4e-6)])
def test_the_rate_follows_the_size(shape: Any, published: float) -> None:
    assert METHODS["full"].learning_rate(shape) == pytest.approx(published, rel=0.2)
    assert METHODS["light"].learning_rate(shape) == 5e-4


@pytest.mark.parametrize("name", ["full-8bit", "light-8bit"])
def test_eight_bits_are_refused_where_their_library_is_not(tmp_path: Path, name: str) -> None:
    made = make_workspace(tmp_path, toy(2.0), train=2, test=1)
    assert METHODS[name].missing
    with pytest.raises(UserError, match=name) as refused:
        train.check_params(made, made.config(), {"method": name})
    assert "bitsandbytes" in refused.value.why
    train.check_params(made, made.config(), {"method": "light"})


@pytest.mark.parametrize("name", ["light", "light-dora"])
def test_a_change_that_was_learnt_is_merged_into_the_base(tmp_path: Path, name: str) -> None:
    loaded = load(str(toy(2.0)))
    asked = {
        "input_features": torch.from_numpy(heard_mel(loaded.extractor, [noise(2.0)])),
        "decoder_input_ids": torch.tensor([[loaded.model.config.decoder_start_token_id, 7, 8]]),
    }
    with torch.no_grad():
        before = loaded.model(**asked).logits
        module = METHODS[name].prepare(loaded, tmp_path).module
        learnt = [weight for weight in module.parameters() if weight.requires_grad]
        assert sum(weight.numel() for weight in learnt) >= change_parameters(loaded.info.shape)
        for weight in learnt:
            weight += 0.01
        after = module(**asked).logits
        module.get_base_model().config.quantization_config = {"load_in_8bit": True}
        merged = METHODS[name].finish(module)
        assert not hasattr(merged.config, "quantization_config")
        assert torch.allclose(merged(**asked).logits, after, atol=1e-3)
        assert not torch.allclose(before, after, atol=1e-2)
    assert set(merged.state_dict()) == set(load(str(toy(2.0))).model.state_dict())
    assert merged.dtype == torch.float32
    assert merged.generation_config.lang_to_id == loaded.model.generation_config.lang_to_id


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if not method.missing])
def test_a_short_clip_is_heard_in_training_as_it_is_in_labelling(tmp_path: Path, name: str) -> None:
    loaded = load(str(toy(2.0)))
    write_wav(tmp_path / "a.wav", noise(1.0))
    heard: list[torch.Tensor] = []
    loaded.model.model.encoder.conv1.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    list(TransformersEngine(loaded, EngineOptions("zh", 1)).hypotheses([Clip("a", noise(1.0))]))
    prepared = METHODS[name].prepare(loaded, tmp_path)
    data, _ = examples(loaded, [Row("a", tmp_path / "a.wav", "宮", "a", 0, 1000)], "zh", 448)
    for augmentation in (Augmentation(), Augmentation(gain_db=1e-9)):  # read as it is, and made anew
        rows = SegmentDataset(data, prepared.input_name, prepared.inputs, keep=True, augmentation=augmentation)
        batch_loss(prepared.module, Collator(loaded.model.config.pad_token_id)([rows[0]]))
    labelled, *trained = heard
    assert (labelled[..., 100:] == 0).all()  # what stands behind the sound
    assert len(trained) == 2
    for one in trained:
        assert torch.allclose(one, labelled, atol=1e-5)


# -- quick


def test_the_loss_over_kept_outputs_is_that_of_the_whole_model(tmp_path: Path) -> None:
    loaded, samples = load(str(toy(2.0))), noise(2.0)
    labels = torch.tensor([[7, 8, 9, loaded.model.config.eos_token_id]])
    features = torch.from_numpy(heard_mel(loaded.extractor, [samples]))
    whole = loaded.model(input_features=features, labels=labels)
    (expected,) = torch.autograd.grad(whole.loss, loaded.model.model.decoder.layers[0].fc1.weight)
    prepared = METHODS["quick"].prepare(loaded, tmp_path)
    assert not any(weight.requires_grad for weight in loaded.model.model.encoder.parameters())
    for _ in range(2):  # heard, then read back
        states = torch.from_numpy(prepared.inputs(samples, "a"))[None]
        found = prepared.module(**{prepared.input_name: states}, labels=labels)
        assert found.loss.item() == pytest.approx(whole.loss.item(), rel=1e-4)
        (gradient,) = torch.autograd.grad(found.loss, loaded.model.model.decoder.layers[0].fc1.weight)
        assert torch.allclose(gradient, expected, atol=1e-4 * float(expected.abs().max()) + 1e-6, rtol=1e-2)
    assert prepared.encoder is not None
    assert prepared.encoder.computed == 1
    assert METHODS["quick"].finish(prepared.module) is loaded.model
    assert loaded.model(input_features=features, labels=labels).loss.item() == pytest.approx(whole.loss.item())


def test_a_short_clip_is_heard_alike_with_kept_outputs_and_without(tmp_path: Path) -> None:
    loaded, short = load(str(toy(2.0))), noise(1.0)
    loaded.model.config.dropout = 0.5  # as a base may have it; kept outputs are not drawn by chance
    for layer in loaded.model.model.encoder.layers:
        layer.dropout = 0.5
    loaded.model.train()
    cache = EncoderCache(tmp_path, loaded)
    kept, again = cache.states(short, "a"), EncoderCache(tmp_path / "other", loaded).states(short, "a")
    assert (kept == again).all()
    assert loaded.model.model.encoder.training
    options = EngineOptions("zh", 2)
    texts = [
        hypothesis
        for engine in (TransformersEngine(loaded, options), TransformersEngine(loaded, options, cache))
        for batch in engine.hypotheses([Clip("a", short)])
        for _, hypothesis in batch
    ]
    assert texts[0].tokens == texts[1].tokens
    assert texts[0].avg_logprob == pytest.approx(texts[1].avg_logprob, abs=1e-2)


def test_outputs_are_kept_for_equal_samples_and_equal_encoders_within_bounds(tmp_path: Path, disk: list[int]) -> None:
    loaded, sounds = load(str(toy(2.0))), [noise(2.0, seed) for seed in range(3)]
    first = EncoderCache(tmp_path, loaded)
    kept = first.states(sounds[0], "a")
    with torch.no_grad():  # another decoder is the same encoder
        loaded.model.model.decoder.layers[0].fc1.weight += 1.0
    again = EncoderCache(tmp_path, loaded)
    assert (again.states(sounds[0].copy(), "b") == kept).all()
    assert again.computed == 0
    (file,) = tmp_path.glob("*/*.npy")
    file.write_bytes(file.read_bytes()[:100])  # torn
    assert (again.states(sounds[0], "a") == kept).all()
    assert again.computed == 1
    with torch.no_grad():
        loaded.model.model.encoder.layers[0].fc1.weight += 1.0
    other = EncoderCache(tmp_path, loaded, most_bytes=kept.nbytes)
    assert not (other.states(sounds[0], "a") == kept).all()
    for sound in sounds:
        other.states(sound, "a")
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.npy")) <= 2 * (kept.nbytes // 2 + 200)
    full = EncoderCache(tmp_path / "none", loaded, most_bytes=0)
    full.states(sounds[0], "a")
    assert not list((tmp_path / "none").glob("*/*.npy"))
    for free, files in [(9 * 10**9, 0), (11 * 10**9, 1)]:  # a large disk: what is left free has a bound
        disk[:] = [10**12, 10**12 - free, free]
        EncoderCache(tmp_path / "room", loaded).states(sounds[0], "a")
        assert len(list((tmp_path / "room").glob("*/*.npy"))) == files


@pytest.mark.parametrize("name", ["quick", "light"])
def test_a_run_is_stopped_goes_on_and_ends_with_a_whole_model(tmp_path: Path, name: str) -> None:
    made = make_workspace(tmp_path, toy(), train=4, test=2)
    set_value(made.config_path, "train", "method", name)
    stopped = Listened(made, "train", {"name": "one"})
    cancel_at(stopped, Metric)
    with pytest.raises(Cancelled):
        train.run(made, made.config(), stopped.job)
    last = checkpoints.last_checkpoint(made.models / ".one")
    assert last is not None
    assert (last.path / checkpoints.ADAPTER).is_file() == (name == "light")
    result = train.run(made, made.config(), Listened(made, "train", {"resume": True}).job)
    assert (result["name"], result["resumed_from"], result["steps"]) == ("one", last.step, 4)

    base, tuned = load(str(toy())).model.state_dict(), load(str(made.models / "one"))
    changed = {key.split(".")[1] for key, value in tuned.model.state_dict().items() if not value.equal(base[key])}
    assert set(base) == set(tuned.model.state_dict())
    assert ("encoder" in changed, "decoder" in changed) == (name == "light", True)


@pytest.mark.parametrize("name", ["full", "light", "quick"])
def test_each_augmentation_reaches_the_batch_of_those_that_hear_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Two segments that touch: a stretch of a second, taught with its times."""
    rows = [Row(f"a_{at}", tmp_path / f"{at}.wav", "宮", "a", 500 * at, 500 * at + 500) for at in (0, 1)]
    for row in rows:
        write_wav(row.path, noise(0.5, row.start_ms))
    received: dict[str, dict[str, torch.Tensor]] = {}

    def receive(told: str) -> Any:
        def stop(module: Any, batch: dict[str, torch.Tensor]) -> Any:
            received[told] = batch
            raise Cancelled

        return stop

    for change in ("", "masks", "speed", "gain", "noise"):
        loaded = load(str(toy(2.0)))
        settings = TrainConfig(steps=1, batch=1, method=name, timestamps=1, augment=[change] if change else [])  # type: ignore[list-item,arg-type]
        plan = make_plan(Config(train=settings), DataCounts(2, windows=1), describe(str(toy(2.0))), None)
        why = next(row.reason for row in plan_rows(plan) if row.key == "windows")
        assert ("augment changes nothing: quick" in why) == (name == "quick")
        assert (AUGMENT_REASONS.get(change, "augment is off") in why) == (name != "quick")
        data, _ = examples(loaded, rows, "zh", 448)
        monkeypatch.setattr(trainer, "batch_loss", receive(change))
        job = Listened(workspace.create(tmp_path / f"w{change}"), "train", {}).job
        with pytest.raises(Cancelled):
            trainer.train(loaded, plan, data, [], folder=tmp_path / f"run{change}", job=job)
    sound = "encoder_states" if name == "quick" else "input_features"
    plain = received.pop("")
    for change, batch in received.items():
        assert torch.equal(batch[sound], plain[sound]) == (name == "quick"), change
        # A stretch that is faster ends earlier, and is taught so.
        assert torch.equal(batch["labels"], plain["labels"]) == (name == "quick" or change != "speed"), change
