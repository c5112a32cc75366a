"""What a way of tuning a Whisper has to say for itself."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from core.whisper.shape import Shape

if TYPE_CHECKING:
    from core.whisper.encoder_cache import EncoderCache
    from core.whisper.loading import LoadedModel


@dataclass(frozen=True)
class Prepared:
    """A model ready to be trained.

    module: what the trainer steps; of its parameters those that require a gradient are trained. input_name: the
    argument of `module.forward` that stands for the sound. inputs: (samples of a window, int16 mono; its name) -> that
    argument for one window, without the batch axis. encoder: what its encoder has made of windows, where no step
    changes it.
    """

    module: Any
    input_name: str
    inputs: Callable[[np.ndarray, str], np.ndarray]
    encoder: EncoderCache | None = None


class Method(Protocol):
    """A way of tuning: one file in this folder, and one entry or more in the table METHODS.

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

    @property
    def missing(self) -> str:
        """Why it cannot be had here, as a sentence; "" where it can."""
        ...

    @property
    def leaves_encoder(self) -> bool:
        """No step changes the encoder: what it makes of a window can be kept. The model itself computes it, so that no
        loader process can."""
        ...

    def learning_rate(self, shape: Shape) -> float:
        """What it begins with where the settings leave it open."""
        ...

    def memory(self, shape: Shape, batch: int, *, recompute: bool) -> int:
        """Bytes a step over a batch needs on a GPU, an estimate. recompute: activations are computed twice."""
        ...

    def work(self, shape: Shape) -> float:
        """Floating-point operations of learning from one window, forward and backward."""
        ...

    def checkpoint(self, shape: Shape) -> int:
        """Bytes of one checkpoint on disk: all that a resume needs."""
        ...

    def prepare(self, loaded: LoadedModel, cache: Path) -> Prepared:
        """The model as it is trained, and what it is given of each window. cache: a folder for what may be kept."""
        ...

    def finish(self, module: Any) -> Any:
        """The whole WhisperForConditionalGeneration that is saved as the tuned model, from a trained module."""
        ...


def rate_for_size(shape: Shape) -> float:
    """1.25e-5 at 242 M weights, and so much more for a smaller model as its root is smaller: within a seventh of the
    rates that are published for every size of Whisper, 3.75e-5 (tiny) to 4.4e-6 (large), a fortieth of those it was
    trained with."""
    return float(f"{1.25e-5 * (242e6 / shape.parameters) ** 0.5:.2g}")


def without_bitsandbytes() -> str:
    """Why what computes in 8 bits cannot be had here; "" where it can."""
    if importlib.util.find_spec("bitsandbytes") is None:
        return "bitsandbytes is not installed: pip install bitsandbytes"
    from core.gpu import installed_torch

    build = installed_torch()
    return "" if build and build.cuda else "bitsandbytes needs a GPU that torch can use"
