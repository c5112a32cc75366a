"""Every model hears as `tests.fakes.ear` does."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import core.engines
import core.engines.windows
from tests.fakes.ear import Ear, windows_of


def open_engine(model, options, root=None, engine="transformers"):
    return Ear(model, options, Path(os.environ["EAR_JOURNAL"]), float(os.environ["EAR_PAUSE_S"]))


core.engines.open_engine = open_engine
# No detector takes notes for speech.
core.engines.windows.windows_of = windows_of
