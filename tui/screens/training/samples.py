"""The samples of a run: what is said in a held segment and what the model hears there, with a cursor, to be heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message

from core.listen.player import Playback, PlayerState
from tui.listening import playhead
from tui.screens.training.run import SegmentSample
from tui.widgets import cells
from tui.widgets.diff_text import DiffText
from tui.widgets.scrollbar import plain_scrollbar
from tui.widgets.text_line import TextLine

SAMPLES = 3


class Samples(VerticalScroll, can_focus=True):
    """Measured segments: what is said, what the model hears now, what it heard at first."""

    DEFAULT_CSS: ClassVar[str] = """
    Samples {
        height: 1fr;
        scrollbar-size-vertical: 1;
        & TextLine { color: $text-muted; }
        & DiffText { padding: 0 1; }
        &:focus TextLine.-cursor { background: $primary 40%; color: $text; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("home,g", "ends(0)", "first", show=False),
        Binding("end,G", "ends(-1)", "last", show=False),
    ]

    class Moved(Message):
        """The cursor is on another sample."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._samples: list[SegmentSample] = []
        self._cursor = 0
        self._playback = Playback(PlayerState.ABSENT)

    def compose(self) -> ComposeResult:
        for number in range(SAMPLES):
            yield TextLine(id=f"sample-{number}")
            yield DiffText(id=f"diff-{number}")

    def on_mount(self) -> None:
        plain_scrollbar(self)
        self.show([])

    @property
    def segments(self) -> list[str]:
        """The segment of the sample under the cursor, and those of the samples below it."""
        return [sample.segment for sample in self._samples[self._cursor :]]

    def show(self, samples: Sequence[SegmentSample]) -> None:
        self._samples = list(samples[:SAMPLES])
        self._cursor = max(0, min(self._cursor, len(self._samples) - 1))
        for number in range(SAMPLES):
            diff = self.query_one(f"#diff-{number}", DiffText)
            diff.display = number < len(self._samples)
            if diff.display:
                sample = self._samples[number]
                diff.show(sample.truth, sample.last[1], ("truth", f"step {sample.last[0]}"))
        self._show_lines()

    def show_playback(self, playback: Playback) -> None:
        self._playback = playback
        self._show_lines()

    def _show_lines(self) -> None:
        for number in range(SAMPLES):
            line = self.query_one(f"#sample-{number}", TextLine)
            line.display = number < max(1, len(self._samples))
            line.set_class(number == self._cursor and bool(self._samples), "-cursor")
            if number >= len(self._samples):
                line.show("samples come with the first evaluation")
                continue
            sample, ascii_only = self._samples[number], cells.is_ascii(self.app)
            mark = cells.glyphs(self.app).cursor if number == self._cursor else " "
            first = f"   step {sample.first[0]} heard {sample.first[1] or 'nothing'}"
            line.show(
                f"{mark} {sample.segment}{first if sample.first[0] != sample.last[0] else ''}",
                playhead(self._playback, sample.segment, ascii_only),
            )

    def action_move(self, step: int) -> None:
        self._go_to(self._cursor + step)

    def action_ends(self, place: int) -> None:
        self._go_to(place % max(1, len(self._samples)))

    def _go_to(self, place: int) -> None:
        place = max(0, min(place, len(self._samples) - 1))
        if place != self._cursor:
            self._cursor = place
            self._show_lines()
            self.scroll_to_widget(self.query_one(f"#diff-{place}"), animate=False)
            self.scroll_to_widget(self.query_one(f"#sample-{place}"), animate=False)
            self.post_message(self.Moved())
