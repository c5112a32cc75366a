"""The rows of the segments table."""

from __future__ import annotations

from collections.abc import Sequence

from core.store import Segment
from tui.widgets import marks
from tui.widgets.columns import Column

COLUMNS = (
    Column("number", "#", 4, "right"),
    Column("start", "start", 8, "right"),
    Column("length", "len", 5, "right", drop=3),
    Column("level", "dB", 5, "right"),
    Column("speech", "speech", 6, "right"),
    Column("flags", "flags", None, least=6),
)


class SegmentRows:
    """The segments of one recording."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = segments
        self._places = {segment.id: place for place, segment in enumerate(segments)}

    def __len__(self) -> int:
        return len(self.segments)

    def key(self, index: int, /) -> str:
        return self.segments[index].id

    def index_of(self, key: str, /) -> int | None:
        return self._places.get(key)

    def cells(self, index: int, /) -> list[str]:
        segment = self.segments[index]
        return [
            str(index),
            marks.length(segment.start_ms),
            f"{(segment.end_ms - segment.start_ms) / 1000:.1f}",
            "" if segment.dbfs is None else f"{segment.dbfs:.0f}",
            "" if segment.speech is None else f"{segment.speech:.0%}",
            " ".join(segment.flags),
        ]
