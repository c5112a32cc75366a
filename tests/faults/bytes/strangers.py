"""What strangers put where a file is expected: a format's own signs in any order, JSON of odd fields and values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

LONG_NUMBER = b"9" * 5000
DEEP = b"[" * 5000 + b"]" * 5000
MARKS = ["\0", "\x1b[2J", "\x9d", "\u202e", "\ufeff", "\u0301" * 40, "\ud800", "字", "é", "\r", "\n", "\t", " " * 50]

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.0, -0.5, 1e308, float("nan"), float("inf"), "", "0", "字",
    "\ud800", "\0", "../..", "x" * 300, [], {}, [[]], [None], {"a": []},
]  # fmt: skip
"""Values of JSON that a field was not made for."""


def signs(own: Sequence[str | bytes]) -> st.SearchStrategy[bytes]:
    """Texts out of a format's own signs, hostile characters and any bytes."""
    known = [sign.encode("utf-8", "surrogatepass") if isinstance(sign, str) else sign for sign in [*own, *MARKS]]
    piece = st.sampled_from(known) | st.binary(max_size=6)
    return st.lists(piece, max_size=40).map(b"".join)


def objects(sound: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """A JSON object that would be read, with some of its fields gone or something else, and sometimes cut or bent."""
    changed = st.dictionaries(st.sampled_from(sorted(sound)), st.sampled_from(ODD) | _values(), max_size=3)
    gone = st.sets(st.sampled_from(sorted(sound)), max_size=2)
    whole = st.builds(
        lambda change, without, ascii: _packed(
            {key: value for key, value in (sound | change).items() if key not in without}, ascii
        ),
        changed,
        gone,
        st.booleans(),
    )
    bent = st.builds(_bent, whole, st.integers(0, 400), st.integers(0, 400), st.binary(max_size=6))
    return whole | bent | _values().map(lambda value: _packed(value, True))


def _values() -> st.SearchStrategy[Any]:
    # Not any character: to know them all takes Hypothesis a second.
    text = st.text(st.sampled_from('a0 .-/<"\0\x1b\u202e字é'), max_size=8)
    leaf = st.sampled_from(ODD) | st.integers() | st.floats() | text
    return st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=5
    )


def _packed(value: Any, ascii: bool) -> bytes:
    return json.dumps(value, ensure_ascii=ascii).encode("utf-8", "surrogatepass")


def _bent(data: bytes, start: int, end: int, instead: bytes) -> bytes:
    start, end = sorted((start % (len(data) + 1), end % (len(data) + 1)))
    return data[:start] + instead + data[end:]
