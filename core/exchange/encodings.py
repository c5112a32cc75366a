"""Which encoding a text file is in: what spreadsheets and editors in Taiwan and China really write."""

from __future__ import annotations

import codecs
from pathlib import Path

from core.errors import UserError
from core.files import read_bytes

MOST_BYTES = 128_000_000
"""A table of a million rows has some 100 MB."""

TRIED = ("UTF-8", "UTF-16", "Big5", "GB18030")

_SHOWN = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "cp950": "Big5",
    "big5hkscs": "Big5 of Hong Kong",
    "gb18030": "GB18030",
}

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that one's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path, most_bytes: int = MOST_BYTES) -> tuple[str, str]:
    """(text, encoding) of a file, its byte order mark removed. UserError if it is none of `TRIED`, not readable, or
    longer than `most_bytes`."""
    data = read_bytes(path, most_bytes)
    found = decode(data)
    if found is None:
        raise UserError(
            f"{path.name} is in an encoding that is not known here",
            f"it is not valid {', '.join(TRIED[:-1])} or {TRIED[-1]}",
            "open it in an editor or spreadsheet and save it as UTF-8",
        )
    return found


def shown(encoding: str) -> str:
    """What people call an encoding of `read_text`."""
    return _SHOWN.get(encoding, encoding.upper())


def decode(data: bytes) -> tuple[str, str] | None:
    """(text, Python's name of the encoding), or None. The mark decides, then UTF-8, then the likelier of the rest."""
    for mark, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            text = _strictly(data, name)
            return None if text is None else (text, name)
    text = _strictly(data, "utf-8")
    if text is not None and "\0" not in text:
        return text, "utf-8"
    if b"\0" in data:
        return _utf16(data)
    best: tuple[float, str, str] | None = None
    for name, share in (*((name, _common_big5) for name in _big5_names(data)), ("gb18030", _common_gb)):
        text = _strictly(data, name)
        if text is not None and (best is None or share(data) > best[0]):
            best = (share(data), text, name)
    # Two encodings of two bytes accept much that is neither: demand that most of it be everyday characters.
    return (best[1], best[2]) if best is not None and best[0] >= 0.5 else None


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _utf16(data: bytes) -> tuple[str, str] | None:
    """UTF-16 without its mark: names and commas are ASCII, so one byte of each of their pairs is 0.

    The other byte is 0 now and then too, as in 一 (U+4E00).
    """
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if max(even, odd) < 2 * min(even, odd) or max(even, odd) * 20 < len(data):
        return None
    name = "utf-16-le" if odd > even else "utf-16-be"
    text = _strictly(data, name)
    return None if text is None or "\0" in text else (text, name)


def _pairs(data: bytes) -> list[tuple[int, int]]:
    """The two-byte characters of a text in an encoding that marks the first byte by its high bit."""
    pairs, index = [], 0
    while index < len(data) - 1:
        if data[index] >= 0x80:
            pairs.append((data[index], data[index + 1]))
            index += 1
        index += 1
    return pairs


def _big5_names(data: bytes) -> tuple[str, ...]:
    """Python's names for this kind of Big5, the likelier first: both have kana in C6A1-C8FE, at other places, and
    what Windows writes there is mostly nothing in Hong Kong's."""
    extended = any((0xC6, 0xA1) <= pair <= (0xC8, 0xFE) for pair in _pairs(data))
    return ("big5hkscs", "cp950") if extended else ("cp950",)


def _common_big5(data: bytes) -> float:
    """Share of characters in Big5's first level (5401 everyday ones, A4-C6) or its punctuation (A1-A3)."""
    pairs = _pairs(data)
    return sum(0xA1 <= lead <= 0xC7 for lead, _ in pairs) / len(pairs) if pairs else 1.0


def _common_gb(data: bytes) -> float:
    """Share of characters in GB 2312's first level (3755 everyday ones, B0-D7) or its punctuation (A1-A3)."""
    pairs = _pairs(data)
    common = sum((0xA1 <= lead <= 0xA3 or 0xB0 <= lead <= 0xD7) and trail >= 0xA1 for lead, trail in pairs)
    return common / len(pairs) if pairs else 1.0
