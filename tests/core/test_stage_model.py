"""The model stage on folders and names: looked at first, written into the settings only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.models.inspect import inspect
from core.stages.model import plain_id
from tests.core.model_kit import ID, Place, place, rewrite
from tests.core.whisper_kit import toy_copy

__all__ = ["place"]


def test_a_folder_works_the_same(place: Place, tmp_path: Path) -> None:
    result = place.get(str(tmp_path / "toy"))
    assert (result["roles"], result["downloaded"], result["window_s"]) == (["base", "labeller"], False, 2.0)
    config = place.workspace.config()
    assert config.model.base == config.model.labeller == str(tmp_path / "toy")
    assert place.hub.asked() == 0


def test_a_folder_of_the_workspace_is_named_relative_to_it(place: Place) -> None:
    folder = toy_copy(place.workspace.models / "mine", 2.0)
    for name in (str(folder), "models/mine", "./models/mine"):
        assert place.get(name)["id"] == "models/mine"
    assert place.workspace.config().model.base == "models/mine"


def test_without_an_id_the_settings_are_fetched_and_stay(place: Place) -> None:
    text = place.settings.replace("ADT109119/whisper-small-zh-TW", ID)
    place.workspace.config_path.write_text(text, encoding="utf-8")
    result = place.run(place.begin())
    assert [one["id"] for one in result["models"]] == [ID]
    assert place.workspace.config_path.read_text(encoding="utf-8") == text


def test_comments_in_the_settings_stay(place: Place) -> None:
    place.get(role="base")
    text = place.workspace.config_path.read_text(encoding="utf-8")
    assert text.count("#") == place.settings.count("#")


def test_a_role_that_does_not_exist(place: Place) -> None:
    with pytest.raises(UserError, match="not a role"):
        place.get(role="teacher")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("https://huggingface.co/openai/whisper-small", "openai/whisper-small"),
        ("https://hf.co/openai/whisper-small/tree/main?x=1", "openai/whisper-small"),
        ("openai/whisper-small", "openai/whisper-small"),
        ("/models/mine", "/models/mine"),
    ],
)
def test_the_address_of_a_model_is_an_id_too(given: str, meant: str) -> None:
    assert plain_id(given) == meant


def test_without_a_generation_config_it_is_borrowed_and_said(place: Place) -> None:
    (place.repository.folder / "generation_config.json").unlink()
    run = place.begin(id=ID)
    result = place.run(run)
    assert result["generation_config"] == "borrowed"
    assert any("borrowed" in line for line in run.log())
    assert "zh" in result["languages"]


def test_a_generation_config_without_languages_is_borrowed_too(place: Place) -> None:
    rewrite(place.repository.folder / "generation_config.json", lang_to_id=None)
    assert place.get()["generation_config"] == "borrowed"


def test_a_language_that_the_model_does_not_know_is_said(tmp_path: Path) -> None:
    folder = toy_copy(tmp_path / "toy", 2.0)
    rewrite(folder / "generation_config.json", lang_to_id={"<|en|>": 1})
    assert any("does not know the language zh" in note for note in inspect(str(folder), None, "zh").notes)
    assert not any("does not know" in note for note in inspect(str(folder), None, "en").notes)


def drop(*names: str) -> Any:
    return lambda folder: [(folder / name).unlink() for name in names]


@pytest.mark.parametrize(
    ("damage", "what", "fix"),
    [
        (drop("config.json"), "holds no model", "choose the folder that has config.json"),
        (drop("model.safetensors"), "is not whole", "copy the folder again"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "cannot be used", "safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\0" * 99), "is broken", "copy the folder again"),
        (lambda f: rewrite(f / "config.json", model_type="bert"), "is not a Whisper", "whispersmith model"),
        (drop("tokenizer.json", "merges.txt"), "lacks a tokenizer", "copy the missing files"),
        (lambda f: (f / "tokenizer.json").write_text("{"), "is broken", "copy the folder again"),
        (lambda f: rewrite(f / "tokenizer.json", added_tokens=[]), "that is not Whisper's", "copy the tokenizer"),
        (lambda f: rewrite(f / "config.json", vocab_size=100), "do not belong together", "copy generation_config.json"),
        (drop("preprocessor_config.json"), "lacks its sound settings", "copy the missing files"),
        (lambda f: rewrite(f / "preprocessor_config.json", feature_size=128), "do not belong together", "copy"),
    ],
)
def test_what_is_wrong_with_a_folder(place: Place, tmp_path: Path, damage: Any, what: str, fix: str) -> None:
    folder = toy_copy(tmp_path / "mine", 2.0)
    damage(folder)
    with pytest.raises(UserError) as caught:
        place.get(str(folder))
    assert what in caught.value.what
    assert caught.value.why
    assert fix in caught.value.fix
    assert place.unchanged()
    assert place.hub.asked() == 0


def test_the_tokenizers_older_files_are_enough(place: Place, tmp_path: Path) -> None:
    folder = toy_copy(tmp_path / "mine", 2.0)
    (folder / "tokenizer.json").unlink()
    assert place.get(str(folder))["window_s"] == 2.0


def test_the_folder_above_a_model_points_to_it(place: Place, tmp_path: Path) -> None:
    toy_copy(tmp_path / "many" / "one", 2.0)
    with pytest.raises(UserError) as caught:
        place.get(str(tmp_path / "many"))
    assert caught.value.fix == f"whispersmith model {tmp_path / 'many' / 'one'}"


def test_no_folder_and_a_file(place: Place, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        place.get("./nowhere")
    with pytest.raises(UserError, match="is not a model") as caught:
        place.get(str(tmp_path / "toy" / "model.safetensors"))
    assert caught.value.fix == f"whispersmith model {tmp_path / 'toy'}"
