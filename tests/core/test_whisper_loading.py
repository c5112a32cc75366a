"""Describing and loading models: what is missing, broken or of another kind is said in words."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.engines import Clip, EngineOptions
from core.engines.transformers import TransformersEngine
from core.errors import UserError
from core.whisper.folders import find
from core.whisper.info import describe
from core.whisper.loading import explain, load
from tests.core.whisper_kit import noise, toy, toy_copy


def rewrite(path: Path, **changes: Any) -> None:
    data = json.loads(path.read_text())
    for key, value in changes.items():
        data.pop(key, None) if value is None else data.update({key: value})
    path.write_text(json.dumps(data))


def test_describe_reads_the_models_own_numbers_without_torch() -> None:
    code = (
        "import sys; from core.whisper.info import describe; i = describe(sys.argv[1]);"
        "assert not {'torch', 'transformers', 'huggingface_hub'} & set(sys.modules);"
        "print(i.window_s, i.mel_bins, i.parameters, 'zh' in i.languages, i.has_generation_config)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(toy())], capture_output=True, text=True, check=True)
    loaded = load(str(toy()))
    count = sum(weight.numel() for weight in loaded.model.parameters())
    assert done.stdout.split() == ["10.0", "80", str(count), "True", "True"]


def test_a_short_window_is_read_from_the_configuration() -> None:
    info = describe(str(toy(2.0)))
    assert info.window_s == 2.0
    loaded = load(str(toy(2.0)))
    assert loaded.extractor.n_samples == 32_000
    assert loaded.info.bytes_on_disk > 4 * loaded.info.parameters


def test_the_encoder_decides_the_window_not_the_extractor(tmp_path: Path) -> None:
    folder = toy_copy(tmp_path / "toy", 2.0)
    rewrite(folder / "preprocessor_config.json", chunk_length=30, n_samples=480_000, nb_max_frames=3000)
    assert load(str(folder)).extractor.n_samples == 32_000


def test_missing_model_names_the_command() -> None:
    with pytest.raises(UserError) as caught:
        describe("somebody/whisper-none")
    assert caught.value.fix == "whispersmith model somebody/whisper-none"


def test_model_in_the_hugging_face_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--someone--toy"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("abc123")
    with pytest.raises(UserError):
        find("someone/toy")
    (place / "snapshots").mkdir()
    toy_copy(place / "snapshots" / "abc123", 2.0)
    assert find("someone/toy") == place / "snapshots" / "abc123"
    assert describe("someone/toy").id == "someone/toy"


def test_a_folder_of_the_workspace_comes_first(tmp_path: Path) -> None:
    toy_copy(tmp_path / "models" / "mine", 2.0)
    assert describe("models/mine", tmp_path).path == tmp_path / "models" / "mine"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: rewrite(folder / "config.json", model_type="wav2vec2"), "not a Whisper"),
        (lambda folder: (folder / "config.json").write_text("{"), "broken"),
        (lambda folder: (folder / "config.json").unlink(), "holds no model"),
        (lambda folder: rewrite(folder / "config.json", d_model=None), "broken"),
        (lambda folder: (folder / "model.safetensors").unlink(), "not whole"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "cannot be used"),
        (lambda folder: truncate(folder / "model.safetensors"), "broken"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x00" * 4), "broken"),
    ],
)
def test_every_damage_is_said(tmp_path: Path, damage: Any, says: str) -> None:
    folder = toy_copy(tmp_path / "toy", 2.0)
    damage(folder)
    with pytest.raises(UserError) as caught:
        load(str(folder))
    assert says in caught.value.what
    assert caught.value.fix


def truncate(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def test_without_generation_config_languages_come_from_the_tokenizer(tmp_path: Path) -> None:
    folder = toy_copy(tmp_path / "toy", 2.0)
    (folder / "generation_config.json").unlink()
    info = describe(str(folder))
    assert not info.has_generation_config
    assert {"zh", "en", "yue"} <= set(info.languages)
    loaded, whole = load(str(folder)), load(str(toy(2.0)))
    mine, published = loaded.model.generation_config, whole.model.generation_config
    assert mine.lang_to_id == published.lang_to_id
    assert mine.task_to_id == published.task_to_id
    assert mine.no_timestamps_token_id == published.no_timestamps_token_id
    engine = TransformersEngine(loaded, EngineOptions("zh", 1))
    assert len(list(engine.hypotheses([Clip("a", noise(1))]))) == 1
    loaded.model.save_pretrained(tmp_path / "again")
    again = json.loads((tmp_path / "again" / "generation_config.json").read_text())
    assert again["lang_to_id"] == published.lang_to_id


def test_generation_settings_in_an_old_config_do_not_stop_saving(tmp_path: Path) -> None:
    folder = toy_copy(tmp_path / "toy", 2.0)
    rewrite(
        folder / "config.json",
        forced_decoder_ids=[[1, 5]],
        max_length=448,
        suppress_tokens=[7],
        begin_suppress_tokens=[9],
    )
    loaded = load(str(folder))
    loaded.model.save_pretrained(tmp_path / "again")
    assert describe_saved(tmp_path / "again").get("forced_decoder_ids") is None
    assert loaded.model.generation_config.forced_decoder_ids is None


def describe_saved(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Access to model x is gated", "is gated"),
        ("401 Client Error", "is gated"),
        ("CUDA out of memory", "does not fit"),
        ("Error no file named model.safetensors", "cannot be loaded"),
    ],
)
def test_library_errors_become_words(text: str, says: str) -> None:
    error = explain(OSError(text), "a/b")
    assert says in error.what
    assert error.fix
    assert error.detail == text
