"""Segments as they stand in the store, without a store."""

from __future__ import annotations

import hashlib
import random

from core.dataset.columns import SegmentColumns
from core.dataset.split import PARTS, Split
from core.media import segment_id
from core.store import Segment


def digest(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def segment(video: str, start_ms: int, end_ms: int, *, of: object = None, part: str | None = None) -> Segment:
    """of: what the digest of its wav is made from, None for a wav whose digest is not known."""
    known = None if of is None else digest(of)
    name = segment_id(video, start_ms, end_ms)
    return Segment(name, video, start_ms, end_ms, "", digest=known, part=part, text="好", review="accepted")


def windows(video: str, count: int, part: str | None = None) -> list[Segment]:
    """Windows of 10 s every 8 s, each with bytes of its own."""
    return [segment(video, at, at + 10_000, of=(video, at), part=part) for at in range(0, 8000 * count, 8000)]


def odd(rng: random.Random, count: int) -> list[Segment]:
    """Segments of all kinds of length in three recordings; some have the bytes of others, of some nobody knows them."""
    found = {}
    for _ in range(count):
        start = rng.randrange(60) * 1000
        row = segment(
            rng.choice("abc"), start, start + rng.randrange(1, 9) * 1000, of=rng.choice((None, rng.randrange(50)))
        )
        found[row.id] = row
    return list(found.values())


def parts_of(rows: list[Segment], split: Split) -> dict[str, str | None]:
    columns = SegmentColumns.of(rows)
    return {rows[place].id: PARTS[part] for place, part in zip(columns.place, split.parts, strict=True)}
