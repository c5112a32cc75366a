"""A workspace's `glossary.txt`: names, dishes and terms of its recordings, one a line, as they are to be written."""

from __future__ import annotations

from pathlib import Path

from core.errors import UserError
from core.exchange.encodings import TRIED, decode
from core.files import read_bytes
from core.text import clean

MOST_BYTES = 200_000
MOST_WORDS = 2000
LONGEST_WORD = 60
"""Characters: what is longer is a sentence, and no term."""


def read_glossary(path: Path) -> tuple[str, ...]:
    """The words in the order of the file, each once; () where there is no such file.

    What stands behind a # is a comment. UserError, which names the line, for a file that is too large, in no known
    encoding, or has a line that is no word.
    """
    if not path.exists():
        return ()
    found = decode(read_bytes(path, MOST_BYTES))
    if found is None:
        raise UserError(
            f"{path.name} is in an encoding that is not known here",
            f"it is not valid {', '.join(TRIED[:-1])} or {TRIED[-1]}",
            "save it as UTF-8, one word a line",
        )
    words: dict[str, None] = {}
    for number, line in enumerate(found[0].splitlines(), start=1):
        word = clean(line.split("#", 1)[0], MOST_BYTES)
        if len(word) > LONGEST_WORD:
            raise UserError(
                f"{path.name}, line {number} is no word",
                f"it has {len(word)} characters, and more than {LONGEST_WORD} no name or term has",
                "write one word a line",
            )
        if word:
            words[word] = None
    if len(words) > MOST_WORDS:
        raise UserError(
            f"{path.name} has {len(words)} words", f"no more than {MOST_WORDS} are read", "keep those that matter"
        )
    return tuple(words)
