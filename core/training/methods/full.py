"""Full fine-tuning: every weight is trained, in float32 with Adam, under autocast on a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.training.methods.activations import activation_bytes, decoder_work, encoder_work, step_bytes
from core.training.methods.method import Prepared, rate_for_size, without_bitsandbytes
from core.whisper.features import window_mel
from core.whisper.shape import Shape

if TYPE_CHECKING:
    from core.whisper.loading import LoadedModel

MIXED_BYTES = 10
"""A weight in float32, its gradient, and the half-precision copy that autocast keeps."""


@dataclass(frozen=True)
class FullTuning:
    """See `Method` for what each name means. moments: bytes that the optimizer keeps of each weight."""

    name: str = "full"
    reason: str = "every weight is trained"
    optimizer: str = "adamw_torch_fused"
    moments: int = 8
    weights: str = "float32"
    leaves_encoder: bool = False

    @property
    def missing(self) -> str:
        return without_bitsandbytes() if "bnb" in self.optimizer else ""

    def learning_rate(self, shape: Shape) -> float:
        return rate_for_size(shape)

    def memory(self, shape: Shape, batch: int, *, recompute: bool) -> int:
        activations = batch * activation_bytes(shape, recompute=recompute)
        return step_bytes((MIXED_BYTES + self.moments) * shape.parameters, activations)

    def work(self, shape: Shape) -> float:
        return 3 * (encoder_work(shape) + decoder_work(shape))

    def checkpoint(self, shape: Shape) -> int:
        return (4 + self.moments) * shape.parameters

    def prepare(self, loaded: LoadedModel, cache: Path) -> Prepared:
        return Prepared(loaded.model, "input_features", partial(window_mel, loaded.extractor))

    def finish(self, module: Any) -> Any:
        return module


FULL = FullTuning()
FULL_8BIT = FullTuning(
    "full-8bit", "every weight is trained; Adam keeps its moments in 8 bits", "adamw_bnb_8bit", moments=2
)
