"""What could stand next in a line that finds rows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.query.folding import fold
from core.query.grammar import LONGEST_LINE, Attribute, QueryLanguage, Suggestion, scan

_TYPED_TERM = re.compile(r"([^\W\d_]+)\s*(>=|<=|[<>:=≥≤＞＜：＝])\s*(.*)", re.DOTALL)

FEW = 200
"""Values of an attribute that are looked through for a word, with every key; recordings may be ten thousand."""


@dataclass(frozen=True)
class Completion:
    """suggestions: the text of any of them may stand in place of the line from `start` to `end`."""

    start: int
    end: int
    suggestions: tuple[Suggestion, ...] = ()


def complete(language: QueryLanguage[Any], text: str, cursor: int) -> Completion:
    """What could be meant by what stands before the cursor; the likeliest first."""
    cursor = max(0, min(cursor, len(text)))
    if len(text) > LONGEST_LINE:
        return Completion(cursor, cursor)
    pieces = [item for item in scan(text[:cursor], language.names) if item.end == cursor]
    if not pieces:
        return Completion(cursor, cursor, tuple(_terms(language, "")))
    item = pieces[0]
    if item.is_pattern or item.text.startswith('"'):
        return Completion(cursor, cursor)
    sign = item.typed[0] if item.is_denied else ""
    typed = item.typed.removeprefix(sign)
    parts = _TYPED_TERM.fullmatch(typed)
    attribute = None if parts is None else language.names.get(fold(parts[1]))
    if parts is not None and attribute is not None:
        found = _values(attribute, parts[3])
    else:
        found = _terms(language, fold(typed)) if parts is None else iter(())
    texts = [one for one in found if one.text != typed]
    return Completion(item.start, cursor, tuple(Suggestion(sign + one.text, one.told) for one in texts))


def _terms(language: QueryLanguage[Any], begun: str) -> Iterator[Suggestion]:
    """Terms that begin so, and those with a value that does."""
    for attribute in language.attributes:
        if any(name.startswith(begun) for name in (attribute.name, *attribute.names)):
            yield Suggestion(attribute.name + _operator(attribute), attribute.examples.partition(",")[0])
    yield from (Suggestion(word, told) for word, (_, told) in language.alone.items() if word.startswith(begun))
    if begun:
        for attribute in language.attributes:
            for value in attribute.values if len(attribute.values) <= FEW else ():
                if fold(value.text).startswith(begun):
                    yield Suggestion(f"{attribute.name}:{value.text}", value.told)


def _operator(attribute: Attribute[Any]) -> str:
    """The one that its examples begin with."""
    found = re.match(r"\w+(>=|<=|[<>:=])", attribute.examples)
    assert found is not None, f"the examples of {attribute.name} are terms"
    return found[1]


def _values(attribute: Attribute[Any], typed: str) -> Iterator[Suggestion]:
    """Terms of the attribute whose last value begins as typed; then those that hold it, or are told with it."""
    before, comma, last = typed.rpartition(",")
    wanted, taken = fold(last.strip('"')), set(fold(before).split(","))
    first: list[Suggestion] = []
    others: list[Suggestion] = []
    # In one pass, as this is done with every key, and recordings may be ten thousand.
    for value in attribute.values:
        text = fold(value.text)
        if text in taken:
            continue
        if text.startswith(wanted):
            first.append(value)
        elif wanted in fold(f"{value.text} {value.told}"):
            others.append(value)
    for value in first + others:
        yield Suggestion(f"{attribute.name}:{before}{comma}{value.text}", value.told)
