"""Training examples: a wav and its text, turned into the model's input and labels when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.errors import UserError
from core.store import Segment
from core.whisper.features import read_segment
from core.whisper.loading import LoadedModel
from core.whisper.tokens import language_token, language_tokens, prompt_tokens

IGNORED = -100  # torch's cross entropy leaves these positions out


@dataclass(frozen=True)
class Row:
    """One accepted segment: its id, its 16 kHz wav and its text."""

    segment: str
    path: Path
    text: str


def rows_of(segments: Iterable[Segment], absolute: Callable[[str], Path]) -> list[Row]:
    """absolute: from a path as the store keeps it to where the file is."""
    return [Row(segment.id, absolute(segment.path), segment.text.strip()) for segment in segments]


@dataclass(frozen=True)
class Example:
    """A row with its labels: prompt without <|startoftranscript|>, text tokens, end token."""

    row: Row
    labels: tuple[int, ...]


def examples(
    loaded: LoadedModel, rows: Sequence[Row], language: str, limit: int
) -> tuple[list[Example], list[tuple[str, UserError]]]:
    """(examples, rejected): rows with more than `limit` labels are rejected, each with its segment and reason.

    Labels are built from ids, not by the tokenizer's own prefix, so that the start token is in none of them: the
    model puts it in front itself, and would otherwise see it twice.
    """
    prompt = label_prompt(loaded, language)
    end = loaded.model.config.eos_token_id
    good: list[Example] = []
    rejected: list[tuple[str, UserError]] = []
    for row in rows:
        tokens = loaded.tokenizer(row.text, add_special_tokens=False).input_ids
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
    if not language_tokens(loaded):
        return prompt_tokens(loaded, None)
    if not language or language == "auto":
        raise UserError(
            "training needs to know the language",
            'language is "auto" in whispersmith.toml, and the model is taught with a language token',
            'set language = "zh" under [project] in whispersmith.toml',
        )
    return prompt_tokens(loaded, language_token(loaded, language))


class SegmentDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """A map-style dataset: inputs are computed from the wav on the fly, none is ever on disk.

    An item is {input_name: float32 array, for log-mel (mel bins, frames); "labels": list of ids}. keep: inputs stay
    in memory once they have been computed.
    """

    def __init__(
        self, rows: Sequence[Example], input_name: str, inputs: Callable[[np.ndarray, str], np.ndarray], *, keep: bool
    ) -> None:
        self._rows = list(rows)
        self._name, self._inputs = input_name, inputs
        self._keep = keep
        self._kept: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        example = self._rows[index]
        found = self._kept.get(index)
        if found is None:
            found = self._inputs(read_segment(example.row.path), example.row.segment)
            if self._keep:
                self._kept[index] = found
        return {self._name: found, "labels": list(example.labels)}


@dataclass(frozen=True)
class Collator:
    """Stack inputs and pad labels with -100. start: the model's own `config.decoder_start_token_id`.

    Should every label row begin with it (a tokenizer's doing), it is taken off: the model shifts it in itself.
    """

    start: int

    def __call__(self, items: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Items of SegmentDataset to a batch: the input (batch, ...), labels (batch, longest row)."""
        labels = [item["labels"] for item in items]
        if all(row and row[0] == self.start for row in labels):
            labels = [row[1:] for row in labels]
        longest = max(len(row) for row in labels)
        padded = [row + [IGNORED] * (longest - len(row)) for row in labels]
        names = [name for name in items[0] if name != "labels"]
        stacked = {name: torch.from_numpy(np.stack([item[name] for item in items])) for name in names}
        return {**stacked, "labels": torch.tensor(padded)}
