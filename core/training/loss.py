"""The loss of a training step: a sum over tokens, so that it does not depend on how a batch is parted.

Every label has a weight w, and the loss of a step is Σ w·nll / Σ w over the tokens of its whole effective batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from core.training.windows.labels import IGNORED


def batch_loss(module: Any, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """(weighted sum of the loss, sum of the weights, the module's outputs) of a batch as `Collator` makes it."""
    inputs = dict(batch)
    labels, weights = inputs.pop("labels"), inputs.pop("label_weights")
    outputs = module(**inputs)
    return summed_loss(outputs.logits, labels, weights), weights.sum(), outputs


def summed_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Cross entropy in nats times its weight, summed over every label that counts; a scalar, float32.

    logits: (batch, labels, vocabulary); labels, weights: (batch, labels); a label is -100, and its weight 0, where
    nothing is to be learnt.
    """
    losses = cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="none")
    return (losses * weights.flatten()).sum()
