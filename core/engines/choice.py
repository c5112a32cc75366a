"""Which engine `auto` means for a model on this machine, and why. Loads neither library's model."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from pathlib import Path
from typing import NamedTuple

from core.whisper.info import RECORDING_WINDOW_S, describe

CUBLAS = "libcublas.so.12"
"""What CTranslate2 loads by its name on the GPU; its wheel does not bring it, torch's may."""


class EngineChoice(NamedTuple):
    name: str
    why: str


def choose_engine(model: str, root: Path | None = None) -> EngineChoice:
    """ctranslate2 where it can run: it computes in 8 bits on a CPU and in 16 on a GPU, and takes less time.

    UserError as `core.whisper.info.describe`.
    """
    info = describe(model, root)
    if info.window_s != RECORDING_WINDOW_S:
        return EngineChoice("transformers", f"ctranslate2 knows no window of {info.window_s:g} s")
    if importlib.util.find_spec("faster_whisper") is None or importlib.util.find_spec("ctranslate2") is None:
        return EngineChoice("transformers", "faster-whisper is not installed")
    if problem := _gpu_problem():
        return EngineChoice("transformers", f"ctranslate2 cannot use the GPU here: {problem}")
    return EngineChoice("ctranslate2", "it takes less time")


def _gpu_problem() -> str:
    """Why CTranslate2 cannot use a GPU that is there, in its loader's words; "" where it can or there is none."""
    if not importlib.import_module("ctranslate2").get_cuda_device_count():
        return ""
    importlib.import_module("torch")  # loads the CUDA libraries that its wheel brings
    try:
        ctypes.CDLL(CUBLAS)
    except OSError as error:
        return str(error)
    return ""
