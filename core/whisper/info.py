"""Knowing a Whisper by its own files: shape, window, languages, and whether it is whole. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.media.mel import MelSettings
from core.text import as_utf8
from core.whisper import model_files
from core.whisper.folders import ModelDamaged, fetch_command, find
from core.whisper.model_files import ConfigFile, ExtractorFile, GenerationFile, ModelType, TokenTable
from core.whisper.shape import Shape

ENGLISH_ONLY_VOCABULARY = 51_864
RECORDING_WINDOW_S = 30
"""What every published Whisper hears at once."""
FRAMES_PER_POSITION = 2  # the encoder's second convolution has stride 2


@dataclass(frozen=True)
class ModelInfo:
    """What a model's own files say. window_s: seconds of audio seen at once; languages: Whisper's codes, empty for an
    English-only model; alignment_heads: (layer, head) of the decoder whose attention tells when a word is spoken, empty
    where nobody has told; bytes_on_disk: all files of the folder."""

    id: str
    path: Path
    shape: Shape
    window_s: float
    languages: tuple[str, ...]
    alignment_heads: tuple[tuple[int, int], ...]
    has_generation_config: bool
    bytes_on_disk: int

    @property
    def clips_only(self) -> str:
        """Why whole recordings cannot be heard with it, as a sentence; "" if they can."""
        if self.window_s < RECORDING_WINDOW_S:
            return f"the model hears {self.window_s:g} s at once, and a recording takes {RECORDING_WINDOW_S} s"
        if not self.alignment_heads:
            return "its generation_config.json names no alignment_heads, so its words have no times"
        return ""

    @property
    def parameters(self) -> int:
        return self.shape.parameters

    @property
    def mel_bins(self) -> int:
        return self.shape.mel_bins

    @property
    def vocab_size(self) -> int:
        return self.shape.vocabulary

    @property
    def max_target_positions(self) -> int:
        return self.shape.target_positions


def describe(path_or_id: str, root: Path | None = None) -> ModelInfo:
    """Read a model's configuration. UserError if it is missing, not a Whisper, or not whole."""
    folder = find(path_or_id, root)
    name = as_utf8(path_or_id)
    kind = model_files.read(ModelType, folder / "config.json", name)
    if kind is None:
        raise ModelDamaged(f"{name} holds no model", f"there is no config.json in {folder}", fetch_command(name))
    if kind.model_type != "whisper":
        raise UserError(
            f"{name} is not a Whisper model",
            f"its config.json says model_type {kind.model_type!r}",
            "choose a Whisper: whispersmith model openai/whisper-small",
        )
    _check_weights(folder, name)
    config = model_files.read(ConfigFile, folder / "config.json", name)
    if config is None:
        raise ModelDamaged(f"{name} holds no model", "its config.json has just gone", fetch_command(name))
    generation = model_files.read(GenerationFile, folder / "generation_config.json", name)
    if generation is not None and generation.highest_token >= config.vocab_size:
        raise UserError(
            f"generation settings and weights of {name} do not belong together",
            f"generation_config.json names token {generation.highest_token}, the model knows {config.vocab_size}",
            "copy generation_config.json of the model it was tuned from",
        )
    heads = (generation and generation.alignment_heads) or []
    if any(layer >= config.decoder_layers or head >= config.decoder_attention_heads for layer, head in heads):
        raise UserError(
            f"generation settings and weights of {name} do not belong together",
            f"generation_config.json names alignment heads that {config.decoder_layers} layers of "
            f"{config.decoder_attention_heads} do not have",
            "copy generation_config.json of the model it was tuned from",
        )
    extractor = model_files.extractor(folder, name) or ExtractorFile()
    languages = sorted(token.strip("<|>") for token in ((generation and generation.lang_to_id) or {}))
    return ModelInfo(
        id=path_or_id,
        path=folder,
        shape=config.shape,
        window_s=config.max_source_positions * FRAMES_PER_POSITION * extractor.hop_length / extractor.sampling_rate,
        languages=tuple(languages or _languages_of_tokenizer(folder, config, name)),
        alignment_heads=tuple(heads),
        has_generation_config=generation is not None,
        bytes_on_disk=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
    )


def mel_settings(path_or_id: str, root: Path | None = None) -> MelSettings:
    """How a model's own feature extractor makes log-mel. UserError if it is not here, or its files are broken."""
    folder = find(path_or_id, root)
    name = as_utf8(path_or_id)
    extractor = model_files.extractor(folder, name)
    if extractor is None:
        config = model_files.read(ConfigFile, folder / "config.json", name)
        extractor = ExtractorFile(feature_size=config.num_mel_bins) if config else ExtractorFile()
    window = int(extractor.chunk_length * extractor.sampling_rate)
    return MelSettings(extractor.feature_size, window, extractor.n_fft, extractor.hop_length)


def _check_weights(folder: Path, name: str) -> None:
    """Every safetensors file that should be there is there and has the length its header promises."""
    for path in model_files.weight_files(folder, name):
        if not path.is_file():
            if any(folder.glob("*.bin")):
                why = "it has only pickled weights, which can run code"
                raise UserError(f"{name} cannot be used", why, "choose a model with safetensors weights")
            raise ModelDamaged(f"{name} is not whole", f"{path.name} is missing", fetch_command(name))
        if not model_files.whole_safetensors(path):
            raise ModelDamaged(f"{name} is broken", f"{path.name} is cut short or damaged", fetch_command(name))


def _languages_of_tokenizer(folder: Path, config: ConfigFile, name: str) -> list[str]:
    """Language codes among the special tokens, for a model without a usable generation_config.json.

    An English-only vocabulary holds the same tokens but is one entry shorter; its configuration tells.
    """
    if config.vocab_size == ENGLISH_ONLY_VOCABULARY:
        return []
    added = model_files.read(TokenTable, folder / "added_tokens.json", name)
    tokens = added.root if added else {}
    codes = [token[2:-2] for token in tokens if token.startswith("<|") and token.endswith("|>")]
    return sorted(code for code in codes if len(code) in (2, 3) and code.isalpha())


def unknown_language(model: str, language: str, known: Iterable[str]) -> UserError:
    """A language that a model does not know. known: the codes that it does."""
    return UserError(
        f"{model} does not know the language {language!r}",
        f"it knows {', '.join(sorted(known))}"[:300],
        'set language in whispersmith.toml under [project], for example "zh" or "auto"',
    )
