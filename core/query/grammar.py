"""The grammar of a line that finds rows: words, patterns, and terms such as `length>10m`. Pure.

    words "several words"    each must occur, whatever its case and width
    /hm+ (yes|no)/           a regular expression must match
    state:pending,accepted   one of the values; length>10m, conf<-0.5, length:5m..10m compare
    !flag:loop               not

All of it must hold. What is not understood is said in `Query.complaint` and holds nothing back: half of a term is what
stands there while a person types it. A language (`QueryLanguage`) says which attributes rows have.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

from core.errors import UserError
from core.query.folding import fold, places
from core.query.pattern import Pattern, compile_pattern
from core.text import clean

Row = TypeVar("Row")
Test = Callable[[Row], bool]

LONGEST_LINE = 4000
"""Characters. Each word is sought in every row."""

OPERATORS = (">=", "<=", "<", ">", ":", "=")

_TERM = re.compile(r"([^\W\d_]+)(>=|<=|[<>:=])(.*)", re.DOTALL)
_NARROW = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\uff02": '"', "\u2265": ">=", "\u2264": "<=", "！": "!", "：": ":"}
    | dict(zip("＞＜＝，\u3000", "><=, ", strict=True))
)
"""What input methods make of operators and quotes."""


class NotUnderstood(ValueError):
    """What was typed asks for nothing; the message says what is wrong with it."""


@dataclass(frozen=True)
class Suggestion:
    """What could be typed. text: a value, or a term; told: what it stands for, in words."""

    text: str
    told: str = ""


@dataclass(frozen=True)
class Attribute(Generic[Row]):
    """What a term asks about.

    read: (operator, folded value) -> the test of a row; ValueError for no such value. is_a: what a value is called.
    examples: of whole terms, the simplest first. names: under which it goes beside `name`. values: those to suggest.
    same: other words for some of them.
    """

    name: str
    is_a: str
    examples: str
    read: Callable[[str, str], Test[Row]]
    names: tuple[str, ...] = ()
    values: Sequence[Suggestion] = ()
    same: Mapping[str, str] = field(default_factory=dict)

    def test(self, operator: str, value: str) -> Test[Row]:
        if not value:
            raise NotUnderstood(f"{self.name}{operator} wants a value: {self.examples}")
        try:
            return self.read(operator, value)
        except ValueError:
            raise NotUnderstood(f"{clean(value, 30)} is no {self.is_a}: {self.examples}") from None


@dataclass(frozen=True)
class Term(Generic[Row]):
    """One thing that is asked. attribute: its name; "" for words and patterns. text: as it was typed."""

    attribute: str
    test: Test[Row]
    text: str


@dataclass(frozen=True)
class Query(Generic[Row]):
    """complaint: "" or what of the text was not understood, in a short sentence. words, patterns: to be looked for."""

    text: str = ""
    terms: tuple[Term[Row], ...] = field(default=(), compare=False)
    complaint: str = ""
    words: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.terms)

    @property
    def has_patterns(self) -> bool:
        """Also those that must not match."""
        return any(term.text.lstrip("!！").startswith("/") for term in self.terms)

    def matches(self, row: Row, deadline: float | None = None) -> bool:
        """UserError where a pattern takes too long, or this is not over at `deadline` (of `time.monotonic`): of several
        patterns and many rows, each may be quick enough by itself."""
        for term in self.terms:
            if not term.test(row):
                return False
            if deadline is not None and time.monotonic() > deadline:
                raise UserError(
                    "what is searched for takes too long",
                    "its patterns try too many ways to part a text",
                    "use fewer patterns, without repetitions inside repetitions",
                )
        return True

    def select(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that match, in their order; quicker than `matches` for many. UserError as there."""
        found = list(rows)
        for term in self.terms:
            test = term.test
            found = [row for row in found if test(row)]
        return found

    def found_in(self, text: str) -> list[tuple[int, int]]:
        """Where its words and patterns stand in a text, as (start, end), in order and apart from each other."""
        spans = [span for word in self.words for span in places(word, text)]
        spans += [span for pattern in self.patterns for span in pattern.spans(text)]
        apart: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if apart and start <= apart[-1][1]:
                apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
            else:
                apart.append((start, end))
        return apart


@dataclass(frozen=True)
class QueryLanguage(Generic[Row]):
    """attributes: in the order in which they are suggested. word: the test for a folded word; pattern: for a regular
    expression. alone: words that ask for something by themselves, with what they say."""

    attributes: Sequence[Attribute[Row]]
    word: Callable[[str], Test[Row]]
    pattern: Callable[[Pattern], Test[Row]]
    alone: Mapping[str, tuple[Test[Row], str]] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, Attribute[Row]]:
        return {name: one for one in self.attributes for name in (one.name, *one.names)}

    def parse(self, text: str) -> Query[Row]:
        """Never raises."""
        if len(text) > LONGEST_LINE:
            return Query(text, complaint=f"more than {LONGEST_LINE} characters: shorten it")
        names = self.names
        terms: list[Term[Row]] = []
        words: list[str] = []
        patterns: list[Pattern] = []
        complaint = ""
        for item in scan(text, names):
            try:
                if item.is_pattern:
                    pattern = compile_pattern(item.text[1:].removesuffix("/"))
                    term = Term("", self.pattern(pattern), item.typed)
                    patterns += [] if item.is_denied else [pattern]
                else:
                    term = self._term(item, names)
                    words += [_bare(item.text)] if term and not term.attribute and not item.is_denied else []
            except ValueError as wrong:
                complaint = complaint or str(wrong)
                continue
            if term is not None:
                terms.append(_denied(term) if item.is_denied else term)
        return Query(text, tuple(terms), complaint, tuple(words), tuple(patterns))

    def _term(self, item: Item, names: Mapping[str, Attribute[Row]]) -> Term[Row] | None:
        """None for what asks for nothing yet: a pair of quotes, a sign alone. NotUnderstood as it says."""
        if item.text == "!":
            return None
        if item.text in self.alone:
            return Term(item.text, self.alone[item.text][0], item.typed)
        parts = None if item.text.startswith('"') else _TERM.fullmatch(item.text)
        if parts is None or parts[3].startswith("//"):
            return Term("", self.word(_bare(item.text)), item.typed) if _bare(item.text).strip() else None
        found = names.get(parts[1])
        if found is None and not parts[1].isascii():
            # A piece of a title, such as 第一講：前言.
            return Term("", self.word(item.text), item.typed)
        if found is None:
            known = ", ".join(one.name for one in self.attributes)
            raise NotUnderstood(f'{clean(parts[1], 30)} is not known here, only {known}; in "quotes" it is a word')
        return Term(found.name, found.test(parts[2], parts[3].strip('"')), item.typed)


@dataclass(frozen=True)
class Item:
    """A piece of a line. start: where it begins there; typed: as it stands there. text: folded, but for a pattern, and
    without the sign and the blanks around an operator."""

    start: int
    typed: str
    text: str
    is_pattern: bool
    is_denied: bool

    @property
    def end(self) -> int:
        return self.start + len(self.typed)


def scan(text: str, names: Iterable[str]) -> list[Item]:
    """A line in pieces, each a word, a pattern, words in quotes or a term; names: those of terms, which may have blanks
    around their operator."""
    return [_item(found) for found in _pieces(tuple(names)).finditer(text)]


@lru_cache(maxsize=8)
def _pieces(names: tuple[str, ...]) -> re.Pattern[str]:
    quote, plain = '["\u201c\u201d\uff02]', '[^\\s"\u201c\u201d\uff02]'
    quoted = f"{quote}{plain.replace(chr(92) + 's', '')}*{quote}?"
    value = f"(?:{quoted}|{plain}+(?:{quoted})?)"
    pattern = r"/(?:[^/]|/(?!\s|$))*/?(?=\s|$)"
    term = rf"(?:{'|'.join(map(re.escape, names))})\s*(?:>=|<=|[<>:=≥≤＞＜：＝])\s*{value}?"
    return re.compile(f"[!！]?(?:{pattern}|{term}|{value})|[!！]", re.IGNORECASE)


def _item(found: re.Match[str]) -> Item:
    typed = found[0]
    rest = typed[1:] if typed[0] in "!！" and len(typed) > 1 else typed
    is_denied, is_pattern = rest != typed, rest.startswith("/")
    text = rest if is_pattern else re.sub(r"^([^\W\d_]+)\s*(>=|<=|[<>:=])\s*", r"\1\2", fold(rest.translate(_NARROW)))
    return Item(found.start(), typed, text, is_pattern, is_denied)


def _bare(item: str) -> str:
    return item.strip('"')


def _denied(term: Term[Row]) -> Term[Row]:
    test = term.test
    return Term(term.attribute, lambda row: not test(row), term.text)
