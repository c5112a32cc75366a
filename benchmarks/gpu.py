"""What only a GPU can show: `python -m benchmarks.gpu [--shape small] [--batch 8]` from the checkout.

1. The set-up checks from the bus to the sum on the card.
2. A training step's memory, measured, against the plan's estimate, with and without recomputed activations.
3. Labelling speed by batch size.

The Whisper has the published shape and random weights, built here: nothing is downloaded. Without a GPU it says so, and
runs the same steps in a toy shape on the processor, which proves the script and measures nothing worth keeping.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

from core.checks.check import Context
from core.checks.machine import Machine
from core.checks.runner import run_check
from core.checks.table import CHECKS
from core.config import Config
from core.gpu import choose_for_job, environment_for
from core.gpu.wheels import precision as precision_of
from core.models.suggested import BASE, LARGE, MEDIUM, SMALL, TINY, Shape
from core.training.methods import METHODS
from core.training.methods.activations import counted_by_torch

GIB = 2**30
SHAPES = {"toy": Shape(64, 2, 2), "tiny": TINY, "base": BASE, "small": SMALL, "medium": MEDIUM, "large": LARGE}
TOKENS = 40
"""A 10 s segment of Mandarin says about as many."""


def build(shape: Shape, device: str) -> Any:
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=shape.vocabulary,
        num_mel_bins=shape.mel_bins,
        d_model=shape.width,
        encoder_layers=shape.encoder_layers,
        decoder_layers=shape.decoder_layers,
        encoder_attention_heads=max(1, shape.width // 64),
        decoder_attention_heads=max(1, shape.width // 64),
        encoder_ffn_dim=4 * shape.width,
        decoder_ffn_dim=4 * shape.width,
    )
    torch.manual_seed(0)
    model: Any = WhisperForConditionalGeneration(config)
    model.generation_config.max_length = None
    model.generation_config.pad_token_id = shape.vocabulary - 1
    return model.to(device)


def train_steps(
    shape: Shape, batch: int, device: str, precision: str, checkpointing: bool, steps: int = 4
) -> dict[str, Any]:
    """Memory (bytes, the allocator's peak; None on the processor) and seconds of a full fine-tuning step: fp32 weights,
    Adam, autocast; and what the plan reckons with of it, without the reserve and the context of CUDA."""
    import torch

    model = build(shape, device)
    model.train()
    if checkpointing:
        # transformers 5.2x renamed it.
        enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        enable()
        model.config.use_cache = False
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=device == "cuda")
    features = torch.randn(batch, shape.mel_bins, 2 * shape.positions, device=device)
    labels = torch.randint(0, shape.vocabulary - 2000, (batch, TOKENS), device=device)
    number = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[precision]
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    took = []
    for _ in range(steps):
        begun = time.monotonic()
        with torch.autocast(device, dtype=number, enabled=number is not None):
            loss = model(input_features=features, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if device == "cuda":
            torch.cuda.synchronize()
        took.append(time.monotonic() - begun)
    peak = torch.cuda.max_memory_reserved() if device == "cuda" else None
    return {
        "checkpointing": checkpointing,
        "batch": batch,
        "step_s": round(min(took[1:]), 3),
        "segments_s": round(batch / min(took[1:]), 2),
        "peak_bytes": peak,
        "planned_bytes": counted_by_torch(METHODS["full"].memory(shape, batch, recompute=checkpointing)),
    }


def label_speed(shape: Shape, batch: int, device: str, precision: str) -> dict[str, Any]:
    """Segments a second, greedy, always TOKENS tokens."""
    import torch

    number = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]
    model = build(shape, device).to(number).eval()
    features = torch.randn(batch, shape.mel_bins, 2 * shape.positions, device=device, dtype=number)
    took = []
    for _ in range(3):
        begun = time.monotonic()
        with torch.inference_mode():
            model.generate(input_features=features, max_new_tokens=TOKENS, min_new_tokens=TOKENS, do_sample=False)
        if device == "cuda":
            torch.cuda.synchronize()
        took.append(time.monotonic() - begun)
    return {"batch": batch, "segments_s": round(batch / min(took[1:]), 2)}


def free(device: str) -> None:
    import gc

    import torch

    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def show_checks() -> None:
    context = Context(None, Config(), Machine())
    ids = [spec.id for spec in CHECKS]
    for id in ids[ids.index("gpu-bus") : ids.index("gpu-memory") + 1]:
        check = run_check(id, context)
        print(f"{check.verdict:<8} {id:<13} {check.found}")
        for line in (check.why, check.fix):
            if line and check.verdict == "fail":
                print(f"{'':<22} {line}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--json", action="store_true", help="one JSON object a measurement")
    arguments = parser.parse_args()
    show_checks()
    gpu = choose_for_job()
    if gpu is not None:
        os.environ.update(environment_for(gpu))
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    device = "cuda" if gpu is not None and torch.cuda.is_available() else "cpu"
    precision = precision_of(gpu.capability)[0] if gpu is not None and device == "cuda" else "fp32"
    name = arguments.shape or ("small" if device == "cuda" else "toy")
    shape, batch = SHAPES[name], arguments.batch if device == "cuda" else min(arguments.batch, 2)
    if device == "cpu":
        print("\nNO GPU that torch can use: what follows ran on the processor and says nothing about a GPU.")
    print(f"\n{name}, {shape.parameters / 1e6:.1f} M weights, {precision}, on {gpu.short if gpu else 'the processor'}")
    for checkpointing in (False, True):
        tell(lambda on=checkpointing: train_steps(shape, batch, device, precision, on), training_line, arguments.json)
        free(device)
    for size in (1, 8, 16, 32, 64) if device == "cuda" else (1, 2):
        tell(lambda size=size: label_speed(shape, size, device, precision), labelling_line, arguments.json)
        free(device)


def tell(measure: Callable[[], dict[str, Any]], line: Callable[[dict[str, Any]], str], as_json: bool) -> None:
    import torch

    try:
        found = measure()
    except torch.cuda.OutOfMemoryError as error:
        print(f"out of memory: {str(error).splitlines()[0]}", flush=True)
    else:
        print(json.dumps(found) if as_json else line(found), flush=True)


def labelling_line(found: dict[str, Any]) -> str:
    return f"label  batch {found['batch']:>3}  {found['segments_s']:8.2f} segments/s"


def training_line(found: dict[str, Any]) -> str:
    kind = "recomputed" if found["checkpointing"] else "plain"
    planned = found["planned_bytes"] / GIB
    peak = f"{found['peak_bytes'] / GIB:.2f} GiB measured" if found["peak_bytes"] else "memory not measured"
    speed = f"{found['step_s']:.3f} s a step, {found['segments_s']:.2f} segments/s"
    return f"train  {kind:<10} batch {found['batch']:>3}  {peak}, {planned:.2f} GiB planned  {speed}"


if __name__ == "__main__":
    main()
