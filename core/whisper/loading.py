"""Knowing a Whisper model and loading it: from a local folder or the Hugging Face cache, never from the network.

`describe` reads three small JSON files and imports neither torch nor transformers; `load` brings the model up.
"""

from __future__ import annotations

import json
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError

FRAMES_PER_POSITION = 2  # the encoder's second convolution has stride 2
UNBORROWABLE = "forced_decoder_ids", "max_length", "suppress_tokens", "begin_suppress_tokens"


@dataclass(frozen=True)
class ModelInfo:
    """What a model's own files say. parameters: computed from the shapes; window_s: seconds of audio seen at once;
    languages: Whisper's codes, empty for an English-only model; bytes_on_disk: all files of the folder."""

    id: str
    path: Path
    parameters: int
    window_s: float
    mel_bins: int
    vocab_size: int
    max_target_positions: int
    languages: tuple[str, ...]
    has_generation_config: bool
    bytes_on_disk: int


@dataclass(frozen=True)
class Device:
    """Where to compute. name: "cuda" or "cpu"; precision: "bf16", "fp16" or "fp32"."""

    name: str
    precision: str


@dataclass(frozen=True)
class LoadedModel:
    """A model on its device. model: WhisperForConditionalGeneration; processor: WhisperProcessor, whose feature
    extractor pads to the model's own window."""

    model: Any
    processor: Any
    info: ModelInfo
    device: str

    @property
    def tokenizer(self) -> Any:
        return self.processor.tokenizer

    @property
    def extractor(self) -> Any:
        return self.processor.feature_extractor


def find(path_or_id: str, root: Path | None = None) -> Path:
    """The folder of a model: a path (also relative to `root`, the workspace) or an id in the Hugging Face cache."""
    candidates = [Path(path_or_id).expanduser()]
    if root is not None:
        candidates.insert(0, root / path_or_id)
    for candidate in candidates:
        if candidate.is_dir():
            return candidate.absolute()
    cached = _cached(path_or_id)
    if cached is not None:
        return cached
    raise UserError(
        f"the model {path_or_id} is not here",
        "it is neither a folder nor in the Hugging Face cache",
        f"whispersmith model {path_or_id}",
    )


def describe(path_or_id: str, root: Path | None = None) -> ModelInfo:
    """Read the model's configuration. UserError if it is missing, not a Whisper, or not whole."""
    folder = find(path_or_id, root)
    config = _read_json(folder / "config.json", path_or_id)
    if config is None:
        raise UserError(
            f"{path_or_id} holds no model", f"there is no config.json in {folder}", f"whispersmith model {path_or_id}"
        )
    if config.get("model_type") != "whisper":
        raise UserError(
            f"{path_or_id} is not a Whisper model",
            f"its config.json says model_type {config.get('model_type')!r}",
            "choose a Whisper: whispersmith model openai/whisper-small",
        )
    _check_weights(folder, path_or_id)
    generation = _read_json(folder / "generation_config.json", path_or_id)
    try:
        return _info(path_or_id, folder, config, generation)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path_or_id} cannot be read", f"its config.json lacks {error}", f"whispersmith model {path_or_id}"
        ) from error


def pick_device() -> Device:
    """The GPU if one can be used, with the precision its generation computes natively.

    bf16 from compute capability 8.0; torch also reports it as supported below that, where it is emulated.
    """
    import torch

    from core.gpu.wheels import precision

    if not torch.cuda.is_available():
        return Device("cpu", "fp32")
    try:
        capability = torch.cuda.get_device_capability()
        torch.zeros(1, device="cuda")
    except RuntimeError:
        return Device("cpu", "fp32")
    return Device("cuda", precision(capability)[0])


def set_threads() -> int:
    """Give torch the cores this process may use, less one for ffmpeg and the app; OMP_NUM_THREADS decides if set."""
    import torch

    if not os.environ.get("OMP_NUM_THREADS"):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores - 1 if cores > 2 else cores))
    return torch.get_num_threads()


def load(
    path_or_id: str, *, device: str | None = None, dtype: str = "float32", root: Path | None = None
) -> LoadedModel:
    """Load model and processor, ready to decode.

    device: "cuda" or "cpu", by default what `pick_device` finds. dtype: "float32" (needed for full training), or
    "auto" for the precision the device computes best (enough for decoding). Code that comes with a model is never
    run and pickled weights are never read. UserError if the model is missing, broken, not a Whisper or gated.
    """
    info = describe(path_or_id, root)
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    set_threads()
    picked = pick_device()
    device = device or picked.name
    number = torch.float32
    if dtype == "auto" and device == "cuda":
        number = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[picked.precision]
    try:
        processor = WhisperProcessor.from_pretrained(info.path, local_files_only=True, trust_remote_code=False)
        model: Any = WhisperForConditionalGeneration.from_pretrained(
            info.path, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=number
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise explain(error, path_or_id) from error
    _fit_extractor(processor, info)
    _complete_generation_config(model, processor.tokenizer)
    model.eval()
    return LoadedModel(model.to(device), processor, info, device)


def explain(error: Exception, path_or_id: str) -> UserError:
    """A person's words for what transformers or huggingface_hub raised while a model was read."""
    text = " ".join(str(error).split())
    low = text.lower()
    if "gated" in low or re.search(r"\b40[13]\b", low):
        return UserError(
            f"{path_or_id} is gated",
            "its owner asks you to accept terms first",
            f"accept them at https://huggingface.co/{path_or_id}, then: hf auth login",
            text,
        )
    if "out of memory" in low:
        return UserError(
            f"{path_or_id} does not fit",
            "memory ran out while loading it",
            "free memory, or choose a smaller model",
            text,
        )
    return UserError(f"{path_or_id} cannot be loaded", text[:200], f"whispersmith model {path_or_id}", text)


def _cached(repository: str) -> Path | None:
    """The snapshot folder of a repository in the Hugging Face cache (layout: models--owner--name/snapshots/commit)."""
    if repository.count("/") > 1 or repository.startswith((".", "/", "~")):
        return None
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "huggingface"
    )
    cache = Path(os.environ.get("HF_HUB_CACHE") or os.path.join(home, "hub")).expanduser()
    place = cache / f"models--{repository.replace('/', '--')}"
    try:
        commit = (place / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    snapshot = place / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None


def _read_json(path: Path, name: str) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{name} is broken", f"{path.name} cannot be read: {error}", f"whispersmith model {name}"
        ) from error
    if not isinstance(data, dict):
        raise UserError(f"{name} is broken", f"{path.name} is not a table", f"whispersmith model {name}")
    return data


def _check_weights(folder: Path, name: str) -> None:
    """Every safetensors file that should be there is there and has the length its header promises."""
    index = _read_json(folder / "model.safetensors.index.json", name)
    files = sorted(set(index["weight_map"].values())) if index else ["model.safetensors"]
    for file in files:
        path = folder / file
        if not path.is_file():
            pickled = any(folder.glob("*.bin"))
            why = "it has only pickled weights, which can run code" if pickled else f"{file} is missing"
            fix = "choose a model with safetensors weights" if pickled else f"whispersmith model {name}"
            raise UserError(f"{name} cannot be used" if pickled else f"{name} is not whole", why, fix)
        if not whole_safetensors(path):
            raise UserError(f"{name} is broken", f"{file} is cut short or damaged", f"whispersmith model {name}")


def whole_safetensors(path: Path) -> bool:
    """A safetensors file is 8 bytes of header length, the header (JSON), then tensors up to the last end offset."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            return False
        (length,) = struct.unpack("<Q", start)
        if length > min(size, 100_000_000):
            return False
        try:
            header = json.loads(file.read(length))
        except ValueError:
            return False
    ends = [tensor["data_offsets"][1] for key, tensor in header.items() if key != "__metadata__"]
    return size == 8 + length + max(ends, default=0)


def _info(name: str, folder: Path, config: dict[str, Any], generation: dict[str, Any] | None) -> ModelInfo:
    extractor = _read_json(folder / "preprocessor_config.json", name)
    if extractor is None:
        extractor = (_read_json(folder / "processor_config.json", name) or {}).get("feature_extractor", {})
    rate, hop = extractor.get("sampling_rate", 16_000), extractor.get("hop_length", 160)
    positions = config.get("max_source_positions", 1500)
    languages = sorted(token.strip("<|>") for token in ((generation or {}).get("lang_to_id") or {}))
    if not languages:
        languages = _languages_of_tokenizer(folder, name)
    return ModelInfo(
        id=name,
        path=folder,
        parameters=_parameters(config),
        window_s=positions * FRAMES_PER_POSITION * hop / rate,
        mel_bins=config["num_mel_bins"],
        vocab_size=config["vocab_size"],
        max_target_positions=config.get("max_target_positions", 448),
        languages=tuple(languages),
        has_generation_config=generation is not None,
        bytes_on_disk=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
    )


def _languages_of_tokenizer(folder: Path, name: str) -> list[str]:
    """Language codes among the special tokens, for a model without a usable generation_config.json.

    An English-only vocabulary holds the same tokens but is one entry shorter; its configuration tells.
    """
    tokens = _read_json(folder / "added_tokens.json", name) or {}
    codes = [token[2:-2] for token in tokens if token.startswith("<|") and token.endswith("|>")]
    config = _read_json(folder / "config.json", name) or {}
    if config.get("vocab_size") == ENGLISH_ONLY_VOCABULARY:
        return []
    return sorted(code for code in codes if len(code) in (2, 3) and code.isalpha())


ENGLISH_ONLY_VOCABULARY = 51_864


def _parameters(config: dict[str, Any]) -> int:
    """The number of weights of a Whisper with these shapes (the output projection is tied to the embedding)."""
    width, bins = config["d_model"], config["num_mel_bins"]
    attention = 4 * width * width + 3 * width  # the keys have no bias
    encoder_ffn, decoder_ffn = config["encoder_ffn_dim"], config["decoder_ffn_dim"]
    encoder_layer = attention + 2 * width * encoder_ffn + encoder_ffn + width + 4 * width
    decoder_layer = 2 * attention + 2 * width * decoder_ffn + decoder_ffn + width + 6 * width
    front = 3 * bins * width + width + 3 * width * width + width
    positions = config.get("max_source_positions", 1500) + config.get("max_target_positions", 448)
    return (
        front
        + positions * width
        + config["encoder_layers"] * encoder_layer
        + config["decoder_layers"] * decoder_layer
        + config["vocab_size"] * width
        + 4 * width
    )


def _fit_extractor(processor: Any, info: ModelInfo) -> None:
    """Make the extractor pad to the encoder's own window, should its chunk_length say something else."""
    extractor = processor.feature_extractor
    samples = round(info.window_s * extractor.sampling_rate)
    if extractor.n_samples != samples:
        extractor.n_samples = samples
        extractor.nb_max_frames = samples // extractor.hop_length
        extractor.chunk_length = samples // extractor.sampling_rate


def _complete_generation_config(model: Any, tokenizer: Any) -> None:
    """Fill in what decoding needs where a checkpoint brings no generation_config.json, or one from before 2023.

    The ids come from the tokenizer itself; suppressed tokens of the published vocabularies are the constants that
    transformers keeps. Generation settings left in config.json by old checkpoints would make saving fail.
    """
    from transformers.models.whisper import configuration_whisper
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    settings, config = model.generation_config, model.config
    for key in UNBORROWABLE:
        old = config.__dict__.pop(key, None)
        if key.endswith("suppress_tokens"):
            setattr(config, key, None)
            if getattr(settings, key, None) is None and old:
                setattr(settings, key, list(old))
    ids = tokenizer.get_vocab()
    english = config.vocab_size == ENGLISH_ONLY_VOCABULARY
    published = configuration_whisper.NON_SPEECH_TOKENS if english else configuration_whisper.NON_SPEECH_TOKENS_MULTI
    if getattr(settings, "suppress_tokens", None) is None and config.vocab_size >= ENGLISH_ONLY_VOCABULARY:
        settings.suppress_tokens = list(published)
    for key in ("decoder_start_token_id", "eos_token_id", "pad_token_id", "bos_token_id"):
        if getattr(settings, key, None) is None:
            setattr(settings, key, getattr(config, key))
    if getattr(settings, "no_timestamps_token_id", None) is None and "<|notimestamps|>" in ids:
        settings.no_timestamps_token_id = ids["<|notimestamps|>"]
    spoken = {} if english else {f"<|{code}|>": ids[f"<|{code}|>"] for code in LANGUAGES if f"<|{code}|>" in ids}
    if not getattr(settings, "lang_to_id", None) and spoken:
        settings.lang_to_id = spoken
        settings.task_to_id = {task: ids[f"<|{task}|>"] for task in ("transcribe", "translate") if f"<|{task}|>" in ids}
    settings.is_multilingual = bool(getattr(settings, "lang_to_id", None))
    settings.max_length = config.max_target_positions
    settings.forced_decoder_ids = None
    settings._from_model_config = False
