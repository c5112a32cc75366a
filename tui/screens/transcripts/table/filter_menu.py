"""The menu of what rows can be chosen by, with how many each choice shows; what is chosen stands in the filter line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import Binding, BindingType
from textual.widget import Widget

from core.query.grammar import Query, QueryLanguage
from core.query.rewriting import values_of, with_value, without
from core.query.tally import CHOSEN, Tally
from core.store import TranscriptRow
from tui.background import BackgroundTasks, TaskResult
from tui.many_rows import in_turns
from tui.widgets import cells, marks
from tui.widgets.columns import Column
from tui.widgets.dialog import Dialog
from tui.widgets.segment_table import Cell, Rows, RowTable
from tui.widgets.text_line import TextLine

GROUPS = {"state": "state", "flag": "flag", "by": "written by", "differs": "compared", "video": "recording"}
"""What the attributes are called here."""

_AROUND = 8
"""Lines of a terminal that the rest of the box takes."""

COLUMNS = (
    Column("mark", "", 1),
    Column("group", "", 10),
    Column("value", "which are", 11),
    Column("meaning", "", None),
    Column("count", "rows", 7, "right"),
)


def count(query: Query[TranscriptRow], rows: Sequence[TranscriptRow]) -> Tally:
    """For a thread. UserError where a pattern takes too long."""
    tally = Tally(query)
    for some in in_turns(rows):
        tally.add(some)
    return tally


def _choices(language: QueryLanguage[TranscriptRow]) -> list[tuple[str, str, str]]:
    """(attribute, value, what it means) of all there are; a recording is no choice where there is but one."""
    found: list[tuple[str, str, str]] = []
    for name in CHOSEN:
        if name in language.alone:
            found.append((name, name, language.alone[name][1]))
        elif name != "video" or len(language.names[name].values) > 1:
            found += [(name, one.text, one.told) for one in language.names[name].values]
    return found


class FilterMenu(Dialog):
    """Space takes a choice or lets it go, Enter takes it and goes back; `changed(line)` is called for each."""

    DEFAULT_CSS = """
    FilterMenu > .dialog--box { max-width: 100; }
    """
    KEYS = "space choose, let go   enter choose, back   x none of them   esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "choose", "choose", show=False),
        Binding("x", "clear", "none", show=False),
        Binding("f,q", "answer(None)", "back", show=False),
    ]

    def __init__(
        self,
        language: QueryLanguage[TranscriptRow],
        line: str,
        rows: Sequence[TranscriptRow],
        changed: Callable[[str], object],
    ) -> None:
        """rows: all of them, to be counted; nobody else changes them. changed: is called with the line."""
        super().__init__("Which rows to show")
        self.line = line
        self._language = language
        self._to_count = rows
        self._changed = changed
        self._tasks = BackgroundTasks(self.post_message)
        self._choices = _choices(language)
        self._tally: Tally | None = None

    def body(self) -> Iterable[Widget]:
        yield RowTable(COLUMNS, self._rows())
        yield TextLine(id="line")

    def on_mount(self) -> None:
        self._show()
        self._count()

    def _count(self) -> None:
        query, rows = self._language.parse(self.line), self._to_count
        # Where a pattern takes too long the counts stay away: the line itself says so.
        self._tasks.run(lambda: count(query, rows), self._show_counts, lambda _: None, "count")

    def on_task_result(self, result: TaskResult) -> None:
        result.stop()
        result.deliver()

    def _show_counts(self, tally: Tally) -> None:
        self._tally = tally
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        table = self.query_one(RowTable)
        table.styles.height = max(4, min(len(self._choices) + 1, event.size.height - _AROUND))

    @on(RowTable.Chosen)
    def _choose_and_go(self) -> None:
        self._ask(lambda _: True)
        self.action_answer(None)

    def action_choose(self) -> None:
        self._ask(lambda is_asked: not is_asked)

    def _ask(self, wanted: Callable[[bool], bool]) -> None:
        """Ask for the choice under the cursor, or no longer. wanted: whether to, by whether it is asked for now."""
        name, value, _ = self._choices[self.query_one(RowTable).cursor]
        is_asked = self._is_asked(name, value)
        if wanted(is_asked) != is_asked:
            self._write(with_value(self._language, self.line, name, value, asked=not is_asked))

    def _is_asked(self, name: str, value: str) -> bool:
        return value.casefold() in values_of(self._language, self.line, name)

    def action_clear(self) -> None:
        line = self.line
        for name in CHOSEN:
            line = without(self._language, line, name)
        self._write(line)

    def _write(self, line: str) -> None:
        self.line = line
        self._show()
        self._count()
        self._changed(line)

    def _show(self) -> None:
        self.query_one(RowTable).set_source(self._rows())
        self.query_one("#line", TextLine).show(Text(f"filter  {self.line}" if self.line else "all rows", "bold"))

    def _rows(self) -> Rows:
        found: list[tuple[str, Sequence[Cell]]] = []
        sign = marks.mark("done", self.is_running and cells.is_ascii(self.app))
        last = ""
        for name, value, told in self._choices:
            is_asked = self._is_asked(name, value)
            style = "bold" if is_asked else ""
            row: list[Cell] = [
                sign if is_asked else "",
                Text(GROUPS[name] if name != last else "", "dim"),
                Text(value, style),
                Text(told, style or "dim"),
                "" if self._tally is None else str(self._tally.counts[name][value]),
            ]
            found.append((f"{name}:{value}", row))
            last = name
        return Rows(found)
