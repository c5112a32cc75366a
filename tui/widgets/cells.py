"""Text in terminal cells: made harmless, measured, cut and padded. Pure functions and the two glyph sets.

Everything other people wrote (titles, transcripts, log lines) goes through `harmless` before it is drawn.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from rich.cells import cell_len, get_character_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from tui.raster.bars import ASCII_BARS, BLOCKS

WIDE = 100
"""Cells across a window from which on its screens have the class `-wide`."""

Piece = tuple[str, Style | None]
"""A run of harmless text and its style; None means the style of the line."""

Key = TypeVar("Key")

# CSI, OSC (title, clipboard, hyperlink) and the other string sequences, then lone two-byte escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x9d\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
# A pile of combining marks paints over the lines above; three are more than any living language stacks.
_MARKS = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_PILE = re.compile(f"({_MARKS}{{3}}){_MARKS}+")
_SPACES = frozenset("\t\n\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029")
# Variation selectors change a width after the fact and terminals disagree on it; Hangul fillers are invisible letters.
_ODD = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u034f\u115f\u1160\u3164\uffa0]")


@dataclass(frozen=True)
class Glyphs:
    """The signs the widgets draw themselves; two sets, `UNICODE` and `ASCII`."""

    cursor: str
    more: str
    dash: str
    dot: str
    running: str
    mark: str
    bars: str


UNICODE = Glyphs("▸", "…", "–", "·", "●", "▴", BLOCKS)
ASCII = Glyphs(">", "..", "-", "|", "*", "^", ASCII_BARS)


def is_ascii(app: object) -> bool:
    """Whether the app runs with `--ascii`: no sign that a terminal may draw two cells wide."""
    return bool(getattr(app, "ascii", False))


def glyphs(app: object) -> Glyphs:
    """The glyph set for this app; read it when drawing, since the switch may be turned while running."""
    return ASCII if is_ascii(app) else UNICODE


def harmless(text: str) -> str:
    """One line of `text` that cannot move the cursor, recolour the screen, reverse the reading order or hide.

    Escape sequences go, line breaks and tabs become spaces, other control and format characters (bidi
    overrides, zero-width joiners, tags, variation selectors) go, lone surrogates become U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text
    if not text.isprintable():
        text = "".join(map(_harmless_character, _ESCAPES.sub("", text)))
    return _PILE.sub(r"\1", _ODD.sub("", text))


def _harmless_character(character: str) -> str:
    if character in _SPACES:
        return " "
    kind = unicodedata.category(character)
    if kind == "Cs":
        return "\ufffd"
    if kind in ("Cc", "Cf"):
        return ""
    return " " if kind == "Zs" and character != "\u3000" else character


def cut(text: str, width: int, more: str = "…") -> str:
    """`text` in at most `width` cells, ending in `more` if something was cut; never half a Han character."""
    if width <= 0:
        return ""
    head = _head_of(text, width)
    if len(head) == len(text) and cell_len(head) <= width:
        return head
    if cell_len(head) <= width:  # cut by the bound above (piles of zero-width marks), not by its width
        return head
    room = width - cell_len(more)
    if room < 0:
        more, room = "", width
    return _head(head, room) + more


def _head_of(text: str, width: int) -> str:
    """More characters than fit `width` cells: a pasted megabyte costs what a line costs."""
    return text[: max(0, width) * 4 + 8]


def _head(text: str, room: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > room:
            return text[:index]
    return text


def fit(text: str, width: int, align: str = "left", more: str = "…") -> str:
    """`text` in exactly `width` cells: cut with `more`, or padded on the side away from `align`."""
    shown = cut(text, width, more)
    space = " " * (width - cell_len(shown))
    return space + shown if align == "right" else shown + space


def pieces(cell: str | Text, console: Console) -> list[Piece]:
    """A cell as harmless runs with styles. Strings have no style and are never parsed as markup."""
    if isinstance(cell, str):
        return [(harmless(cell), None)]
    if not cell.spans:
        # Rich gives a text's own style only where there are others beside it.
        return [(harmless(cell.plain), console.get_style(cell.style) if cell.style else None)]
    return [(harmless(text), style) for text, style, control in cell.render(console) if not control]


def fit_pieces(runs: Sequence[Piece], width: int, align: str = "left", more: str = "…") -> list[Piece]:
    """As `fit`, over styled runs; the sign for more takes the style of the run that was cut."""
    if len(runs) == 1:
        return [(fit(runs[0][0], width, align, more), runs[0][1])]
    runs = [(_head_of(text, width), style) for text, style in runs]
    total = sum(cell_len(text) for text, _ in runs)
    if total <= width:
        space: list[Piece] = [(" " * (width - total), None)]
        return [*space, *runs] if align == "right" else [*runs, *space]
    out: list[Piece] = []
    left = width
    for text, style in runs:
        wide = cell_len(text)
        if wide + cell_len(more) <= left:
            out.append((text, style))
            left -= wide
            continue
        out.append((fit(text + more if wide <= left else text, left, more=more), style))
        return out
    return [*out, (" " * left, None)]


def grouped(line: str, keys: Sequence[Key], style_of: Callable[[Key], Style | None]) -> list[Piece]:
    """`line` in runs of characters whose keys are equal: fewer bytes over the line. keys: one for each character."""
    out: list[Piece] = []
    at = 0
    for key, group in groupby(keys):
        size = sum(1 for _ in group)
        out.append((line[at : at + size], style_of(key)))
        at += size
    return out


def strip(runs: Iterable[Piece], width: int, base: Style) -> Strip:
    """A line of exactly `width` cells; `base` lies under the styles of the runs."""
    segments = [Segment(text, base if style is None else base + style) for text, style in runs if text]
    return Strip(segments).adjust_cell_length(width, base)
