"""A model in CTranslate2's format: converted once, kept beside the Hugging Face cache, found again by its weights."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctranslate2

from core.atomic_folder import MANIFEST, replace_folder
from core.errors import UserError
from core.jobs.lock import acquire
from core.text import as_utf8
from core.whisper.folders import cache_folder
from core.whisper.info import ModelInfo
from core.whisper.model_files import weights_digest

CONVERSION = 1
"""To be raised with every change that makes another folder of the same model."""

_POLL_S = 0.2


def conversions_folder() -> Path:
    return cache_folder().parent / "whispersmith"


def converted(model: ModelInfo, check: Callable[[], object] = lambda: None) -> Path:
    """The folder of a model for CTranslate2, in half precision; the first call makes it, in a fraction of a minute.

    It is there whole or not at all, whoever is killed; of several processes one converts and the others wait. Weights
    are read from safetensors only, and no code of the model's is run. check: called while waiting; what it raises
    passes through. UserError if the model is broken or the folder cannot be written.
    """
    folder = conversions_folder() / f"ctranslate2-{_key(model)}"
    if _is_whole(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        while (lock := acquire(folder.with_suffix(".lock"))) is None:
            check()
            time.sleep(_POLL_S)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        if not _is_whole(folder):
            _convert(model, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        lock.release()
    return folder


def _key(model: ModelInfo) -> str:
    """Other weights, other settings of generation or another tokenizer are another model."""
    digest = hashlib.sha256(f"{CONVERSION} {weights_digest(model.path, model.id)}".encode())
    for name in ("generation_config.json", "tokenizer.json", "preprocessor_config.json"):
        path = model.path / name
        digest.update(path.read_bytes() if path.is_file() else b"-")
    return digest.hexdigest()[:20]


def _is_whole(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() and (folder / "model.bin").is_file()


def _convert(model: ModelInfo, folder: Path) -> None:
    from core.whisper.loading import load

    loaded = load(str(model.path), device="cpu")
    settings = loaded.model.generation_config
    settings.suppress_tokens = settings.suppress_tokens or []
    settings.begin_suppress_tokens = settings.begin_suppress_tokens or []

    class LoadedModelConverter(ctranslate2.converters.TransformersConverter):
        """Of a model whose generation settings are complete, read as `load` reads it."""

        def load_model(self, model_class: Any, model_name_or_path: str, **kwargs: Any) -> Any:
            return loaded.model

        def load_tokenizer(self, tokenizer_class: Any, model_name_or_path: str, **kwargs: Any) -> Any:
            return loaded.tokenizer

    with replace_folder(folder) as staging:
        LoadedModelConverter(str(model.path)).convert(str(staging), quantization="float16", force=True)
        loaded.tokenizer.backend_tokenizer.save(str(staging / "tokenizer.json"))
        loaded.extractor.save_pretrained(staging)
        for path in staging.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"{as_utf8(folder.parent)} cannot be written",
        f"a model is converted there for ctranslate2: {error.strerror or error}",
        "make room there, set HF_HOME to a folder of your own, or use --engine transformers",
    )
