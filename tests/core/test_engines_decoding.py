"""Decoding: the same tokens as transformers' own generate, bounded, cancellable, with honest numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from core.engines import decoding
from core.engines.decoding import token_limit
from core.engines.engine import Hypothesis
from core.errors import UserError
from core.whisper.features import heard_mel
from core.whisper.loading import LoadedModel, load
from core.whisper.tokens import suppressed_tokens
from tests.core.whisper_kit import RATE, noise, toy


def endless() -> LoadedModel:
    """The toy with its end suppressed: it writes as much as it may, which differs from sound to sound."""
    loaded = load(str(toy(2.0)))
    settings = loaded.model.generation_config
    settings.suppress_tokens = [*settings.suppress_tokens, settings.eos_token_id]
    return loaded


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return endless()


def decode(loaded: LoadedModel, audio: Sequence[np.ndarray], language: str = "zh", **more: Any) -> list[Hypothesis]:
    seconds = [len(piece) / RATE for piece in audio]
    return decoding.decode(loaded, heard_mel(loaded.extractor, audio), seconds, language=language, **more)


def test_same_tokens_as_transformers(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "without_loops", lambda found, again: found)
    audio = [noise(2, 1), noise(2, 2)]
    ours = decode(loaded, audio)
    theirs = loaded.model.generate(
        torch.from_numpy(heard_mel(loaded.extractor, audio)),
        language="zh",
        task="transcribe",
        max_new_tokens=32,
        suppress_tokens=suppressed_tokens(loaded),
    )
    end = loaded.model.generation_config.eos_token_id
    assert [list(one.tokens) for one in ours] == [[t for t in row if t != end] for row in theirs.tolist()]


def test_log_probability_and_no_speech_are_the_models_own(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "without_loops", lambda found, again: found)
    audio = noise(2, 3)
    one = decode(loaded, [audio])[0]
    model, settings = loaded.model, loaded.model.generation_config
    prompt = decoding._prompts(loaded, torch.zeros(1, 1), "zh")[0]
    row = list(one.tokens) if len(one.tokens) == 32 else [*one.tokens, settings.eos_token_id]
    with torch.no_grad():
        logits = model(
            input_features=torch.from_numpy(heard_mel(loaded.extractor, [audio])),
            decoder_input_ids=torch.tensor([prompt + row[:-1]]),
        ).logits[0]
    chances = torch.log_softmax(logits, dim=-1)
    mean = np.mean([chances[len(prompt) - 1 + index, token].item() for index, token in enumerate(row)])
    assert one.avg_logprob == pytest.approx(mean, abs=1e-3)
    silence = torch.softmax(logits[0], dim=-1)[settings.no_timestamps_token_id - 1].item()
    assert one.no_speech_prob == pytest.approx(silence, abs=1e-4)


def test_a_batch_says_what_each_segment_says_alone(loaded: LoadedModel) -> None:
    audio = [noise(2, 1), noise(0.5, 2)]
    together = decode(loaded, audio)
    alone = [decode(loaded, [piece])[0] for piece in audio]
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    assert [one.avg_logprob for one in together] == pytest.approx([one.avg_logprob for one in alone], abs=1e-4)
    assert [len(one.tokens) for one in together] == [32, 8]  # 16 a second, of each its own seconds


def test_language_is_found_when_none_is_given(loaded: LoadedModel) -> None:
    assert [one.text for one in decode(loaded, [noise(1)], "auto")]
    with torch.inference_mode():
        first = torch.zeros(2, loaded.info.vocab_size)
        known = loaded.model.generation_config.lang_to_id
        first[0, known["<|zh|>"]] = first[1, known["<|en|>"]] = 1.0
        prompts = decoding._prompts(loaded, first, "auto")
    assert [prompt[1] for prompt in prompts] == [known["<|zh|>"], known["<|en|>"]]


def test_unknown_language_lists_the_known(loaded: LoadedModel) -> None:
    with pytest.raises(UserError) as caught:
        decode(loaded, [noise(1)], "tlh")
    assert "tlh" in caught.value.what
    assert "en" in caught.value.why


def test_english_only_model_has_a_short_prompt(tmp_path: object) -> None:
    loaded = load(str(toy(2.0)))
    del loaded.model.generation_config.lang_to_id
    del loaded.model.generation_config.task_to_id
    start, silent = loaded.model.config.decoder_start_token_id, loaded.model.generation_config.no_timestamps_token_id
    assert decoding._prompts(loaded, torch.zeros(1, 1), "zh") == [[start, silent]]
    assert len(decode(loaded, [noise(1)])) == 1


def test_cancel_stops_between_two_tokens(loaded: LoadedModel) -> None:
    asked = []

    class Stopped(Exception):
        pass

    def check() -> None:
        asked.append(1)
        if len(asked) >= 3:
            raise Stopped

    settings = loaded.model.generation_config
    with pytest.raises(Stopped):
        decode(loaded, [noise(2)], check=check)
    assert len(asked) == 3
    assert loaded.model.generation_config is settings


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_model_in_training_writes_the_same_and_goes_on_training(loaded: LoadedModel) -> None:
    audio = [noise(2, 4), noise(1, 5)]
    expected = decode(loaded, audio)
    training = endless()
    training.model.config.dropout = 0.9  # would show at once where evaluation mode was forgotten
    for layer in training.model.model.decoder.layers:
        layer.dropout = 0.9
    training.model.config.use_cache = False  # as the trainer sets it when activations are recomputed
    training.model.gradient_checkpointing_enable()
    training.model.train()
    settings = training.model.generation_config
    assert decode(training, audio) == expected
    assert training.model.training
    assert training.model.model.decoder.layers[0].training
    assert training.model.generation_config is settings
    features = torch.from_numpy(heard_mel(training.extractor, audio))
    training.model(input_features=features, labels=torch.zeros(2, 4, dtype=torch.long)).loss.backward()
    assert training.model.proj_out.weight.grad.abs().sum() > 0


def test_no_timestamp_is_ever_written(loaded: LoadedModel) -> None:
    first = loaded.model.generation_config.no_timestamps_token_id
    assert all(token < first for one in decode(loaded, [noise(2, 5)]) for token in one.tokens)


def test_a_loop_is_decoded_again_and_the_better_kept(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, int]] = []
    plain = decoding._generate

    def generate(*args: object, **extra: int) -> list[list[int]]:
        asked.append(extra)
        token = loaded.tokenizer("宮", add_special_tokens=False).input_ids[0]
        return [[token] * 30] if not extra else plain(*args, **extra)  # type: ignore[arg-type]

    monkeypatch.setattr(decoding, "_generate", generate)
    one = decode(loaded, [noise(2)])[0]
    assert asked == [{}, {"no_repeat_ngram_size": decoding.NO_REPEAT}]
    assert one.text != "宮" * 30
    runs = [one.tokens[index : index + 6] for index in range(len(one.tokens) - 5)]
    assert len(runs) == len(set(runs))


def test_a_loop_that_stays_one_keeps_its_text_and_its_flag(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = loaded.tokenizer("宮", add_special_tokens=False).input_ids[0]
    monkeypatch.setattr(decoding, "_generate", lambda *args, **extra: [[token] * 30])
    one = decode(loaded, [noise(2)])[0]
    assert one.text == "宮" * 30
    assert "loop" in one.flags


def test_token_limit_is_bounded_by_time_and_by_the_decoder() -> None:
    assert token_limit(10, 4, 448) == 160
    assert token_limit(30, 4, 448) == 444
    assert token_limit(0.01, 4, 448) == 1


def test_nothing_in_nothing_out(loaded: LoadedModel) -> None:
    assert decoding.decode(loaded, np.zeros((0, 80, 200), np.float32), [], language="zh") == []
