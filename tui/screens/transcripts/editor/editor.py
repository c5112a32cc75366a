"""Where one types a segment's text, with what surrounds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from core.review.suspicion import needs_retyping
from core.review.variants import Variant
from core.store import Segment, TranscriptRow
from core.store.records import SeenText
from core.text import clean
from tui import keymap
from tui.screens import review_state
from tui.screens.transcripts.editor.variants import TrackedVariants, legend, number_of
from tui.screens.transcripts.session import ReviewSession
from tui.screens.transcripts.table import rows as transcript_rows
from tui.widgets import cells, marks
from tui.widgets.annotated_text_area import AnnotatedTextArea
from tui.widgets.segment_table import RowTable
from tui.widgets.text_line import TextLine


class Editor(AnnotatedTextArea):
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
        self.retype = False
        """So much of it is expected to be wrong that it is selected for whoever begins to type."""
        self._variants = TrackedVariants()

    def show(self, segment: str | None, text: str, variants: Sequence[Variant] = (), *, retype: bool = False) -> None:
        """Put a segment's text in, the cursor behind it; what was here before is gone."""
        text = cells.harmless(text)
        self.segment, self.given, self.retype = segment, text, retype
        if self.text != text:
            self.load_text(text)
        self.disabled = segment is None
        self.offer(variants)
        self.move_cursor(self.document.end)
        if self.has_focus:
            self._select_for_retyping()
        else:
            # Who only looks reads a long text from its beginning; who comes to type finds the cursor at its end.
            self.call_after_refresh(self.scroll_home, animate=False)

    def revert(self) -> None:
        """As it was given; what is typed is gone."""
        self.show(self.segment, self.given, self._variants.offered, retype=self.retype)

    def offer(self, variants: Sequence[Variant]) -> None:
        """Other readings of the text that was given; not while something is typed."""
        if not self.dirty and list(variants) != self._variants.offered:
            self._variants = TrackedVariants(self.text, variants)
        self._annotate()

    @property
    def variants(self) -> list[Variant]:
        """Where they stand in the text as it is now."""
        return self._variants.at(self.text)

    @property
    def typed(self) -> str:
        """The text as it is saved: one line, nothing that could move a cursor."""
        return clean(self.text, max(1, len(self.text)))

    @property
    def dirty(self) -> bool:
        return self.segment is not None and self.text != self.given and self.typed != self.given

    def taken(self) -> None:
        """What is here has been taken for saving."""
        self.given = self.text

    async def _on_key(self, event: events.Key) -> None:
        action = {"enter": "save_text", "escape": "revert", "shift+tab": "to_table"}.get(event.key)
        number = number_of(event.key) if self._variants.offered else None
        if action is not None:
            await self.screen.run_action(f"screen.{action}")
        elif event.key == "tab":
            await self.action_next_variant()
        elif number is not None:
            # One that no reading has does nothing: it would be typed over a text that is selected.
            place = self._variants.place_of(self.text, number)
            if place is not None:
                self._take(place)
        else:
            return
        event.stop()
        event.prevent_default()

    # -- other readings

    async def action_next_variant(self) -> None:
        """Select the next place that reads otherwise: typing replaces it. Where none was offered, to the table."""
        if not self._variants.offered:
            await self.screen.run_action("screen.to_table")
            return
        found = self._variants.next(self.text, *self._selected())
        if found is not None:
            self.selection = Selection(*map(self.location_of, (found.start, found.end)))
            self.history.checkpoint()
            self._annotate()

    def action_take_variant(self) -> None:
        """Take the reading that stands under the selection, or the cursor."""
        place = self._variants.place_at(self.text, *self._selected())
        if place is not None:
            self._take(place)

    def _take(self, place: int) -> None:
        before, text = self._variants.take(self.text, place)
        start, end = map(self.location_of, (before.start, before.end))
        self.history.checkpoint()
        self.replace(before.other, start, end, maintain_selection_offset=False)
        self.history.checkpoint()
        assert self.text == text
        self._annotate()

    def _selected(self) -> tuple[int, int]:
        start, end = sorted(map(self.index_of, self.selection))
        return start, end

    def _annotate(self) -> None:
        self.annotate(self._variants.annotations(self.text, cells.is_ascii(self.app)))

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._annotate()

    def _select_for_retyping(self) -> None:
        if self.retype and not self.dirty:
            self.select_all()
            # It is read before it is typed over, and a loop is long.
            self.call_after_refresh(self.scroll_home, animate=False)

    def on_focus(self, event: events.Focus) -> None:
        self.scroll_cursor_visible()
        # Who comes back from another window goes on where they were: an arrow may have kept the text.
        if not event.from_app_focus:
            self._select_for_retyping()

    def on_blur(self) -> None:
        self.move_cursor(self.selection.end)
        self.call_after_refresh(self.scroll_home, animate=False)


@dataclass(frozen=True)
class Notice:
    """What was done last: told beside the text, where the eyes are, and not in a toast.

    row: at which it stands; saving: the segment it tells of, which may not be on the disk yet; undo: what undo does
    next, "undoes", or "" where it does something else.
    """

    row: str | None = None
    text: str = ""
    saving: str | None = None
    undo: str = ""


_VARIANT_KEYS = ("transcripts.editor.take_variant", "transcripts.editor.next_variant")


def _retype(segment: Segment) -> bool:
    seconds = (segment.end_ms - segment.start_ms) / 1000
    return not segment.is_reviewed and needs_retyping(segment.text, seconds, segment.suspicion or 0.0)


class EditorPanel(Vertical):
    """The row under the cursor: what is known of it, what is said around it, its text, what the machine wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.editor = Editor()
        # Kept here, since a screen is told to show itself before its widgets can be asked for.
        self._heading, self._around, self._machine = (TextLine(id=id) for id in ("heading", "around", "machine"))
        self.row: TranscriptRow | None = None
        """The row whose text is in the editor, as it was when it was put there."""
        self.shown = SeenText("")
        """What stood in the store when its text was put into the editor."""
        self.gone = False
        """It was cut away while something was typed."""

    def compose(self) -> ComposeResult:
        yield self._heading
        yield self._around
        yield self.editor
        yield self._machine

    def show(
        self,
        segment: Segment | None,
        session: ReviewSession,
        notice: Notice,
        heard: str,
        variants: Sequence[Variant] = (),
    ) -> None:
        """The text is left alone where something is typed, or nothing has changed. heard: what is heard of it now.
        variants: other readings of its text as it is in the store."""
        row = None if segment is None else session.index.get(segment.id)
        if segment is None or row is None:
            self.row, self.gone = None, False
            self.editor.show(None, "")
            self._show_lines("", "", "")
            return
        editor, ascii, width = self.editor, cells.is_ascii(self.app), self.app.size.width - 2
        if editor.segment != segment.id or (not editor.dirty and self.shown.text != segment.text):
            editor.show(segment.id, segment.text, variants, retype=_retype(segment))
            self.row, self.gone = row, False
        elif not editor.dirty and not editor.has_focus:
            editor.offer(variants)
        if not editor.dirty:
            self.shown = SeenText(segment.text, segment.review)
        state = transcript_rows.state_of(row, session.unsaved)
        self._heading.show(
            transcript_rows.heading(segment, state, ascii),
            "   ".join(filter(None, (self._words(notice, session) or segment.part, heard))),
        )
        around = transcript_rows.around(*session.index.neighbours(row), width, ascii)
        self._around.show(around)
        self._machine.show(*self._below(segment, session, width, ascii))

    def _below(self, segment: Segment, session: ReviewSession, width: int, ascii: bool) -> tuple[str | Text, ...]:
        """What is to be said under the text, the most pressing first."""
        held = session.held.get(segment.id)
        if held is not None and held.text != segment.text:
            return (transcript_rows.written_meanwhile(held, width, ascii),)
        if self.is_disputed(segment):
            return (transcript_rows.written_meanwhile(segment, width, ascii), "enter asks which one stands")
        if self.editor.retype and self.editor.has_focus and not self.editor.dirty:
            return (Text("much of it is expected to be wrong: type over it, or an arrow keeps it", "dim"),)
        if self.editor.variants:
            return legend(self.editor.variants, *map(keymap.key, _VARIANT_KEYS))
        return (transcript_rows.written_by_machine(segment, width, ascii),)

    def is_disputed(self, segment: Segment) -> bool:
        """Whether another person has written here, or given a verdict, since its text was put into the editor, and this
        one has typed something."""
        if self.editor.segment != segment.id or not self.editor.dirty:
            return False
        is_written = segment.is_human and segment.text not in (self.shown.text, self.editor.typed)
        return is_written or segment.review not in ("pending", self.shown.review)

    def show_gone(self, session: ReviewSession) -> None:
        """The segment in the editor was cut away: what is typed stays, with what becomes of it."""
        if self.row is None:
            return
        ascii, width = cells.is_ascii(self.app), self.app.size.width - 2
        sign, span = marks.mark("failed", ascii), review_state.span(self.row, ascii)
        what = f"{sign} {span} was cut away elsewhere; enter: where shall your text go"
        there = transcript_rows.lies_there(session.index.lying_at(self.row), width, ascii)
        self._show_lines(Text(what, marks.style("failed")), Text("it is in logs/log.txt too", "dim"), there)

    def take(self, session: ReviewSession) -> bool:
        """Take what was typed for saving. False where nothing is typed, or its segment is gone: then it is kept."""
        if self.row is None or not self.editor.dirty:
            return False
        self.gone = False
        taken = session.save(self.row, self.editor.typed, self.shown)
        self.taken()
        return taken

    def taken(self) -> None:
        """What was typed has been taken for saving: it is what stands there now."""
        self.shown = SeenText(self.editor.typed, "accepted")
        self.editor.taken()

    def _words(self, notice: Notice, session: ReviewSession) -> str:
        """What was done last, and the key that undoes it: `u` types a letter but in the table, and where something is
        typed that goes first."""
        if self.row is None or notice.row != self.row.id:
            return ""
        if session.unsaved.get(notice.saving or "") is not None:
            return "saving"
        if not notice.undo or self.editor.dirty:
            return notice.text
        in_table = isinstance(self.screen.focused, RowTable)
        return (
            f"{notice.text}; {keymap.key('transcripts.undo' if in_table else 'transcripts.editor.undo')} {notice.undo}"
        )

    def _show_lines(self, heading: str | Text, around: str | Text, machine: str | Text) -> None:
        for line, text in ((self._heading, heading), (self._around, around), (self._machine, machine)):
            line.show(text)
