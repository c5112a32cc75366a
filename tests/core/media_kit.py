"""What the tests of media, segments, imports and exports share: sound, a workspace, and a real Job."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import time
import wave
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from core import workspace as workspaces
from core.events import Event, LogLine
from core.jobs.event_log import EventReader
from core.jobs.handle import Job
from core.jobs.spec import EVENTS, JobSpec
from core.media import find_ffmpeg, segment_id
from core.store import Segment, Store, Video
from core.workspace import Workspace

RATE = 16_000

E = TypeVar("E", bound=Event)


def speech_like(seconds: float, rate: int = RATE, seed: int = 1) -> np.ndarray:
    """int16 bursts of tone with pauses between them, different in every second."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    pitch = rng.uniform(150, 900, size=int(seconds) + 1)[times.astype(int)]
    gate = (times % 1.0) < 0.6
    noise = rng.normal(0, 0.001, len(times))
    return ((0.3 * np.sin(2 * np.pi * pitch * times) * gate + noise) * 32767).astype(np.int16)


_VOWELS = [(730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (530, 1840, 2480), (300, 870, 2240)]
"""Hz of the first three formants of ah, ee, aw, eh, oo (Peterson and Barney, 1952)."""


def babble(seconds: float, seed: int = 1) -> np.ndarray:
    """int16 syllables that no language has, without a pause; the speech detector takes them for speech."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * RATE:
        count = int(RATE * rng.uniform(0.15, 0.3))
        through = np.arange(count) / count
        pitch = 130 * rng.uniform(0.85, 1.2) * (1 + rng.uniform(-0.2, 0.2) * through)
        voice = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0)
        voice = np.convolve(voice, np.exp(-np.arange(60) / 12))[:count] - 0.2 + rng.normal(0, 0.02, count)
        first, then = rng.integers(len(_VOWELS), size=2)
        vowel = (
            _through_formants(voice, _VOWELS[first]) * (1 - through) + _through_formants(voice, _VOWELS[then]) * through
        )
        hiss = np.diff(rng.normal(0, 0.1, RATE // 20), prepend=0) * np.hanning(RATE // 20)
        parts += [hiss, vowel / np.abs(vowel).max() * np.sqrt(np.sin(np.pi * through))]
    return (np.concatenate(parts)[: round(seconds * RATE)] * 0.4 * 32767).astype(np.int16)


def _through_formants(voice: np.ndarray, formants: tuple[int, int, int]) -> np.ndarray:
    """Three resonances one after the other, of 80, 100 and 140 Hz width."""
    size = 2 ** (len(voice) + 4000).bit_length()
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    spectrum = np.fft.rfft(voice, size)
    for hertz, width in zip(formants, (80, 100, 140), strict=True):
        decay, turn = np.exp(-np.pi * width / RATE), 2 * np.cos(2 * np.pi * hertz / RATE)
        spectrum *= (1 - decay * turn + decay**2) / (1 - decay * turn * delay + (decay * delay) ** 2)
    return np.fft.irfft(spectrum, size)[: len(voice)]


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, len(samples) // channels, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def ffmpeg(*arguments: str | Path) -> None:
    command = [find_ffmpeg().path, "-y", "-nostdin", "-loglevel", "error", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=120)


def make_mp4(path: Path, seconds: float, seed: int = 1) -> Path:
    """AAC, 44.1 kHz, stereo, in mp4: what a video site serves."""
    wav = write_wav(path.with_suffix(".source.wav"), speech_like(seconds, seed=seed))
    ffmpeg("-i", wav, "-ar", "44100", "-ac", "2", "-c:a", "aac", path)
    wav.unlink()
    return path


def wait_until(predicate: Callable[[], bool], timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.002)


def make_workspace(folder: Path) -> Workspace:
    return workspaces.create(folder)


def copied(workspace: Workspace, to: Path) -> Workspace:
    """A workspace of its own for a test, from one that was made once for a whole file."""
    shutil.copytree(workspace.root, to)
    return workspaces.open_workspace(to)


def make_job(workspace: Workspace, stage: str, **params: Any) -> Job:
    folder = workspace.jobs / f"{time.time_ns()}-{stage}"
    folder.mkdir(parents=True)
    spec = JobSpec(secrets.token_hex(4), stage, 0, params)
    return Job(spec, folder, workspace)


def events(job: Job, *kinds: type[E]) -> list[E]:
    return [entry.event for entry in EventReader(job.dir / EVENTS).all() if isinstance(entry.event, kinds)]


def logged(job: Job) -> str:
    return "\n".join(line.text for line in events(job, LogLine))


def fetched(workspace: Workspace, id: str, seconds: float, seed: int = 1) -> Path:
    """A video with its media file, as `fetch` leaves it."""
    media = make_mp4(workspace.media / f"{id}.mp4", seconds, seed)
    with Store(workspace.db_path) as store:
        video = Video(id, title=f"Talk {id}", channel="A channel", licence="cc-by", url=f"https://example.org/{id}")
        store.videos.add(video)
        store.videos.update(id, state="fetched", path=workspace.relative(media), bytes=media.stat().st_size)
    return media


def with_segments(workspace: Workspace, video: str, count: int, texts: dict[int, str] | None = None) -> list[str]:
    """Segments of 10 s every 8 s with short audio on disk; the numbers in `texts` get human, accepted text."""
    with Store(workspace.db_path) as store:
        store.videos.add(Video(video, title=f"Talk {video}", licence="own", state="fetched"))
        rows = []
        for number in range(count):
            start, end = number * 8000, number * 8000 + 10_000
            id = segment_id(video, start, end)
            path = write_wav(workspace.segments / video / f"{id}.wav", speech_like(0.5, seed=zlib.crc32(id.encode())))
            rows.append(Segment(id, video, start, end, workspace.relative(path), -20.0, 0.6))
        store.segments.add(rows)
        for number, text in (texts or {}).items():
            store.transcripts.save(rows[number].id, text)
    return [row.id for row in rows]


_watched: list[list[str]] = []


def _note_open(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _watched and str(arguments[0]).endswith(".wav"):
        _watched[-1].append(Path(str(arguments[0])).stem)


sys.addaudithook(_note_open)


@contextmanager
def opened_wavs() -> Iterator[list[str]]:
    """The stems of the wav files that this process opens meanwhile."""
    _watched.append([])
    try:
        yield _watched[-1]
    finally:
        _watched.pop()
