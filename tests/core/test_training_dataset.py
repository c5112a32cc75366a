"""Labels and batches: the start token is shifted in once, padding is ignored by the loss, nothing is cut off."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import UserError
from core.training.dataset import IGNORED, Collator, Example, Row, SegmentDataset, examples, label_prompt
from core.training.methods import METHODS
from core.whisper.loading import LoadedModel, load
from tests.core.whisper_kit import noise, toy, write_wav


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(str(toy(2.0)))


def row(folder: Path, name: str, text: str, seconds: float = 2.0) -> Row:
    write_wav(folder / f"{name}.wav", noise(seconds))
    return Row(name, folder / f"{name}.wav", text)


def log_mels(loaded: LoadedModel, rows: list[Example]) -> SegmentDataset:
    prepared = METHODS["full"].prepare(loaded, Path())
    return SegmentDataset(rows, prepared.input_name, prepared.inputs, keep=True)


def test_labels_are_those_of_the_tokenizer_without_the_start(loaded: LoadedModel, tmp_path: Path) -> None:
    good, rejected = examples(loaded, [row(tmp_path, "a", "宮商角。")], "zh", 448)
    assert rejected == []
    tokenizer = load(str(toy(2.0))).tokenizer
    tokenizer.set_prefix_tokens(language="zh", task="transcribe", predict_timestamps=False)
    reference = tokenizer("宮商角。").input_ids
    assert reference[0] == loaded.model.config.decoder_start_token_id
    assert list(good[0].labels) == reference[1:]


def test_the_model_sees_the_start_token_once(loaded: LoadedModel, tmp_path: Path) -> None:
    good, _ = examples(loaded, [row(tmp_path, "a", "宮商"), row(tmp_path, "b", "角徵羽羽羽")], "zh", 448)
    start = loaded.model.config.decoder_start_token_id
    data = log_mels(loaded, good)
    batch = Collator(start)([data[0], data[1]])
    assert batch["input_features"].shape == (2, 80, 200)
    assert (batch["labels"] == start).sum() == 0
    assert batch["labels"][0, -3:].tolist() == [IGNORED] * 3
    seen: list[torch.Tensor] = []
    decoder = loaded.model.model.decoder
    hook = decoder.register_forward_pre_hook(lambda _, args, kwargs: seen.append(kwargs["input_ids"]), with_kwargs=True)
    with torch.no_grad():
        loaded.model(**batch)
    hook.remove()
    assert (seen[0] == start).sum(dim=1).tolist() == [1, 1]


def test_collator_takes_a_tokenizers_start_off(loaded: LoadedModel) -> None:
    start = loaded.model.config.decoder_start_token_id
    items = [{"input_features": np.zeros((80, 200), np.float32), "labels": [start, 5, 6]} for _ in range(2)]
    assert Collator(start)(items)["labels"].tolist() == [[5, 6], [5, 6]]


def test_too_long_a_text_is_rejected_by_name(loaded: LoadedModel, tmp_path: Path) -> None:
    fits = "宮" * (448 - 4)  # three prompt tokens and the end
    rows = [row(tmp_path, "fits", fits), row(tmp_path, "over", fits + "宮")]
    good, rejected = examples(loaded, rows, "zh", 448)
    assert [one.row.segment for one in good] == ["fits"]
    assert rejected[0][0] == "over"
    assert "449 tokens" in rejected[0][1].why


def test_language_must_be_known_for_training(loaded: LoadedModel) -> None:
    with pytest.raises(UserError, match="needs to know the language"):
        label_prompt(loaded, "auto")
    with pytest.raises(UserError, match="tlh"):
        label_prompt(loaded, "tlh")


def test_english_only_model_has_no_language_token() -> None:
    loaded = load(str(toy(2.0)))
    del loaded.model.generation_config.lang_to_id
    assert label_prompt(loaded, "auto") == [loaded.model.generation_config.no_timestamps_token_id]


def test_features_are_kept_while_they_fit(loaded: LoadedModel, tmp_path: Path) -> None:
    good, _ = examples(loaded, [row(tmp_path, "a", "宮")], "zh", 448)
    data = log_mels(loaded, good)
    first = data[0]["input_features"]
    (tmp_path / "a.wav").unlink()
    assert data[0]["input_features"] is first


def test_too_long_a_sound_is_refused_by_name(loaded: LoadedModel, tmp_path: Path) -> None:
    good, _ = examples(loaded, [row(tmp_path, "talk_0_10", "宮", seconds=3.0)], "zh", 448)
    with pytest.raises(UserError, match="talk_0_10"):
        log_mels(loaded, good)[0]
