"""transcribe: a whole recording in the model's own windows, nothing lost at the seams."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core import demo_audio
from core.errors import UserError
from core.jobs import Cancelled
from core.stages import transcribe
from core.stages.transcribe import batched, windows
from tests.core.whisper_kit import Listened, make_workspace, toy


def test_windows_keep_every_sample() -> None:
    sound = np.arange(1050, dtype=np.int16)
    blocks = np.split(sound, [3, 3, 500, 501])
    found = list(windows(blocks, 200))
    assert [start for start, _ in found] == [0, 200, 400, 600, 800, 1000]
    assert [len(piece) for _, piece in found] == [200] * 5 + [50]
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in found]), sound)
    assert list(windows([], 200)) == []


def test_batched() -> None:
    assert list(batched(range(5), 2)) == [[0, 1], [2, 3], [4]]


def test_a_recording_becomes_timed_text(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=0, test=0)
    demo_audio.make_recording(tmp_path / "song.wav", seconds=23, seed=1)
    listened = Listened(made, "transcribe", {"file": str(tmp_path / "song.wav")})
    result = transcribe.run(made, made.config(), listened.job)
    times = [(cue["start_ms"], cue["end_ms"]) for cue in result["segments"]]
    assert times == [(0, 10_000), (10_000, 20_000), (20_000, 23_000)]
    assert [event["text"] for event in listened.of("window")] == [cue["text"] for cue in result["segments"]]
    assert result["model"] == str(toy())
    assert "00:00:10,000 --> 00:00:20,000" in transcribe.write(result, "srt") or not result["segments"][1]["text"]
    assert json.loads(transcribe.write(result, "json"))["segments"] == result["segments"]


def test_the_newest_tuned_model_is_taken(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=0)
    shutil.copytree(toy(), made.models / "mine")
    path = "segments/train/train_0_10.wav"
    result = transcribe.run(made, made.config(), Listened(made, "transcribe", {"file": path}).job)
    assert result["model"] == "mine"
    assert len(result["segments"]) == 1


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=0)
    with pytest.raises(UserError, match="not a file"):
        transcribe.run(made, made.config(), Listened(made, "transcribe", {"file": "none.wav"}).job)
    listened = Listened(made, "transcribe", {"file": "segments/train/train_0_10.wav"})
    listened.job.cancel()
    with pytest.raises(Cancelled):
        transcribe.run(made, made.config(), listened.job)
