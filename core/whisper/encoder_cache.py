"""What an encoder makes of windows, computed once and kept on disk: for whatever looks at the same window with the same
encoder again, be it a training, an evaluation or the next run."""

from __future__ import annotations

import hashlib
import shutil
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import torch

from core.files import write_bytes
from core.temporaries import leftovers_in, remove_abandoned
from core.whisper.features import heard_mel
from core.whisper.loading import LoadedModel

MOST_BYTES = 20 * 10**9
LEFT_FREE, MOST_LEFT_FREE = 0.1, 10 * 10**9
"""Never taken: that share of the disk, but no more than so many bytes of a large one."""


class EncoderCache:
    """Outputs of one encoder, half precision: 1.5 MB for 30 s heard by a base model, 2.3 MB by a small one.

    A window is known by the SHA-256 of its samples, an encoder by that of its weights, so that a model whose decoder
    alone was tuned finds what its base left. The oldest make room for new ones; where there is no room at all, nothing
    is kept and the encoder hears again.
    """

    def __init__(self, folder: Path, loaded: LoadedModel, most_bytes: int = MOST_BYTES) -> None:
        """folder: where all encoders' outputs lie. loaded: its encoder must not change while this is used."""
        self._loaded, self._root, self._most = loaded, folder, most_bytes
        self._folder = folder / _digest(loaded)
        remove_abandoned(leftovers_in(self._folder))
        self._held: int | None = None
        self.computed = 0
        """How often the encoder was asked."""

    def states(self, samples: np.ndarray, name: str) -> np.ndarray:
        """Its last hidden states of one window: float32 (positions, width). samples: int16 mono; name: what to call it
        in an error. UserError for a window longer than the model's."""
        path = self._folder / f"{hashlib.sha256(samples.tobytes()).hexdigest()[:32]}.npy"
        found = self._read(path)
        if found is None:
            found = self._encode(samples, name)
            self._write(path, found)
        return found.astype(np.float32)

    def _encode(self, samples: np.ndarray, name: str) -> np.ndarray:
        self.computed += 1
        loaded = self._loaded
        encoder, features = loaded.model.model.encoder, heard_mel(loaded.extractor, [samples], [name])
        was_training = encoder.training
        encoder.eval()  # asked for in a training, where a base with dropout would leave other outputs every time
        try:
            with torch.inference_mode():
                sound = torch.from_numpy(features).to(loaded.device, loaded.model.dtype)
                return encoder(sound).last_hidden_state[0].half().cpu().numpy()
        finally:
            encoder.train(was_training)

    def _read(self, path: Path) -> np.ndarray | None:
        config = self._loaded.model.config
        shape = (config.max_source_positions, config.d_model)
        # Of that length only: a header that lies could ask for all memory.
        try:
            if path.stat().st_size != _file_bytes(shape):
                return None
            found = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError, SyntaxError):
            return None
        return found if found.shape == shape and found.dtype == np.float16 else None

    def _write(self, path: Path, states: np.ndarray) -> None:
        try:
            if not self._make_room(states.nbytes):
                return
            buffer = BytesIO()
            np.save(buffer, states)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, buffer.getvalue())
        except OSError:  # a full disk: it is computed again
            return
        self._held = (self._held or 0) + states.nbytes

    def _make_room(self, size: int) -> bool:
        """Whether a file of that size may be kept; the oldest of other encoders go first, then this one's."""
        self._root.mkdir(parents=True, exist_ok=True)
        disk = shutil.disk_usage(self._root)
        free = disk.free - min(LEFT_FREE * disk.total, MOST_LEFT_FREE)
        room = min(self._most, free + self._bytes())
        if self._bytes() + size > room:
            self._remove_oldest(room - size - 50 * size)
        return self._bytes() + size <= room

    def _bytes(self) -> int:
        if self._held is None:
            self._held = sum(path.stat().st_size for path in self._root.glob("*/*.npy"))
        return self._held

    def _remove_oldest(self, wanted: float) -> None:
        """Until no more than `wanted` bytes are held."""
        mine = self._folder.name
        files = [(path.parent.name == mine, path.stat().st_mtime, path) for path in self._root.glob("*/*.npy")]
        for _, _, path in sorted(files):
            if self._bytes() <= wanted:
                return
            self._held = self._bytes() - path.stat().st_size
            path.unlink(missing_ok=True)


@cache
def _file_bytes(shape: tuple[int, int]) -> int:
    """Of such an array in half precision, as `_write` writes it."""
    buffer = BytesIO()
    np.save(buffer, np.zeros(shape, np.float16))
    return len(buffer.getvalue())


def _digest(loaded: LoadedModel) -> str:
    """What tells an encoder, and how it is asked, from others: 20 hex digits of the SHA-256 of its weights."""
    digest = hashlib.sha256(f"{loaded.model.dtype} heard_mel".encode())
    for name, weight in loaded.model.model.encoder.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()[:20]
