"""The plan on the screen: a row for each value, the reason of the one under the cursor, and the split."""

from __future__ import annotations

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from core.errors import UserError
from core.training.plan_rows import PlanRow, plan_rows
from core.training.planning import PlanReading
from tui.screens.pipeline import StepTable
from tui.screens.training.plan import plan_columns, problem_of, split_report, start_words
from tui.widgets import cells, marks
from tui.widgets.segment_table import Rows, RowTable
from tui.widgets.text_line import Headline

START = "start"


class PlanPanel(Vertical):
    """`show` a reading of the plan; `row` and `problem` are what Enter is about."""

    def __init__(self) -> None:
        super().__init__(id="plan")
        self._rows: dict[str, PlanRow] = {}
        self._stopped = ""
        """What is to be said of the run that was stopped."""
        self._shown: tuple[PlanReading, bool] | None = None
        self.problem: UserError | None = None
        """What keeps a run from starting."""

    def compose(self) -> ComposeResult:
        yield Headline(id="split")
        yield StepTable(plan_columns(True), empty_text="\nThe plan is being made.")
        yield Static("", id="why", markup=False)

    @property
    def row(self) -> PlanRow | None:
        """The value under the cursor; None on the row that starts."""
        return self._rows.get(self.query_one(StepTable).cursor_key or "")

    def show(self, reading: PlanReading, *, is_running: bool) -> None:
        """is_running: a training is at work, so that none can start."""
        if self._shown is not None and self._shown[0] is reading and self._shown[1] == is_running:
            return
        self._shown = reading, is_running
        table, first = self.query_one(StepTable), not self._rows
        self.problem, self._stopped = problem_of(reading), ""
        self._rows = {row.key: row for row in plan_rows(reading.plan)} if reading.plan is not None else {}
        rows = [(row.key, [row.title, row.value, row.reason]) for row in self._rows.values()]
        if self.problem is None:
            value, reason = start_words(reading.stopped, is_running=is_running)
            self._stopped = reason if reading.stopped is not None and not is_running else ""
            rows.append((START, ["Start", value, reason]))
        elif rows:
            sign = marks.mark("failed", cells.is_ascii(self.app))
            rows.append((START, ["Start", f"{sign} not yet", self.problem.what]))
        table.empty_text = "\nThere is no plan yet."
        table.set_source(Rows(rows))
        if first and rows:
            table.go_to_key(START)
        self.query_one(Headline).show(split_report(reading.split))
        self._show_reason()

    @on(RowTable.Highlighted)
    def _show_reason(self) -> None:
        row = self.row
        change = " (enter changes it)" if row is not None and row.setting else ""
        why = self.query_one("#why", Static)
        text = f"{row.title}: {row.reason}{change}" if row is not None else self._stopped
        why.update(text)
        why.display = bool(text)  # its line is the plan's while there is nothing to say

    @on(events.Resize)
    def _fit(self) -> None:
        self.query_one(StepTable).set_columns(plan_columns(self.size.width >= cells.WIDE))
