"""What a cut recording tells of its sound: speech, levels, clipping, and the flags that follow."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from core.media import silero
from core.media.sound import SILENCE_DBFS
from core.stages import segment
from core.store import Segment, Store, Video
from core.workspace import Workspace
from tests.core.cli_kit import caller
from tests.core.media_kit import RATE, babble, logged, make_job, make_workspace, speech_like, write_wav


def added(workspace: Workspace, id: str, samples: np.ndarray) -> None:
    media = write_wav(workspace.media / f"{id}.wav", samples)
    with Store(workspace.db_path) as store:
        store.videos.add(Video(id, title=id, licence="own", state="fetched"))
        store.videos.update(id, path=workspace.relative(media), bytes=media.stat().st_size)


def cut(workspace: Workspace, **settings: float) -> dict[str, object]:
    asked = {"length_s": 10.0, "overlap_s": 0.0} | settings
    return segment.run(workspace, workspace.config(), make_job(workspace, "segment", settings=asked))


def rows(workspace: Workspace) -> list[Segment]:
    with Store(workspace.db_path) as store:
        return store.segments.all()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """10 s each of speech, speech far too loud, tones, silence, and half silence, half speech."""
    workspace = make_workspace(tmp_path_factory.mktemp("sound") / "ws")
    silence = np.zeros(10 * RATE, np.int16)
    loud = np.clip(babble(10, seed=2).astype(np.int32) * 8, -32768, 32767).astype(np.int16)
    half = np.concatenate([silence[: 5 * RATE], babble(5, seed=3)])
    added(workspace, "talk", np.concatenate([babble(10), loud, speech_like(10), silence, half]))
    cut(workspace)
    return workspace


def test_every_segment_is_measured(workspace: Workspace) -> None:
    spoken, loud, tones, silence, half = rows(workspace)
    assert [row.sound_flags for row in rows(workspace)] == [(), ("clipped",), ("music",), ("silence",), ()]
    assert all(row.is_measured for row in rows(workspace))
    assert spoken.speech == pytest.approx(1, abs=0.05)
    assert spoken.peak == pytest.approx(20 * np.log10(0.4), abs=0.2)
    assert spoken.clipped == 0
    assert (loud.peak, loud.clipped) == (0, pytest.approx(0.15, abs=0.1))
    assert tones.speech == 0
    assert (silence.dbfs, silence.peak, silence.speech, silence.clipped) == (SILENCE_DBFS, SILENCE_DBFS, 0, 0)
    assert half.speech == pytest.approx(0.5, abs=0.03)


def test_lists_tell_it(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    run = caller(capsys)
    shown = {row["id"]: row for row in json.loads(run("-w", workspace.root, "segments", "--json")[1])}
    assert shown["talk_20_30"]["sound_flags"] == ["music"]
    assert shown["talk_20_30"]["flags"] == []
    assert shown["talk_10_20"]["peak_dbfs"] == 0
    assert shown["talk_10_20"]["clipped"] > 0.01
    with Store(workspace.db_path) as store:
        found = [row.sound_flags for row in store.segments.of_recording("talk")]
    assert found == [(), ("clipped",), ("music",), ("silence",), ()]
    code, out, _ = run("-w", workspace.root, "segments", "--flag", "music")
    assert (code, out.splitlines()[1:]) == (0, ["talk_20_30\tpending\t–\tmusic\t"])
    assert json.loads(run("-w", workspace.root, "segments", "--flag", "loop", "--json")[1]) == []


def test_what_a_program_without_a_detector_measured_is_blank_until_it_is_cut_again(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws")
    added(workspace, "talk", babble(10))
    cut(workspace)
    with Store(workspace.db_path) as store:
        store.transcripts.save("talk_0_10", "好")
    (new,) = rows(workspace)
    with closing(sqlite3.connect(workspace.db_path)) as db, db:
        db.execute("UPDATE segments SET speech = 0.01, peak = NULL, clipped = NULL")
    (old,) = rows(workspace)
    assert (old.speech, old.clipped, old.sound_flags, old.text) == (None, None, (), "好")
    assert cut(workspace)["new"] == 0
    assert rows(workspace) == [new]


def test_without_onnxruntime_loudness_tells_speech_and_the_log_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ImportError("No module named 'onnxruntime'")

    workspace = make_workspace(tmp_path / "ws")
    added(workspace, "one", speech_like(10))
    added(workspace, "two", np.zeros(3 * RATE, np.int16))
    monkeypatch.setattr(silero, "_session", missing)
    silero.detector_problem.cache_clear()
    job = make_job(workspace, "segment")
    try:
        assert segment.run(workspace, workspace.config(), job)["failed"] == 0
    finally:
        silero.detector_problem.cache_clear()
    assert logged(job).count("speech was told by loudness alone, the detector cannot be loaded: No module named") == 1
    tones, silence = rows(workspace)
    assert (tones.speech, silence.speech) == (pytest.approx(0.6, abs=0.1), 0)
