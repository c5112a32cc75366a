"""Windows as batches: sound, labels, attention and loss are plain Whisper's; nothing is cut off."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import UserError
from core.media import RATE
from core.training.dataset import (
    IGNORED,
    Collator,
    Example,
    SegmentDataset,
    examples,
    examples_of,
    read_audio,
    window_tokens,
)
from core.training.methods import METHODS
from core.training.windows import Augmentation, Row, TrainingWindow, packed, single, stretches
from core.whisper.loading import LoadedModel, load
from tests.core.whisper_kit import noise, toy, write_wav


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(str(toy(2.0)))


def row(folder: Path, name: str, text: str, seconds: float = 2.0) -> Row:
    write_wav(folder / f"{name}.wav", noise(seconds))
    return Row(name, folder / f"{name}.wav", text, name, 0, round(1000 * seconds))


def cut(folder: Path, samples: np.ndarray, *texts: tuple[int, int, str]) -> list[Row]:
    """Rows of one recording: (start, end) in milliseconds, text."""
    rows = []
    for start, end, text in texts:
        path = folder / f"talk_{start}_{end}.wav"
        write_wav(path, samples[start * RATE // 1000 : end * RATE // 1000])
        rows.append(Row(path.stem, path, text, "talk", start, end))
    return rows


def log_mels(loaded: LoadedModel, data: list[Example], augmentation: Augmentation | None = None) -> SegmentDataset:
    prepared = METHODS["full"].prepare(loaded, Path())
    changed = {} if augmentation is None else {"augmentation": augmentation, "tokens": window_tokens(loaded, "zh")}
    return SegmentDataset(data, prepared.input_name, prepared.inputs, keep=True, window_s=2.0, **changed)


def batch_of(loaded: LoadedModel, data: SegmentDataset, places: Sequence[int]) -> dict[str, torch.Tensor]:
    return Collator(loaded.model.config.pad_token_id)([data[place] for place in places])


def test_labels_are_those_of_the_tokenizer_without_the_start(loaded: LoadedModel, tmp_path: Path) -> None:
    good, rejected = examples(loaded, [row(tmp_path, "a", "宮商角。")], "zh", 448)
    assert rejected == []
    tokenizer = load(str(toy(2.0))).tokenizer
    tokenizer.set_prefix_tokens(language="zh", task="transcribe", predict_timestamps=False)
    reference = tokenizer("宮商角。").input_ids
    assert reference[0] == loaded.model.config.decoder_start_token_id
    assert list(good[0].labels) == reference[1:]
    assert list(good[0].taught.inputs) == reference[:-1]


def test_the_model_sees_the_start_token_once(loaded: LoadedModel, tmp_path: Path) -> None:
    good, _ = examples(loaded, [row(tmp_path, "a", "宮商"), row(tmp_path, "b", "角徵羽羽羽")], "zh", 448)
    start = loaded.model.config.decoder_start_token_id
    batch = batch_of(loaded, log_mels(loaded, good), [0, 1])
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


def test_a_stretch_is_the_recordings_own_sound(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-9000, 9000, 3 * RATE).astype(np.int16)
    rows = cut(tmp_path, samples, (200, 900, "宮商"), (700, 1400, "角徵"), (1400, 2100, "羽"))
    (window,) = stretches(rows, 2000)
    heard = read_audio(window.audio)
    assert np.array_equal(heard, samples[200 * RATE // 1000 : 2100 * RATE // 1000])


def plain_loss(loaded: LoadedModel, samples: np.ndarray, tokens: list[int]) -> torch.Tensor:
    """What Whisper's own training computes: a pass over the tokens but the last, cross entropy with those but the
    first. samples: of the window, padded here."""
    padded = np.pad(samples.astype(np.float32) / 32768, (0, 2 * RATE - len(samples)))
    features = loaded.extractor(padded, sampling_rate=RATE, return_tensors="pt").input_features
    features[..., -(-len(samples) // 160) :] = 0  # where the sound has ended, in frames of 10 ms
    states = loaded.model.model.encoder(features).last_hidden_state
    hidden = loaded.model.model.decoder(
        input_ids=torch.tensor([tokens[:-1]]), encoder_hidden_states=states, use_cache=False
    ).last_hidden_state
    chances = torch.log_softmax(hidden @ loaded.model.proj_out.weight.T, dim=-1)
    return -chances[0, range(len(tokens) - 1), tokens[1:]]


def test_labels_attention_and_loss_are_plain_whispers(loaded: LoadedModel, tmp_path: Path) -> None:
    """A stretch, a packed window and a single one in a batch, each against a pass of its own by hand."""
    settings, encode = loaded.model.generation_config, loaded.tokenizer
    end, silent = settings.eos_token_id, settings.no_timestamps_token_id
    start = loaded.model.config.decoder_start_token_id
    prompt = [start, settings.lang_to_id["<|zh|>"], settings.task_to_id["transcribe"]]

    def ids(text: str) -> list[int]:
        return encode(text, add_special_tokens=False).input_ids

    def at(seconds: float) -> int:
        return encode.convert_tokens_to_ids(f"<|{seconds:.2f}|>")

    samples = np.random.default_rng(0).integers(-9000, 9000, 3 * RATE).astype(np.int16)
    rows = cut(tmp_path, samples, (200, 900, "宮商角"), (700, 1400, "商角徵"), (1500, 2000, "羽"), (2200, 2900, "宮"))
    windows: list[TrainingWindow] = [
        *(TrainingWindow(one.rows, one.audio, one.said, True) for one in stretches(rows[:2], 2000)),
        *(TrainingWindow(one.rows, one.audio, one.said, True) for one in packed(rows[2:], 2000)),
        *single([rows[0]]),
    ]
    piece = [
        samples[begin * RATE // 1000 : stop * RATE // 1000] for begin, stop in ((200, 1400), (1500, 2000), (2200, 2900))
    ]
    by_hand = [
        (piece[0], [*prompt, at(0), *ids("宮商角"), at(0.7), at(0.7), *ids("徵"), at(1.2), end]),
        (np.concatenate(piece[1:]), [*prompt, at(0), *ids("羽"), at(0.5), at(0.5), *ids("宮"), at(1.2), end]),
        (piece[0][: 700 * RATE // 1000], [*prompt, silent, *ids("宮商角"), end]),
    ]
    good, _ = examples_of(window_tokens(loaded, "zh"), windows, 448)
    batch = batch_of(loaded, log_mels(loaded, good), range(3))
    assert torch.equal(batch.pop("label_weights") > 0, batch["labels"] != IGNORED)
    with torch.no_grad():
        expected = [plain_loss(loaded, *case) for case in by_hand]
        found = loaded.model(**batch, use_cache=False)
    for place, (_, tokens) in enumerate(by_hand):
        taught = batch["labels"][place]
        assert taught[taught != IGNORED].tolist() == tokens[1:]
        chances = torch.log_softmax(found.logits[place, : len(tokens) - 1], dim=-1)
        mine = -chances[range(len(tokens) - 1), tokens[1:]]
        # Neither the longer rows beside it nor its own padding is attended to.
        assert torch.allclose(mine, expected[place], atol=1e-4)
    assert found.loss.item() == pytest.approx(torch.cat(expected).mean().item(), abs=1e-4)


def test_too_long_a_text_is_rejected_by_name(loaded: LoadedModel, tmp_path: Path) -> None:
    fits = "宮" * (448 - 4)  # three prompt tokens and the end
    rows = [row(tmp_path, "fits", fits), row(tmp_path, "over", fits + "宮")]
    good, rejected = examples(loaded, rows, "zh", 448)
    assert [one.window.name for one in good] == ["fits"]
    assert rejected[0][0] == "over"
    assert "449 tokens" in rejected[0][1].why


def test_a_window_with_too_long_a_text_is_parted_into_its_rows(loaded: LoadedModel, tmp_path: Path) -> None:
    half = "宮" * 300
    rows = [row(tmp_path, "a", half, 0.5), row(tmp_path, "b", half, 0.5), row(tmp_path, "loop", half * 2, 0.5)]
    good, rejected = examples_of(window_tokens(loaded, "zh"), packed(rows, 2000), 448)
    assert [one.window.name for one in good] == ["a", "b"]
    assert [name for name, _ in rejected] == ["loop"]


def test_language_must_be_known_for_training(loaded: LoadedModel) -> None:
    with pytest.raises(UserError, match="needs to know the language"):
        window_tokens(loaded, "auto")
    with pytest.raises(UserError, match="tlh"):
        window_tokens(loaded, "tlh")


def test_english_only_model_has_no_language_token() -> None:
    loaded = load(str(toy(2.0)))
    del loaded.model.generation_config.lang_to_id
    assert window_tokens(loaded, "auto").prompt == ()


def test_features_are_kept_while_they_fit(loaded: LoadedModel, tmp_path: Path) -> None:
    good, _ = examples(loaded, [row(tmp_path, "a", "宮")] * 2, "zh", 448)
    data = log_mels(loaded, good)
    first = data[0]["input_features"]
    (tmp_path / "a.wav").unlink()
    assert data[0]["input_features"] is first
    assert data[1]["input_features"] is first  # the same sound, as in the next epoch


def test_augmented_sound_is_drawn_anew_at_every_place_and_keeps_its_times(loaded: LoadedModel, tmp_path: Path) -> None:
    said = single([row(tmp_path, "a", "宮", 1.0)])[0]
    window = TrainingWindow(said.rows, said.audio, said.said, True)
    good, _ = examples_of(window_tokens(loaded, "zh"), [window] * 2, 448)
    data = log_mels(loaded, good, Augmentation(masks=True, speed=0.3, gain_db=3, noise_db=(10, 20)))
    first, second = data[0], data[1]
    assert np.array_equal(first["input_features"], data[0]["input_features"])
    assert not np.array_equal(first["input_features"], second["input_features"])
    ends = [item["labels"][-2] - loaded.model.generation_config.no_timestamps_token_id - 1 for item in (first, second)]
    assert ends[0] != ends[1]
    assert all(1.0 / 1.3 <= 0.02 * end <= 1.0 / 0.7 for end in ends)


def test_too_long_a_sound_is_refused_by_name(loaded: LoadedModel, tmp_path: Path) -> None:
    good, _ = examples(loaded, [row(tmp_path, "talk_0_10", "宮", seconds=3.0)], "zh", 448)
    with pytest.raises(UserError, match="talk_0_10"):
        log_mels(loaded, good)[0]


def test_rows_that_nobody_speaks_in_are_taught_as_silence(loaded: LoadedModel, tmp_path: Path) -> None:
    good, _ = examples(loaded, [row(tmp_path, "a", "")], "zh", 448)
    batch: dict[str, Any] = batch_of(loaded, log_mels(loaded, good), [0])
    settings = loaded.model.generation_config
    no_speech = loaded.tokenizer.convert_tokens_to_ids("<|nospeech|>")
    assert batch["labels"].tolist() == [[no_speech, IGNORED, IGNORED, settings.eos_token_id]]
    assert batch["decoder_input_ids"][0, -1] == settings.no_timestamps_token_id
