"""The screens by name, one Textual mode each: what is typed and where the cursor is stays while another is in front."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from textual.screen import Screen


def _screen(module: str, name: str) -> Callable[[], Screen[Any]]:
    """A screen that is imported when it is first shown."""
    return lambda: getattr(importlib.import_module(f"tui.screens.{module}.screen"), name)()


MODES: dict[str, Callable[[], Screen[Any]]] = {
    "welcome": _screen("welcome", "WelcomeScreen"),
    "setup": _screen("setup", "SetupScreen"),
    "playlist": _screen("playlist", "PlaylistScreen"),
    "segments": _screen("segments", "SegmentsScreen"),
    "transcripts": _screen("transcripts", "TranscriptsScreen"),
    "training": _screen("training", "TrainingScreen"),
    "results": _screen("results", "ResultsScreen"),
}
