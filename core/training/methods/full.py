"""Full fine-tuning: every weight is trained, in float32 with Adam, under autocast on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from core.training.methods.activations import activation_bytes, step_bytes
from core.training.methods.method import Prepared
from core.whisper.features import log_mel

if TYPE_CHECKING:
    from core.whisper.loading import LoadedModel

STATE_BYTES_PER_WEIGHT = 18
"""float32 weight, gradient and two Adam moments, and the half-precision copy that autocast keeps."""
CHECKPOINT_BYTES_PER_WEIGHT = 12
"""float32 weight and two Adam moments."""


class FullTuning:
    """The first entry of METHODS; see `Method` for what each name means."""

    name = "full"
    reason = "every weight is trained"
    weights = "float32"
    optimizer = "adamw_torch_fused"

    def memory(self, parameters: int, batch: int, window_s: float, *, recompute: bool) -> int:
        activations = batch * activation_bytes(parameters, window_s, recompute=recompute)
        return step_bytes(STATE_BYTES_PER_WEIGHT * parameters, activations)

    def checkpoint(self, parameters: int) -> int:
        return CHECKPOINT_BYTES_PER_WEIGHT * parameters

    def prepare(self, loaded: LoadedModel) -> Prepared:
        def inputs(samples: np.ndarray, segment: str) -> np.ndarray:
            return log_mel(loaded.extractor, [samples], [segment])[0]

        return Prepared(loaded.model, "input_features", inputs)

    def finish(self, module: Any) -> Any:
        return module
