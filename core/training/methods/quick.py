"""Quick tuning: the encoder stays as it is and hears every window once; what it made of it is kept on disk, and only
the decoder is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.training.methods.activations import decoder_activation_bytes, decoder_work, step_bytes
from core.training.methods.full import MIXED_BYTES
from core.training.methods.method import Prepared, rate_for_size
from core.whisper.shape import Shape

if TYPE_CHECKING:
    from core.whisper.loading import LoadedModel

STATES = "encoder_states"
_HOOK = "_takes_encoder_states"


class QuickTuning:
    """See `Method` for what each name means."""

    name = "quick"
    reason = "the decoder is trained; the encoder hears every window once, and what it makes of it is kept on disk"
    weights = "float32"
    optimizer = "adamw_torch_fused"
    missing = ""
    leaves_encoder = True

    def learning_rate(self, shape: Shape) -> float:
        return rate_for_size(shape)

    def memory(self, shape: Shape, batch: int, *, recompute: bool) -> int:
        decoder = shape.decoder_parameters
        state = (MIXED_BYTES + 8) * decoder + 4 * (shape.parameters - decoder)
        return step_bytes(state, batch * decoder_activation_bytes(shape, recompute=recompute))

    def work(self, shape: Shape) -> float:
        return 3 * decoder_work(shape)

    def checkpoint(self, shape: Shape) -> int:
        return 4 * shape.parameters + 8 * shape.decoder_parameters

    def prepare(self, loaded: LoadedModel, cache: Path) -> Prepared:
        from core.whisper.encoder_cache import EncoderCache

        kept, model = EncoderCache(cache, loaded), loaded.model
        for weight in model.model.encoder.parameters():
            weight.requires_grad_(False)

        def with_outputs(module: Any, arguments: Any, named: dict[str, Any]) -> Any:
            """transformers takes what an encoder made as a tuple, which no batch of a loader can be."""
            if STATES in named:
                named = {**named, "encoder_outputs": (named[STATES],)}
                del named[STATES]
            return arguments, named

        setattr(model, _HOOK, model.register_forward_pre_hook(with_outputs, with_kwargs=True))
        return Prepared(model, STATES, kept.states, kept)

    def finish(self, module: Any) -> Any:
        getattr(module, _HOOK).remove()
        delattr(module, _HOOK)
        return module


QUICK = QuickTuning()
