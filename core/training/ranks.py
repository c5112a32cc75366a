"""Several processes that train one model together (`accelerate launch`): the first writes and speaks, all agree.

Without a launcher there is one, and everything here is free.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from accelerate import PartialState

from core.errors import UserError

Made = TypeVar("Made")


def join() -> None:
    """Meet the other processes, over NCCL where there are GPUs and gloo where there are none."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        PartialState(cpu=not torch.cuda.is_available())


def count() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def number() -> int:
    """Which of them this one is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def from_first(make: Callable[[], Made]) -> Made:
    """What the first process makes, in all of them; a UserError there is raised in all."""
    if count() == 1:
        return make()
    box: list[Any] = [None]
    if number() == 0:
        try:
            box = [make()]
        except UserError as error:
            box = [error]
    dist.broadcast_object_list(box, src=0)
    if isinstance(box[0], UserError):
        raise box[0]
    return box[0]


def gathered(mine: Sequence[Made]) -> list[Made]:
    """What was dealt by turns, one to each process, in its order again."""
    if count() == 1:
        return list(mine)
    hands: list[Sequence[Made]] = [()] * count()
    dist.all_gather_object(hands, list(mine))
    return [hands[place % count()][place // count()] for place in range(sum(len(hand) for hand in hands))]


def summed(values: torch.Tensor) -> torch.Tensor:
    """A tensor on the CPU, added up over all processes."""
    if count() == 1:
        return values
    hands: list[Any] = [None] * count()
    dist.all_gather_object(hands, values.tolist())
    return torch.tensor(hands, dtype=values.dtype).sum(dim=0)


def meet() -> None:
    """Wait for all."""
    if count() > 1:
        dist.barrier()
