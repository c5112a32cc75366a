"""What a model's own files say, looked at before it is used: no torch, no transformers, no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.models.problems import no_safetensors
from core.whisper import model_files
from core.whisper.folders import fetch_command, find
from core.whisper.info import ModelInfo, describe
from core.whisper.model_files import GenerationFile, TokenizerFile, TokenTable

START = "<|startoftranscript|>"
WINDOW_S = 30.0


@dataclass(frozen=True)
class Inspection:
    """A model that can be used. own_generation_config: False if decoding borrows what the file would say.
    notes: what a person should know about it, a sentence each."""

    info: ModelInfo
    own_generation_config: bool
    notes: tuple[str, ...]


def inspect(name: str, root: Path | None = None, language: str = "auto") -> Inspection:
    """Look at configuration, weights, tokenizer and sound settings of a folder or of a model in the cache.

    UserError if it is not here, not a Whisper, pickled, damaged, or lacks a part that cannot be done without.
    """
    folder = find(name, root)
    _check_folder(name, folder)
    info = describe(name, root)
    _check_tokenizer(name, folder, info)
    _check_extractor(name, folder, info)
    generation = model_files.read(GenerationFile, folder / "generation_config.json", name)
    own = generation is not None and (bool(generation.lang_to_id) or not info.languages)
    return Inspection(info, own, tuple(_notes(name, info, own, language)))


def _notes(name: str, info: ModelInfo, own: bool, language: str) -> list[str]:
    notes = []
    if not own:
        notes.append(
            f"{name} brings no complete generation_config.json: its languages and suppressed tokens are borrowed "
            "from the published Whisper of its size"
        )
    if info.window_s != WINDOW_S:
        notes.append(f"{name} hears {info.window_s:g} s at once, not {WINDOW_S:g}")
    if not info.languages:
        notes.append(f"{name} knows English only")
    elif language not in ("auto", "", *info.languages):
        notes.append(f"{name} does not know the language {language} of this workspace")
    return notes


def _check_folder(name: str, folder: Path) -> None:
    """Say more about a folder without a model than that config.json is missing."""
    names = [file.name for file in folder.iterdir()]
    if "config.json" not in names:
        inner = sorted(file.parent.name for file in folder.glob("*/config.json"))
        if inner:
            fix = fetch_command(f"{name.rstrip('/')}/{inner[0]}")
            raise UserError(f"{name} holds no model", f"there is none in {folder}, but in {', '.join(inner[:3])}", fix)
        raise UserError(
            f"{name} holds no model",
            f"there is no config.json in {folder}",
            "choose the folder that has config.json and model.safetensors in it",
        )
    has_weights = any(file.endswith((".safetensors", ".safetensors.index.json")) for file in names)
    foreign = any(file.endswith((".bin", ".pt", ".pth", ".ckpt", ".msgpack", ".h5", ".onnx")) for file in names)
    if not has_weights and foreign:
        raise no_safetensors(name, names)


def _check_tokenizer(name: str, folder: Path, info: ModelInfo) -> None:
    whole = model_files.read(TokenizerFile, folder / "tokenizer.json", name)
    if whole is not None:
        ids = {token.content: token.id for token in whole.added_tokens}
        vocabulary = whole.model.vocab
    else:
        words = model_files.read(TokenTable, folder / "vocab.json", name)
        added = model_files.read(TokenTable, folder / "added_tokens.json", name)
        if words is None or not (folder / "merges.txt").is_file():
            raise _missing_part(name, "a tokenizer", "tokenizer.json, or vocab.json with merges.txt")
        ids, vocabulary = added.root if added else {}, words.root
    if START not in ids and START not in vocabulary:
        raise UserError(
            f"{name} brings a tokenizer that is not Whisper's",
            f"it does not know {START}",
            "copy the tokenizer files of the model it was tuned from, or choose another model",
        )
    most = max([*ids.values(), len(vocabulary) - 1])
    if most >= info.vocab_size:
        raise UserError(
            f"tokenizer and weights of {name} do not belong together",
            f"the tokenizer counts to {most}, the model knows {info.vocab_size} tokens",
            "copy the tokenizer files of the model it was tuned from, or choose another model",
        )


def _check_extractor(name: str, folder: Path, info: ModelInfo) -> None:
    settings = model_files.extractor(folder, name)
    if settings is None:
        raise _missing_part(name, "its sound settings", "preprocessor_config.json")
    bins = settings.feature_size
    if bins != info.mel_bins:
        raise UserError(
            f"sound settings and weights of {name} do not belong together",
            f"preprocessor_config.json makes {bins} mel bands, the model hears {info.mel_bins}",
            "copy preprocessor_config.json of the model it was tuned from",
        )


def _missing_part(name: str, part: str, files: str) -> UserError:
    return UserError(
        f"{name} lacks {part}",
        f"there is no {files} in it",
        "copy the missing files from the model it was tuned from (for a small: openai/whisper-small)",
    )
