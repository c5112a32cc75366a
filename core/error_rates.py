"""Error rates of a model over many segments, with an interval. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.text import NO_ERRORS, Errors, character_errors, is_loop, normalise

RESAMPLES = 1000


def error_rates(name: str, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Error counts of (reference, hypothesis) pairs: name, cer, cer_low and cer_high (95 %), substitutions, deletions,
    insertions, loops, empty. The rates are fractions, None where there are no characters."""
    counts = [character_errors(reference, hypothesis) for reference, hypothesis in pairs]
    total: Errors = sum(counts, NO_ERRORS)
    low, high = bootstrap_interval(counts)
    return {
        "name": name,
        "cer": total.cer,
        "cer_low": low,
        "cer_high": high,
        "substitutions": total.substitutions,
        "deletions": total.deletions,
        "insertions": total.insertions,
        "loops": sum(is_loop(hypothesis) for _, hypothesis in pairs),
        "empty": sum(not normalise(hypothesis) for _, hypothesis in pairs),
    }


def difference_interval(
    base_errors: Sequence[int], tuned_errors: Sequence[int], characters: Sequence[int], seed: int = 0
) -> tuple[float, float] | None:
    """The 2.5 and 97.5 percentiles of what the tuned model's CER is above the base's, over resampled segments, which
    both have heard (paired bootstrap; Bisani and Ney 2004, Bootstrap Estimates for Confidence Intervals in ASR). None
    for no characters. All of the same length, segment by segment."""
    changed = np.array(tuned_errors, dtype=float) - np.array(base_errors, dtype=float)
    length = np.array(characters, dtype=float)
    if not length.sum():
        return None
    picks = np.random.default_rng(seed).integers(0, len(length), (RESAMPLES, len(length)))
    rates = changed[picks].sum(axis=1) / np.maximum(length[picks].sum(axis=1), 1)
    return float(np.percentile(rates, 2.5)), float(np.percentile(rates, 97.5))


def bootstrap_interval(counts: Sequence[Errors], seed: int = 0) -> tuple[float | None, float | None]:
    """The 2.5 and 97.5 percentiles of the CER over resampled segments; None for no characters."""
    errors = np.array([count.total for count in counts], dtype=float)
    characters = np.array([count.characters for count in counts], dtype=float)
    if not characters.sum():
        return None, None
    picks = np.random.default_rng(seed).integers(0, len(counts), (RESAMPLES, len(counts)))
    rates = errors[picks].sum(axis=1) / np.maximum(characters[picks].sum(axis=1), 1)
    return float(np.percentile(rates, 2.5)), float(np.percentile(rates, 97.5))
