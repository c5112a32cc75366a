"""Real weights and real speech, where both are: pytest -m slow tests/core/test_labels_real.py

WHISPERSMITH_WHISPER names a Whisper with a window of 30 s, WHISPERSMITH_SPEECH a folder with human.csv and the
recording it is of.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.labels import human_texts, traditional, whole
from core.engines import EngineOptions, open_engine
from core.engines.windows import windows_of
from core.error_rates import error_rates
from core.media import stream_pcm

WHISPER, SPEECH = os.environ.get("WHISPERSMITH_WHISPER", ""), os.environ.get("WHISPERSMITH_SPEECH", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (WHISPER and SPEECH), reason="no real Whisper or no real speech here"),
    pytest.mark.timeout(1200),
]


def test_whole_recordings_are_heard_well_in_a_third_of_the_windows() -> None:
    path, human = human_texts(Path(SPEECH))
    samples = np.concatenate(list(stream_pcm(path)))
    engine = open_engine(WHISPER, EngineOptions("zh", 8), engine="ctranslate2")
    windows = list(windows_of([samples], engine.info))
    assert len(windows) <= 0.4 * len(human), "a clip, too, is encoded as a whole window"
    heard = whole(engine, samples, list(human))
    convert = traditional()
    rates = error_rates("whole", [(text, convert(heard[span])) for span, text in human.items()])
    assert rates["cer"] <= 0.30, "28 % is usual"
    assert sum(not text for text in heard.values()) <= 3
