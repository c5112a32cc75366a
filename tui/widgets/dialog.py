"""The dialogs: choose, be told, type, read help. Each dismisses with its answer, Escape with None.

Use them through `app.push_screen(dialog, callback)`, or `await app.push_screen_wait(dialog)` in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Static

from core.errors import UserError
from tui.widgets import cells, marks
from tui.widgets.scrollbar import plain_scrollbar

FRAME = 3
"""The border of the box above and below, and the empty line under the body."""


def plain(text: str, style: str = "") -> Text:
    """Several lines of anybody's text as a Text: harmless, not parsed as markup, line breaks kept."""
    return Text("\n".join(cells.harmless(line) for line in text.splitlines()), style, overflow="fold")


class Body(VerticalScroll):
    """The part of a dialog that scrolls when the terminal is small."""

    DEFAULT_CSS = """
    Body {
        height: auto;
        scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "to(-1)", "up", show=False),
        Binding("down,j", "to(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home,g", "to(-100000)", "first", show=False),
        Binding("end,G", "to(100000)", "last", show=False),
    ]

    def on_mount(self) -> None:
        plain_scrollbar(self)

    def action_to(self, lines: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False)

    def action_page(self, direction: int) -> None:
        self.action_to(direction * max(1, self.size.height - 1))


class Dialog(ModalScreen[str | None]):
    """A box in the middle: title, what the subclass puts in `body`, a line of keys."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & > .dialog--box {
            width: 100%;
            max-width: 76;
            height: auto;
            max-height: 100%;
            padding: 0 1;
            border: round $accent;
            background: $surface;
        }
        &.-ascii > .dialog--box { border: ascii $accent; }
        & .dialog--title { text-style: bold; height: auto; margin-bottom: 1; }
        & .dialog--text { height: auto; margin-bottom: 1; }
        & .dialog--keys { height: 1; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer(None)", "close", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
    ]
    KEYS: ClassVar[str] = "esc close"

    def __init__(self, title: str) -> None:
        super().__init__()
        # Screen.title is Textual's own; it would show in its Header.
        self._heading = title

    def compose(self) -> ComposeResult:
        self.set_class(cells.is_ascii(self.app), "-ascii")
        with Vertical(classes="dialog--box"):
            yield Static(plain(self._heading), classes="dialog--title")
            yield from self.body()
            yield Static(plain(self.keys()), classes="dialog--keys")

    def body(self) -> Iterable[Widget]:
        return ()

    def keys(self) -> str:
        return self.KEYS

    def on_resize(self, event: events.Resize) -> None:
        # In a small terminal the text scrolls, so that the rest of the box, the keys above all, stays in sight.
        for body in self.query(Body):
            beside = sum(w.outer_size.height + w.styles.margin.height for w in self._beside())
            body.styles.max_height = max(1, event.size.height - beside - FRAME)

    def action_page(self, direction: int) -> None:
        """Where what has the focus is no list itself."""
        for text in self.query(Body):
            text.action_page(direction)

    def _beside(self) -> list[Widget]:
        return [child for child in self.query_one(".dialog--box").children if not isinstance(child, Body)]

    def action_answer(self, answer: str | None) -> None:
        # A second Enter can be on its way when the first has closed the dialog.
        if self.is_current:
            self.dismiss(answer)


class Choices(Widget, can_focus=True):
    """Lines to choose from; a key of one character chooses at once."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choices--cursor"}
    DEFAULT_CSS = """
    Choices {
        width: 1fr;
        height: auto;
        margin-bottom: 1;
        & > .choices--cursor { text-style: bold; background: $primary 40%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,left,h,shift+tab", "move(-1)", "up", show=False),
        Binding("down,j,right,l,tab", "move(1)", "down", show=False),
        Binding("home,g", "move(-100)", "first", show=False),
        Binding("end,G", "move(100)", "last", show=False),
        Binding("enter", "choose", "choose", show=False),
    ]

    def __init__(self, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        if not choices:
            raise ValueError("a choice needs something to choose from")
        self.choices = list(choices)
        self.cursor = 0

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.choices)

    def action_move(self, step: int) -> None:
        self.cursor = max(0, min(self.cursor + step, len(self.choices) - 1))
        self.refresh()

    def action_choose(self) -> None:
        self._answer(self.choices[self.cursor][0])

    def on_key(self, event: events.Key) -> None:
        # A choice's own letter wins over the letters that move.
        if any(len(key) == 1 and key == event.character for key, _ in self.choices):
            event.stop()
            self._answer(event.character)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self.choices):
            self.cursor = offset.y
            self.action_choose()

    def _answer(self, key: str | None) -> None:
        if isinstance(self.screen, Dialog):
            self.screen.action_answer(key)

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self.choices):
            return Strip.blank(width, self.rich_style)
        key, label = self.choices[y]
        glyphs = cells.glyphs(self.app)
        here = y == self.cursor
        # Long keys are names for the program, not letters to type.
        letters = any(len(k) == 1 for k, _ in self.choices)
        letter = (f"{key}  " if len(key) == 1 else "   ") if letters else ""
        text = cells.cut(f"{glyphs.cursor if here else ' '} {letter}{cells.harmless(label)}", width, glyphs.more)
        style = self.get_component_rich_style("choices--cursor") if here else self.rich_style
        return cells.strip([(text, None)], width, style)


class Choice(Dialog):
    """Asks with a list; dismisses with the key of what was chosen. Enter takes the first, Escape None.

    A key of one character chooses at once; longer keys are only returned.
    """

    KEYS = "enter choose   esc back"

    def __init__(self, title: str, text: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(title)
        self._text = text
        self._choices = Choices(choices)

    def body(self) -> Iterable[Widget]:
        if self._text:
            yield Body(Static(plain(self._text)), classes="dialog--text", can_focus=False)
        yield self._choices

    def on_mount(self) -> None:
        self._choices.focus()


class Message(Dialog):
    """Tells what happened, why, and what mends it. `c` copies the fix.

    details: the original words of a program, long and raw; shown under the rest once `d` is pressed. key: what does
    the same here as the fix does in a shell, "" for none.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "answer(None)", "close", show=False),
        Binding("c", "copy", "copy the fix", show=False),
        Binding("d", "details", "the original words", show=False),
    ]

    def __init__(
        self, title: str, what: str, why: str = "", fix: str = "", details: str = "", *, key: str = ""
    ) -> None:
        super().__init__(title)
        self.what, self.why, self.fix, self.details, self.key = what, why, fix, details, key
        self._detailed = False
        self._told = Static(self._text(), classes="dialog--text")

    @classmethod
    def of(cls, error: UserError, title: str = "That did not work", key: str = "") -> Message:
        """The dialog for an error."""
        return cls(title, error.what, error.why, error.fix, error.detail, key=key)

    def keys(self) -> str:
        offers = [("c copy fix", self.fix), ("d original words", self.details)]
        return "   ".join(["enter close", *(key for key, there in offers if there)])

    def _text(self) -> Text:
        text = plain(self.what)
        fix = f"{self.fix}   ({self.key})" if self.fix and self.key else self.fix
        for name, part in (("why", self.why), ("fix", fix)):
            if part:
                text.append(f"\n\n{name}  ", "bold").append_text(plain(part))
        if self._detailed:
            text.append("\n\noriginal words\n", "bold").append_text(plain(self.details, "dim"))
        return text

    def body(self) -> Iterable[Widget]:
        yield Body(self._told)

    def action_copy(self) -> None:
        if self.fix:
            self.app.copy_to_clipboard(self.fix)

    def action_details(self) -> None:
        if self.details:
            before = self._told.size.height
            self._detailed = not self._detailed
            self._told.update(self._text())
            # What was asked for begins below what was read already.
            self.call_after_refresh(self.query_one(Body).action_to, before if self._detailed else -100_000)


class TextPrompt(Dialog):
    """Asks for a line of text; dismisses with it once `check` has no complaint.

    check: gives what is wrong with a text in a few words, None or "" if nothing is. complete: what a text that is begun
    could be, for tab.
    """

    DEFAULT_CSS = """
    TextPrompt {
        & Input { background: $boost; }
        & .text-prompt--error { height: auto; min-height: 1; color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "complete", show=False)]
    KEYS = "enter take it   esc back"

    def __init__(
        self,
        title: str,
        value: str = "",
        check: Callable[[str], str | None] | None = None,
        *,
        text: str = "",
        placeholder: str = "",
        complete: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        super().__init__(title)
        self._text = text
        self._check = check
        self._complete = complete
        self._names = ("", "")
        """A line that was completed, and what it could still become."""
        # Compact: without the borders, which are of ambiguous width.
        self._input = Input(cells.harmless(value), placeholder=placeholder, select_on_focus=False, compact=True)
        # A blinking cursor sends a repaint twice a second over the line.
        self._input.cursor_blink = False
        self._error = Static("", classes="text-prompt--error", markup=False)

    def keys(self) -> str:
        return self.KEYS if self._complete is None else "enter take it   tab complete   esc back"

    def body(self) -> Iterable[Widget]:
        if self._text:
            yield Body(Static(plain(self._text)), classes="dialog--text", can_focus=False)
        yield self._input
        yield self._error

    def on_mount(self) -> None:
        self._input.focus()

    @on(Input.Changed)
    def _forget_complaint(self, event: Input.Changed) -> None:
        completed, names = self._names
        self._error.update(Text(names, "dim") if event.value == completed else "")

    def action_complete(self) -> None:
        """As in a shell: as far as all that it could be agree; what that is, where it is several things."""
        begun = self._input.value
        found = self._complete(begun) if self._complete is not None else ()
        common = _shared_beginning(found)
        names = "  ".join(one[common.rfind("/") + 1 :] for one in found) if len(found) > 1 else ""
        names = cells.cut(names, self._input.size.width, cells.glyphs(self.app).more)
        self._names = (max(common, begun, key=len), names)
        self._error.update(Text(names, "dim"))
        if len(common) > len(begun):
            self._input.value = common
            self._input.cursor_position = len(common)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        complaint = self._check(event.value) if self._check else None
        if complaint:
            mark = "! "
            self._error.update(Text(mark).append_text(plain(complaint)))
        else:
            self.action_answer(event.value)


def _shared_beginning(texts: Sequence[str]) -> str:
    """The longest with which all of them begin: that of the first and the last in the order of characters."""
    first, last = min(texts, default=""), max(texts, default="")
    pairs = zip(first, last, strict=False)
    return first[: next((place for place, (one, other) in enumerate(pairs) if one != other), len(first))]


class HelpScreen(Dialog):
    """What a pane is for in one sentence, its keys, and where to read more."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,enter", "answer(None)", "close", show=False),
    ]
    KEYS = "esc close   up down scroll"

    def __init__(self, title: str, sentence: str, keys: Sequence[tuple[str, str]], more: str = "") -> None:
        super().__init__(title)
        self._sentence = sentence
        self._keys = list(keys)
        self._more = more

    def body(self) -> Iterable[Widget]:
        keys = [cells.harmless(marks.in_ascii(key) if cells.is_ascii(self.app) else key) for key, _ in self._keys]
        wide = min(20, max(map(cell_len, keys), default=0))
        # A label that is folded goes on under its own beginning.
        table = Table.grid(
            Column(style="bold", width=wide, no_wrap=True), Column(overflow="fold"), padding=(0, 2, 0, 0)
        )
        for key, (_, label) in zip(keys, self._keys, strict=True):
            table.add_row(Text(cells.cut(key, wide)), Text(cells.harmless(label)))
        more = [Text(), plain(f"More in {self._more}.")] if self._more else []
        yield Body(Static(Group(plain(self._sentence), Text(), table, *more)), classes="dialog--text")
