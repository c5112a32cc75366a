"""The toy is a true Whisper folder: whatever reads a published one reads it."""

import json
from pathlib import Path

import pytest

from core.whisper.toy import DEFAULT_ALPHABET, build_toy, byte_alphabet
from tests.core.whisper_kit import toy


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
