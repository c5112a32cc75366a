"""What a cut recording tells of its sound: speech, levels, clipping, and the flags that follow."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.media.sound import SILENCE_DBFS
from core.stages import segment
from core.store import Segment, Store, Video
from core.workspace import Workspace
from tests.core.cli_kit import caller
from tests.core.media_kit import RATE, babble, make_job, make_workspace, speech_like, write_wav


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
        assert [row.sound_flags for row in store.segments.of_recording("talk")][1:4] == [
            (name,) for name in ("clipped", "music", "silence")
        ]
        assert [row.id for row in store.segments.all(flag="music")] == ["talk_20_30"]
        assert store.segments.all(flag="loop") == []
