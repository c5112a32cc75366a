"""Truth and guess with what differs marked, character by character in Han, word by word in spaced scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

import numpy as np
from rich.cells import cell_len, get_character_cell_size
from rich.style import StyleType
from rich.text import Text
from textual.app import RenderResult
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets import cells

# Letters and digits of scripts with spaces hang together; anything else (Han, kana, punctuation) stands alone.
_TOKEN = re.compile(r"[0-9A-Za-z\u00c0-\u024f\u0370-\u052f'’]+|.", re.DOTALL)
# Beyond this many cells of the edit matrix (2 000 × 2 000 characters, 16 MB) only the ends are compared.
_LARGEST = 4_000_000


def marked_diff(
    truth: str, guess: str, missed: StyleType = "bold green", wrong: StyleType = "bold red"
) -> tuple[Text, Text]:
    """(truth, guess) with the parts that differ in [ ] and a style: by the least number of edits, as CER counts.

    What the guess left out is an empty [] there. Control characters are gone; nothing is parsed as markup.
    """
    left, right = _TOKEN.findall(cells.harmless(truth)), _TOKEN.findall(cells.harmless(guess))
    first, second = Text(), Text()
    for same, group in groupby(_pairs(left, right), key=lambda pair: pair[0] == pair[1]):
        pairs = list(group)
        a, b = "".join(p[0] for p in pairs), "".join(p[1] for p in pairs)
        first.append(a if same else f"[{a}]", None if same else missed)
        second.append(b if same else f"[{b}]", None if same else wrong)
    return first, second


def _pairs(left: Sequence[str], right: Sequence[str]) -> list[tuple[str, str]]:
    """Tokens side by side; an empty string stands for one that the other side lacks."""
    head = 0
    while head < min(len(left), len(right)) and left[head] == right[head]:
        head += 1
    tail = 0
    while tail < min(len(left), len(right)) - head and left[-1 - tail] == right[-1 - tail]:
        tail += 1
    a, b = left[head : len(left) - tail], right[head : len(right) - tail]
    start = [(token, token) for token in left[:head]]
    end = [(token, token) for token in left[len(left) - tail :]]
    if (len(a) + 1) * (len(b) + 1) > _LARGEST:
        return [*start, ("".join(a), "".join(b)), *end]
    return [*start, *_align(a, b), *end]


def _align(a: Sequence[str], b: Sequence[str]) -> list[tuple[str, str]]:
    """An alignment of least Levenshtein distance. Rows of the matrix are whole-array steps: an insertion costs one
    a step, so the best over all insertions is a running minimum after taking the column number away."""
    if not a or not b:
        return [*((token, "") for token in a), *(("", token) for token in b)]
    numbers = {token: i for i, token in enumerate(dict.fromkeys([*a, *b]))}
    row = np.array([numbers[token] for token in b])
    steps = np.arange(len(b) + 1, dtype=np.int32)
    cost = np.empty((len(a) + 1, len(b) + 1), dtype=np.int32)
    cost[0] = steps
    for i, token in enumerate(a, 1):
        best = cost[i - 1] + 1
        best[1:] = np.minimum(best[1:], cost[i - 1, :-1] + (row != numbers[token]))
        cost[i] = np.minimum.accumulate(best - steps) + steps
    out: list[tuple[str, str]] = []
    i, j = len(a), len(b)
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (a[i - 1] != b[j - 1]):
            i, j = i - 1, j - 1
            out.append((a[i], b[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            out.append((a[i], ""))
        else:
            j -= 1
            out.append(("", b[j]))
    return out[::-1]


class DiffText(Widget):
    """Two labelled texts, what differs marked, folded at the edge under their own beginning."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"diff-text--label", "diff-text--missed", "diff-text--wrong"}
    DEFAULT_CSS = """
    DiffText {
        width: 1fr;
        height: auto;
        & > .diff-text--label { color: $text-muted; }
        & > .diff-text--missed { color: $text-success; text-style: bold; }
        & > .diff-text--wrong { color: $text-error; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._texts = ("", "")
        self._labels = ("", "")
        self._folded: list[list[cells.Piece]] = []
        self._folded_at = -1

    def show(self, truth: str, guess: str, labels: tuple[str, str] = ("truth", "guess")) -> None:
        """Show `guess` under `truth`, each after its label."""
        self._texts, self._labels = (truth, guess), labels
        self._folded_at = -1
        self.refresh(layout=True)

    def clear(self) -> None:
        self.show("", "", ("", ""))

    def notify_style_update(self) -> None:
        self._folded_at = -1
        super().notify_style_update()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        lines = self._lines(self.size.width)
        return cells.strip(lines[y] if y < len(lines) else [], self.size.width, self.rich_style)

    def _lines(self, width: int) -> list[list[cells.Piece]]:
        if width == self._folded_at:
            return self._folded
        missed, wrong, grey = (
            self.get_component_rich_style(f"diff-text--{name}") for name in ("missed", "wrong", "label")
        )
        names = [cells.harmless(label) for label in self._labels]
        wide = min(max(map(cell_len, names)) + 2, max(0, width // 3))
        more = cells.glyphs(self.app).more
        self._folded = []
        for name, text in zip(names, marked_diff(*self._texts, missed, wrong), strict=True):
            for place, line in enumerate(fold(cells.pieces(text, self.app.console), max(2, width - wide))):
                label = cells.fit(cells.cut(name, wide - 1, more), wide) if place == 0 else " " * wide
                self._folded.append([(label, grey), *line])
        self._folded_at = width
        return self._folded


def fold(runs: Sequence[cells.Piece], width: int) -> list[list[cells.Piece]]:
    """Styled runs in lines of at most `width` (2 or more) cells, broken anywhere, as Han is; at least one line."""
    lines: list[list[cells.Piece]] = [[]]
    left = width
    for text, style in runs:
        start = 0
        for index, character in enumerate(text):
            size = get_character_cell_size(character)
            if size > left:
                lines[-1].append((text[start:index], style))
                lines.append([])
                start, left = index, width
            left -= size
        lines[-1].append((text[start:], style))
    return lines
