"""The first engine: Hugging Face transformers, greedy, window by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from core.engines.batches import HalvingBatches, OutOfMemory
from core.engines.decoding import decode
from core.engines.engine import Clip, EngineInfo, EngineOptions, Hypothesis, PcmWindow
from core.timed_text import TimedText
from core.whisper.features import log_mel
from core.whisper.loading import LoadedModel, load


class TransformersEngine:
    """`core.engines.engine.Engine` for a model that is loaded, also one that is just being trained.

    The text of a recording's window is one piece, whose times are the window's.
    """

    def __init__(self, loaded: LoadedModel, options: EngineOptions) -> None:
        self._loaded = loaded
        self._options = options
        self._batches = HalvingBatches(options.batch, loaded.info.id, options.warn)

    @property
    def info(self) -> EngineInfo:
        loaded = self._loaded
        return EngineInfo(
            name="transformers",
            model=loaded.info.id,
            device=loaded.device,
            precision=loaded.precision,
            window_s=loaded.info.window_s,
            clips_only="this engine gives words no times",
        )

    def hypotheses(self, clips: Iterable[Clip]) -> Iterator[list[tuple[Clip, Hypothesis]]]:
        return self._batches.run(clips, self._decode)

    def hear(self, windows: Iterable[PcmWindow]) -> Iterator[list[tuple[PcmWindow, TimedText]]]:
        for batch in self._batches.run(windows, self._decode_windows):
            yield [(window, _timed(window, hypothesis)) for window, hypothesis in batch]

    def _decode_windows(self, windows: list[PcmWindow]) -> list[Hypothesis]:
        return self._decode([Clip(f"the window at {one.start_ms / 1000:g} s", one.samples) for one in windows])

    def _decode(self, clips: list[Clip]) -> list[Hypothesis]:
        features = log_mel(self._loaded.extractor, [clip.samples for clip in clips], [clip.id for clip in clips])
        seconds = [clip.seconds for clip in clips]
        options = self._options
        options.check()
        try:
            return decode(self._loaded, features, seconds, language=options.language, check=options.check)
        except torch.OutOfMemoryError as error:
            said = str(error)
        # Only here the failed batch is let go of: the error held its frames, and they its tensors.
        torch.cuda.empty_cache()
        raise OutOfMemory(said)


def open_transformers(model: str, options: EngineOptions, root: Path | None = None) -> TransformersEngine:
    """Load a model in the precision its device computes best. UserError as `core.whisper.loading.load`."""
    return TransformersEngine(load(model, dtype="auto", root=root), options)


def _timed(window: PcmWindow, hypothesis: Hypothesis) -> TimedText:
    text = " ".join(hypothesis.text.split())
    return TimedText(
        start_ms=window.start_ms,
        end_ms=window.end_ms,
        text=text,
        avg_logprob=hypothesis.avg_logprob,
        no_speech_prob=hypothesis.no_speech_prob,
        words=(),
        flags=hypothesis.flags,
    )
