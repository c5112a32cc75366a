"""What a way of tuning a Whisper has to say for itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from core.whisper.loading import LoadedModel


@dataclass(frozen=True)
class Prepared:
    """A model ready to be trained.

    module: what the trainer steps; of its parameters those that require a gradient are trained. input_name: the
    argument of `module.forward` that stands for the sound. inputs: (samples of a segment, int16 mono; its id) -> that
    argument for one segment, without the batch axis.
    """

    module: Any
    input_name: str
    inputs: Callable[[np.ndarray, str], np.ndarray]


class Method(Protocol):
    """A way of tuning: one file in this folder, and one entry in the table METHODS.

    Plans are made where no torch is loaded: what a method needs of torch, peft or bitsandbytes it imports in `prepare`
    and `finish`, not at the top of its file.
    """

    @property
    def name(self) -> str:
        """As settings, plans and run.json name it."""
        ...

    @property
    def reason(self) -> str:
        """One sentence for the plan: what is trained."""
        ...

    @property
    def weights(self) -> str:
        """The precision the base's weights are loaded with, as `core.whisper.loading.load` names it."""
        ...

    @property
    def optimizer(self) -> str:
        """transformers' name of the optimizer (`optim`)."""
        ...

    def memory(self, parameters: int, batch: int, window_s: float, *, recompute: bool) -> int:
        """Bytes a step over a batch needs on a GPU, an estimate. recompute: activations are computed twice."""
        ...

    def checkpoint(self, parameters: int) -> int:
        """Bytes of one checkpoint on disk: all that a resume needs."""
        ...

    def prepare(self, loaded: LoadedModel) -> Prepared:
        """The model as it is trained, and what it is given of each segment."""
        ...

    def finish(self, module: Any) -> Any:
        """The whole WhisperForConditionalGeneration that is saved as the tuned model, from a trained module."""
        ...
