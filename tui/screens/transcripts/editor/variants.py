"""The other readings of the text that is in the editor: which there are, where they stand by now, how they look."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from core.review.variants import Heard, Variant, moved, offered, swapped
from core.spans import Span
from core.store import Segment
from core.store.records import SecondReading
from tui.screens.review_state import short_name
from tui.screens.transcripts.table.index import TranscriptIndex
from tui.widgets import cells, marks
from tui.widgets.annotated_text_area import Annotation

KEYS = 9
"""Alt+1 to Alt+9: so many have a number at a time."""


def number_of(key: str) -> int | None:
    """1 to 9 for Alt and a digit."""
    name, _, digit = key.rpartition("+")
    return int(digit) if name == "alt" and digit in "123456789" else None


def variants_of(segment: Segment, reading: SecondReading | None, index: TranscriptIndex) -> list[Variant]:
    """What is offered for a text that nobody has reviewed. reading: the second labeller's."""
    row = index.get(segment.id)
    if row is None or segment.is_reviewed or cells.harmless(segment.text) != segment.text:
        return []
    heard = [
        Heard(near.start_ms, near.end_ms, near.text, marks.length(near.start_ms))
        for near in index.neighbours(row)
        if near is not None and near.review == "accepted"
    ]
    places = () if reading is None else reading.places_in(segment.text)
    source = "" if reading is None else short_name(reading.source)
    return offered(segment.text, Span(segment.start_ms, segment.end_ms), places, source, heard)


class TrackedVariants:
    """The variants of a text while it is edited. Undoing an edit brings back what it had made go."""

    def __init__(self, text: str = "", variants: Sequence[Variant] = ()) -> None:
        self.offered = list(variants)
        """As they were for the text that was given."""
        self._text = text
        self._known = {text: self.offered}
        self._first = 0
        """The place of the one that has the number 1."""

    def at(self, text: str) -> list[Variant]:
        """Where they stand now that the text is this one."""
        if text not in self._known:
            self._known[text] = moved(self._known[self._text], self._text, text)
        self._text = text
        return self._known[text]

    def take(self, text: str, place: int) -> tuple[Variant, str]:
        """Change a variant with what stands there: the variant as it was, and the text that comes of it."""
        before = self.at(text)
        after, variants = swapped(text, before, place)
        self._known[after] = variants
        return before[place], after

    def place_of(self, text: str, number: int) -> int | None:
        """That of the variant with a number, 1 to 9; None where there is none."""
        place = self._first + number - 1
        return place if place < len(self.at(text)) else None

    def place_at(self, text: str, start: int, end: int) -> int | None:
        """That of the variant which a selection, or a cursor, stands on."""
        near = [place for place, one in enumerate(self.at(text)) if one.start <= end and start <= one.end]
        return near[-1] if near else None

    def next(self, text: str, start: int, end: int) -> Variant | None:
        """The one to be decided on behind a selection, or a cursor; after the last, the first one again."""
        left = [(place, one) for place, one in enumerate(self.at(text)) if not one.taken]
        if not left:
            return None
        ahead = [(place, one) for place, one in left if one.start > end or (one.start == end and one.end > one.start)]
        if start == end:
            # Also one that begins where the cursor is, but for the one of no letters that it went to last.
            ahead = [(place, one) for place, one in left if one.start >= end and (one.start, one.end) != (start, end)]
        place, one = (ahead or left)[0]
        self._first = place - place % KEYS
        return one

    def annotations(self, text: str, ascii: bool) -> list[Annotation]:
        """`2拍` under what reads otherwise, `2–` where the other has nothing, `2+的` where it has more."""
        found, dash = [], "-" if ascii else "–"
        for place, one in enumerate(self.at(text)):
            number = place - self._first + 1
            sign = "" if one.end > one.start else "+"
            shown = str(number) if 1 <= number <= KEYS else ""
            found.append(Annotation(one.start, one.end, f"{sign}{one.other or dash}", shown, one.taken))
        return found


def legend(variants: Sequence[Variant], take: str, next_place: str) -> tuple[Text, str]:
    """Whose readings stand under the text, and the keys for them."""
    sources = dict.fromkeys(one.source for one in variants)
    return Text(f"read by {', '.join(sources)}", "dim"), f"{take} takes, again puts back   {next_place} next"
