"""A workspace whose recordings are there, and a labeller that hears them without a model (`tests.fakes.ear`)."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.engines import EngineOptions
from core.labelling import labeller, recordings
from core.stages import label
from core.store import Segment, Store
from core.workspace import Workspace
from tests.core.whisper_kit import Listened, make_workspace, melodies, toy
from tests.fakes.ear import Ear, windows_of


def recorded_workspace(folder: Path) -> Workspace:
    """Two recordings, `train` and `test`, in segments of 10 s that overlap by 2 s; nothing is labelled."""
    made = make_workspace(folder, toy(), train=5, test=2, accepted=False)
    with Store(made.db_path) as store:
        for video in ("train", "test"):
            store.videos.update(video, path=f"{video}.wav")
    return made


@functools.cache
def truth() -> dict[str, str]:
    """What is played in each segment of such a workspace."""
    with tempfile.TemporaryDirectory() as folder:
        return {segment.id: text for segment, text in melodies(Path(folder), train=5, test=2)}


class Ears:
    """Every engine that was opened, in order. make: what opens one."""

    def __init__(self) -> None:
        self.opened: list[Ear] = []
        self.make: Callable[[str, EngineOptions], Ear] = Ear

    def open(self, model: str, options: EngineOptions, root: Path | None = None, engine: str = "transformers") -> Ear:
        ear = self.make(model, options)
        ear.info = replace(ear.info, name=engine)
        self.opened.append(ear)
        return ear

    @property
    def heard(self) -> list[int]:
        """Where the windows began that were decoded, by all of them."""
        return [start for ear in self.opened for start in ear.heard]


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Ears:
    found = Ears()
    monkeypatch.setattr(labeller, "open_engine", found.open)
    # No detector takes notes for speech.
    monkeypatch.setattr(recordings, "windows_of", windows_of)
    return found


def run(made: Workspace, **params: Any) -> tuple[dict[str, Any], Listened]:
    listened = Listened(made, "label", params)
    return label.run(made, made.config(), listened.job), listened


def rows(made: Workspace) -> dict[str, Segment]:
    with Store(made.db_path) as store:
        return {segment.id: segment for segment in store.segments.all()}


def texts(made: Workspace) -> dict[str, str]:
    return {id: row.text for id, row in rows(made).items()}


def cut_anew(made: Workspace, video: str, length_s: int, count: int) -> list[str]:
    """Other segments in place of a recording's, one behind the other; their ids. No sound is written."""
    with Store(made.db_path) as store:
        store.segments.remove([row.id for row in store.segments.all(video=video)])
        new = [
            Segment(f"{video}_{at}_{at + length_s}", video, at * 1000, (at + length_s) * 1000, "none.wav")
            for at in range(0, count * length_s, length_s)
        ]
        store.segments.add(new)
        return [row.id for row in new]
