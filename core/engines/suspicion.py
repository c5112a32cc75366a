"""Which texts a person should see first: flags that a text earns by itself, and a figure to sort by."""

from __future__ import annotations

import math

from core.engines.engine import Hypothesis
from core.text import is_loop, normalise

HAN_PER_SECOND = 10.0  # Mandarin runs at 4-6 characters a second, 8 when hurried
LETTERS_PER_SECOND = 30.0


def flags_of(text: str, seconds: float) -> tuple[str, ...]:
    """What a text is flagged with: empty, loop, fast (more characters a second than people speak)."""
    bare = normalise(text)
    found = ["loop"] if is_loop(text) else []
    if not bare:
        return (*found, "empty")
    han = sum(1 for character in bare if ord(character) > 0x2E7F)
    limit = HAN_PER_SECOND if han * 2 >= len(bare) else LETTERS_PER_SECOND
    if len(bare) / max(seconds, 0.1) > limit:
        found.append("fast")
    return tuple(found)


def suspicion(hypothesis: Hypothesis, seconds: float) -> float:
    """0 (surely right) to 1 (surely wrong): what the review queue sorts by.

    A loop is 1. Otherwise independent doubts are joined as 1 - (1 - a)(1 - b)...: low mean log-probability (the
    threshold of the published decoder is -1), a text where the model hears no speech, and an odd character rate.
    """
    if "loop" in hypothesis.flags:
        return 1.0
    rate = len(normalise(hypothesis.text)) / max(seconds, 0.1)
    doubts = [
        0.9 * _ramp(-hypothesis.avg_logprob, 0.1, 1.2),
        (0.6 if hypothesis.text else 0.1) * min(max(hypothesis.no_speech_prob, 0.0), 1.0),
        0.7 if "fast" in hypothesis.flags else 0.3 * _ramp(1.0 - rate, 0.0, 1.0),
        0.4 * (1.0 - min(max(hypothesis.no_speech_prob, 0.0), 1.0)) if "empty" in hypothesis.flags else 0.0,
    ]
    return round(1.0 - math.prod(1.0 - doubt for doubt in doubts), 4)


def _ramp(value: float, low: float, high: float) -> float:
    if math.isnan(value):
        return 1.0
    return min(max((value - low) / (high - low), 0.0), 1.0)
