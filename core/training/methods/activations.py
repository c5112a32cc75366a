"""What the activations of a training step need on a GPU; every method of tuning counts them alike."""

from __future__ import annotations

CONTEXT_BYTES = 2**30
"""What CUDA itself holds, and the allocator's rounding."""
RESERVE = 1.07


def activation_bytes(parameters: int, window_s: float, *, recompute: bool) -> float:
    """Bytes of one segment's activations, an estimate: half precision, SDPA attention, about 96 label tokens.

    Traced sizes of the published shapes grow with the weights to the power 3/4 from 789 MiB a 30 s window at 242 M
    weights, or from 239 MiB to the power 1/2 where they are recomputed (activation checkpointing).
    """
    size = parameters / 242e6
    mebibytes = 239 * size**0.5 if recompute else 789 * size**0.75
    return mebibytes * 2**20 * window_s / 30


def step_bytes(state_bytes: float, activations: float) -> int:
    """A whole step: the model's training state, the activations of a batch, context and reserve."""
    return int(RESERVE * (state_bytes + activations + CONTEXT_BYTES))
