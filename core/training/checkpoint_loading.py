"""Whether the files of a checkpoint load, asked before the trainer does: it would stop with advice to trust them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from transformers.trainer_pt_utils import safe_globals


def fault_in_loading(path: Path) -> str:
    """Which file of a checkpoint is no tensors or plain values, and so runs no code when it is loaded; "" for none.

    Nothing is copied into memory: tensors stay in the file. OSError or MemoryError where that is no fault of theirs.
    """
    for file in [*sorted(path.glob("*.pt")), *sorted(path.glob("rng_state*.pth")), *sorted(path.glob("*.safetensors"))]:
        try:
            if file.suffix == ".safetensors":
                with safe_open(file, framework="pt") as tensors:
                    tensors.keys()
            else:
                with safe_globals():
                    torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - what a strange file makes its reader raise has no bounds
            return f"{file.name} cannot be loaded ({type(error).__name__})"
    return ""
