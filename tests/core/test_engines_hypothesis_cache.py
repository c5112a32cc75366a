"""What is kept of a model's texts: of the same weights, the same language and the same audio, and no others."""

import os
from pathlib import Path

import pytest

from core.engines import hypothesis_cache
from core.engines.hypothesis_cache import FOLDER, HypothesisCache


def test_texts_are_kept_by_model_language_decoding_and_audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models, model = tmp_path / "models", tmp_path / "a"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"one")
    wavs = {name: tmp_path / f"{name}.wav" for name in "abc"}
    for wav in wavs.values():
        wav.write_bytes(b"sound")
    HypothesisCache(models, model, "zh").add({"a": "宮", "b": "商"}, wavs)
    HypothesisCache(models, model, "zh").add({"b": "角"}, wavs)
    assert HypothesisCache(models, model, "zh").read(wavs) == {"a": "宮", "b": "角"}
    assert HypothesisCache(models, model, "zh").read({"a": wavs["a"]}) == {"a": "宮"}
    assert HypothesisCache(models, model, "en").read(wavs) == {}
    wavs["a"].write_bytes(b"other sound")
    os.remove(wavs["b"])
    assert HypothesisCache(models, model, "zh").read(wavs) == {}
    monkeypatch.setattr(hypothesis_cache, "DECODING", hypothesis_cache.DECODING + 1)
    assert HypothesisCache(models, model, "zh").read(wavs) == {}
    monkeypatch.undo()
    (model / "model.safetensors").write_bytes(b"others")
    HypothesisCache(models, model, "zh").add({"c": "羽"}, wavs)
    assert HypothesisCache(models, model, "zh").read(wavs) == {"c": "羽"}


def test_lines_that_are_none_spoil_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "a.wav").write_bytes(b"sound")
    wavs = {"a": tmp_path / "a.wav"}
    cache = HypothesisCache(tmp_path, tmp_path / "m", "zh")
    cache.add({"a": "宮"}, wavs)
    log = next((tmp_path / FOLDER).iterdir())
    odd = b'[]\n7\n{"segment": ["a"], "mark": 1, "text": null}\n' + b"[" * 100_000 + b"\n" + b'{"segment": "a", "ma'
    log.write_bytes(log.read_bytes() + odd)
    assert cache.read(wavs) == {"a": "宮"}
    cache.add({"a": "商"}, wavs)
    assert cache.read(wavs) == {"a": "商"}
