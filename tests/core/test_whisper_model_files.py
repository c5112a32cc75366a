"""Files of a model, whatever stands in them, become data or a UserError; and a row in the list of models."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core import status, workspace
from core.cli.commands import show_models
from core.errors import UserError
from core.models.inspect import inspect
from core.models.listing import listing
from core.store import Store
from core.whisper import model_files
from core.whisper.folders import find
from core.whisper.info import describe
from core.whisper.tuned import tuned_folders
from tests.core.model_kit import isolate, rewrite
from tests.core.whisper_kit import toy_copy

DEEP = '{"model_type": "whisper", "d_model": ' + "[" * 100_000
LONG = '{"model_type": "whisper", "d_model": 1' + "0" * 5000 + "}"


def text(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content)


def shape(**changes: object) -> Callable[[Path], object]:
    return lambda folder: rewrite(folder / "config.json", **changes)


def generation(**changes: object) -> Callable[[Path], object]:
    return lambda folder: rewrite(folder / "generation_config.json", **changes)


DAMAGE = {
    "deep nesting": (text("config.json", DEEP), "recursion limit"),
    "an integer of 5000 digits": (text("config.json", LONG), "number out of range"),
    "no table": (text("config.json", "[]"), "object"),
    "a huge width": (shape(d_model=10**300), "d_model"),
    "a width below nothing": (shape(d_model=-1), "d_model"),
    "layers in words": (shape(encoder_layers="two"), "encoder_layers"),
    "no width": (shape(d_model=None), "d_model"),
    "a list of languages": (generation(lang_to_id=["<|zh|>"]), "lang_to_id"),
    "a language that is no number": (generation(lang_to_id={"<|zh|>": "five"}), "lang_to_id"),
    "a token below nothing": (generation(no_timestamps_token_id=-5), "no_timestamps_token_id"),
    "a token beyond the vocabulary": (generation(eos_token_id=999_999), "999999"),
    "deep generation settings": (text("generation_config.json", "[" * 100_000), "recursion limit"),
    "an index that is a list": (text("model.safetensors.index.json", '{"weight_map": []}'), "weight_map"),
    "an index of nothing": (text("model.safetensors.index.json", '{"weight_map": {}}'), "weight_map"),
    "an index that leads out": (
        text("model.safetensors.index.json", '{"weight_map": {"a": "../x.safetensors"}}'),
        "weight_map",
    ),
    "a deep header": (lambda folder: safetensors(folder, b"[" * 100_000), "damaged"),
    "a header that is a list": (lambda folder: safetensors(folder, b"[]"), "damaged"),
    "offsets that are words": (lambda folder: safetensors(folder, b'{"a": {"data_offsets": ["b"]}}'), "damaged"),
    "no rate": (text("preprocessor_config.json", '{"sampling_rate": 0}'), "sampling_rate"),
}


def safetensors(folder: Path, header: bytes) -> None:
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_no_whisper_has_is_said_in_words(tmp_path: Path, kind: str) -> None:
    damage, names = DAMAGE[kind]
    folder = toy_copy(tmp_path / "toy", 2.0)
    damage(folder)
    with pytest.raises(UserError) as caught:
        describe(str(folder))
    assert names in caught.value.why
    assert caught.value.fix
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("content", ["{", "[" * 100_000, '{"added_tokens": {}}', '{"model": {"vocab": ["a"]}}'])
def test_a_tokenizer_of_the_wrong_form(tmp_path: Path, content: str) -> None:
    folder = toy_copy(tmp_path / "toy", 2.0)
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match="is broken") as caught:
        inspect(str(folder))
    assert "tokenizer.json" in caught.value.why


def test_a_file_beyond_all_measure_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(model_files.LARGEST_BYTES + 1)
    with pytest.raises(UserError, match="is broken") as caught:
        model_files.read(model_files.ConfigFile, tmp_path / "config.json", "m")
    assert f"{model_files.LARGEST_BYTES / 1e6:g} MB" in caught.value.why


def test_weights_in_several_files(tmp_path: Path) -> None:
    folder = toy_copy(tmp_path / "toy", 2.0)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    index = {"metadata": {"total_size": 1}, "weight_map": {"a.weight": "model-00001-of-00001.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert describe(str(folder)).parameters > 0
    assert model_files.whole_weights(folder)
    (folder / "model-00001-of-00001.safetensors").unlink()
    assert not model_files.whole_weights(folder)
    with pytest.raises(UserError, match="is not whole"):
        describe(str(folder))


def test_names_that_are_no_utf8_and_files_that_are_nonsense_are_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    isolate(monkeypatch, tmp_path / "hf")
    made = workspace.create(tmp_path / "w")
    toy_copy(made.models / "good", 2.0)
    odd = toy_copy(made.models / os.fsdecode(b"caf\xe9"), 2.0)
    (toy_copy(made.models / "deep", 2.0) / "config.json").write_text(DEEP)
    rows = {row.id: row for row in listing(made) if row.kind == "tuned"}
    assert set(rows) == {"models/good", "models/caf\\xe9", "models/deep"}
    assert rows["models/good"].error is None
    assert (rows["models/caf\\xe9"].here, rows["models/deep"].here) == (False, False)
    assert "UTF-8" in (rows["models/caf\\xe9"].error or {})["why"]
    assert "recursion limit" in (rows["models/deep"].error or {})["why"]
    json.dumps([row.as_json() for row in rows.values()], ensure_ascii=False).encode("utf-8")
    show_models(made, as_json=False)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "caf" in line]
    assert line.endswith("rename the folder")
    with pytest.raises(UserError) as caught:
        find(str(odd))
    str(caught.value).encode("utf-8")
    assert [path.name for path in tuned_folders(made.models) if path.name != "deep"] == ["good"]
    with Store(made.db_path) as store:
        assert status.summary(store, made).stages["train"].done == 2
