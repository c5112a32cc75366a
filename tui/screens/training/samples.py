"""The samples of a run: what is said in a held segment and what the model hears there, with a cursor, to be heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message

from core.listen.player import Playback, PlayerState
from core.spans import parse_segment_name
from tui.listening import playhead
from tui.screens.training.run import SegmentSample
from tui.screens.training.sample_columns import NAME_CELLS, SampleColumns
from tui.widgets import cells, marks
from tui.widgets.diff_text import DiffText, marked_diff
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
        & #titles { color: $text-muted; }
        & DiffText { padding: 0 1; }
        &:focus TextLine.-cursor { background: $primary 40%; color: $text; text-style: bold; }
        &:focus SampleColumns.-cursor { background: $primary 25%; }
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
        yield SampleColumns(id="titles")
        for number in range(SAMPLES):
            yield SampleColumns(id=f"columns-{number}")
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
        self._show()

    def show_playback(self, playback: Playback) -> None:
        self._playback = playback
        self._show()

    @on(events.Resize)
    def _show(self) -> None:
        in_columns = self.app.size.width >= cells.WIDE and bool(self._samples)
        titles = self.query_one("#titles", SampleColumns)
        titles.display = in_columns
        if in_columns:
            titles.show(["sample", "truth", *steps_of(self._samples[0])])
        for number in range(SAMPLES):
            columns = self.query_one(f"#columns-{number}", SampleColumns)
            line = self.query_one(f"#sample-{number}", TextLine)
            diff = self.query_one(f"#diff-{number}", DiffText)
            known = number < len(self._samples)
            columns.display, diff.display = known and in_columns, known and not in_columns
            line.display = not in_columns and number < max(1, len(self._samples))
            for widget in (columns, line):
                widget.set_class(known and number == self._cursor, "-cursor")
            if not known:
                line.show("samples come with the first evaluation")
            elif in_columns:
                self._show_columns(columns, number)
            else:
                self._show_stacked(line, diff, number)

    def _show_columns(self, columns: SampleColumns, number: int) -> None:
        sample, ascii_only = self._samples[number], cells.is_ascii(self.app)
        heard = playhead(self._playback, sample.segment, ascii_only)
        truth, now = marked_diff(sample.truth, sample.last[1])
        if sample.first[0] == sample.last[0]:
            texts = [sample.truth, sample.last[1], ""]
        else:
            texts = [truth, sample.first[1], now]
        columns.show([place_of(sample.segment, heard), *texts], self._mark(number))

    def _show_stacked(self, line: TextLine, diff: DiffText, number: int) -> None:
        sample = self._samples[number]
        first = f"   step {sample.first[0]} heard {sample.first[1] or 'nothing'}"
        line.show(
            f"{self._mark(number)} {sample.segment}{first if sample.first[0] != sample.last[0] else ''}",
            playhead(self._playback, sample.segment, cells.is_ascii(self.app)),
        )
        diff.show(sample.truth, sample.last[1], ("truth", f"step {sample.last[0]}"))

    def _mark(self, number: int) -> str:
        return cells.glyphs(self.app).cursor if number == self._cursor else " "

    def action_move(self, step: int) -> None:
        self._go_to(self._cursor + step)

    def action_ends(self, place: int) -> None:
        self._go_to(place % max(1, len(self._samples)))

    def _go_to(self, place: int) -> None:
        place = max(0, min(place, len(self._samples) - 1))
        if place != self._cursor:
            self._cursor = place
            self._show()
            for name in ("diff", "sample", "columns"):
                widget = self.query_one(f"#{name}-{place}")
                if widget.display:
                    self.scroll_to_widget(widget, animate=False)
            self.post_message(self.Moved())


def place_of(segment: str, heard: str) -> str:
    """When a segment begins, in which recording, and where it is heard just now: a line of the first column each."""
    found = parse_segment_name(segment)
    parts = (segment, heard) if found is None else (marks.length(found[1]), found[0], heard)
    return "".join(cells.fit(cells.harmless(part), NAME_CELLS) for part in parts if part)


def steps_of(sample: SegmentSample) -> tuple[str, str]:
    """Titles of what was heard at first and of what is heard now: `base (step 0)`, `step 30`."""
    first, last = sample.first[0], sample.last[0]
    return f"{'base ' if first == 0 else ''}(step {first})", f"step {last}" if last != first else ""
