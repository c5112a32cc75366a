"""A transcription as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from core.timed_text import Cue


def document(cues: Sequence[Cue]) -> dict[str, Any]:
    """{"text", "segments": [{"start_ms", "end_ms", "text"}]}."""
    return {"text": "\n".join(cue.text for cue in cues if cue.text), "segments": [cue._asdict() for cue in cues]}


def render(cues: Sequence[Cue]) -> str:
    return json.dumps(document(cues), ensure_ascii=False, indent=1) + "\n"
