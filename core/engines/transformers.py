"""Hugging Face transformers as an engine: in the precision that the device computes best, or as a model is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from core.engines.batches import HalvingBatches, OutOfMemory
from core.engines.decoding import decode, search
from core.engines.engine import Clip, EngineInfo, EngineOptions, Hypothesis, PcmWindow
from core.engines.hearing import WindowText, hear, hear_as_clips
from core.engines.prompt import START, much_fuller, prompt_text
from core.timed_text import TimedText
from core.whisper.encoder_cache import EncoderCache
from core.whisper.features import heard_mel
from core.whisper.loading import LoadedModel, free_memory, load

Result = TypeVar("Result")


class TransformersEngine:
    """`core.engines.engine.Engine` for a model that is loaded, also one that is just being trained. Clips are decoded
    greedily, whatever the options say."""

    def __init__(self, loaded: LoadedModel, options: EngineOptions, cache: EncoderCache | None = None) -> None:
        """cache: of what this model's encoder makes of clips, where many hearings of the same ones are to come."""
        self._loaded = loaded
        self._cache = cache
        self._options = options
        batch = options.at_once(loaded.info.shape, free_memory(loaded.device))
        self._batches = HalvingBatches(batch, loaded.info.id, options.warn)
        self._prompt = _prompt_of(loaded, options)

    @property
    def info(self) -> EngineInfo:
        loaded = self._loaded
        return EngineInfo(
            name="transformers",
            model=loaded.info.id,
            device=loaded.device,
            precision=loaded.precision,
            window_s=loaded.info.window_s,
            clips_only=loaded.info.clips_only,
        )

    def hypotheses(self, clips: Iterable[Clip]) -> Iterator[list[tuple[Clip, Hypothesis]]]:
        return self._batches.run(clips, self._decode)

    def hear(self, windows: Iterable[PcmWindow]) -> Iterator[list[tuple[PcmWindow, TimedText]]]:
        if self._loaded.info.clips_only:
            return self._batches.run(windows, lambda batch: hear_as_clips(batch, self._decode))
        prompted = partial(self._search, prompt=self._prompt) if self._prompt else None
        return self._batches.run(windows, lambda batch: hear(batch, self._search, prompted))

    def _decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        options, cache = self._options, self._cache
        sounds, names = [clip.samples for clip in clips], [clip.id for clip in clips]
        if cache is not None:
            features = np.stack([cache.states(*one) for one in zip(sounds, names, strict=True)])
        else:
            features = self._mel(sounds, names)
        seconds = [clip.seconds for clip in clips]

        def work(indices: Sequence[int], prompt: Sequence[int]) -> list[Hypothesis]:
            chosen = [seconds[index] for index in indices]
            return self._in_memory(
                lambda: decode(
                    self._loaded,
                    features[list(indices)],
                    chosen,
                    language=options.language,
                    prompt=prompt,
                    encoded=cache is not None,
                    check=options.check,
                )
            )

        found = work(range(len(clips)), self._prompt)
        return much_fuller(found, seconds, lambda thin: work(thin, ())) if self._prompt else found

    def _search(self, windows: Sequence[PcmWindow], no_repeat: int, prompt: Sequence[int] = ()) -> list[WindowText]:
        options = self._options
        features = self._mel([one.samples for one in windows], [one.name for one in windows])
        return self._in_memory(
            lambda: search(
                self._loaded,
                features,
                [one.seconds for one in windows],
                language=options.language,
                beam=options.beam,
                heads=self._loaded.info.alignment_heads,
                no_repeat=no_repeat,
                prompt=prompt,
                check=options.check,
            )
        )

    def _mel(self, audio: list[np.ndarray], names: list[str]) -> np.ndarray:
        return heard_mel(self._loaded.extractor, audio, names, self._loaded.device)

    def _in_memory(self, work: Callable[[], list[Result]]) -> list[Result]:
        """What `work` gives; OutOfMemory where the device's is too small for it."""
        self._options.check()
        try:
            return work()
        except torch.OutOfMemoryError as error:
            said = str(error)
        # Only here the failed batch is let go of: the error held its frames, and they its tensors.
        torch.cuda.empty_cache()
        raise OutOfMemory(said)


def _prompt_of(loaded: LoadedModel, options: EngineOptions) -> list[int]:
    """The tokens before <|startoftranscript|>; none for a model that has no token to begin them with."""
    tokenizer = loaded.tokenizer
    start = tokenizer.get_vocab().get(START)
    if start is None or not options.prompt:
        return []

    def tokens(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False)

    text = prompt_text(options.prompt, tokens, loaded.model.config.max_target_positions, options.warn)
    return [start, *tokens(text)] if text else []


def open_transformers(model: str, options: EngineOptions, root: Path | None = None) -> TransformersEngine:
    """Load a model in the precision its device computes best. UserError as `core.whisper.loading.load`."""
    return TransformersEngine(load(model, dtype="auto", root=root), options)
