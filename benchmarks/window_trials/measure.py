"""Rows a second of each kind of window, and the memory a step takes: measured while nothing else uses the card."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from benchmarks.window_trials.bundle import WINDOW_S, Bundle
from benchmarks.window_trials.train import LANGUAGE, autocast, descend
from core.training.dataset import Collator, SegmentDataset, examples_of, window_tokens
from core.training.windows import packed, single, stretches
from core.whisper.features import heard_mel
from core.whisper.loading import LoadedModel

STEPS, BATCH = 12, 16
LABELS = 96
"""Tokens of a label, as the plan's estimate takes them."""

SHAPES = {"tiny": (384, 6, 4), "base": (512, 8, 6), "small": (768, 12, 12), "medium": (1024, 16, 24)}
"""Width, heads, layers of encoder and of decoder."""

STEPS_MEASURED = (
    ("tiny", 16, False),
    ("base", 4, False),
    ("base", 16, False),
    ("base", 16, True),
    ("small", 8, False),
    ("small", 16, True),
    ("medium", 8, True),
)


def rows_a_second(loaded: LoadedModel, bundle: Bundle) -> Iterator[dict[str, Any]]:
    """Steps over windows whose features are ready: what the card itself takes."""
    tokens, window_ms = window_tokens(loaded, LANGUAGE), round(WINDOW_S * 1000)
    collate = Collator(loaded.model.config.pad_token_id)
    for kind, windows in (
        ("single", single(bundle.rows)),
        ("stretch", stretches(bundle.rows, window_ms)),
        ("packed", packed(bundle.rows, window_ms)),
    ):
        data = examples_of(tokens, windows, loaded.model.config.max_target_positions)[0]
        begun = time.perf_counter()
        dataset = SegmentDataset(
            data,
            "input_features",
            lambda samples, name: heard_mel(loaded.extractor, [samples], [name], loaded.device)[0],
            keep=True,
        )
        items = [dataset[place] for place in range(len(data))]
        features = time.perf_counter() - begun
        batches, rows, size = [], 0, min(BATCH, len(data))
        for step in range(STEPS + 3):
            places = [(step * size + at) % len(data) for at in range(size)]
            batch = collate([items[place] for place in places])
            batches.append({name: one.to(loaded.device) for name, one in batch.items()})
            rows += sum(len(data[place].window.rows) for place in places) if step >= 3 else 0
        descend(loaded, batches[:3], 1e-9)
        begun = time.perf_counter()
        descend(loaded, batches[3:], 1e-9)
        seconds = time.perf_counter() - begun
        yield {
            "measured": "rows a second",
            "kind": kind,
            "windows": len(data),
            "rows": len(bundle.rows),
            "sound_s": round(sum(example.window.length_ms for example in data) / 1000, 1),
            "windows_a_second": round(STEPS * size / seconds, 2),
            "rows_a_second": round(rows / seconds, 2),
            "features_s_a_window": round(features / len(data), 5),
        }


def peaks(device: str) -> Iterator[dict[str, Any]]:
    """torch's own count of a second step (the optimizer's state is there by then), in bytes; random weights."""
    if device != "cuda":
        return
    for size, batch, recompute in STEPS_MEASURED:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        width, heads, layers = SHAPES[size]
        config = WhisperConfig(
            vocab_size=51865,
            d_model=width,
            encoder_layers=layers,
            decoder_layers=layers,
            encoder_attention_heads=heads,
            decoder_attention_heads=heads,
            encoder_ffn_dim=4 * width,
            decoder_ffn_dim=4 * width,
            use_cache=False,
        )
        with torch.device(device):
            model = WhisperForConditionalGeneration(config)
        if recompute:
            model.gradient_checkpointing_enable()
        model.train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
        features = torch.zeros(batch, 80, 3000, device=device)
        labels = torch.full((batch, LABELS), 1000, device=device)
        for _ in range(2):
            with autocast(device):
                loss = model(input_features=features, labels=labels).loss
            loss.backward()
            del loss
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        torch.cuda.synchronize()
        yield {
            "measured": "memory",
            "shape": size,
            "batch": batch,
            "recompute": recompute,
            "parameters": sum(one.numel() for one in model.parameters()),
            "allocated": torch.cuda.max_memory_allocated(),
            "reserved": torch.cuda.max_memory_reserved(),
            "outside_torch": torch.cuda.mem_get_info()[1] - torch.cuda.mem_get_info()[0] - torch.cuda.memory_reserved(),
        }
        del model, optimizer, features, labels
    torch.cuda.empty_cache()
