"""Bringing a Whisper up on its device: from a local folder or the Hugging Face cache, never from the network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import BitsAndBytesConfig, WhisperForConditionalGeneration, WhisperProcessor
from transformers.models.whisper import configuration_whisper
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from core.cores import model_threads
from core.errors import UserError
from core.gpu.wheels import precision
from core.whisper.folders import fetch_command
from core.whisper.info import ENGLISH_ONLY_VOCABULARY, ModelInfo, describe

UNBORROWABLE = "forced_decoder_ids", "max_length", "suppress_tokens", "begin_suppress_tokens"
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


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

    @property
    def precision(self) -> str:
        """Of the weights: "bf16", "fp16" or "fp32"."""
        return next(name for name, dtype in DTYPES.items() if dtype == self.model.dtype)


def pick_device() -> Device:
    """The GPU if one can be used, with the precision its generation computes natively.

    bf16 from compute capability 8.0; torch also reports it as supported below that, where it is emulated.
    """
    if not torch.cuda.is_available():
        return Device("cpu", "fp32")
    try:
        capability = torch.cuda.get_device_capability()
        torch.zeros(1, device="cuda")
    except RuntimeError:
        return Device("cpu", "fp32")
    return Device("cuda", precision(capability)[0])


def free_memory(device: str) -> int | None:
    """Bytes that a device has free for what comes on top of a loaded model; None for a CPU, which is not asked."""
    return torch.cuda.mem_get_info()[0] if device == "cuda" else None


def load(
    path_or_id: str, *, device: str | None = None, dtype: str = "float32", root: Path | None = None
) -> LoadedModel:
    """Load model and processor, ready to decode.

    device: "cuda" or "cpu", by default what `pick_device` finds. dtype: "float32" (needed for full training), "auto"
    for the precision the device computes best (enough for decoding), or "int8" for a base that bitsandbytes holds in
    8 bits on a GPU. Code that comes with a model is never run and pickled weights are never read. UserError if the
    model is missing, broken, not a Whisper or gated.
    """
    info = describe(path_or_id, root)
    torch.set_num_threads(model_threads())
    picked = pick_device()
    device = device or picked.name
    number = DTYPES[picked.precision] if dtype != "float32" and device == "cuda" else torch.float32
    held: dict[str, Any] = {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)} if dtype == "int8" else {}
    try:
        processor: Any = WhisperProcessor.from_pretrained(info.path, local_files_only=True, trust_remote_code=False)
        model: Any = WhisperForConditionalGeneration.from_pretrained(
            info.path, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=number, **held
        )
        _fit_extractor(processor, info)
        _complete_generation_config(model, processor.tokenizer)
        model.eval()
        if not held:  # which lies on the GPU already, and cannot be moved
            model.to(device)
    except Exception as error:  # the tokenizer library raises nothing more special for a damaged file
        raise explain(error, path_or_id) from error
    return LoadedModel(model, processor, info, device)


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
    return UserError(f"{path_or_id} cannot be loaded", text[:200], fetch_command(path_or_id), text)


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
