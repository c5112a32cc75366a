"""What decoding needs on a GPU, and so how many clips or windows are decoded at once. An estimate; loads no torch."""

from __future__ import annotations

from core.whisper.shape import Shape

USUAL = 8
"""At once where no GPU's memory says otherwise: more bring a CPU nothing."""

MOST = 32
"""At once, however large the memory: a batch waits for its longest text."""

RESERVE = 1.07


def memory_to_label(shape: Shape, batch: int, beam: int) -> int:
    """Bytes that writing transcripts needs on a GPU in half precision: 2 a weight, what decoding takes, 1 GiB of
    context, and a reserve."""
    return int(RESERVE * (2 * shape.parameters + batch * _decoded(shape, beam) + 2**30))


def batch_to_label(shape: Shape, beam: int, free: int | None) -> int:
    """How many sounds are decoded at once. free: bytes on the GPU when the model is loaded, None without a GPU."""
    if free is None:
        return USUAL
    return max(1, min(MOST, int(free / (RESERVE * _decoded(shape, beam)))))


def _decoded(shape: Shape, beam: int) -> int:
    """Bytes for each sound of a batch: the widest layer of the encoder, and for each hypothesis the keys and values of
    every decoder layer over all encoder positions (55 MB for small, 246 MB for large) and over 448 tokens.

    transformers keeps those over the encoder's positions for each hypothesis, though they are the same.
    """
    seen = shape.decoder_layers * 2 * shape.positions * shape.width * 2
    said = shape.decoder_layers * 2 * 448 * shape.width * 2
    widest = 8 * shape.positions * shape.width * 2
    return beam * (seen + said) + widest
