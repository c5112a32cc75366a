"""Who writes text from sound: engines, what they have in common, and what is kept of their texts."""

from __future__ import annotations

from pathlib import Path

from core.engines.engine import Clip, Engine, EngineInfo, EngineOptions, Hypothesis, PcmWindow

ENGINES = ("auto", "transformers", "ctranslate2")
"""What can be asked for."""

__all__ = [
    "ENGINES",
    "Clip",
    "Engine",
    "EngineInfo",
    "EngineOptions",
    "Hypothesis",
    "PcmWindow",
    "open_engine",
]


def open_engine(model: str, options: EngineOptions, root: Path | None = None, engine: str = "transformers") -> Engine:
    """An engine with this model loaded: a folder (also relative to `root`, the workspace) or an id in the cache.

    engine: "transformers" or "ctranslate2"; which of them is better here is `core.engines.choice`'s to say. UserError
    if the model is missing, broken, not a Whisper, or does not fit into memory.
    """
    if engine == "ctranslate2":
        from core.engines.ctranslate2 import open_ctranslate2

        return open_ctranslate2(model, options, root)
    from core.engines.transformers import open_transformers

    return open_transformers(model, options, root)
