"""Other readings of places in a text that a person corrects: where they stand, and where they are while one types.

A second labeller's readings are places where it differs (`core.review.differences`). What a neighbour was corrected to
in the time that two segments share is what a person heard there, so that it goes before any labeller's. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.review.differences import Difference, Token, differences, tokens
from core.spans import Span

AGREEMENT = 2
"""Letters that two edges have in common, less one for each in which they differ, to be taken for the same words."""

LONGEST_EDGE = 300
"""Tokens that are aligned at most, which costs the square of them; nobody says more in the time two segments share."""
UNEVEN = 3
"""By so much quicker than in the mean somebody may speak in the time that two segments share."""


class Variant(NamedTuple):
    """Another reading of text[start:end], "" where it has nothing there. source: whose it is.

    taken: it stands in the text now, and `other` is what stood there before.
    """

    start: int
    end: int
    other: str
    source: str
    taken: bool = False


class Heard(NamedTuple):
    """A neighbouring segment as a person has left it. source: how it is called."""

    start_ms: int
    end_ms: int
    text: str
    source: str


def offered(text: str, span: Span, second: Iterable[Difference], source: str, heard: Iterable[Heard]) -> list[Variant]:
    """What is offered for the text of a segment, in order and apart.

    second: where the labeller `source` reads otherwise. heard: neighbours that a person has corrected; where such a one
    tells what is said in the time it shares with the segment, labellers are not asked any more.
    """
    found: list[Variant] = []
    told: list[tuple[int, int]] = []
    for neighbour in heard:
        edge = shared_edge(text, span, neighbour)
        if edge is None or any(_meet(edge[0], edge[1], *other) for other in told):
            continue
        start, end, truth = edge
        told.append((start, end))
        places = differences(text[start:end], truth)
        if places:
            first, last = places[0], places[-1]
            other = _between(truth, text[start:end], places)
            found.append(Variant(start + first.start, start + last.end, other, neighbour.source))
    for place in second:
        if not any(_meet(place.start, place.end, *edge) for edge in told):
            found.append(Variant(place.start, place.end, place.other, source))
    return sorted(found)


def _meet(start: int, end: int, other_start: int, other_end: int) -> bool:
    """Whether a place, which may be an empty one, has something of another."""
    return start < other_end and other_start < max(end, start + 1)


def _between(truth: str, text: str, places: Sequence[Difference]) -> str:
    """What `truth` has from the first to the last of the places in which it differs from `text`."""
    parts, at = [], places[0].start
    for place in places:
        parts += [text[at : place.start], place.other]
        at = place.end
    return "".join(parts)


def shared_edge(text: str, span: Span, neighbour: Heard) -> tuple[int, int, str] | None:
    """The part of a segment's text that says what its neighbour's says too: where it is, and how that one has it.

    The end of one and the beginning of the other are aligned, a letter that both have counting one, every difference
    one less; what is on the outside of either counts as different. None below AGREEMENT, or where they share no time.
    """
    shared = min(span.end_ms, neighbour.end_ms) - max(span.start_ms, neighbour.start_ms)
    if shared <= 0:
        return None
    is_before = neighbour.start_ms < span.start_ms
    ours = _edge(text, shared / (span.end_ms - span.start_ms), is_before)
    theirs = _edge(neighbour.text, shared / (neighbour.end_ms - neighbour.start_ms), not is_before)
    if is_before:
        size, start = _align(ours, theirs)
        ours, theirs = ours[:size], theirs[start:]
    else:
        size, start = _align(ours[::-1], theirs[::-1])
        ours, theirs = ours[len(ours) - size :], theirs[: len(theirs) - start]
    if not ours or not theirs:
        return None
    return ours[0].start, ours[-1].end, neighbour.text[theirs[0].start : theirs[-1].end]


def _edge(text: str, share: float, beginning: bool) -> list[Token]:
    """The tokens at one end of a text that may lie in such a share of its time."""
    found = tokens(text)
    count = min(len(found), round(UNEVEN * share * len(found)) + 1, LONGEST_EDGE)
    return found[:count] if beginning else found[len(found) - count :]


def _align(head: Sequence[Token], tail: Sequence[Token]) -> tuple[int, int]:
    """How many tokens of `head`, from its first one, say what `tail` says from a token on to its last one: (how many,
    that token); (0, …) where they do not agree."""
    # (score, where in the tail it begins) of the tail so far, aligned with the first n of the head.
    row = [(-n, 0) for n in range(len(head) + 1)]
    for number, token in enumerate(tail):
        above, row[0] = row[0], (0, number + 1)
        for n, other in enumerate(head, 1):
            step = 1 if token.folded == other.folded else -1
            best = max((above[0] + step, above[1]), (row[n][0] - 1, row[n][1]), (row[n - 1][0] - 1, row[n - 1][1]))
            above, row[n] = row[n], best
    size = max(range(len(row)), key=lambda n: row[n][0])
    return (size, row[size][1]) if row[size][0] >= AGREEMENT else (0, len(tail))


def swapped(text: str, variants: Sequence[Variant], number: int) -> tuple[str, list[Variant]]:
    """A text in which a variant has changed places with what stands there, and all of them in it."""
    one = variants[number]
    shift = len(one.other) - (one.end - one.start)
    left = one._replace(end=one.end + shift, other=text[one.start : one.end], taken=not one.taken)
    changed = text[: one.start] + one.other + text[one.end :]
    after = [other._replace(start=other.start + shift, end=other.end + shift) for other in variants[number + 1 :]]
    return changed, [*variants[:number], left, *after]


def moved(variants: Iterable[Variant], before: str, after: str) -> list[Variant]:
    """The variants of a text in what it was changed to; a place that was changed itself has none any more."""
    start = 0
    for ours, theirs in zip(before, after, strict=False):
        if ours != theirs:
            break
        start += 1
    behind = 0
    while behind < min(len(before), len(after)) - start and before[-1 - behind] == after[-1 - behind]:
        behind += 1
    end, shift = len(before) - behind, len(after) - len(before)
    kept = []
    for one in variants:
        # One without letters is gone as soon as something is changed right beside it.
        has_letters = one.start < one.end
        if one.end < start or (one.end == start and has_letters):
            kept.append(one)
        elif one.start > end or (one.start == end and has_letters):
            kept.append(one._replace(start=one.start + shift, end=one.end + shift))
    return kept
