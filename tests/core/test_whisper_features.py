"""Log-mel: what stands behind the sound is no silence, a segment that does not fit is refused."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import UserError
from core.whisper.features import heard_mel, read_segment
from core.whisper.loading import load
from tests.core.whisper_kit import noise, toy, write_wav


def test_shape_and_what_stands_behind_the_sound() -> None:
    extractor = load(str(toy(2.0))).extractor
    mel = heard_mel(extractor, [noise(1), noise(2)])
    assert mel.shape == (2, 80, 200)
    assert mel.dtype == np.float32
    padded = heard_mel(extractor, [np.concatenate([noise(1), np.zeros(16_000, np.int16)])])
    np.testing.assert_array_equal(mel[0, :, :100], padded[0, :, :100])
    assert (mel[0, :, 100:] == 0).all()
    assert (padded[0, :, 110:] == padded.min()).all()  # silence that was recorded is the floor of the scale
    assert padded.min() < 0


def test_int16_and_float_are_the_same() -> None:
    extractor = load(str(toy(2.0))).extractor
    sound = noise(1)
    np.testing.assert_array_equal(
        heard_mel(extractor, [sound]), heard_mel(extractor, [sound.astype(np.float32) / 32768])
    )


def test_longer_than_the_window_is_refused_by_name() -> None:
    with pytest.raises(UserError) as caught:
        heard_mel(load(str(toy(2.0))).extractor, [noise(1), noise(2.5)], ["a_0_10", "a_8_18"])
    assert "a_8_18" in caught.value.what
    assert "2.5 s" in caught.value.why
    assert "--length 2" in caught.value.fix


def test_read_segment(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", noise(1))
    np.testing.assert_array_equal(read_segment(tmp_path / "a.wav"), noise(1))
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    soundfile.write(tmp_path / "c.wav", noise(1), 8000)
    for name, says in (("b.wav", "not a 16-bit wav"), ("c.wav", "8000"), ("none.wav", "is not there")):
        with pytest.raises(UserError) as caught:
            read_segment(tmp_path / name)
        assert says in caught.value.what
