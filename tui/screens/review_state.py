"""How far the review of a segment's text is, and who wrote it, in words and signs: the same on every screen."""

from __future__ import annotations

from rich.text import Text

from core.store import Segment, SegmentRow, TranscriptRow
from tui.raster.time_axis import moment
from tui.widgets import cells, marks

STATES = {
    "accepted": "done",
    "rejected": "failed",
    "pending": "not",
    "no text": "unknown",
    "saving": "running",
    "unsaved": "failed",
}
"""The sign (tui/widgets/marks.py) of each state of a transcript."""

_WRITERS = {"human": "by a person", "imported": "by a person", "machine": "by a machine", "caption": "a caption"}


def state_of(row: Segment | SegmentRow | TranscriptRow) -> str:
    """accepted, rejected, pending, or "no text" where nobody has written any yet."""
    if row.review != "pending":
        return row.review
    return "pending" if row.origin is not None else "no text"


def state_text(state: str, ascii: bool, *, word: bool = True) -> Text:
    name = STATES[state]
    sign = marks.mark(name, ascii)
    return Text(f"{sign} {state}" if word else sign, marks.style(name))


def written_by(segment: Segment) -> str:
    """`by a person`, `by a machine (whisper-base)`; "" where nobody has written."""
    writer = _WRITERS.get(segment.origin or "", "")
    return f"{writer} ({short_name(segment.model)})" if segment.origin == "machine" and segment.model else writer


def short_name(source: str) -> str:
    """What a model, or the file that texts came in, is called: the end of its id or path."""
    name = source.removeprefix("import:").rstrip("/")
    return cells.harmless(name.rpartition("/")[2] or source)


def span(row: Segment | SegmentRow | TranscriptRow, ascii: bool) -> str:
    """`8:00–8:10`, with tenths where it is cut between whole seconds."""
    return f"{moment(row.start_ms)}{'-' if ascii else '–'}{moment(row.end_ms)}"
