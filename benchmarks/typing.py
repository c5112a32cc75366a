"""How few keys turn one text into another in the editor, by search. Pure; what is counted stands in `keystrokes.py`."""

from __future__ import annotations

import heapq
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from core.review.differences import Difference, differences
from core.review.variants import Variant, moved, swapped
from core.text import is_unspaced

HAN = 2.5
"""Keys of an input method for one Han character: a syllable's letters shared with its neighbours, and the choice."""

CHORD = 2.0
"""Ctrl, Alt or Shift and a key are two."""

PER_LINE = 38
"""Han characters in a line of the editor at 80 columns: so far up and down go."""

NUMBERED = 9
"""Variants that have a number: Alt+1 to Alt+9."""

_WORD_EDGE = re.compile(r"(?<=\W)(?=\w)|(?<=\w)(?=\W)")


def typed(text: str) -> float:
    """Keys that type a text."""
    return sum(HAN if is_unspaced(char) and unicodedata.category(char)[0] == "L" else 1.0 for char in text)


@dataclass(frozen=True)
class Field:
    """A text being typed in. selection: from where to where, equal for a cursor; variants: what is offered."""

    text: str
    selection: tuple[int, int]
    variants: tuple[Variant, ...] = ()
    keys: float = field(default=0.0, compare=False)
    """Pressed so far."""

    def take(self, place: int) -> Field:
        """Alt and the digit of a variant."""
        one = self.variants[place]
        text, variants = swapped(self.text, self.variants, place)
        at = one.start + len(one.other)
        return Field(text, (at, at), tuple(variants), self.keys + CHORD)

    def type_over(self, start: int, end: int, text: str, keys: float) -> Field:
        after = self.text[:start] + text + self.text[end:]
        at = start + len(text)
        return Field(after, (at, at), tuple(moved(self.variants, self.text, after)), self.keys + keys)

    def mend(self, place: Difference) -> Field:
        """Go to a place and make it read `other`, with the fewest keys: with the cursor at one of its ends, or with the
        selection that tab gives."""
        reached = self._reached()
        ways = []
        for at, forward in ((place.start, True), (place.end, False)):
            keys = reached[at, at] + _delete(self.text, place.start, place.end, forward) + typed(place.other)
            ways.append(self.type_over(place.start, place.end, place.other, keys))
        for one in self.variants:
            if (
                one.start <= place.start
                and place.end <= one.end
                and one.start < one.end
                and ((one.start, one.end) in reached)
            ):
                text = self.text[one.start : place.start] + place.other + self.text[place.end : one.end]
                keys = reached[one.start, one.end] + (typed(text) or 1.0)
                ways.append(self.type_over(one.start, one.end, text, keys))
        return min(ways, key=lambda way: way.keys)

    def _reached(self) -> dict[tuple[int, int], float]:
        """By selection, the keys that lead there (Dijkstra)."""
        found: dict[tuple[int, int], float] = {}
        queue = [(0.0, self.selection)]
        while queue:
            keys, selection = heapq.heappop(queue)
            if selection in found:
                continue
            found[selection] = keys
            for cost, following in self._moves(*selection):
                if following not in found:
                    heapq.heappush(queue, (keys + cost, following))
        return found

    def _moves(self, start: int, end: int) -> Iterator[tuple[float, tuple[int, int]]]:
        length = len(self.text)
        one = 0 if start != end else 1  # an arrow leaves a selection at its end
        cursors = [
            (1.0, max(0, start - one)), (1.0, min(length, end + one)), (1.0, 0), (1.0, length),
            (1.0, max(0, end - PER_LINE)), (1.0, min(length, end + PER_LINE)),
            (CHORD, _word_left(self.text, end)), (CHORD, _word_right(self.text, end)),
        ]  # fmt: skip
        yield from ((keys, (at, at)) for keys, at in cursors)
        left = [variant for variant in self.variants if not variant.taken]
        ahead = [one for one in left if one.start > end or (one.start == end and one.end > one.start)]
        if left:
            following = (ahead or left)[0]
            yield 1.0, (following.start, following.end)


def _word_left(text: str, at: int) -> int:
    edges = [match.start() for match in _WORD_EDGE.finditer(text[:at].rstrip())]
    return edges[-1] if edges else 0


def _word_right(text: str, at: int) -> int:
    rest = text[at:]
    bare = rest.lstrip()
    edge = _WORD_EDGE.search(bare)
    return len(text) if edge is None else at + len(rest) - len(bare) + edge.start()


def _delete(text: str, start: int, end: int, forward: bool) -> float:
    """Keys that delete text[start:end] from one of its ends: one by one, by words, or to the end of the line."""
    if start == end:
        return 0.0
    if (forward and end == len(text)) or (not forward and start == 0):
        return min(CHORD, float(end - start))
    keys, at, stop = 0.0, (start if forward else end), (end if forward else start)
    while at != stop:
        word = _word_right(text, at) if forward else _word_left(text, at)
        whole = at < word <= stop if forward else stop <= word < at
        single = at + 1 if forward else at - 1
        far = whole and abs(word - at) > CHORD
        at, keys = (word, keys + CHORD) if far else (single, keys + 1.0)
    return keys


def mended(begun: Field, truth: str) -> Field:
    """The text made what is true, place by place: some from the last one backwards, then the others from the first one
    on, or the other way round; the best of these ways."""
    places = differences(begun.text, truth)
    ways = [
        _in_order(begun, order)
        for split in range(len(places) + 1)
        for order in ([*reversed(places[split:]), *places[:split]], [*places[:split], *reversed(places[split:])])
    ]
    return min(ways, key=lambda way: way.keys, default=begun)


def _in_order(begun: Field, places: Sequence[Difference]) -> Field:
    at = begun
    done: list[tuple[int, int]] = []
    for place in places:
        shift = sum(by for start, by in done if start < place.start)
        before = len(at.text)
        at = at.mend(place._replace(start=place.start + shift, end=place.end + shift))
        done.append((place.start, len(at.text) - before))
    return at


def corrected(text: str, truth: str, variants: Sequence[Variant] = (), *, selected: bool = False) -> Field:
    """The text of a row corrected with the fewest keys found; the cursor begins behind it, or all of it is selected.

    Variants are taken one by one as long as that saves keys; the rest is mended, or all of it is typed anew.
    """
    begun = Field(text, (len(text), len(text)), tuple(variants))
    best = mended(begun, truth)
    taken = begun
    for place in range(min(NUMBERED, len(variants))):
        tried = taken.take(place)
        way = mended(tried, truth)
        if way.keys < best.keys:
            best, taken = way, tried
    anew = typed(truth) + (CHORD if text and not selected else 0.0)
    return replace(best, text=truth, keys=anew) if anew < best.keys else best
