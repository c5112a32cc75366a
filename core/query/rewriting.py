"""A line of terms with one value more, or less: what a menu writes into it. Pure."""

from __future__ import annotations

import re
from typing import Any

from core.query.folding import fold
from core.query.grammar import Item, QueryLanguage, scan
from core.query.values import several

_ONE_OF = re.compile(r"([^\W\d_]+)[:=](.*)", re.DOTALL)


def values_of(language: QueryLanguage[Any], line: str, attribute: str) -> list[str]:
    """What a line asks for of an attribute, folded; of a word that stands alone, itself."""
    found = _term(language, line, attribute)
    if found is None:
        return []
    parts = _ONE_OF.fullmatch(found.text)
    if parts is None:
        return [found.text]
    same = language.names[attribute].same
    return [same.get(value, value) for value in several(parts[2].strip('"'))]


def with_value(language: QueryLanguage[Any], line: str, attribute: str, value: str, *, asked: bool) -> str:
    """The line, asking for a value of an attribute, or no longer; what else stands in it stays as it was typed."""
    folded = fold(value)
    values = [one for one in values_of(language, line, attribute) if one != folded]
    if asked:
        values.append(value)
    term = attribute if attribute in language.alone else f"{attribute}:{','.join(values)}"
    return _replaced(language, line, attribute, term if values else "")


def without(language: QueryLanguage[Any], line: str, attribute: str) -> str:
    """The line without what it asks for of an attribute."""
    return _replaced(language, line, attribute, "")


def _replaced(language: QueryLanguage[Any], line: str, attribute: str, term: str) -> str:
    """The line with this term in the place of the one of the attribute, or at its end."""
    found = _term(language, line, attribute)
    if found is None:
        return f"{line.rstrip()} {term}".strip()
    return " ".join(filter(None, (line[: found.start].rstrip(), term, line[found.end :].strip())))


def _term(language: QueryLanguage[Any], line: str, attribute: str) -> Item | None:
    """The one that asks for values of it; not what denies some."""
    for item in scan(line, language.names):
        if item.is_pattern or item.is_denied:
            continue
        parts = _ONE_OF.fullmatch(item.text)
        named = None if parts is None else language.names.get(parts[1])
        if item.text == attribute or (named is not None and named.name == attribute):
            return item
    return None
