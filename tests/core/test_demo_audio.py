"""The demo's recordings: what the cues say is what sounds."""

import wave
from pathlib import Path

import numpy as np
import pytest

from core.demo_audio import NOTES, RATE, make_recording


def read(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def test_each_note_sounds_in_its_own_second(tmp_path: Path) -> None:
    cues = make_recording(tmp_path / "a.wav", seconds=60, seed=3)
    sound = read(tmp_path / "a.wav").astype(float)
    assert len(sound) == 60 * RATE
    heard = 0
    for start, end, text in cues:
        assert end - start == 1000 * len(text)
        assert 1 <= len(text) <= 4
        for index, note in enumerate(text):
            second = start // 1000 + index
            piece = sound[second * RATE : (second + 1) * RATE]
            peak = np.argmax(np.abs(np.fft.rfft(piece)))  # bins of 1 Hz
            assert peak == pytest.approx(NOTES[note], abs=2)
            heard += 1
    covered = {second for start, end, _ in cues for second in range(start // 1000, end // 1000)}
    assert len(covered) == heard
    rests = [sound[second * RATE : (second + 1) * RATE] for second in range(60) if second not in covered]
    assert rests
    assert max(np.abs(piece).max() for piece in rests) < 2500


def test_the_seed_decides(tmp_path: Path) -> None:
    found = [make_recording(tmp_path / name, seconds=20, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert found[0] == found[1] != found[2]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]
