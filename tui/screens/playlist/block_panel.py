"""What stands under the rows while the site lets no more through: what happened, what to do, how it goes on."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from core.clock import time_of_day
from core.events import Blocked
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
        self._block: Blocked | None = None

    def show(self, block: Blocked | None) -> None:
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


def block_parts(block: Blocked) -> list[tuple[str, str]]:
    """(label, text): what happened, why, and what to do, numbered in its order."""
    # In this window a key goes on; another fetch would only queue behind the one that waits.
    steps = [step.replace("whispersmith fetch", "r") for step in block.steps or (block.fix,) if step]
    numbered = [(str(place), step) for place, step in enumerate(steps, start=1)]
    return [("", block.what), *([("why", block.why)] if block.why else []), *numbered]


def goes_on(block: Blocked) -> str:
    """How it goes on: `goes on by itself at 14:20`."""
    return f"goes on by itself at {time_of_day(block.until)}" if block.until is not None else "waits for you"


def panel_text(block: Blocked, width: int, height: int, ascii_only: bool = False) -> Text:
    """At most `height` lines of at most `width` cells; the last one says how it goes on, and by which keys."""
    lines: list[str] = []
    for label, text in block_parts(block):
        begin = label.ljust(HANG) if label else f"{marks.mark('look', ascii_only)} "
        head, *rest = marks.wrap(cells.harmless(text), width - len(begin))
        lines += [begin + head, *(" " * len(begin) + line for line in rest)]
    cut = len(lines) > height - 1
    if cut:
        lines = lines[: height - 1]
    dot = f" {cells.ASCII.dot if ascii_only else cells.UNICODE.dot} "
    keys = [goes_on(block), "r goes on now", "x cancels", *(["enter tells all"] if cut else [])]
    text = Text(lines[0], "bold yellow", no_wrap=True)
    for line in lines[1:]:
        text.append(f"\n{line}", "")
    return text.append(f"\n{cells.cut(dot.join(keys), width)}", "bold")
