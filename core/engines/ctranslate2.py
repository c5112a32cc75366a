"""CTranslate2 as an engine, through faster-whisper: int8 on a CPU, half precision on a GPU."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import ctranslate2
import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import Segment

from core.cores import model_threads
from core.engines.batches import HalvingBatches, OutOfMemory, side_by_side
from core.engines.engine import Clip, EngineInfo, EngineOptions, Hypothesis, PcmWindow
from core.engines.hearing import WindowText, hear, hear_as_clips
from core.engines.loops import NO_REPEAT, without_loops
from core.engines.prompt import START, much_fuller, prompt_text
from core.engines.words import joined
from core.errors import UserError
from core.media import RATE
from core.review.suspicion import flags_of
from core.text import compression_ratio
from core.timed_text import TimedText
from core.whisper.conversion import converted
from core.whisper.features import as_float, check_lengths
from core.whisper.info import RECORDING_WINDOW_S, ModelInfo, describe, unknown_language

Item = TypeVar("Item")
Result = TypeVar("Result")

ANY_SCRIPT = "zh"
"""Where the model tells the language of each window, its text is parted as Chinese is, at every character that a token
ends with; `core.engines.words.joined` puts the words of other scripts together again."""

WORKERS = 4
"""Batches that a CPU works on at once, as far as it has cores: the search does little at a time for each thread."""


class CTranslate2Engine:
    """`core.engines.engine.Engine` for a converted model. It asks `check` between two batches, not within one."""

    def __init__(
        self, model: WhisperModel, info: ModelInfo, precision: str, workers: int, options: EngineOptions
    ) -> None:
        self._model = model
        self._info = info
        self._precision = precision
        self._options = options
        self._workers = workers
        batch = options.at_once(info.shape, _free_memory() if model.model.device == "cuda" else None)
        self._batches = HalvingBatches(batch, info.id, options.warn)
        self._prompt = _prompt_of(model, options)

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(
            name="ctranslate2",
            model=self._info.id,
            device=self._model.model.device,
            precision=self._precision,
            window_s=self._info.window_s,
            clips_only=self._info.clips_only,
        )

    def hypotheses(self, clips: Iterable[Clip]) -> Iterator[list[tuple[Clip, Hypothesis]]]:
        return self._run(clips, self._decode)

    def hear(self, windows: Iterable[PcmWindow]) -> Iterator[list[tuple[PcmWindow, TimedText]]]:
        if self._info.clips_only:
            return self._run(windows, lambda batch: hear_as_clips(batch, self._decode))
        prompted = partial(self._search, prompt=self._prompt) if self._prompt else None
        return self._run(windows, lambda batch: hear(batch, self._search, prompted))

    def _run(
        self, items: Iterable[Item], work: Callable[[list[Item]], list[Result]]
    ) -> Iterator[list[tuple[Item, Result]]]:
        """A GPU has one batch after the other; a CPU's workers each have their part of one, and all that follows from
        it: what must be searched once more keeps none of the others waiting."""
        if self._workers == 1:
            return self._batches.run(items, work)
        return side_by_side(items, work, max(1, self._batches.size // self._workers), self._workers)

    def _decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        def search(indices: Sequence[int], no_repeat: int, prompt: str = "") -> list[Hypothesis]:
            chosen = [clips[index] for index in indices]
            segments = self._transcribe([clip.samples for clip in chosen], no_repeat, prompt, word_timestamps=False)
            return [_hypothesis(segment, clip.seconds) for segment, clip in zip(segments, chosen, strict=True)]

        check_lengths([clip.samples for clip in clips], self._window, [clip.id for clip in clips])
        found = search(range(len(clips)), 0, self._prompt)
        if self._prompt:
            found = much_fuller(found, [clip.seconds for clip in clips], lambda thin: search(thin, 0))
        return without_loops(found, lambda loops: search(loops, NO_REPEAT))

    def _search(self, windows: Sequence[PcmWindow], no_repeat: int, prompt: str = "") -> list[WindowText]:
        check_lengths([window.samples for window in windows], self._window, [window.name for window in windows])
        segments = self._transcribe([window.samples for window in windows], no_repeat, prompt, word_timestamps=True)
        return [_window_text(segment) for segment in segments]

    @property
    def _window(self) -> int:
        return round(self._info.window_s * RATE)

    def _transcribe(
        self, sounds: Sequence[np.ndarray], no_repeat: int, prompt: str, *, word_timestamps: bool
    ) -> list[Segment]:
        """One segment for each sound, whose times begin with it."""
        self._options.check()
        language = self._options.language
        # One sound beside the other, each in a place of its own as long as the window: what faster-whisper calls clips.
        audio = np.zeros(len(sounds) * self._window, np.float32)
        for number, sound in enumerate(sounds):
            audio[number * self._window :][: len(sound)] = as_float(sound)[: self._window]
        starts = [number * self._info.window_s for number in range(len(sounds))]
        try:
            segments, _ = BatchedInferencePipeline(self._model).transcribe(
                audio,
                language=ANY_SCRIPT if language == "auto" else language,
                multilingual=language == "auto",
                beam_size=self._options.beam,
                no_repeat_ngram_size=no_repeat,
                initial_prompt=prompt or None,
                word_timestamps=word_timestamps,
                batch_size=len(sounds),
                clip_timestamps=[
                    {"start": start, "end": start + min(len(sound), self._window) / RATE}
                    for start, sound in zip(starts, sounds, strict=True)
                ],
            )
            found = list(segments)
        except RuntimeError as error:
            if "out of memory" in str(error):
                raise OutOfMemory(str(error)) from error
            raise
        for segment, start in zip(found, starts, strict=True):
            for word in segment.words or []:
                word.start, word.end = max(0.0, word.start - start), max(0.0, word.end - start)
        return found


class _CpuWhisper(WhisperModel):
    """Encodes and aligns one sound after the other, to the bit what comes of them together, in a sixth less of a CPU's
    time: the attention between all positions of several sounds is more than the caches hold."""

    def encode(self, features: np.ndarray) -> ctranslate2.StorageView:
        sounds = features if features.ndim == 3 else features[None]
        encoded = [np.asarray(WhisperModel.encode(self, sound)) for sound in sounds]
        return ctranslate2.StorageView.from_array(np.concatenate(encoded))

    def find_alignment(
        self,
        tokenizer: Tokenizer,
        text_tokens: Any,
        encoder_output: ctranslate2.StorageView,
        num_frames: Any,
        median_filter_width: int = 7,
    ) -> Any:
        """text_tokens, num_frames: of each sound; faster-whisper's own annotations tell of one."""
        encoded = [ctranslate2.StorageView.from_array(one[None]) for one in np.asarray(encoder_output)]
        one_by_one = [
            WhisperModel.find_alignment(self, tokenizer, [tokens], one, [frames], median_filter_width)  # type: ignore
            for tokens, one, frames in zip(text_tokens, encoded, num_frames, strict=True)
        ]
        return [words for found in one_by_one for words in found]


def open_ctranslate2(model: str, options: EngineOptions, root: Path | None = None) -> CTranslate2Engine:
    """Load a model, converting it the first time: on the GPU if CTranslate2 can use it, else on the CPU.

    UserError as `core.whisper.info.describe` and `core.whisper.conversion.converted`, for a language that the model
    does not know, and for a window that faster-whisper does not: it fills every sound up to 30 s.
    """
    info = describe(model, root)
    if info.window_s != RECORDING_WINDOW_S:
        raise UserError(
            f"{info.id} does not run on ctranslate2",
            f"its window is {info.window_s:g} s, and faster-whisper knows {RECORDING_WINDOW_S} s only",
            "--engine transformers",
        )
    if info.languages and options.language not in ("auto", *info.languages):
        raise unknown_language(info.id, options.language, info.languages)
    folder = str(converted(info, options.check))
    if ctranslate2.get_cuda_device_count():
        try:
            return CTranslate2Engine(_on_gpu(folder, info), info, "fp16", 1, options)
        except RuntimeError as error:
            options.warn(f"ctranslate2 cannot use the GPU and takes the CPU: {' '.join(str(error).split())}")
    cores = model_threads()
    workers = min(cores, WORKERS)
    loaded = _CpuWhisper(folder, device="cpu", compute_type="int8", cpu_threads=cores // workers, num_workers=workers)
    return CTranslate2Engine(loaded, info, "int8", workers, options)


def _prompt_of(model: WhisperModel, options: EngineOptions) -> str:
    """What stands before every text; "" for a model that has no token to begin it with."""
    tokenizer = model.hf_tokenizer
    if tokenizer.token_to_id(START) is None:
        return ""

    def tokens(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    return prompt_text(options.prompt, tokens, model.max_length, options.warn)


def _on_gpu(folder: str, info: ModelInfo) -> WhisperModel:
    """RuntimeError if the libraries that CTranslate2 loads by their names are not there, or not of its version."""
    # Importing torch loads the CUDA libraries that its wheel brings; CTranslate2's brings none.
    importlib.import_module("torch")
    model = WhisperModel(folder, device="cuda", compute_type="float16")
    model.encode(np.zeros((info.mel_bins, model.feature_extractor.nb_max_frames), np.float32))
    return model


def _free_memory() -> int | None:
    torch = importlib.import_module("torch")
    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None


def _hypothesis(segment: Segment, seconds: float) -> Hypothesis:
    text = segment.text.strip()
    return Hypothesis(
        text=text,
        tokens=tuple(segment.tokens),
        avg_logprob=round(segment.avg_logprob, 5),
        no_speech_prob=round(segment.no_speech_prob, 5),
        compression_ratio=round(compression_ratio(text), 3),
        flags=flags_of(text, seconds),
    )


def _window_text(segment: Segment) -> WindowText:
    words = joined((word.start, word.end, word.word, word.probability) for word in segment.words or [])
    return WindowText(words, round(segment.avg_logprob, 5), round(segment.no_speech_prob, 5))
