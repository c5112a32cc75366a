"""transcribe: a whole recording in the model's own windows, nothing lost at the seams."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core import demo_audio
from core.errors import UserError
from core.events import TranscribedWindow
from core.jobs import Cancelled
from core.stage import STAGES
from core.stages import transcribe
from core.timed_text import TimedText, Word
from tests.core.media_kit import babble
from tests.core.whisper_kit import RATE, Listened, listener, make_workspace, toy, write_wav


def test_a_recording_becomes_timed_text(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=0, test=0)
    demo_audio.make_recording(tmp_path / "song.wav", seconds=23, seed=1)
    listened = Listened(made, "transcribe", {"file": str(tmp_path / "song.wav")})
    result = transcribe.run(made, made.config(), listened.job)
    times = [(cue["start_ms"], cue["end_ms"]) for cue in result["segments"]]
    assert times == [(0, 10_000), (10_000, 20_000), (20_000, 23_000)]
    assert [event.text for event in listened.of(TranscribedWindow)] == [cue["text"] for cue in result["segments"]]
    assert result["model"] == str(toy())
    assert (
        "00:00:10,000 --> 00:00:20,000" in transcribe.report(result | {"format": "srt"})
        or not result["segments"][1]["text"]
    )
    assert json.loads(transcribe.report(result | {"format": "json"}))["segments"] == result["segments"]


def test_the_newest_tuned_model_is_taken(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=0)
    shutil.copytree(toy(), made.models / "mine")
    path = "segments/train/train_0_10.wav"
    result = transcribe.run(made, made.config(), Listened(made, "transcribe", {"file": path}).job)
    assert result["model"] == "mine"
    assert len(result["segments"]) == 1


def test_what_is_wrong_with_the_arguments_is_said_before_the_queue(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=0)
    (tmp_path / "notes.txt").write_text("buy milk")
    (tmp_path / "empty.wav").touch()
    sound = "segments/train/train_0_10.wav"
    for params, says in (
        ({"file": "none.wav"}, "not a file"),
        ({"file": str(tmp_path / "notes.txt")}, "not a recording"),
        ({"file": str(tmp_path / "empty.wav")}, "is empty"),
        ({"file": sound, "model": "nope"}, "nope is not here"),
        ({"file": sound, "format": "docx"}, "no format docx"),
    ):
        with pytest.raises(UserError, match=says):
            STAGES["transcribe"].check(made, made.config(), params)
    STAGES["transcribe"].check(made, made.config(), {"file": sound, "model": str(toy())})


def test_a_cancel_is_obeyed(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=0)
    with pytest.raises(UserError, match="not a file"):
        transcribe.run(made, made.config(), Listened(made, "transcribe", {"file": "none.wav"}).job)
    listened = Listened(made, "transcribe", {"file": "segments/train/train_0_10.wav"})
    listened.job.cancel()
    with pytest.raises(Cancelled):
        transcribe.run(made, made.config(), listened.job)


def test_captions_are_parted_at_pauses_and_before_they_are_too_long() -> None:
    words = [Word(at, at + 900, text, -0.1) for at, text in ((0, "我"), (900, "們"), (3000, "吃"))]
    long = [Word(4000 + 1000 * n, 5000 + 1000 * n, "飯", -0.1) for n in range(7)]
    piece = TimedText(0, 30_000, "", -0.1, 0.0, (*words, *long))
    assert transcribe._cues(piece) == [
        (0, 1800, "我們"), (3000, 9000, "吃飯飯飯飯飯"), (9000, 11_000, "飯飯"),
    ]  # fmt: skip
    assert transcribe._cues(TimedText(5, 9, "我", -0.1, 0.0, ())) == [(5, 9, "我")]


def test_a_model_that_hears_recordings_tells_when_words_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    made = make_workspace(tmp_path / "w", listener(), train=0, test=0)
    write_wav(tmp_path / "talk.wav", np.concatenate([np.zeros(5 * RATE, np.int16), babble(4.0)]))
    write_wav(tmp_path / "silence.wav", np.zeros(5 * RATE, np.int16))
    for engine in ("ctranslate2", "transformers"):
        listened = Listened(made, "transcribe", {"file": str(tmp_path / "talk.wav"), "engine": engine})
        result = transcribe.run(made, made.config(), listened.job)
        assert result["text"]
        assert 4000 < result["segments"][0]["start_ms"] <= result["segments"][-1]["end_ms"] <= 9000
    silent = transcribe.run(
        made, made.config(), Listened(made, "transcribe", {"file": str(tmp_path / "silence.wav")}).job
    )
    assert silent["segments"] == []
