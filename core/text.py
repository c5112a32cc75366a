"""Text as it is compared and shown: normalising, error rates, loops, cleaning. Pure functions."""

from __future__ import annotations

import json
import os
import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

# Escape sequences of ECMA-48 in both spellings, ESC and C1: control sequences, the strings that carry titles, links or
# clipboard contents, and the short ones. A string that does not end loses its beginning only, which makes it text.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
# White space of every kind and width, and letters that are blank.
_SPACE = re.compile(r"\s+")
_BLANK = re.compile(r"[\s\u115f\u1160\u180e\u2800\u3164\uffa0]+")
# What is not seen but acts: controls, marks that reorder text or join it, tags, invisible operators, fillers, halves of
# surrogate pairs, and what Unicode promises never to be a character.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff0-\ufffb\ufffe\uffff\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
# The same, and what some take for the end of a line; line breaks themselves stand between the values of JSON.
_HIDDEN = re.compile(_CONTROL.pattern.replace(r"[\x00-\x1f", r"[\x00-\t\x0b-\x1f\u2028\u2029"))
# Of those, what Python takes for printable: marks that join or vary what is before them.
_HIDDEN_MARKS = "\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f"
# What Python makes of a byte in a file's name that is no UTF-8 (PEP 383).
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_JOINER, _NON_JOINER = "\u200d", "\u200c"
_VIRAMA = 9
"""The combining class of the signs that silence the vowel of an Indian letter; a joiner after it chooses the form."""

MARKS = 4
"""Marks that one letter may carry: Tibetan and pointed Hebrew come near it, nothing that is meant to be read beyond."""

JOINED = 4
"""Pictures that may be joined to one: a family. A terminal that cannot join draws them side by side."""

LONGEST_TEXT = 5000
"""Characters of a transcript that a machine or a file may bring; people say some 300 in the longest segment."""

PILE = 30
"""Marks on one letter that are put in order where texts are compared, as in Unicode's Stream-Safe Text Format
(UAX #15): Python takes quadratic time for those of a letter."""
_SHORT = 500
"""Characters of a text whose piles, if it has any, cost nothing."""

LOOP_RATIO = 2.0
"""zlib ratio above which a text is a loop: in the reference run people's text stays under 1.3, loops start at 12."""


def clean(text: str | None, limit: int = 500) -> str:
    """A stranger's text made harmless for one line of a terminal, at most `limit` characters; "" where nothing is left.

    No escape sequences, controls, marks of direction, newlines, lone surrogates or piles of accents. What languages
    need stays: accents, joiners inside words, emoji of several parts. Markup is left as it is: nobody may parse it.
    """
    if not text:
        return ""
    # A text of a hundred thousand characters costs no more than a long one.
    flat = _CONTROL.sub("", _BLANK.sub(" ", _ESCAPES.sub("", text[: limit * 20])))
    flat = _SPACE.sub(" ", flat if flat.isascii() else _tamed(flat)).strip()
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip(f" {_JOINER}{_NON_JOINER}") + "…"


def printable(text: str) -> str:
    """A text of several lines made harmless for a terminal: blanks and lines stay as they are, nothing else acts."""
    return "\n".join(_CONTROL.sub("", _ESCAPES.sub("", line).expandtabs()) for line in text.split("\n"))


def _tamed(text: str) -> str:
    """The text with no more marks on a letter, and no more parts of a picture, than there is room for."""
    kept: list[str] = []
    marks = joined = 0
    for number, char in enumerate(text):
        if char in (_JOINER, _NON_JOINER):
            after = text[number + 1 : number + 2]
            if joined < JOINED - 1 and _joins(char, kept[-1] if kept else "", after):
                kept.append(char)
                joined += unicodedata.category(after)[0] == "S" if after else 0
            continue
        if char >= "\u0300" and unicodedata.category(char)[0] == "M":
            marks += 1
            # A mark without a letter would sit on whatever stands before the text.
            if marks <= MARKS and kept and kept[-1] != " ":
                kept.append(char)
            continue
        marks = 0
        joined = joined if kept and kept[-1] == _JOINER else 0
        kept.append(char)
    return "".join(kept)


def _joins(joiner: str, before: str, after: str) -> bool:
    """Whether a joiner has a meaning here: between letters or pictures that are not ASCII's, or after a virama."""
    if not before or before.isascii() or before in (_JOINER, _NON_JOINER):
        return False
    if joiner == _JOINER and unicodedata.combining(before) == _VIRAMA:
        return True
    return bool(after) and not after.isascii() and all(unicodedata.category(c)[0] in "LMS" for c in (before, after))


def hidden_escaped(json_text: str) -> str:
    """JSON in which what is not seen but acts stands as `\\uXXXX`: the same values, harmless to look at."""
    # A quarter of the time of what follows.
    if json_text.replace("\n", "").isprintable() and not any(mark in json_text for mark in _HIDDEN_MARKS):
        return json_text
    return _HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], json_text)


def as_utf8(name: str | os.PathLike[str]) -> str:
    """A file's name that can be stored and printed: bytes in it that are no UTF-8 become `\\xff`."""
    escaped = _NOT_UTF8.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", os.fspath(name))
    return escaped.encode("utf-8", "backslashreplace").decode("utf-8")


def is_utf8(name: str | os.PathLike[str]) -> bool:
    return as_utf8(name) == os.fspath(name)


def plural(count: int, one: str, many: str = "") -> str:
    """`1 video`, `3 videos`. many: for a word that takes more than an s."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def file_size(count: float) -> str:
    """Bytes as people read them: 967 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("B", "kB", "MB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def percent(share: float | None) -> str:
    """0.123 as `12.3 %`; – where it is not known."""
    return "–" if share is None else f"{share * 100:.1f} %"


def nfkc(text: str) -> str:
    """Unicode's normal form KC, in linear time: of a pile of marks on one letter the first `PILE` are kept."""
    if len(text) > _SHORT and not text.isascii():
        text = _pile().sub(r"\1", text)
    return unicodedata.normalize("NFKC", text)


@cache
def _pile() -> Any:
    # Costs 20 ms to import, and few texts are that long. Only marks (\p{M}) are ever put in another order.
    import regex

    return regex.compile(rf"(\p{{M}}{{{PILE}}})\p{{M}}+")


def normalise(text: str) -> str:
    """The form in which texts are compared: NFKC, lower case, no punctuation, symbols or spaces between Han.

    Spaces between words of other scripts stay as one space, so that English still has words.
    """
    folded = nfkc(text).lower()
    kept = "".join(" " if unicodedata.category(char)[0] in "PSZC" else char for char in folded)
    words = _SPACE.sub(" ", kept).strip()
    return re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", words)


UNSPACED = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0010ffff"
"""The characters of `is_unspaced`, as they stand between the brackets of a regular expression."""


def is_unspaced(char: str) -> bool:
    """True for a character of scripts written without spaces: Han, kana, bopomofo, and their punctuation."""
    return (
        "\u2e80" <= char <= "\u9fff"
        or "\uf900" <= char <= "\ufaff"
        or "\uff00" <= char <= "\uffef"
        or char >= "\U00020000"
    )


def join_texts(parts: Sequence[str]) -> str:
    """Texts one after the other: a space between words, none where either side is written without spaces."""
    found: list[str] = []
    for part in filter(None, (part.strip() for part in parts)):
        if found and not (is_unspaced(found[-1][-1]) or is_unspaced(part[0])):
            found.append(" ")
        found.append(part)
    return "".join(found)


def compression_ratio(text: str) -> float:
    """Bytes of UTF-8 over bytes of zlib, as Whisper's own loop check; 0 for an empty text."""
    data = text.encode("utf-8")
    return len(data) / len(zlib.compress(data)) if data else 0.0


def is_loop(text: str) -> bool:
    return compression_ratio(text) > LOOP_RATIO


@dataclass(frozen=True)
class Errors:
    """Character edits that turn hypotheses into references. characters: length of the references."""

    substitutions: int
    deletions: int
    insertions: int
    characters: int

    @property
    def total(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def cer(self) -> float | None:
        """Character error rate, 0.1 = 10 %; can exceed 1. None where there is nothing to compare with."""
        return self.total / self.characters if self.characters else None

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.characters + other.characters,
        )


NO_ERRORS = Errors(0, 0, 0, 0)


def character_errors(reference: str, hypothesis: str) -> Errors:
    """Edits between the normalised texts, spaces left out (jiwer's alignment).

    An empty reference counts no characters and no errors: report such segments apart.
    """
    import jiwer

    truth, guess = normalise(reference).replace(" ", ""), normalise(hypothesis).replace(" ", "")
    if not truth:
        return NO_ERRORS
    if not guess:
        return Errors(0, len(truth), 0, len(truth))
    counts = jiwer.process_characters(truth, guess)
    return Errors(counts.substitutions, counts.deletions, counts.insertions, len(truth))


def corpus_cer(pairs: Iterable[tuple[str, str]]) -> float | None:
    """CER over many (reference, hypothesis) pairs: all edits over all reference characters."""
    total = NO_ERRORS
    for reference, hypothesis in pairs:
        total = total + character_errors(reference, hypothesis)
    return total.cer
