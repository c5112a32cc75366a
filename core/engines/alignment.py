"""When each token of a text is spoken, out of a Whisper's cross-attention.

The method is that of OpenAI's `whisper.timing`: attention of the heads that follow the sound, normalised over the
tokens, smoothed along time, averaged, and dynamic time warping through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

STEP_S = 0.02
"""Of one position of the encoder."""

MEDIAN = 7
"""Positions that the smoothing takes the median of."""


@contextmanager
def watched_attention(model: Any, heads: Sequence[tuple[int, int]]) -> Iterator[list[Tensor]]:
    """Yields a list that fills, in the one pass of the decoder that is made inside, with the cross-attention of each
    of the heads: (rows, tokens, positions).

    It is computed beside what the decoder itself computes, whose fused attention does not tell its weights.
    """
    found: list[Tensor] = []
    layers = model.model.decoder.layers
    hooks = []
    for layer in sorted({layer for layer, _ in heads}):
        chosen = [head for other, head in heads if other == layer]

        def watch(module: Any, args: Any, kwargs: dict[str, Any], chosen: list[int] = chosen) -> None:
            hidden = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]
            states = kwargs["key_value_states"] if "key_value_states" in kwargs else args[1]
            size = module.head_dim
            queries = (module.q_proj(hidden) * module.scaling).unflatten(-1, (-1, size))
            keys = module.k_proj(states).unflatten(-1, (-1, size))
            for head in chosen:
                weights = queries[:, :, head].float() @ keys[:, :, head].float().transpose(1, 2)
                found.append(torch.softmax(weights, dim=-1))

        hooks.append(layers[layer].encoder_attn.register_forward_pre_hook(watch, with_kwargs=True))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def token_times(attention: Tensor) -> np.ndarray:
    """Seconds at which each token begins, and at which the last one ends: float (tokens,), of one text.

    attention: (heads, tokens, positions), of the text's tokens and the end token, and of the positions that hold sound.
    """
    spread = torch.std(attention, dim=-2, keepdim=True, unbiased=False).clamp_min(1e-10)
    weights = (attention - attention.mean(dim=-2, keepdim=True)) / spread
    around = torch.nn.functional.pad(weights, (MEDIAN // 2, MEDIAN // 2), mode="reflect")
    smooth = around.unfold(-1, MEDIAN, 1).median(dim=-1).values.mean(dim=0)
    return first_steps(-smooth.cpu().double().numpy()) * STEP_S


def first_steps(cost: np.ndarray) -> np.ndarray:
    """The column at which the cheapest path through a matrix first reaches each row: int (rows,).

    The path goes from the first corner to the last by steps to the next row, the next column or both (dynamic time
    warping). Sums are built up one diagonal at a time, all of its cells at once.
    """
    rows, columns = cost.shape
    diagonals = rows + columns - 1
    # Diagonal d holds the cells (i, d - i); of the sums, cell i stands behind one that no path comes from.
    costs = np.full((diagonals, rows), np.inf)
    for row in range(rows):
        costs[row : row + columns, row] = cost[row]
    sums = np.full((diagonals, rows + 1), np.inf)
    sums[0, 1] = costs[0, 0]
    diagonal_step = np.zeros((diagonals, rows), bool)
    row_step = np.zeros((diagonals, rows), bool)
    for now in range(1, diagonals):
        by_row, by_column = sums[now - 1, :-1], sums[now - 1, 1:]
        by_both = sums[now - 2, :-1] if now > 1 else np.full(rows, np.inf)
        least = np.minimum(by_row, by_column)
        np.less(by_row, by_column, out=row_step[now])
        np.less(by_both, least, out=diagonal_step[now])
        np.add(costs[now], np.minimum(by_both, least), out=sums[now, 1:])
    starts = np.zeros(rows, np.int64)
    row, now = rows - 1, diagonals - 1
    while now > 0:
        starts[row] = now - row
        both = diagonal_step[now, row]
        row -= bool(both or row_step[now, row])
        now -= 1 + both
    starts[0] = 0
    return starts
