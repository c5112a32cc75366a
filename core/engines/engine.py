"""Who writes text from sound: the protocol that callers know, and the data that goes in and comes out.

An engine is a library with one model loaded. All audio is mono at `core.media.RATE` (16 kHz), int16 or float in -1..1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from core.jobs import Job
from core.media import RATE
from core.spans import Span
from core.timed_text import TimedText
from core.whisper.decoding_memory import batch_to_label
from core.whisper.shape import Shape


@dataclass(frozen=True)
class EngineInfo:
    """name: of the library. model: what the person calls it. device: "cpu" or "cuda"; precision: "fp32", "fp16",
    "bf16" or "int8". window_s: how much audio the model sees at once, the most a clip or window may last. clips_only:
    why the model cannot hear whole recordings, as a sentence; "" where it can. A model that cannot still writes the
    text of any window, but its words have no times of their own."""

    name: str
    model: str
    device: str
    precision: str
    window_s: float
    clips_only: str = ""


@dataclass(frozen=True)
class EngineOptions:
    """language: Whisper's code, or "auto" to let the model tell for each clip or window. batch: how many are decoded
    at once, as far as memory allows; 0 for as many as it does (`core.whisper.decoding_memory`). beam: how many
    hypotheses the search keeps, 1 for greedy; transformers decodes clips greedily, as figures of training are. prompt:
    words that the decoder is told beforehand, as far as there is room (`core.engines.prompt`); evaluations give none.
    check: called between two tokens or, by an engine that cannot, between two batches, from any thread; raise there to
    break off (`job.check`). warn: told in a sentence what a person should know, such as a batch that had to be made
    smaller."""

    language: str
    batch: int
    beam: int = 5
    prompt: tuple[str, ...] = ()
    check: Callable[[], object] = field(default=lambda: None)
    warn: Callable[[str], object] = field(default=lambda text: None)

    def at_once(self, shape: Shape, free: int | None) -> int:
        """Clips or windows of a batch. free: bytes on the GPU beside the loaded model, None without a GPU."""
        return self.batch or batch_to_label(shape, self.beam, free)

    @classmethod
    def for_job(cls, job: Job, language: str, batch: int) -> EngineOptions:
        """Decoding that ends where the job is cancelled and warns in its log."""
        return cls(language, batch, check=job.check, warn=lambda text: job.log(text, "warning"))


@dataclass(frozen=True)
class Clip:
    """A stretch of sound that is decoded by itself, at most one window long. id: what it is called in an error."""

    id: str
    samples: np.ndarray

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


@dataclass(frozen=True)
class PcmWindow:
    """A stretch of a recording that is decoded at once, with or without its long pauses.

    start: its first sample, counted from the beginning of the recording. samples: mono at 16 kHz. left_out: pauses
    that are not among the samples, as (behind how many of the samples, how many of the recording's), in order. speech:
    for each `core.media.speech.FRAME` of the samples how likely somebody speaks; empty where nobody has looked.
    """

    start: int
    samples: np.ndarray
    left_out: tuple[tuple[int, int], ...] = ()
    speech: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    @property
    def name(self) -> str:
        """What it is called in an error."""
        return f"the window at {self.start_ms / 1000:g} s"

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE

    @property
    def start_ms(self) -> int:
        return self.start * 1000 // RATE

    @property
    def end_ms(self) -> int:
        left_out = sum(count for _, count in self.left_out)
        return (self.start + len(self.samples) + left_out) * 1000 // RATE

    def span(self, start_s: float, end_s: float) -> Span:
        """Where in the recording a stretch of the samples lies; of one with a pause left out in it, the longer part."""
        begin, end = (min(round(at * RATE), len(self.samples)) for at in (start_s, end_s))
        parts, first, offset = [], 0, self.start
        for at, left_out in (*self.left_out, (len(self.samples), 0)):
            parts.append((max(begin, first) + offset, min(end, at) + offset))
            first, offset = at, offset + left_out
        first, last = max(parts, key=lambda part: part[1] - part[0])
        return Span(first * 1000 // RATE, last * 1000 // RATE)


@dataclass(frozen=True)
class Hypothesis:
    """What a model wrote for a clip. tokens: without prompt and end; avg_logprob: mean natural log-probability of the
    tokens and the end; no_speech_prob: 0-1 from the first step; compression_ratio: zlib over the text; flags: see
    `core.review.suspicion`."""

    text: str
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    flags: tuple[str, ...] = ()


class Engine(Protocol):
    """A loaded model. Both methods work as they are read from, so that memory stays flat for any length, and raise
    whatever `check` raises, and UserError for a clip or window longer than the model's, an unknown language, or a
    device whose memory does not hold a single one."""

    @property
    def info(self) -> EngineInfo: ...

    def hypotheses(self, clips: Iterable[Clip]) -> Iterator[list[tuple[Clip, Hypothesis]]]:
        """The clips with what was heard in each, in their order, batch by batch as they are decoded."""
        ...

    def hear(self, windows: Iterable[PcmWindow]) -> Iterator[list[tuple[PcmWindow, TimedText]]]:
        """Windows of a recording, as `core.engines.windows.windows_of` cuts them, with what is said in each: in their
        order, batch by batch as they are decoded. Windows that were heard before can be left out: none depends on
        another."""
        ...
