"""What a model hears at once in training, and what it is taught to write of it. Loads no torch.

window.py   the rows (accepted segments), the window, and the mix of kinds a run is made of
kinds.py    single, stretch, packed: rows put together to windows
epochs.py   all windows of a run, epoch by epoch, as the mix says
labels.py   a window as tokens: prompt, text, times, end; silence
augment.py  speed, gain, noise and masks, by setting
"""

from core.training.windows.augment import Augmentation
from core.training.windows.epochs import windows_an_epoch, windows_of_epoch
from core.training.windows.kinds import packed, single, stretches
from core.training.windows.labels import Taught, WindowTokens
from core.training.windows.window import Row, TrainingWindow, WavPart, WindowMix

__all__ = [
    "Augmentation",
    "Row",
    "Taught",
    "TrainingWindow",
    "WavPart",
    "WindowMix",
    "WindowTokens",
    "packed",
    "single",
    "stretches",
    "windows_an_epoch",
    "windows_of_epoch",
]
