"""Texts beside each other, each folded in its own column: what is said in a segment, what was heard, what is heard."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from tui.widgets import cells
from tui.widgets.columns import GUTTER, Column, lay_out
from tui.widgets.folded_lines import FoldedLines, fold

NAME_CELLS = 12
COLUMNS = [Column("name", "", NAME_CELLS), *(Column(name, "", None) for name in ("truth", "first", "last"))]
MOST_LINES = 4
"""Of a column: what a model hears that loops would fill the screen."""


class SampleColumns(FoldedLines):
    """Four texts, with the cursor's mark before them."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._texts: Sequence[str | Text] = ()
        self._mark = " "

    def show(self, texts: Sequence[str | Text], mark: str = " ") -> None:
        """Anybody's texts: they are made harmless and never parsed as markup. mark: one cell."""
        if (texts, mark) != (self._texts, self._mark):
            self._texts, self._mark = texts, mark
            self.fold_anew()

    def fold_at(self, width: int) -> list[list[cells.Piece]]:
        columns = [
            (wide, self._lines_of(text, wide))
            for text, (_, wide) in zip(self._texts, lay_out(COLUMNS, width), strict=False)
        ]
        lines: list[list[cells.Piece]] = []
        for y in range(max((len(folded) for _, folded in columns), default=0)):
            lines.append([(cells.fit(self._mark if y == 0 else "", GUTTER), None)])
            for wide, folded in columns:
                lines[-1] += [*cells.fit_pieces(folded[y] if y < len(folded) else [], wide), ("  ", None)]
        return lines

    def _lines_of(self, text: str | Text, width: int) -> list[list[cells.Piece]]:
        more = cells.glyphs(self.app).more
        lines = fold(cells.pieces(text, self.app.console), max(2, width))
        if len(lines) > MOST_LINES:
            last = [*lines[MOST_LINES - 1], (more, None)]
            lines = [*lines[: MOST_LINES - 1], cells.fit_pieces(last, width, more=more)]
        return lines
