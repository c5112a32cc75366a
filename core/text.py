"""Text as it is compared and shown: normalising, error rates, loops, cleaning. Pure functions."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

# C0 and C1 control characters, ANSI escape sequences, and the marks that reorder text on a terminal.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
_SPACE = re.compile(r"\s+")

LOOP_RATIO = 2.0
"""zlib ratio above which a text is a loop: in the reference run people's text stays under 1.3, loops start at 12."""


def clean(text: str | None, limit: int = 500) -> str:
    """A stranger's text made harmless for one line of a terminal: no escapes, controls, bidi marks or newlines."""
    if not text:
        return ""
    flat = _SPACE.sub(" ", _CONTROL.sub("", _ANSI.sub("", text[: limit * 20]))).strip()
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def normalise(text: str) -> str:
    """The form in which texts are compared: NFKC, lower case, no punctuation, symbols or spaces between Han.

    Spaces between words of other scripts stay as one space, so that English still has words.
    """
    folded = unicodedata.normalize("NFKC", text).lower()
    kept = "".join(" " if unicodedata.category(char)[0] in "PSZC" else char for char in folded)
    words = _SPACE.sub(" ", kept).strip()
    return re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", words)


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
