"""What a training step needs: activations on a GPU, which methods that tune the encoder count alike, and work."""

from __future__ import annotations

from core.whisper.shape import POSITIONS_PER_SECOND, Shape

CONTEXT_BYTES = 600 * 2**20
"""What CUDA itself holds, beside what torch counts."""
ALLOCATOR_BYTES = 400_000_000
"""What torch's allocator holds beside weights and activations: the workspaces of the libraries, and its rounding."""
RESERVE = 1.07
LABELS = 96
"""Tokens of a label that the estimates reckon with: nearly twice as many as ten seconds of Mandarin have."""
LOGIT_BYTES = 16
"""A logit in float32, its softmax, its gradient, and the half-precision one they come from."""


def activation_bytes(shape: Shape, *, recompute: bool) -> float:
    """Bytes of one window's activations, an estimate: half precision, SDPA attention, about 96 label tokens.

    What torch reserved on an H200 for steps of the published shapes (10 steps, 38 M to 1.5 G weights, batches of 4 to
    16) is met to within 9 % by 580 MiB at 242 M weights, growing with them to the power 3/4, or where they are
    recomputed (activation checkpointing) 65 MiB to the power 1/2, and the logits. `benchmarks/gpu.py` measures it anew.
    """
    size = shape.parameters / 242e6
    mebibytes = 65 * size**0.5 if recompute else 580 * size**0.75
    logits = LOGIT_BYTES * LABELS * shape.vocabulary
    return mebibytes * 2**20 * shape.positions / (30 * POSITIONS_PER_SECOND) + logits


def decoder_activation_bytes(shape: Shape, *, recompute: bool) -> float:
    """The same of the decoder alone, over encoder outputs that are there: float32 states, the logits, and of each layer
    the keys and values of the whole window and what its own tokens leave (34 numbers a width, as Korthikanti et al.
    2022, "Reducing Activation Recomputation in Large Transformer Models", count them, and 16 for attending to the
    window). Recomputed layers keep their input only, and one of them all."""
    window = 2 * 2 * shape.positions * shape.width
    layer = window + 2 * (34 + 16) * LABELS * shape.width
    layers = layer + shape.decoder_layers * 2 * LABELS * shape.width if recompute else shape.decoder_layers * layer
    return 4 * shape.positions * shape.width + LOGIT_BYTES * LABELS * shape.vocabulary + layers


def step_bytes(state_bytes: float, activations: float) -> int:
    """A whole step: the model's training state, the activations of a batch, a reserve, and what CUDA itself holds."""
    return int(RESERVE * (state_bytes + activations + ALLOCATOR_BYTES) + CONTEXT_BYTES)


def counted_by_torch(step: int) -> int:
    """Of a step's bytes, as `step_bytes` has them, what torch itself would count, without the reserve."""
    return int((step - CONTEXT_BYTES) / RESERVE)


def encoder_work(shape: Shape) -> float:
    """Floating-point operations of the encoder over one window."""
    width, positions = shape.width, shape.positions
    layer = 2 * positions * (4 * width + 2 * (shape.encoder_ffn or 4 * width)) * width + 4 * positions**2 * width
    return 12 * positions * shape.mel_bins * width + 6 * positions * width**2 + shape.encoder_layers * layer


def decoder_work(shape: Shape) -> float:
    """Those of the decoder over 96 labels: each layer's projections, keys and values of the window, and the logits."""
    width = shape.width
    own = 2 * LABELS * (6 * width + 2 * (shape.decoder_ffn or 4 * width)) * width
    window = 4 * shape.positions * width**2 + 4 * LABELS * shape.positions * width
    return shape.decoder_layers * (own + window) + 2 * LABELS * shape.vocabulary * width
