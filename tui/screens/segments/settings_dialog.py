"""The dialog for how recordings are cut: it shows what that yields, and what it changes, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import ValidationError
from rich.text import Text
from textual import on
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from core.config import LEAST_ROOM_S, SegmentConfig
from core.segmentation.forecast import Recording, total
from core.segmentation.settings import cutter_of
from tui.widgets import cells
from tui.widgets.dialog import Dialog, plain

Mode = Literal["windows", "pauses"]
NAMES: dict[Mode, str] = {"windows": "windows of one length", "pauses": "at pauses, no word halved"}
_SETTING = "{}_s"
"""What the setting of a field is called."""
FIELDS: dict[Mode, dict[str, str]] = {
    "windows": {"length": "length in seconds", "overlap": "overlap in seconds"},
    "pauses": {"shortest": "shortest, in seconds", "longest": "longest, in seconds"},
}

_PROBLEMS = {
    "length_s": "the length must be more than 0.5 and at most 30 s: Whisper hears no more at once",
    "overlap_s": "the overlap must be shorter than the length",
    "shortest_s": "the shortest must be 1 s or more",
    "longest_s": (
        f"the longest must be at least {LEAST_ROOM_S:g} s more than the shortest, so that a pause may lie between, "
        "and at most 30 s: Whisper hears no more at once"
    ),
}


class ModeChoice(Widget, can_focus=True):
    """The two ways to cut, in one line; the other one on space or an arrow."""

    DEFAULT_CSS: ClassVar[str] = """
    ModeChoice {
        height: 1;
        margin-bottom: 1;
        &:focus { text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,left,right,h,l", "other", "the other way", show=False)]

    class Changed(Message):
        """The other way is wanted."""

    def __init__(self, mode: Mode) -> None:
        super().__init__()
        self.mode: Mode = mode

    def action_other(self) -> None:
        self.mode = "pauses" if self.mode == "windows" else "windows"
        self.refresh()
        self.post_message(self.Changed())

    def render(self) -> RenderResult:
        glyphs = cells.glyphs(self.app)
        shown = Text()
        for mode, name in NAMES.items():
            here = mode == self.mode
            shown.append(f"{glyphs.cursor if here else ' '} {name}    ", "reverse" if here and self.has_focus else "")
        return shown


class Field(Horizontal):
    """A name and an input in one line."""

    DEFAULT_CSS: ClassVar[str] = """
    Field {
        height: 1;
        & Label { width: 24; }
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
    """Asks how to cut; dismisses with "take", and `settings` are those that were chosen."""

    KEYS = "enter take it   tab next line   space other way   esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "line before", show=False),
        Binding("down", "app.focus_next", "next line", show=False),
        Binding("enter", "take", "take it", show=False),
    ]

    def __init__(self, settings: SegmentConfig, recordings: Sequence[Recording], free_bytes: int) -> None:
        super().__init__("How recordings are cut")
        self.settings = settings
        self._recordings = list(recordings)
        self._free_bytes = free_bytes
        self._mode = ModeChoice(settings.mode)

    def body(self) -> Iterable[Widget]:
        yield self._mode
        for mode, fields in FIELDS.items():
            for name, label in fields.items():
                yield Field(label, getattr(self.settings, _SETTING.format(name)), name).set_class(
                    mode == "pauses", "-pauses"
                )
        yield Static("", id="yield", classes="dialog--text", markup=False)

    def on_mount(self) -> None:
        self._show_mode()
        self.query_one(f"#{next(iter(FIELDS[self._mode.mode]))}", Input).focus()

    @on(ModeChoice.Changed)
    def _show_mode(self) -> None:
        for field in self.query(Field):
            field.display = field.has_class("-pauses") == (self._mode.mode == "pauses")
        self._show_yield()

    def _chosen(self) -> SegmentConfig | str:
        """The settings as they stand in the fields, or what is wrong with them."""
        values: dict[str, float] = {}
        for name in FIELDS[self._mode.mode]:
            try:
                values[_SETTING.format(name)] = float(self.query_one(f"#{name}", Input).value)
            except ValueError:
                return "write two numbers, for example " + ("10 and 2" if self._mode.mode == "windows" else "4 and 12")
        try:
            chosen = SegmentConfig.model_validate(self.settings.model_dump() | values | {"mode": self._mode.mode})
        except ValidationError as error:
            return _PROBLEMS[str(error.errors()[0]["loc"][0])]
        conflict = chosen.conflict()
        if conflict is not None and conflict.key in values:
            return _PROBLEMS[conflict.key]
        if chosen.mode == "windows" and round((chosen.length_s - chosen.overlap_s) * 1000) < 100:
            return "each segment must begin at least 0.1 s after the one before"
        return chosen

    @on(Input.Changed)
    def _show_yield(self) -> None:
        chosen = self._chosen()
        if isinstance(chosen, str):
            self.query_one("#yield", Static).update(plain(f"! {chosen}"))
            return
        cutter = cutter_of(chosen)
        found = [recording.forecast(cutter) for recording in self._recordings]
        said = [total(found).yields(self._free_bytes), *total(one for one in found if one.recordings).changes]
        self.query_one("#yield", Static).update(plain("\n".join(said)))

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_take()

    def action_take(self) -> None:
        chosen = self._chosen()
        if not isinstance(chosen, str):
            self.settings = chosen
            self.action_answer("take")
