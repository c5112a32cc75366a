"""What stands under the rows while the site lets no more through: what happened, what to do, how it goes on."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from tui.screens.playlist.tracker import Block
from tui.widgets import cells, marks

HANG = 5
"""Cells before what goes on in the next line: under the words, not under `why` or the number."""


class BlockPanel(Widget):
    """A third of the screen at most; what is cut is in `dialogs.block_message`."""

    DEFAULT_CSS: ClassVar[str] = """
    BlockPanel {
        height: auto;
        padding: 0 1;
        display: none;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._block: Block | None = None

    def show(self, block: Block | None) -> None:
        if block != self._block:
            self._block = block
            self.display = block is not None
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Counted for the width at hand: text wrapped for the size before a resize would leave too many lines."""
        return self._text(width).plain.count("\n") + 1

    def render(self) -> Text:
        return self._text(self.content_size.width)

    def _text(self, width: int) -> Text:
        if self._block is None:
            return Text()
        return panel_text(self._block, max(20, width), max(3, self.app.size.height // 3), cells.is_ascii(self.app))


def panel_text(block: Block, width: int, height: int, ascii_only: bool = False) -> Text:
    """At most `height` lines of at most `width` cells; the last one says how it goes on, and by which keys."""
    lines: list[str] = []
    for label, text in block.parts():
        begin = label.ljust(HANG) if label else f"{marks.mark('look', ascii_only)} "
        head, *rest = marks.wrap(cells.harmless(text), width - len(begin))
        lines += [begin + head, *(" " * len(begin) + line for line in rest)]
    cut = len(lines) > height - 1
    if cut:
        lines = lines[: height - 1]
    dot = f" {cells.ASCII.dot if ascii_only else cells.UNICODE.dot} "
    keys = [block.goes_on(), "r goes on now", "x cancels", *(["enter tells all"] if cut else [])]
    text = Text(lines[0], "bold yellow", no_wrap=True)
    for line in lines[1:]:
        text.append(f"\n{line}", "")
    return text.append(f"\n{cells.cut(dot.join(keys), width)}", "bold")
