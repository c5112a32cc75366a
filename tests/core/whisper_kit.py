"""A workspace with melodies and a toy Whisper, and a real job handle whose events can be read back."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
import wave
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from core import demo_audio, workspace
from core.events import Event
from core.jobs.event_log import EventReader
from core.jobs.handle import Job
from core.jobs.spec import EVENTS, create, read
from core.media import stream_pcm
from core.store import Segment, Store, Video
from core.whisper.toy import build_toy
from core.workspace import Workspace
from tests.fakes.stage import recorded_progress

E = TypeVar("E", bound=Event)
RATE = 16_000

CONFIG = """
[project]
language = "zh"

[model]
base = "{model}"
labeller = "{model}"

[label]
batch = 4

[train]
{train}

[evaluate]
batch = 4
"""

QUICK = """
steps = 4
batch = 2
accumulation = 2
learning_rate = 2e-3
eval_every = 2
eval_segments = 2
"""

LONG = QUICK.replace("steps = 4", "steps = 400").replace("eval_every = 2", "eval_every = 3")


def write_wav(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.astype("<i2").tobytes())


def text_of(cues: list[tuple[int, int, str]], start_s: int, end_s: int) -> str:
    """The notes that sound between two whole seconds."""
    notes = {start // 1000 + index: note for start, _, text in cues for index, note in enumerate(text)}
    return "".join(notes.get(second, "") for second in range(start_s, end_s))


def melodies(folder: Path, *, train: int, test: int, seed: int = 0) -> list[tuple[Segment, str]]:
    """Cut melodies into 10 s segments, hop 8 s, written as wavs in segments/; those of the test part are of a
    recording of their own. Returns (segment, true text)."""
    found = []
    for number, (part, count) in enumerate((("train", train), ("test", test))):
        place, rows = _melody(part, count, 100 * seed + number)
        shutil.copytree(place, folder, dirs_exist_ok=True)
        found += rows
    return found


@functools.cache
def _melody(part: str, count: int, seed: int) -> tuple[Path, list[tuple[Segment, str]]]:
    """One recording and its segments, made once a test session: the folder to be copied, (segment, true text)."""
    folder = Path(tempfile.mkdtemp(prefix="whispersmith-melody-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = folder / f"{part}.wav"
    cues = demo_audio.make_recording(source, seconds=8 * count + 2, seed=seed)
    samples = np.concatenate(list(stream_pcm(source)))
    rows = []
    for start in range(0, 8 * count, 8):
        name = f"{part}_{start}_{start + 10}"
        path = f"segments/{part}/{name}.wav"
        write_wav(folder / path, samples[start * RATE : (start + 10) * RATE])
        segment = Segment(name, part, start * 1000, (start + 10) * 1000, path, part=part)
        rows.append((segment, text_of(cues, start, start + 10)))
    return folder, rows


def make_workspace(
    folder: Path,
    toy: Path,
    *,
    train: int = 4,
    test: int = 2,
    accepted: bool = True,
    settings: str = QUICK,
    seed: int = 0,
) -> Workspace:
    made = workspace.create(folder, config_text=CONFIG.format(model=toy, train=settings))
    with Store(made.db_path) as store:
        rows = melodies(folder, train=train, test=test, seed=seed)
        for part in ("train", "test"):
            store.videos.add(Video(part, state="fetched", licence="own"))
        store.segments.add([segment for segment, _ in rows])
        store.segments.set_parts({segment.id: segment.part for segment, _ in rows})
        if accepted:
            store.transcripts.import_human({segment.id: text for segment, text in rows})
    return made


class Listened:
    """A job handle of the real kind, with what it said so far."""

    def __init__(self, made: Workspace, stage: str, params: dict[str, Any]) -> None:
        folder = create(made, stage, params)
        self.job = Job(read(folder), folder, made)
        self.progress = recorded_progress(self.job)
        self._reader = EventReader(folder / EVENTS)
        self._events: list[Event] = []

    @property
    def events(self) -> list[Event]:
        self._events += [entry.event for entry in self._reader.all()]
        return self._events

    def of(self, *kinds: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kinds)]


def cancel_at(listened: Listened, kind: type[Event], count: int = 1) -> None:
    """Ask the job to stop when it emits its count-th event of this kind."""
    emit, seen = listened.job.emit, []

    def cancelling(event: Event) -> None:
        emit(event)
        seen.append(type(event))
        if seen.count(kind) >= count:
            listened.job.cancel()

    listened.job.emit = cancelling  # type: ignore[method-assign]


@functools.cache
def toy(window_s: float = 10.0) -> Path:
    """A toy Whisper's folder, built once a test session."""
    place = Path(tempfile.mkdtemp(prefix="whispersmith-toy-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    build_toy(place / "toy", window_s=window_s)
    return place / "toy"


def toy_copy(folder: Path, window_s: float = 10.0) -> Path:
    """A copy of the toy that a test may damage."""
    shutil.copytree(toy(window_s), folder)
    return folder


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * RATE)).astype(np.int16)


@functools.cache
def listener() -> Path:
    """A toy with the window and the alignment heads of the published models: one that can hear whole recordings."""
    folder = toy_copy(Path(tempfile.mkdtemp(prefix="whispersmith-listener-")) / "listener", 30.0)
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    settings = folder / "generation_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"alignment_heads": [[0, 1], [1, 0], [1, 3]]}))
    return folder
