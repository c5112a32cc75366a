"""Decoding: the same tokens as transformers' own generate, bounded, cancellable, with honest numbers."""

import dataclasses

import numpy as np
import pytest
import torch

from core.engines import decoding
from core.engines.decoding import DecodingCancelled, Hypothesis, decode, flags_of, suspicion, token_limit
from core.errors import UserError
from core.whisper.features import log_mel
from core.whisper.loading import LoadedModel, load
from tests.core.whisper_kit import noise, toy


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(str(toy(2.0)))


def hypothesis(text: str = "宮商角徵羽宮商角", logprob: float = -0.05, silence: float = 0.0) -> Hypothesis:
    return Hypothesis(text, (1,), logprob, silence, 1.0, flags_of(text, 4.0))


def test_same_tokens_as_transformers(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "better", lambda first, again: first)
    audio = [noise(2, 1), noise(2, 2)]
    ours = decode(loaded, audio, language="zh")
    theirs = loaded.model.generate(
        torch.from_numpy(log_mel(loaded.extractor, audio)),
        language="zh",
        task="transcribe",
        max_new_tokens=32,
        suppress_tokens=decoding._suppressed(loaded),
    )
    end = loaded.model.generation_config.eos_token_id
    assert [list(one.tokens) for one in ours] == [[t for t in row if t != end] for row in theirs.tolist()]


def test_log_probability_and_no_speech_are_the_models_own(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "better", lambda first, again: first)
    audio = noise(2, 3)
    one = decode(loaded, [audio], language="zh")[0]
    model, settings = loaded.model, loaded.model.generation_config
    prompt = decoding._prompts(loaded, torch.zeros(1, 1), "zh", "transcribe")[0]
    row = list(one.tokens) if len(one.tokens) == 32 else [*one.tokens, settings.eos_token_id]
    with torch.no_grad():
        logits = model(
            input_features=torch.from_numpy(log_mel(loaded.extractor, [audio])),
            decoder_input_ids=torch.tensor([prompt + row[:-1]]),
        ).logits[0]
    chances = torch.log_softmax(logits, dim=-1)
    mean = np.mean([chances[len(prompt) - 1 + index, token].item() for index, token in enumerate(row)])
    assert one.avg_logprob == pytest.approx(mean, abs=1e-3)
    silence = torch.softmax(logits[0], dim=-1)[settings.no_timestamps_token_id - 1].item()
    assert one.no_speech_prob == pytest.approx(silence, abs=1e-4)


def test_a_batch_says_what_each_segment_says_alone(loaded: LoadedModel) -> None:
    audio = [noise(2, 1), noise(0.5, 2)]
    together = decode(loaded, audio, language="zh")
    alone = [decode(loaded, [piece], language="zh")[0] for piece in audio]
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    assert len(together[1].tokens) <= 8


def test_language_is_found_when_none_is_given(loaded: LoadedModel) -> None:
    assert [one.text for one in decode(loaded, [noise(1)], language=None)]
    with torch.inference_mode():
        first = torch.zeros(2, loaded.info.vocab_size)
        known = loaded.model.generation_config.lang_to_id
        first[0, known["<|zh|>"]] = first[1, known["<|en|>"]] = 1.0
        prompts = decoding._prompts(loaded, first, "auto", "transcribe")
    assert [prompt[1] for prompt in prompts] == [known["<|zh|>"], known["<|en|>"]]


def test_unknown_language_lists_the_known(loaded: LoadedModel) -> None:
    with pytest.raises(UserError) as caught:
        decode(loaded, [noise(1)], language="tlh")
    assert "tlh" in caught.value.what
    assert "en" in caught.value.why


def test_english_only_model_has_a_short_prompt(tmp_path: object) -> None:
    loaded = load(str(toy(2.0)))
    del loaded.model.generation_config.lang_to_id
    del loaded.model.generation_config.task_to_id
    start, silent = loaded.model.config.decoder_start_token_id, loaded.model.generation_config.no_timestamps_token_id
    assert decoding._prompts(loaded, torch.zeros(1, 1), "zh", "transcribe") == [[start, silent]]
    assert len(decode(loaded, [noise(1)], language="zh")) == 1


def test_cancel_stops_between_two_tokens(loaded: LoadedModel) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) >= 3

    with pytest.raises(DecodingCancelled):
        decode(loaded, [noise(2)], language="zh", cancelled=cancelled)
    assert len(asked) <= 5


def test_no_timestamp_is_ever_written(loaded: LoadedModel) -> None:
    first = loaded.model.generation_config.no_timestamps_token_id
    assert all(token < first for one in decode(loaded, [noise(2, 5)], language="zh") for token in one.tokens)


def test_a_loop_is_decoded_again_and_the_better_kept(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, int]] = []
    plain = decoding._generate

    def generate(*args: object, **extra: int) -> list[list[int]]:
        asked.append(extra)
        token = loaded.tokenizer("宮", add_special_tokens=False).input_ids[0]
        return [[token] * 30] if not extra else plain(*args, **extra)  # type: ignore[arg-type]

    monkeypatch.setattr(decoding, "_generate", generate)
    one = decode(loaded, [noise(2)], language="zh")[0]
    assert asked == [{}, {"no_repeat_ngram_size": decoding.NO_REPEAT}]
    assert one.text != "宮" * 30
    runs = [one.tokens[index : index + 6] for index in range(len(one.tokens) - 5)]
    assert len(runs) == len(set(runs))


def test_a_loop_that_stays_one_keeps_its_text_and_its_flag(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = loaded.tokenizer("宮", add_special_tokens=False).input_ids[0]
    monkeypatch.setattr(decoding, "_generate", lambda *args, **extra: [[token] * 30])
    one = decode(loaded, [noise(2)], language="zh")[0]
    assert one.text == "宮" * 30
    assert "loop" in one.flags


@pytest.mark.parametrize(
    ("text", "seconds", "flags"),
    [
        ("今天天氣很好，我們出去走走。", 4.0, ()),
        ("", 10.0, ("empty",)),
        ("。。。", 10.0, ("empty",)),
        ("謝謝" * 40, 30.0, ("loop",)),
        ("。" * 60, 10.0, ("loop", "empty")),
        ("今天天氣很好我們出去走走看看風景再回家吃飯", 1.0, ("fast",)),
        ("the quick brown fox", 1.5, ()),
    ],
)
def test_flags(text: str, seconds: float, flags: tuple[str, ...]) -> None:
    assert flags_of(text, seconds) == flags


def test_suspicion_orders_what_a_person_should_see_first() -> None:
    sure = suspicion(hypothesis(), 4.0)
    doubtful = suspicion(hypothesis(logprob=-0.6), 4.0)
    poor = suspicion(hypothesis(logprob=-1.5), 4.0)
    silent = suspicion(hypothesis(silence=0.9), 4.0)
    loop = suspicion(dataclasses.replace(hypothesis(), flags=("loop",)), 4.0)
    assert 0.0 <= sure < 0.05
    assert sure < doubtful < poor < loop == 1.0
    assert sure < silent < 1.0
    # An empty text over silence is right; over speech it is not.
    assert suspicion(hypothesis("", silence=0.95), 10.0) < suspicion(hypothesis("", silence=0.05), 10.0)
    assert suspicion(hypothesis(logprob=float("nan")), 4.0) >= 0.9


def test_token_limit_is_bounded_by_time_and_by_the_decoder() -> None:
    assert token_limit(10, 4, 448) == 160
    assert token_limit(30, 4, 448) == 444
    assert token_limit(0.01, 4, 448) == 1


def test_nothing_in_nothing_out(loaded: LoadedModel) -> None:
    assert decode(loaded, [], language="zh") == []
