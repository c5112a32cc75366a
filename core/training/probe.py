"""The largest batch, run once before the first step: what it really needs of the GPU's memory."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments

from core.training.loss import batch_loss
from core.training.plan import GB, Plan, smaller_plan
from core.whisper.loading import DTYPES

ROOM = 0.97
"""Of the free memory that a step may take: the rest is for what the allocator cannot use."""


@dataclass(frozen=True)
class Peak:
    """What a step took, and what there was for it, in bytes as torch counts them; needed None where it did not fit."""

    needed: int | None
    free: int

    @property
    def share(self) -> float:
        """Of what was free."""
        return math.inf if self.needed is None else self.needed / self.free

    @property
    def fits(self) -> bool:
        return self.share <= ROOM


def fitting(
    plan: Plan, measure: Callable[[Plan], Peak], warn: Callable[[str], object]
) -> tuple[Plan, Peak] | tuple[None, Peak]:
    """The plan, or the largest smaller one of the same effective batch, that fits; None if nothing is left to save.

    measure: runs a plan's largest batch once. warn: told what was changed, and why.
    """
    while True:
        found = measure(plan)
        if found.fits:
            return plan, found
        smaller = smaller_plan(plan)
        took = f"it took {found.needed / GB:.1f} GB" if found.needed is not None else "it did not fit"
        why = f"the largest batch was tried once: {took}, {found.free / GB:.1f} GB are free"
        if smaller is None:
            return None, found
        warn(f"{why}; {change_of(plan, smaller)}")
        plan = smaller


def change_of(before: Plan, after: Plan) -> str:
    """`4 segments at once instead of 8, twice as often: the same 16 a step`."""
    if before.batch == after.batch:
        return "activations are computed twice to save memory, which is about a fifth slower"
    return (
        f"{after.batch} at once instead of {before.batch}, added up {after.accumulation} times instead of "
        f"{before.accumulation}: {after.effective_batch} a step as before"
    )


def measured_peak(
    module: Any, plan: Plan, batch: Mapping[str, torch.Tensor], arguments: Seq2SeqTrainingArguments
) -> Peak:
    """Run a batch forwards and backwards with the optimizer's own memory beside it; no weight changes.

    batch: the largest there is, on the CPU. Only on a GPU.
    """
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    free = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()
    try:
        try_step(module, plan, batch, arguments)
        needed = torch.cuda.max_memory_reserved()
    except torch.OutOfMemoryError:
        needed = None
    # Only here, where the error with its frames is gone, is what the step held let go.
    module.zero_grad(set_to_none=True)
    gc.collect()
    torch.cuda.empty_cache()
    return Peak(needed, free)


def try_step(module: Any, plan: Plan, batch: Mapping[str, torch.Tensor], arguments: Seq2SeqTrainingArguments) -> None:
    """A step over a batch in all but its effect: forwards, backwards, beside what the optimizer keeps."""
    if plan.recompute:
        module.gradient_checkpointing_enable()
    module.train()
    trained = [weight for weight in module.parameters() if weight.requires_grad]
    for weight in trained:
        weight.grad = torch.zeros_like(weight)
    kind, settings = Seq2SeqTrainer.get_optimizer_cls_and_kwargs(arguments, module)
    optimizer = kind(trained, **settings | {"lr": 0.0, "weight_decay": 0.0})
    optimizer.step()  # over gradients of zero: only its memory is wanted
    half = plan.precision != "fp32"
    with torch.autocast(plan.device, DTYPES[plan.precision]) if half else nullcontext():
        total, weight, _ = batch_loss(module, {name: value.to(plan.device) for name, value in batch.items()})
    (total / weight).backward()
