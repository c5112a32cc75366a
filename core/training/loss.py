"""The loss of a training step: a sum over tokens, so that it does not depend on how a batch is parted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from core.training.windows.labels import IGNORED


def batch_loss(module: Any, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """(summed loss, tokens, the module's outputs) of a batch as `Collator` makes it."""
    inputs = dict(batch)
    labels = inputs.pop("labels")
    outputs = module(**inputs)
    return summed_loss(outputs.logits, labels), tokens_of(labels), outputs


def summed_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy in nats, summed over every label that counts; a scalar, float32.

    logits: (batch, labels, vocabulary); labels: (batch, labels), -100 where nothing is to be learnt.
    """
    return cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum")


def tokens_of(labels: torch.Tensor) -> torch.Tensor:
    """How many labels of a batch count."""
    return labels.ne(IGNORED).sum()
