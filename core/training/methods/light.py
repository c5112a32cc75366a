"""Light tuning: the base stays as it is, in half precision, and each of its layers learns a small change of low rank.

LoRA is Hu et al. 2021, "Low-Rank Adaptation of Large Language Models"; DoRA, which learns how long each column is
beside it, Liu et al. 2024, "Weight-Decomposed Low-Rank Adaptation".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.training.methods.activations import activation_bytes, decoder_work, encoder_work, step_bytes
from core.training.methods.method import Prepared, without_bitsandbytes
from core.whisper.features import window_mel
from core.whisper.shape import Shape

if TYPE_CHECKING:
    from core.whisper.loading import LoadedModel

RANK, ALPHA = 32, 64
TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
"""Of encoder and decoder: changing the decoder alone has been seen to gain nothing on Mandarin."""
RATE = 5e-4
STATE_BYTES = 16
"""Of a weight of the change: float32 weight, gradient and two moments."""
CHECKPOINT_BYTES = 12


@dataclass(frozen=True)
class LightTuning:
    """See `Method` for what each name means. base_bytes: of a weight of the base on the GPU."""

    name: str = "light"
    reason: str = "a change of low rank (LoRA) is trained beside the base and merged into it at the end"
    dora: bool = False
    weights: str = "auto"
    base_bytes: float = 2.1
    optimizer: str = "adamw_torch_fused"
    leaves_encoder: bool = False

    @property
    def missing(self) -> str:
        return without_bitsandbytes() if self.weights == "int8" else ""

    def learning_rate(self, shape: Shape) -> float:
        return RATE

    def memory(self, shape: Shape, batch: int, *, recompute: bool) -> int:
        state = self.base_bytes * shape.parameters + STATE_BYTES * change_parameters(shape)
        return step_bytes(state, batch * activation_bytes(shape, recompute=recompute))

    def work(self, shape: Shape) -> float:
        return 2 * (encoder_work(shape) + decoder_work(shape))  # no gradients of the base's own weights

    def checkpoint(self, shape: Shape) -> int:
        return CHECKPOINT_BYTES * change_parameters(shape)

    def prepare(self, loaded: LoadedModel, cache: Path) -> Prepared:
        from peft import LoraConfig, get_peft_model

        # No task_type: those that peft knows wrap the model in a call for texts, which has no argument for sound.
        settings = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(TARGETS), use_dora=self.dora)
        changed = get_peft_model(loaded.model, settings)
        return Prepared(changed, "input_features", partial(window_mel, loaded.extractor))

    def finish(self, module: Any) -> Any:
        """The change is added to the base's own float32 weights: in those it was trained beside, of 8 or 16 bits, much
        of it would be lost by rounding."""
        import torch
        from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
        from transformers import WhisperForConditionalGeneration

        tuned: Any = module.get_base_model()
        whole: Any = WhisperForConditionalGeneration.from_pretrained(
            tuned.config._name_or_path, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
        whole.config, whole.generation_config = tuned.config, tuned.generation_config
        if hasattr(whole.config, "quantization_config"):
            del whole.config.quantization_config  # of the base it was trained beside; these weights are float32
        # On the CPU: a card that the base fits in 8 or 16 bits need not hold it in 32 beside that.
        changed = get_peft_model(whole, module.peft_config["default"])
        set_peft_model_state_dict(
            changed, {name: weight.cpu() for name, weight in get_peft_model_state_dict(module).items()}
        )
        merged, device = changed.merge_and_unload(), tuned.device
        if self.weights != "int8":  # bitsandbytes' cannot be moved
            module.to("cpu")
        return merged.to(device)


def change_parameters(shape: Shape) -> int:
    """Weights of the change: a matrix of m × n is changed by one of m × RANK and one of RANK × n."""
    width, encoder_ffn, decoder_ffn = shape.width, shape.encoder_ffn, shape.decoder_ffn
    encoder = 4 * 2 * width + 2 * (width + (encoder_ffn or 4 * width))
    decoder = 8 * 2 * width + 2 * (width + (decoder_ffn or 4 * width))
    return RANK * (shape.encoder_layers * encoder + shape.decoder_layers * decoder)


LIGHT = LightTuning()
LIGHT_DORA = LightTuning("light-dora", LIGHT.reason.replace("LoRA", "DoRA"), dora=True)
LIGHT_8BIT = LightTuning("light-8bit", f"{LIGHT.reason}; the base is held in 8 bits", weights="int8", base_bytes=1.1)
