"""Alt and a key of the cursor, or a digit: one key, not Escape and another, nor another character.

Terminals send them as one sequence. Textual reads Alt and ← as Escape followed by ←, so that whoever jumps over a word
as their shell does it leaves the text, and what they type next is keys of the table. Of Alt and a digit it makes what a
Mac's keyboard types so, ¡ ™ £, which other people type for themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.keys import Keys

_WORDWISE = {Keys.Left: Keys.ControlLeft, Keys.Right: Keys.ControlRight}
"""By words, as with Ctrl: what Alt and an arrow do in shells and editors."""


@dataclass(frozen=True)
class _AltKey:
    """A key that Textual has no name for; value: its name, as the members of `Keys` hold theirs."""

    value: str


def read_as_one_key() -> None:
    """From now on, for every app of this process."""
    known = cast("dict[str, object]", ANSI_SEQUENCES_KEYS)
    for sequence, keys in ANSI_SEQUENCES_KEYS.items():
        if isinstance(keys, tuple) and len(keys) == 2 and keys[0] is Keys.Escape:
            known[sequence] = (_WORDWISE.get(keys[1], keys[1]),)
    for digit in "123456789":
        known[f"\x1b{digit}"] = (_AltKey(f"alt+{digit}"),)
