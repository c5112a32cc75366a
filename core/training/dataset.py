"""Training examples: a wav and its text, turned into log-mel and labels when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.engines.decoding import language_token
from core.errors import UserError
from core.whisper.features import log_mel, read_segment
from core.whisper.loading import LoadedModel

IGNORED = -100  # torch's cross entropy leaves these positions out
CACHE_BYTES = 1_000_000_000
"""Features are kept in memory while they fit: the second epoch then costs no feature extraction."""


@dataclass(frozen=True)
class Row:
    """One accepted segment: its id, its 16 kHz wav and its text."""

    segment: str
    path: Path
    text: str


@dataclass(frozen=True)
class Example:
    """A row with its labels: prompt without <|startoftranscript|>, text tokens, end token."""

    row: Row
    labels: tuple[int, ...]


def examples(
    loaded: LoadedModel, rows: Sequence[Row], language: str
) -> tuple[list[Example], list[tuple[str, UserError]]]:
    """(examples, rejected): rows whose labels do not fit the decoder are rejected, each with its segment and reason.

    Labels are built from ids, not by the tokenizer's own prefix, so that the start token is in none of them: the
    model puts it in front itself, and would otherwise see it twice.
    """
    tokenizer, limit = loaded.tokenizer, loaded.info.max_target_positions
    prompt = label_prompt(loaded, language)
    end = loaded.model.config.eos_token_id
    good: list[Example] = []
    rejected: list[tuple[str, UserError]] = []
    for row in rows:
        tokens = tokenizer(row.text, add_special_tokens=False).input_ids
        labels = (*prompt, *tokens, end[0] if isinstance(end, list) else end)
        if len(labels) > limit:
            why = f"it has {len(labels)} tokens, the model's decoder holds {limit}; so long a text is usually a loop"
            rejected.append(
                (row.segment, UserError(f"the text of {row.segment} is too long", why, "shorten or reject it"))
            )
        else:
            good.append(Example(row, labels))
    return good, rejected


def label_prompt(loaded: LoadedModel, language: str) -> list[int]:
    """Language, task and no-timestamps tokens, as far as the model has them; without the start token."""
    settings = loaded.model.generation_config
    end = [settings.no_timestamps_token_id] if getattr(settings, "no_timestamps_token_id", None) else []
    if not getattr(settings, "lang_to_id", None):
        return end
    if not language or language == "auto":
        raise UserError(
            "training needs to know the language",
            'language is "auto" in whispersmith.toml, and the model is taught with a language token',
            'set language = "zh" under [project] in whispersmith.toml',
        )
    tasks: dict[str, int] = getattr(settings, "task_to_id", None) or {}
    return [language_token(loaded, language), *([tasks["transcribe"]] if "transcribe" in tasks else []), *end]


class SegmentDataset:
    """A map-style dataset for torch's DataLoader: log-mel on the fly, no feature ever on disk.

    An item is {"input_features": float32 (mel bins, frames), "labels": list of ids}.
    """

    def __init__(self, extractor: Any, rows: Sequence[Example]) -> None:
        self._extractor = extractor
        self._rows = list(rows)
        size = extractor.feature_size * extractor.nb_max_frames * 4
        self._keep = len(self._rows) * size <= CACHE_BYTES
        self._kept: dict[int, np.ndarray] = {}

    @property
    def in_memory(self) -> bool:
        """Whether all features fit in memory; loader processes are of no use then."""
        return self._keep

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        example = self._rows[index]
        features = self._kept.get(index)
        if features is None:
            samples = read_segment(example.row.path, self._extractor.sampling_rate)
            features = log_mel(self._extractor, [samples], [example.row.segment])[0]
            if self._keep:
                self._kept[index] = features
        return {"input_features": features, "labels": list(example.labels)}


@dataclass(frozen=True)
class Collator:
    """Stack features and pad labels with -100. start: the model's own `config.decoder_start_token_id`.

    Should every label row begin with it (a tokenizer's doing), it is taken off: the model shifts it in itself.
    """

    start: int

    def __call__(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import torch

        labels = [item["labels"] for item in items]
        if all(row and row[0] == self.start for row in labels):
            labels = [row[1:] for row in labels]
        longest = max(len(row) for row in labels)
        padded = [row + [IGNORED] * (longest - len(row)) for row in labels]
        features = torch.from_numpy(np.stack([item["input_features"] for item in items]))
        return {"input_features": features, "labels": torch.tensor(padded)}
