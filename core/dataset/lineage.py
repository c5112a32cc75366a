"""What a tuned model has heard: the segments it was trained on and chosen by, kept beside its weights.

A later split may turn a training segment into a test one. Only the model's own list tells which test segments are
still new to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from core.files import write_text
from core.store import Segment

if TYPE_CHECKING:
    from core.jobs import Job

FILE = "training.json"
On = Literal["validation", "test"]


@dataclass(frozen=True)
class SegmentRef:
    """One segment: a stretch of a video, and the SHA-256 of its wav (None if that could not be read)."""

    id: str
    video: str
    start_ms: int
    end_ms: int
    digest: str | None = None


@dataclass(frozen=True)
class Lineage:
    """What a run was given. trained: every segment it was ever trained with. validated: the block that chooses the
    checkpoint; empty where nothing is chosen. on: what the CER during training is measured on; with "test" it is
    only shown. measured: ids of those segments. inherited: what the base model had heard, if it was tuned itself."""

    trained: tuple[SegmentRef, ...]
    validated: tuple[SegmentRef, ...] = ()
    on: On | None = None
    measured: tuple[str, ...] = ()
    inherited: tuple[SegmentRef, ...] = ()

    @property
    def given(self) -> tuple[tuple[SegmentRef, ...], ...]:
        """What makes two runs runs on the same segments; those that are only shown do not."""
        return self.trained, self.validated, self.inherited

    @property
    def heard(self) -> tuple[SegmentRef, ...]:
        """All that must not be tested with."""
        return (*self.trained, *self.validated, *self.inherited)


def refs_of(segments: Iterable[Segment], digests: Mapping[str, str]) -> tuple[SegmentRef, ...]:
    return tuple(SegmentRef(row.id, row.video, row.start_ms, row.end_ms, digests.get(row.id)) for row in segments)


def digests_of(files: Mapping[str, Path], job: Job | None = None) -> dict[str, str]:
    """SHA-256 of each file by id; a file that cannot be read is not in it. Costs one reading of the audio."""
    found = {}
    for id, path in files.items():
        if job is not None:
            job.check()
        try:
            with path.open("rb") as file:
                found[id] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            continue  # whoever needs the audio says so by name
    return found


def sharing(rows: Iterable[SegmentRef], heard: Iterable[SegmentRef]) -> set[str]:
    """Ids of the rows that share audio with one of `heard`: the same moment of a video, or the same bytes. It is the
    rule that the split's leak check counts by."""
    spans: dict[str, set[tuple[int, int]]] = {}
    bytes_heard = set()
    for one in heard:
        spans.setdefault(one.video, set()).add((one.start_ms, one.end_ms))
        bytes_heard.add(one.digest)
    bytes_heard.discard(None)
    return {
        row.id
        for row in rows
        if row.digest in bytes_heard
        or any(start < row.end_ms and row.start_ms < end for start, end in spans.get(row.video, ()))
    }


def write(folder: Path, material: Lineage) -> None:
    """Write the list into a run's or a model's folder; whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / FILE, json.dumps(asdict(material), ensure_ascii=False, indent=1))


def read(folder: Path) -> Lineage | None:
    """The list in a run's or a model's folder; None if there is none that can be read."""
    try:
        data = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Lineage(
            trained=_heard(data["trained"]),
            validated=_heard(data["validated"]),
            on=data["on"],
            measured=tuple(data["measured"]),
            inherited=_heard(data["inherited"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _heard(rows: list[dict[str, Any]]) -> tuple[SegmentRef, ...]:
    return tuple(SegmentRef(**row) for row in rows)
