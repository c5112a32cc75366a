"""The toy is a true Whisper folder: whatever reads a published one reads it."""

import json
from pathlib import Path

import pytest
import torch

from core.engines import Clip, EngineOptions, open_engine
from core.engines.decoding import decode
from core.whisper.features import heard_mel
from core.whisper.loading import load
from core.whisper.tokens import language_token, prompt_tokens
from core.whisper.toy import DEFAULT_ALPHABET, build_toy, byte_alphabet
from tests.core.whisper_kit import noise, toy


def test_is_read_by_transformers() -> None:
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    model = WhisperForConditionalGeneration.from_pretrained(toy())
    processor = WhisperProcessor.from_pretrained(toy())
    assert model.config.max_source_positions == 500
    assert model.config.max_target_positions == 448
    assert processor.feature_extractor.chunk_length == 10
    assert len(processor.tokenizer) == model.config.vocab_size
    assert model.generation_config.lang_to_id["<|zh|>"] == processor.tokenizer.convert_tokens_to_ids("<|zh|>")
    times = processor.tokenizer.convert_tokens_to_ids(["<|0.00|>", "<|30.00|>"])
    assert times == [model.generation_config.no_timestamps_token_id + 1, model.config.vocab_size - 1]


def test_tokenizer_has_one_token_a_character_and_bytes_for_the_rest() -> None:
    from transformers import WhisperTokenizer

    tokenizer = WhisperTokenizer.from_pretrained(toy())
    assert len(tokenizer("宮商角徵羽，宮宮。", add_special_tokens=False).input_ids) == 9
    assert len(tokenizer(DEFAULT_ALPHABET, add_special_tokens=False).input_ids) == len(DEFAULT_ALPHABET)
    text = "今天天氣很好，我們去 Taipei 101 走走 😀"
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids) == text
    assert len(ids) > len(text)


def test_byte_alphabet_is_a_bijection_without_blanks() -> None:
    letters = byte_alphabet()
    assert len(set(letters)) == 256
    assert letters[ord("A")] == "A"
    assert letters[ord(" ")] == "Ġ"
    assert not any(letter.isspace() for letter in letters)


@pytest.mark.parametrize(("window_s", "seed"), [(1, 0), (2, 0), (2, 5), (10, 0), (10, 3)])
def test_untrained_it_writes_readable_nonsense_and_ends(tmp_path: Path, window_s: int, seed: int) -> None:
    build_toy(tmp_path / "toy", window_s=window_s, seed=seed)
    engine = open_engine(str(tmp_path / "toy"), EngineOptions("zh", 4))
    clips = [Clip("noise", noise(window_s, seed)), Clip("short", noise(window_s / 2, seed))]
    ((_, whole), (_, short)) = next(iter(engine.hypotheses(clips)))
    assert len(whole.text) == max(1, round(0.8 * window_s))
    assert set(whole.text + short.text) <= set(DEFAULT_ALPHABET)
    assert "loop" not in whole.flags


def test_it_can_learn_to_write_anything() -> None:
    """Characters of its own, bytes, spaces, and far more of them than it writes by itself: one text by heart."""
    text = "宮商 ok 今天天氣很好，我們去 Taipei 101"
    loaded = load(str(toy(2.0)))
    model = loaded.model
    prompt = prompt_tokens(loaded, language_token(loaded, "zh"))
    tokens = loaded.tokenizer(text, add_special_tokens=False).input_ids
    labels = torch.tensor([[*prompt, *tokens, model.config.eos_token_id]])
    features = torch.from_numpy(heard_mel(loaded.extractor, [noise(2)]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        model(input_features=features, labels=labels).loss.backward()
        optimizer.step()
    # The text has more tokens than decoding allows for two seconds.
    (found,) = decode(loaded, heard_mel(loaded.extractor, [noise(2)]), [30.0], language="zh")
    assert found.text == text


def test_seed_decides_the_weights(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build_toy(tmp_path / name, window_s=1, seed=seed)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "abc"]
    assert weights[0] == weights[1] != weights[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]  # nothing beside is left


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "stale.bin").write_text("old")
    build_toy(tmp_path / "toy", window_s=2)
    assert not (tmp_path / "toy" / "stale.bin").exists()
    assert json.loads((tmp_path / "toy" / "config.json").read_text())["max_source_positions"] == 100


def test_window_must_be_whole_seconds(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="whole number"):
        build_toy(tmp_path / "toy", window_s=2.5)
