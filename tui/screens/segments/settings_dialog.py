"""The dialog for how recordings are cut: it shows what that yields, and what it changes, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import ValidationError
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from core.config import LEAST_ROOM_S, SegmentConfig
from core.segmentation.forecast import Recording, total
from core.segmentation.settings import cutter_of
from tui.widgets import cells
from tui.widgets.dialog import Dialog, plain

Mode = Literal["windows", "pauses"]
NAMES: dict[Mode, str] = {"windows": "windows of one length", "pauses": "at pauses, no word halved"}
_NUMBER = "0123456789."
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


class NumberInput(Input):
    """Takes digits and a point; letters are keys of the dialog."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return character is not None and character in _NUMBER

    @classmethod
    def of(cls, value: float, id: str) -> NumberInput:
        made = cls(f"{value:g}", id=id, compact=True, max_length=8, select_on_focus=True, restrict=f"[{_NUMBER}]*")
        # A blinking cursor sends a repaint twice a second over the line.
        made.cursor_blink = False
        return made


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
        self._input = NumberInput.of(value, id)

    def compose(self) -> ComposeResult:
        yield Label(self._label, markup=False)
        yield self._input


class CutSettings(Dialog):
    """Asks how to cut; dismisses with "take", and `settings` are those that were chosen."""

    KEYS = "enter take it   p other way   tab other field   esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "other_way", "other way", show=False, priority=True),
        Binding("up", "app.focus_previous", "field before", show=False),
        Binding("down", "app.focus_next", "next field", show=False),
    ]

    def __init__(self, settings: SegmentConfig, recordings: Sequence[Recording], free_bytes: int) -> None:
        super().__init__("How recordings are cut")
        self.settings = settings
        self._recordings = list(recordings)
        self._free_bytes = free_bytes
        self._mode: Mode = settings.mode

    def body(self) -> Iterable[Widget]:
        yield Static("", id="ways", classes="dialog--text", markup=False)
        for mode, fields in FIELDS.items():
            for name, label in fields.items():
                yield Field(label, getattr(self.settings, _SETTING.format(name)), name).set_class(
                    mode == "pauses", "-pauses"
                )
        yield Static("", id="yield", classes="dialog--text", markup=False)

    def on_mount(self) -> None:
        self._show_way()

    def action_other_way(self) -> None:
        self._mode = "pauses" if self._mode == "windows" else "windows"
        self._show_way()

    def _show_way(self) -> None:
        cursor = cells.glyphs(self.app).cursor
        ways = [f"{cursor if mode == self._mode else ' '} {name}" for mode, name in NAMES.items()]
        self.query_one("#ways", Static).update(plain("    ".join(ways)))
        for field in self.query(Field):
            field.display = field.has_class("-pauses") == (self._mode == "pauses")
        self.query_one(f"#{next(iter(FIELDS[self._mode]))}", Input).focus()
        self._show_yield()

    def _chosen(self) -> SegmentConfig | str:
        """The settings as they stand in the fields, or what is wrong with them."""
        values: dict[str, float] = {}
        for name in FIELDS[self._mode]:
            try:
                values[_SETTING.format(name)] = float(self.query_one(f"#{name}", Input).value)
            except ValueError:
                return "write two numbers, for example " + ("10 and 2" if self._mode == "windows" else "4 and 12")
        try:
            chosen = SegmentConfig.model_validate(self.settings.model_dump() | values | {"mode": self._mode})
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
        chosen = self._chosen()
        if not isinstance(chosen, str):
            self.settings = chosen
            self.action_answer("take")
