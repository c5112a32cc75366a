"""Where one types on the transcripts screen: the text of a segment with what surrounds it, and the search."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, TextArea

from core.store import Segment
from core.text import clean
from tui import keymap
from tui.screens.transcripts import rows as transcript_rows
from tui.screens.transcripts.rows import SegmentIndex
from tui.widgets import cells
from tui.widgets.text_line import TextLine


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


class EditorPanel(Vertical):
    """The row under the cursor: what is known of it, what is said around it, its text, what the machine wrote."""

    def compose(self) -> ComposeResult:
        yield TextLine(id="heading")
        yield TextLine(id="around")
        yield Editor()
        yield TextLine(id="machine")

    def show(self, segment: Segment | None, index: SegmentIndex, said: str, width: int, ascii: bool) -> None:
        """said: what was done last. The text is left alone where something is typed, or nothing has changed."""
        editor = self.query_one(Editor)
        heading, around, machine = (self.query_one(name, TextLine) for name in ("#heading", "#around", "#machine"))
        if segment is None:
            editor.show(None, "")
            for line in (heading, around, machine):
                line.show("")
            return
        here = editor.segment == segment.id
        if not here or (not editor.dirty and editor.given != cells.harmless(segment.text)):
            editor.show(segment.id, segment.text)
        heading.show(transcript_rows.heading(segment, ascii), said or segment.part or "")
        around.show(transcript_rows.around(*index.neighbours(segment.id), width, ascii))
        machine.show(transcript_rows.written_by_machine(segment, width, ascii))
