"""The two places of the transcripts screen where one types: the text of a segment, and the search."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.widgets import Input, TextArea

from core.text import clean
from tui import keymap
from tui.widgets import cells


class Editor(TextArea):
    """One segment's text. `id` of the segment and the text it was given are kept here, so `dirty` never errs.

    Enter, Escape and Tab act at once, inside the key's own event: what is typed right behind an Enter (input methods
    and pastes are quick) must find the next row's text here, not be saved with the last one's.
    """

    PANE = "transcripts.editor"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("transcripts.editor")

    def __init__(self) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, soft_wrap=True)
        # A blinking cursor sends a repaint twice a second over the line.
        self.cursor_blink = False
        self.segment: str | None = None
        self.given = ""
        """The text as it was put in."""

    def show(self, segment: str | None, text: str) -> None:
        """Put a segment's text in, the cursor behind it; what was here before is gone."""
        text = cells.harmless(text)
        self.segment, self.given = segment, text
        if self.text != text:
            self.load_text(text)
        self.move_cursor(self.document.end)
        self.disabled = segment is None

    @property
    def typed(self) -> str:
        """The text as it is saved: one line, nothing that could move a cursor."""
        return clean(self.text, max(1, len(self.text)))

    @property
    def dirty(self) -> bool:
        return self.segment is not None and self.text != self.given and self.typed != self.given

    def kept(self) -> None:
        """What is here is on the disk now."""
        self.given = self.text

    async def _on_key(self, event: events.Key) -> None:
        action = {"enter": "save_text", "escape": "revert", "tab": "to_table", "shift+tab": "to_table"}.get(event.key)
        if action is not None:
            event.stop()
            event.prevent_default()
            await self.screen.run_action(f"screen.{action}")


class SearchBox(Input):
    """The words to search for; empty, it is not shown."""

    PANE = "transcripts.search"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("transcripts.search")

    def __init__(self) -> None:
        super().__init__(placeholder="search: words of the text, a segment's name", classes="filter", compact=True)
        self.cursor_blink = False
        self.display = False
