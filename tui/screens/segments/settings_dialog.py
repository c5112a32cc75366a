"""The dialog for length and overlap: it shows how many segments they give before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from core.config import SegmentConfig
from core.media import plan_spans
from core.text import plural
from tui.widgets import marks
from tui.widgets.dialog import Dialog, plain


class Field(Horizontal):
    """A name and an input in one line."""

    DEFAULT_CSS: ClassVar[str] = """
    Field {
        height: 1;
        & Label { width: 22; }
        & Input { width: 12; background: $boost; }
    }
    """

    def __init__(self, name: str, value: float, id: str) -> None:
        super().__init__()
        self._label = name
        self._input = Input(f"{value:g}", id=id, compact=True, max_length=8, select_on_focus=True)
        self._input.cursor_blink = False

    def compose(self) -> ComposeResult:
        yield Label(self._label, markup=False)
        yield self._input


class CutSettings(Dialog):
    """Asks for both; answers "<length> <overlap>", in seconds."""

    KEYS = "enter take it   tab other field   esc back"

    def __init__(self, settings: SegmentConfig, durations_ms: Sequence[int]) -> None:
        super().__init__("How recordings are cut")
        self._now = settings
        self._durations = list(durations_ms)

    def body(self) -> Iterable[Widget]:
        yield Field("length in seconds", self._now.length_s, "length")
        yield Field("overlap in seconds", self._now.overlap_s, "overlap")
        yield Static("", id="count", classes="dialog--text", markup=False)

    def on_mount(self) -> None:
        self.query_one("#length", Input).focus()
        self._show_count()

    def _values(self) -> tuple[float, float] | str:
        """Length and overlap, or what is wrong with them."""
        try:
            length, overlap = (float(self.query_one(f"#{id}", Input).value) for id in ("length", "overlap"))
        except ValueError:
            return "write two numbers, for example 10 and 2"
        if not (math.isfinite(length) and math.isfinite(overlap)):
            return "write two numbers, for example 10 and 2"
        if not 0.5 < length <= 30:
            return "the length must be more than 0.5 and at most 30 s: Whisper hears no more at once"
        if overlap < 0 or overlap >= length:
            return "the overlap must be shorter than the length"
        if round((length - overlap) * 1000) < 100:
            return "each segment must begin at least 0.1 s after the one before"
        return length, overlap

    @on(Input.Changed)
    def _show_count(self) -> None:
        values = self._values()
        if isinstance(values, str):
            text = f"! {values}"
        else:
            length_ms, overlap_ms = (round(value * 1000) for value in values)
            spans = [span for ms in self._durations for span in plan_spans(ms, length_ms, overlap_ms)]
            size = marks.megabytes(sum(span.end_ms - span.start_ms for span in spans) * 32)
            text = f"{plural(len(spans), 'segment')} of {plural(len(self._durations), 'recording')}, {size}"
        self.query_one("#count", Static).update(plain(text))

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        values = self._values()
        if not isinstance(values, str):
            self.action_answer(f"{values[0]:g} {values[1]:g}")
