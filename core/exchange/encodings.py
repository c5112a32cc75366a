"""Which encoding a text file is in: what spreadsheets and editors in Taiwan and China really write, and those of their
neighbours."""

from __future__ import annotations

import codecs
import re
from itertools import pairwise
from pathlib import Path

from core.errors import UserError
from core.files import read_bytes

MOST_BYTES = 128_000_000
"""A table of a million rows has some 100 MB."""

TRIED = ("UTF-8", "UTF-16", "Big5", "GB18030", "EUC-KR", "Shift JIS")

_SHOWN = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "cp950": "Big5",
    "big5hkscs": "Big5 of Hong Kong",
    "gb18030": "GB18030",
    "cp949": "EUC-KR",
    "cp932": "Shift JIS",
}

_HANGUL, _KANA = re.compile("[\uac00-\ud7a3]"), re.compile("[\u3040-\u30ff]")
_FREQUENT_HANGUL = re.compile("[이다는을에의고지하도은한로서기리어나사아자그인해시]")
"""A third of written Korean. Most of what is everyday Chinese in GB18030 would be Hangul, too, but these are rare
characters there; 가, as frequent, would be 啊 and is none of them."""

_NEIGHBOURS = (("cp949", ((_HANGUL, 0.8), (_FREQUENT_HANGUL, 0.1))), ("cp932", ((_KANA, 0.25),)))
"""Encodings in which other languages are written, their own letters, and the least share of each in a text."""

LEAST_TOLD = 16
"""Characters beside ASCII. Of fewer, what most texts have may be missing by chance: the second byte that two of five
have in Big5, the frequent letters of Korean."""

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
    if (neighbours := _of_a_neighbour(data)) is not None:
        return neighbours
    best: tuple[float, str, str] | None = None
    for text, name, share in (*_big5(data), *_gb18030(data)):
        if best is None or share > best[0]:
            best = (share, text, name)
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


def _of_a_neighbour(data: bytes) -> tuple[str, str] | None:
    """Korean or Japanese, where there is enough of it to tell."""
    for name, signs in _NEIGHBOURS:
        text = _strictly(data, name)
        wide = 0 if text is None else len(text) - sum(map(str.isascii, text))
        if text is None or wide < LEAST_TOLD:
            continue
        if all(len(letters.findall(text)) >= least * wide for letters, least in signs):
            return text, name
    return None


_Candidate = tuple[str, str, float]
"""(text, encoding, share of everyday characters)."""


def _big5(data: bytes) -> list[_Candidate]:
    """Everyday are its first level (5401 characters, A4-C6) and its punctuation (A1-A3)."""
    pairs = _pairs(data)
    if len(pairs) >= LEAST_TOLD and all(trail >= 0xA1 for _, trail in pairs):
        return []  # two of five have another second byte
    share = sum(0xA1 <= lead <= 0xC7 for lead, _ in pairs) / len(pairs) if pairs else 1.0
    texts = ((_strictly(data, name), name) for name in ("big5hkscs", "cp950"))
    found = [(text, name, share) for text, name in texts if text is not None]
    if not any((0xC6, 0xA1) <= pair <= (0xC8, 0xFE) for pair in pairs):
        return found[::-1][:1]
    # Both have kana there, at other places: what one writes are signs, Cyrillic and odd mixtures in the other.
    return sorted(found, key=lambda one: _kana(one[0]), reverse=True)[:1]


def _kana(text: str) -> float:
    """How much the kana of a text are like what people write: hiragana rather than katakana, and not both in turns;
    less what is found in their place by the other kind of Big5."""
    kinds = [_kind(character) for character in text]
    mixed = sum({one, two} == {"hiragana", "katakana"} for one, two in pairwise(kinds))
    return kinds.count("hiragana") + 0.9 * kinds.count("katakana") - kinds.count("sign") - 2 * mixed


def _kind(character: str) -> str:
    if "\u3041" <= character <= "\u309f":
        return "hiragana"
    if "\u30a0" <= character <= "\u30ff":
        return "katakana"
    # Cyrillic, numbers in circles and brackets, Roman numerals.
    return "sign" if re.match("[\u0400-\u04ff\u2160-\u217f\u2460-\u24ff]", character) else ""


def _gb18030(data: bytes) -> list[_Candidate]:
    """Everyday are GB 2312's first level (3755 characters, B0-D7), its punctuation (A1-A3) and kana (A4-A5)."""
    text, pairs = _strictly(data, "gb18030"), _pairs(data)
    common = sum((0xA1 <= lead <= 0xA5 or 0xB0 <= lead <= 0xD7) and trail >= 0xA1 for lead, trail in pairs)
    return [] if text is None else [(text, "gb18030", common / len(pairs) if pairs else 1.0)]
