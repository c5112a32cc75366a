"""Truth and guess with what differs marked, character by character in Han, word by word in spaced scripts."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar

from rapidfuzz.distance import Levenshtein
from rich.cells import cell_len
from rich.style import StyleType
from rich.text import Text

from core.review.differences import TOKENS
from tui.widgets import cells
from tui.widgets.folded_lines import FoldedLines, fold

LEAD = 6
"""Characters before the first change that are shown of a text that is cut."""


def marked_diff(
    truth: str, guess: str, missed: StyleType = "bold green", wrong: StyleType = "bold red"
) -> tuple[Text, Text]:
    """(truth, guess) with the parts that differ in [ ] and a style: by the least number of edits, as CER counts.

    What the guess left out is an empty [] there. Control characters are gone; nothing is parsed as markup.
    """
    left, right = TOKENS.findall(cells.harmless(truth)), TOKENS.findall(cells.harmless(guess))
    first, second = Text(), Text()
    for same, group in groupby(Levenshtein.opcodes(left, right), key=lambda edit: edit.tag == "equal"):
        edits = list(group)
        a = "".join(left[edits[0].src_start : edits[-1].src_end])
        b = "".join(right[edits[0].dest_start : edits[-1].dest_end])
        first.append(a if same else f"[{a}]", None if same else missed)
        second.append(b if same else f"[{b}]", None if same else wrong)
    return first, second


def inline_diff(before: str, after: str, *, from_change: bool = False, ascii: bool = False) -> Text:
    """One text with what was changed as [before→after]: 它的[金→筋]吃.

    from_change: begin shortly before the first change, so that it is seen in a narrow place.
    """
    left, right = TOKENS.findall(cells.harmless(before)), TOKENS.findall(cells.harmless(after))
    found, arrow, more = Text(), "->" if ascii else "→", ".." if ascii else "…"
    edits = Levenshtein.opcodes(left, right)
    for place, (same, group) in enumerate(groupby(edits, key=lambda edit: edit.tag == "equal")):
        run = list(group)
        was = "".join(left[run[0].src_start : run[-1].src_end])
        now = "".join(right[run[0].dest_start : run[-1].dest_end])
        if same:
            is_lead = from_change and not place and len(was) > LEAD
            found.append(f"{more}{was[-LEAD:]}" if is_lead else was)
        else:
            found.append("[").append(was, "red").append(arrow).append(now, "bold green").append("]")
    return found


class DiffText(FoldedLines):
    """Two labelled texts, what differs marked, folded at the edge under their own beginning."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"diff-text--label", "diff-text--missed", "diff-text--wrong"}
    DEFAULT_CSS = """
    DiffText {
        & > .diff-text--label { color: $text-muted; }
        & > .diff-text--missed { color: $text-success; text-style: bold; }
        & > .diff-text--wrong { color: $text-error; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._texts = ("", "")
        self._labels = ("", "")

    def show(self, truth: str, guess: str, labels: tuple[str, str] = ("truth", "guess")) -> None:
        """Show `guess` under `truth`, each after its label."""
        self._texts, self._labels = (truth, guess), labels
        self.fold_anew()

    def clear(self) -> None:
        self.show("", "", ("", ""))

    def fold_at(self, width: int) -> list[list[cells.Piece]]:
        missed, wrong, grey = (
            self.get_component_rich_style(f"diff-text--{name}") for name in ("missed", "wrong", "label")
        )
        names = [cells.harmless(label) for label in self._labels]
        wide = min(max(map(cell_len, names)) + 2, max(0, width // 3))
        more = cells.glyphs(self.app).more
        folded: list[list[cells.Piece]] = []
        for name, text in zip(names, marked_diff(*self._texts, missed, wrong), strict=True):
            for place, line in enumerate(fold(cells.pieces(text, self.app.console), max(2, width - wide))):
                label = cells.fit(cells.cut(name, wide - 1, more), wide) if place == 0 else " " * wide
                folded.append([(label, grey), *line])
        return folded
