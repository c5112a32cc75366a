"""What a model hears of rows it has not learnt from: each by itself, and in the recording as labelling hears it.

Whole recordings are heard from four places: where the windows begin moves one figure by up to five points.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.labels import traditional
from benchmarks.window_trials.bundle import PLACES_S
from core.engines import Clip, Engine, EngineOptions, PcmWindow, open_engine
from core.engines.choice import choose_engine
from core.engines.transformers import TransformersEngine
from core.engines.windows import windows_of
from core.media import RATE, stream_pcm
from core.spans import Span
from core.text import corpus_cer
from core.timed_text import shares
from core.whisper.features import as_float
from core.whisper.loading import load

LANGUAGE, BATCH, BEAM = "zh", 8, 5

Texts = dict[Span, str]


class SilentPadding(TransformersEngine):
    """As transformers' own feature extractor fills a clip up to 30 s, with perfect silence: so clips were asked when
    the bounds on them were set."""

    def _mel(self, audio: list[np.ndarray], names: list[str]) -> np.ndarray:
        extractor = self._loaded.extractor
        sounds = [as_float(one) for one in audio]
        return extractor(sounds, sampling_rate=extractor.sampling_rate, return_tensors="np").input_features


@dataclass(frozen=True)
class Recording:
    """samples: int16 mono at RATE. texts: what a person wrote for each of its segments."""

    samples: np.ndarray
    texts: Texts

    @classmethod
    def read(cls, path: Path, texts: Texts) -> Recording:
        return cls(np.concatenate(list(stream_pcm(path))), texts)

    def clip(self, span: Span) -> np.ndarray:
        return self.samples[span.start_ms * RATE // 1000 : span.end_ms * RATE // 1000]

    def windows(self, engine: Engine, place_s: float) -> Iterator[PcmWindow]:
        """Those that an engine hears it in, where one begins at a place; what lies before it is parted by itself."""
        at = round(place_s * RATE)
        for begin, part in ((0, self.samples[:at]), (at, self.samples[at:])):
            blocks = (part[first : first + RATE] for first in range(0, len(part), RATE))
            for one in windows_of(blocks, engine.info):
                yield PcmWindow(one.start + begin, one.samples, one.left_out, one.speech)

    def cer(self, heard: Texts) -> float:
        """In percent, text to Traditional as people here write it."""
        convert = traditional()
        rate = corpus_cer((self.texts[span], convert(text)) for span, text in heard.items())
        return 100 * (rate or 0.0)


def by_clips(model: Path, recording: Recording, spans: Sequence[Span], *, silence: bool = False) -> float:
    """CER in percent, greedily, by transformers as evaluations are. silence: as `SilentPadding`."""
    engine = (SilentPadding if silence else TransformersEngine)(
        load(str(model), dtype="auto"), EngineOptions(LANGUAGE, BATCH)
    )
    clips = (Clip(str(number), recording.clip(span)) for number, span in enumerate(spans))
    texts = [one.text for batch in engine.hypotheses(clips) for _, one in batch]
    return recording.cer(dict(zip(spans, texts, strict=True)))


def by_recordings(
    model: Path, recording: Recording, spans: Sequence[Span], beam: int, places: Iterable[float] = PLACES_S
) -> list[float]:
    """CER in percent from each place, by the engine that labelling takes."""
    options = EngineOptions(LANGUAGE, BATCH, beam=beam)
    engine = open_engine(str(model), options, engine=choose_engine(str(model)).name)
    found = []
    for place in places:
        windows = [one for one in recording.windows(engine, place) if _over(one, spans)]
        heard = [text for batch in engine.hear(windows) for _, text in batch]
        texts = [share.text for share in shares(heard, spans)]
        found.append(recording.cer(dict(zip(spans, texts, strict=True))))
    return found


def _over(window: PcmWindow, spans: Iterable[Span]) -> bool:
    return any(window.start_ms < span.end_ms and span.start_ms < window.end_ms for span in spans)


@dataclass(frozen=True)
class Heard:
    """CER in percent. clips: of segments by themselves, greedily, as they are asked now; greedy, beam: of whole
    recordings, the mean over the places where their windows may begin."""

    clips: float
    greedy: float
    beam: float

    @classmethod
    def of(cls, model: Path, recording: Recording, spans: Sequence[Span]) -> Heard:
        whole = {beam: statistics.mean(by_recordings(model, recording, spans, beam)) for beam in (1, BEAM)}
        return cls(round(by_clips(model, recording, spans), 2), round(whole[1], 2), round(whole[BEAM], 2))
