"""The loss of a training step: a sum over tokens, so that it does not depend on how a batch is parted."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from core.training.dataset import IGNORED


def summed_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy in nats, summed over every label that counts; a scalar, float32.

    logits: (batch, labels, vocabulary); labels: (batch, labels), -100 where nothing is to be learnt.
    """
    return cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum")


def tokens_of(labels: torch.Tensor) -> torch.Tensor:
    """How many labels of a batch count."""
    return labels.ne(IGNORED).sum()
