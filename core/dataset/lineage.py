"""What a tuned model has heard: the segments it was trained on and chosen by, kept beside its weights.

A later split may turn a training segment into a test one. Only the model's own list tells which test segments are
still new to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from core import typed_json
from core.dataset.columns import AudioSpan
from core.files import write_text
from core.typed_json import Count, Text

FILE = "training.json"
MOST_BYTES = 512_000_000
"""Of the file: a line for each segment, some 200 bytes."""

MeasuredOn = Literal["validation", "test"]
Digest = Annotated[str, Field(pattern=r"^(?:[0-9a-fA-F]{2})*$", max_length=64)]
Milliseconds = Annotated[Count, Field(strict=True)]


@dataclass(frozen=True)
class SegmentRef:
    """One segment: a stretch of a video, and the SHA-256 of its wav (None if that could not be read)."""

    id: Text
    video: Text
    start_ms: Milliseconds
    end_ms: Milliseconds
    digest: Digest | None = None


@dataclass(frozen=True)
class Lineage:
    """What a run was given. trained: every segment it was ever trained with. validated: the block that chooses the
    checkpoint; empty where nothing is chosen. on: what the CER during training is measured on; with "test" it is
    only shown. measured: ids of those segments. inherited: what the base model had heard, if it was tuned itself."""

    trained: tuple[SegmentRef, ...]
    validated: tuple[SegmentRef, ...] = ()
    on: MeasuredOn | None = None
    measured: tuple[Text, ...] = ()
    inherited: tuple[SegmentRef, ...] = ()

    @property
    def given(self) -> tuple[tuple[SegmentRef, ...], ...]:
        """What makes two runs runs on the same segments; those that are only shown do not."""
        return self.trained, self.validated, self.inherited

    @property
    def heard(self) -> tuple[SegmentRef, ...]:
        """All that must not be tested with."""
        return (*self.trained, *self.validated, *self.inherited)


def refs_of(segments: Iterable[AudioSpan]) -> tuple[SegmentRef, ...]:
    return tuple(SegmentRef(row.id, row.video, row.start_ms, row.end_ms, row.digest) for row in segments)


def write(folder: Path, lineage: Lineage) -> None:
    """Write the list into a run's or a model's folder; whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = {
        "trained": _packed(lineage.trained),
        "validated": _packed(lineage.validated),
        "on": json.dumps(lineage.on),
        "measured": json.dumps(lineage.measured, ensure_ascii=False),
        "inherited": _packed(lineage.inherited),
    }
    write_text(folder / FILE, "{\n" + ",\n".join(f'"{name}": {value}' for name, value in fields.items()) + "\n}\n")


def _packed(refs: Iterable[SegmentRef]) -> str:
    """A JSON list with a line for each."""
    return "[" + ",\n".join(json.dumps(vars(one), ensure_ascii=False) for one in refs) + "]"


def read(folder: Path) -> Lineage | None:
    """The list in a run's or a model's folder; None if there is none that can be read."""
    try:
        return typed_json.read(Lineage, folder / FILE, MOST_BYTES)
    except ValueError:
        return None
