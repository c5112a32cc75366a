"""Labelling that is killed again and again ends as if nothing had happened, and no window is decoded twice but those of
the batch that a kill has cut.

Real job processes and SIGKILL at seeded moments; the labeller is `tests.fakes.ear`, which notes what it decodes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core import demo_audio
from core.jobs import spawn
from core.jobs.attach import view
from core.media import RATE, stream_pcm
from core.spans import plan_spans, segment_id
from core.store import Segment, Store, Video
from core.workspace import Workspace, create
from tests.core.whisper_kit import CONFIG, QUICK, toy, write_wav
from tests.faults import shims
from tests.jobs.conftest import process_of, wait_for

RECORDINGS, SECONDS = 10, 22


def hears(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that are started from now on hear by `tests.fakes.ear`."""
    for name, value in shims.environment([shims.EAR]).items():
        monkeypatch.setenv(name, value)


def prepared(root: Path, batch: int) -> Workspace:
    settings = CONFIG.format(model=toy(), train=QUICK).replace("batch = 4", f"batch = {batch}", 1)
    made = create(root, config_text=settings)
    with Store(made.db_path) as store:
        for number in range(RECORDINGS):
            id = f"talk{number}"
            demo_audio.make_recording(root / f"{id}.wav", seconds=SECONDS, seed=number)
            store.videos.add(Video(id, state="fetched", licence="own"))
            store.videos.update(id, path=f"{id}.wav")
            sound = np.concatenate(list(stream_pcm(root / f"{id}.wav")))
            for start_ms, end_ms in plan_spans(SECONDS * 1000, 10_000, 2000):
                name = segment_id(id, start_ms, end_ms)
                path = f"segments/{id}/{name}.wav"
                write_wav(root / path, sound[start_ms * RATE // 1000 : end_ms * RATE // 1000])
                store.segments.add([Segment(name, id, start_ms, end_ms, path)])
    return made


def alive(folder: Path) -> bool:
    return (seen := view(folder)) is not None and seen.live


def to_the_end(workspace: Workspace) -> None:
    folder = spawn(workspace, "label", {})
    wait_for(lambda: not alive(folder), timeout=120)
    seen = view(folder)
    assert seen is not None
    assert (seen.state, seen.failed, seen.error) == ("done", 0, None)


def state_of(workspace: Workspace) -> dict[str, tuple[object, ...]]:
    """All that labelling has left: of segments, and of the recordings' own text."""
    with Store(workspace.db_path) as store:
        found: dict[str, tuple[object, ...]] = {
            row.id: (row.text, row.origin, row.model, row.flags, row.suspicion, row.logprob)
            for row in store.segments.all()
        }
        for video in store.videos.all():
            (row,) = store.timed_texts.of(video.id)
            found[video.id] = (row.done is not None, *store.timed_texts.windows(row.id))
    return found


def decoded(journal: Path) -> list[int]:
    return [json.loads(line)[1] for line in journal.read_text().splitlines()] if journal.exists() else []


def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, times: int, batch: int, seed: int) -> None:
    hears(monkeypatch)
    monkeypatch.setenv("EAR_PAUSE_S", "0")
    monkeypatch.setenv("EAR_JOURNAL", str(tmp_path / "calm.journal"))
    calm = prepared(tmp_path / "calm", batch)
    to_the_end(calm)
    windows = Counter(decoded(tmp_path / "calm.journal"))
    assert set(windows.values()) == {1}

    journal = tmp_path / "killed.journal"
    monkeypatch.setenv("EAR_JOURNAL", str(journal))
    # As long as there are kills to come, so that every one of them finds the labeller at work.
    monkeypatch.setenv("EAR_PAUSE_S", "0.1")
    workspace, dice = prepared(tmp_path / "killed", batch), random.Random(seed)
    for _ in range(times):
        before = len(decoded(journal))
        folder = spawn(workspace, "label", {})
        wait_for(lambda before=before, folder=folder: len(decoded(journal)) > before or not alive(folder), timeout=60)
        # The moment itself, not a wait for something: any will do.
        time.sleep(dice.uniform(0.0, 0.1))
        assert alive(folder), "the recordings are too short for so many kills"
        dice.choice((os.kill, os.killpg))(process_of(folder), signal.SIGKILL)
        wait_for(lambda folder=folder: not alive(folder))
    monkeypatch.setenv("EAR_PAUSE_S", "0")
    to_the_end(workspace)
    assert state_of(workspace) == state_of(calm)
    heard = Counter(decoded(journal))
    assert heard.keys() == windows.keys()
    # A kill cuts one batch at most.
    assert sum(heard.values()) - len(heard) <= times * batch
    assert max(heard.values()) <= 1 + times


def test_killed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path, monkeypatch, times=2, batch=1, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 3])
def test_killed_twenty_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    check(tmp_path, monkeypatch, times=20, batch=batch, seed=20)
