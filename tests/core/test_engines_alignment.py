"""When tokens are spoken: the attention is the model's own, the path the cheapest."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers.models.whisper.generation_whisper import _dynamic_time_warping

from core.engines.alignment import first_steps, token_times, watched_attention
from core.whisper.loading import load
from tests.core.whisper_kit import toy


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 9), (5, 9), (9, 5), (40, 100)])
def test_the_path_is_that_of_dynamic_time_warping(rows: int, columns: int) -> None:
    cost = np.random.default_rng(rows).normal(size=(rows, columns))
    row, column = _dynamic_time_warping(cost)
    first = np.pad(np.diff(row), (1, 0), constant_values=1).astype(bool)
    np.testing.assert_array_equal(first_steps(cost), column[first])


def test_each_token_begins_where_attention_comes_to_it() -> None:
    attention = torch.full((2, 3, 90), 1e-3)
    for token, (begin, end) in enumerate([(0, 30), (30, 70), (70, 90)]):
        attention[:, token, begin:end] = 0.5
    assert token_times(attention).tolist() == pytest.approx([0.0, 0.6, 1.4], abs=0.02)


def test_the_attention_is_what_the_decoder_computes() -> None:
    heads = [(1, 3), (0, 2), (1, 0)]
    loaded = load(str(toy(2.0)), device="cpu")
    states, tokens = torch.randn(2, 100, 64), torch.randint(0, 90, (2, 7))
    decoder = loaded.model.model.decoder
    with torch.inference_mode(), watched_attention(loaded.model, heads) as found:
        decoder(input_ids=tokens, encoder_hidden_states=states, use_cache=False)
    loaded.model.set_attn_implementation("eager")
    with torch.inference_mode():
        told = decoder(
            input_ids=tokens, encoder_hidden_states=states, use_cache=False, output_attentions=True
        ).cross_attentions
    order = [(0, 2), (1, 3), (1, 0)]  # by layer
    assert len(found) == 3
    for ours, (layer, head) in zip(found, order, strict=True):
        torch.testing.assert_close(ours, told[layer][:, head], atol=1e-5, rtol=1e-4)
    assert not any(layer.encoder_attn._forward_pre_hooks for layer in decoder.layers)
