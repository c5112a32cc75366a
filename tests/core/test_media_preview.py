"""What the screens draw of a segment's sound: peaks, the level a recording reaches, and log-mel as a model hears it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import UserError
from core.media.mel import MelSettings, log_mel
from core.media.peaks import LEAST_PEAK, high_peak, peaks_of
from core.whisper.info import mel_settings
from tests.core.media_kit import RATE, speech_like, write_wav


def test_peaks() -> None:
    samples = np.zeros(1000, np.int16)
    samples[250], samples[990] = 16384, -32768
    assert peaks_of(samples, 4).tolist() == [[0, 0], [0, 0.5], [0, 0], [-1, 0]]
    assert peaks_of(samples, 5000).shape == (5000, 2)
    assert peaks_of(samples[:0], 3).tolist() == [[0, 0]] * 3


def test_the_level_of_a_recording_is_that_of_its_speech_not_of_a_click(tmp_path: Path) -> None:
    paths = []
    for number in range(12):
        samples = (speech_like(1.0, seed=number) * 0.1).astype(np.int16)
        samples[8000] = 32767 if number % 2 else 0
        paths.append(write_wav(tmp_path / f"{number}.wav", samples))
    assert high_peak(paths) == pytest.approx(0.03, rel=0.2)
    (tmp_path / "0.wav").unlink()
    (tmp_path / "1.wav").write_bytes(b"RIFF")
    assert high_peak(paths) == pytest.approx(0.03, rel=0.2)


def test_silence_and_nothing_have_the_least_level(tmp_path: Path) -> None:
    silent = write_wav(tmp_path / "silent.wav", np.zeros(RATE, np.int16))
    short = write_wav(tmp_path / "short.wav", np.zeros(3, np.int16))
    assert high_peak([silent, short]) == high_peak([]) == high_peak([tmp_path / "none.wav"]) == LEAST_PEAK


def extracted(folder: Path, **settings: Any) -> Any:
    """transformers' own extractor, with its files where a model of that name would have them."""
    from transformers import WhisperFeatureExtractor

    extractor: Any = WhisperFeatureExtractor(**settings)
    extractor.save_pretrained(folder)
    return extractor


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ({"feature_size": 80}, 10),
        ({"feature_size": 128}, 3),
        ({"feature_size": 80}, 0.3),
        ({"feature_size": 80}, 30),
        ({"feature_size": 80, "chunk_length": 2}, 1.99),
        ({"feature_size": 80, "chunk_length": 2}, 5),
        ({"feature_size": 40, "chunk_length": 12, "hop_length": 200, "n_fft": 512}, 10.01),
    ],
)
def test_log_mel_is_what_the_models_own_extractor_makes_of_it(
    tmp_path: Path, settings: dict[str, int], seconds: float
) -> None:
    """Its bins, its window, and the zeros it is padded with: the frames that hold sound, value for value."""
    extractor = extracted(tmp_path / "model", **settings)
    samples = speech_like(seconds)
    found = mel_settings("model", tmp_path)
    theirs = extractor(samples / 32768.0, sampling_rate=RATE, return_tensors="np").input_features[0]
    ours = log_mel(samples, found)
    heard = min(len(samples), extractor.n_samples)
    assert ours.shape == (extractor.feature_size, -(-heard // extractor.hop_length))
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs[:, : ours.shape[1]]).max() < 2e-3
    # What is left out is padding, down to the last frame.
    padding = theirs[:, ours.shape[1] + 2 :]
    assert not padding.size or np.ptp(padding) < 1e-6
    assert np.abs(log_mel(samples.astype(np.float32) / 32768, found) - ours).max() < 1e-5


def test_the_padding_is_seen_in_the_last_frame() -> None:
    """Mirrored sound where there are zeros would be another value than the model gets."""
    samples = (np.sin(np.arange(RATE) / 5) * 9000).astype(np.int16)
    whole = log_mel(samples, MelSettings(window=RATE))
    assert np.abs(log_mel(samples)[:, -1] - whole[:, -1]).max() > 0.05
    assert log_mel(samples[:0]).shape == (80, 0)
    assert log_mel(np.zeros(1600, np.int16)).max() == -1.5


def test_bins_come_from_whatever_file_tells_them(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    assert mel_settings("model", tmp_path) == MelSettings()
    config = '{"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8, '
    (folder / "config.json").write_text(config + '"num_mel_bins": 128, "vocab_size": 100}')
    assert mel_settings("model", tmp_path).bins == 128
    (folder / "processor_config.json").write_text('{"feature_extractor": {"feature_size": 96, "chunk_length": 10}}')
    assert mel_settings("model", tmp_path) == MelSettings(bins=96, window=160_000)
    (folder / "preprocessor_config.json").write_text('{"n_fft": 99999999}')
    with pytest.raises(UserError, match="broken"):
        mel_settings("model", tmp_path)
    with pytest.raises(UserError, match="not here"):
        mel_settings("none", tmp_path)
