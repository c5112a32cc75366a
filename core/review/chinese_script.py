"""Traditional or Simplified: what characters tell by themselves, without a table of conversions.

Big5 was made for the one script and GB 2312 for the other, and Python has both: a character that only one of them
knows is of that script. Most characters (of these texts about two thirds) are in both and tell nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

Script = Literal["traditional", "simplified"]


@lru_cache(maxsize=16_384)
def script_of(character: str) -> Script | None:
    """The script that alone has this character; None for one of both, or of neither."""
    traditional, simplified = _is_in(character, "big5"), _is_in(character, "gb2312")
    if traditional == simplified:
        return None
    return "traditional" if traditional else "simplified"


def _is_in(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def written_in(texts: Iterable[str]) -> Script | None:
    """The script that more characters of the texts are of; None where they tell nothing."""
    balance = sum(
        {"traditional": 1, "simplified": -1, None: 0}[script_of(character)] for text in texts for character in text
    )
    return None if balance == 0 else "traditional" if balance > 0 else "simplified"


def foreign_to(script: Script | None, text: str) -> int:
    """How many characters of a text only the other script has; 0 where it is not known which script is meant."""
    return 0 if script is None else sum(script_of(character) not in (script, None) for character in text)


def are_variants(one: str, other: str) -> bool:
    """Whether two characters that stand in the same place may be one in two scripts: 樂 and 乐, but also 樂 and 国.

    Which character of the one script is which of the other is not known here.
    """
    return {script_of(one), script_of(other)} == {"traditional", "simplified"}
