"""Training examples: windows turned into the model's input and labels when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.errors import UserError
from core.media import RATE
from core.store import Segment
from core.training.windows import Augmentation, Row, Taught, TrainingWindow, WavPart, WindowTokens, single
from core.training.windows.augment import sped
from core.training.windows.labels import IGNORED
from core.whisper.features import read_segment
from core.whisper.loading import LoadedModel
from core.whisper.tokens import end_tokens, language_token, language_tokens, prompt_tokens

UNCHANGED = Augmentation()
HOP = 160
"""Samples of one frame of log-mel."""


def rows_of(segments: Iterable[Segment], absolute: Callable[[str], Path], unreviewed_weight: float = 1.0) -> list[Row]:
    """absolute: from a path as the store keeps it to where the file is. unreviewed_weight: of texts that no person has
    accepted; of others it is 1."""
    return [
        Row(
            one.id,
            absolute(one.path),
            one.text.strip(),
            one.video,
            one.start_ms,
            one.end_ms,
            1.0 if one.review == "accepted" else unreviewed_weight,
        )
        for one in segments
    ]


@dataclass(frozen=True)
class Example:
    """A window with what its model is taught of it."""

    window: TrainingWindow
    taught: Taught

    @property
    def labels(self) -> tuple[int, ...]:
        """What is to come out of the decoder, place by place."""
        return self.taught.targets


def examples(
    loaded: LoadedModel, rows: Sequence[Row], language: str, limit: int
) -> tuple[list[Example], list[tuple[str, UserError]]]:
    """Each row by itself, as `examples_of`."""
    return examples_of(window_tokens(loaded, language), single(rows), limit)


def examples_of(
    tokens: WindowTokens, windows: Iterable[TrainingWindow], limit: int
) -> tuple[list[Example], list[tuple[str, UserError]]]:
    """(examples, rejected). A window of several rows with more than `limit` labels, or of one whose times are too many,
    is parted into its rows, without times; a row with more is rejected, each segment once, with its reason."""
    good: list[Example] = []
    rejected: dict[str, UserError] = {}
    for window in windows:
        taught = tokens.taught(window)
        if len(taught.targets) <= limit:
            good.append(Example(window, taught))
        elif len(window.rows) > 1 or window.timestamps:
            kept, refused = examples_of(tokens, single(window.rows), limit)
            good += kept
            rejected |= dict(refused)
        else:
            name, many = window.name, len(taught.targets)
            why = f"it has {many} tokens, the model's decoder holds {limit}; so long a text is usually a loop"
            rejected[name] = UserError(f"the text of {name} is too long", why, "shorten or reject it")
    return good, list(rejected.items())


def window_tokens(loaded: LoadedModel, language: str) -> WindowTokens:
    """How a model is taught a language. UserError for "auto", and for one that it does not know."""
    if not language_tokens(loaded):
        spoken = None
    elif not language or language == "auto":
        raise UserError(
            "training needs to know the language",
            'language is "auto" in whispersmith.toml, and the model is taught with a language token',
            'set language = "zh" under [project] in whispersmith.toml',
        )
    else:
        spoken = language_token(loaded, language)
    silent = getattr(loaded.model.generation_config, "no_timestamps_token_id", None)
    return WindowTokens(
        start=loaded.model.config.decoder_start_token_id,
        prompt=tuple(token for token in prompt_tokens(loaded, spoken) if token != silent),
        silent=silent,
        end=end_tokens(loaded)[0],
        encode=cache(lambda text: loaded.tokenizer(text, add_special_tokens=False).input_ids if text else []),
        begins=cache(lambda text: _begins(loaded, text)),
    )


def _begins(loaded: LoadedModel, text: str) -> list[int]:
    encoded = loaded.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return [begin for begin, _ in encoded.offset_mapping]


def read_audio(spans: Sequence[WavPart]) -> np.ndarray:
    """The samples of a window, int16 mono (n,). UserError as `read_segment`."""
    parts = []
    for span in spans:
        samples = read_segment(span.path)
        end = None if span.end_ms is None else span.end_ms * RATE // 1000
        parts.append(samples[span.start_ms * RATE // 1000 : end])
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class SegmentDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """A map-style dataset: inputs are computed from the wavs on the fly, none is ever on disk.

    An item is {input_name: float32 array, for log-mel (mel bins, frames); "decoder_input_ids", "labels": lists of ids;
    "label_weights": what each label counts in the loss}.
    tokens, augmentation: given where windows are heard in other ways than they were recorded; each draws from `seed`
    and its place. keep: inputs stay in memory once they have been computed, but for augmented sound.
    """

    def __init__(
        self,
        data: Sequence[Example],
        input_name: str,
        inputs: Callable[[np.ndarray, str], np.ndarray],
        *,
        keep: bool,
        tokens: WindowTokens | None = None,
        augmentation: Augmentation = UNCHANGED,
        window_s: float = 30.0,
        seed: int = 0,
    ) -> None:
        self._data = data
        self._name, self._inputs = input_name, inputs
        self._keep = keep and not augmentation.changes_sound
        self._kept: dict[tuple[WavPart, ...], np.ndarray] = {}
        self._tokens, self._augmentation = tokens, augmentation
        self._window = round(window_s * RATE)
        self._seed = seed

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> dict[str, Any]:
        example = self._data[index]
        found, taught = self._heard(example, index)
        return {
            self._name: found,
            "decoder_input_ids": list(taught.inputs),
            "labels": list(taught.targets),
            "label_weights": list(taught.weights),
        }

    def _heard(self, example: Example, index: int) -> tuple[np.ndarray, Taught]:
        window, change, factor = example.window, self._augmentation, 1.0
        chance = np.random.default_rng([self._seed, index])
        if change.changes_sound:
            samples = read_audio(window.audio)
            factor = change.factor(chance, len(samples), self._window)
            samples = change.sound(samples, factor, chance)
            found, taught = self._inputs(samples, window.name), example.taught
            if self._tokens is not None and window.timestamps:
                taught = self._tokens.taught(replace(window, said=sped(window.said, factor)))
        else:
            found, taught = self._recorded(window), example.taught
        if not change.masks:
            return found, taught
        frames = round(window.length_ms / 1000 / factor * RATE / HOP)
        return change.masked(found, min(found.shape[-1], frames), chance), taught

    def _recorded(self, window: TrainingWindow) -> np.ndarray:
        found = self._kept.get(window.audio)
        if found is None:
            found = self._inputs(read_audio(window.audio), window.name)
            if self._keep:
                self._kept[window.audio] = found
        return found


@dataclass(frozen=True)
class Collator:
    """Stack inputs and pad what goes into the decoder and what is to come out of it. pad: the model's padding token;
    nothing that counts sees it, as a place of the decoder sees those before it."""

    pad: int

    def __call__(self, items: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Items of SegmentDataset to a batch: the input (batch, ...); decoder_input_ids, labels and label_weights, all
        three (batch, longest row)."""
        longest = max(len(item["labels"]) for item in items)

        def padded(name: str, filler: float) -> torch.Tensor:
            return torch.tensor([item[name] + [filler] * (longest - len(item[name])) for item in items])

        names = [name for name in items[0] if name not in ("labels", "label_weights", "decoder_input_ids")]
        return {
            **{name: torch.from_numpy(np.stack([item[name] for item in items])) for name in names},
            "decoder_input_ids": padded("decoder_input_ids", self.pad),
            "labels": padded("labels", IGNORED),
            "label_weights": padded("label_weights", 0.0),
        }
