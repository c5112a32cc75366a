"""What is wrong with the data set, as a list: Enter shows the rows of a problem, `m` mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from core.dataset.check import Mend, Problem, check_dataset
from core.dataset.mending import StageToRun, mend_rows, rewritten, stage_for
from core.store import Store
from core.store.records import TextChange
from core.text import plural
from core.workspace import Workspace
from tui.effects import Effect, InThread, OpenDialog, StartJob, Toast
from tui.many_rows import read_many
from tui.screens.transcripts.bulk import effects as bulk
from tui.screens.transcripts.bulk.proposals import Proposal
from tui.widgets import cells, dialog
from tui.widgets.columns import Column
from tui.widgets.segment_table import Rows, RowTable

GROUP = "data set"
SHOWN = 6
"""Rows of a problem that are named below the list."""

MENDS: dict[Mend, str] = {
    "cut": "cut again",
    "delete": "delete",
    "leave-out": "leave out",
    "rewrite": "rewrite",
    "split": "split again",
    "": "",
}


@dataclass(frozen=True)
class DatasetCheck:
    """store: of the caller's thread, read in others. change: texts, with what is done in words. show: the rows of a
    problem, all problems being known then. leave_out: rows, out of training."""

    workspace: Workspace
    store: Store
    change: Callable[[Sequence[TextChange], str], object]
    show: Callable[[Sequence[Problem], Problem], object]
    leave_out: Callable[[Sequence[str]], object]

    def begin(self) -> list[Effect]:
        return [InThread(lambda: check_dataset(self.workspace, self.store), self._tell, GROUP)]

    def _tell(self, found: list[Problem]) -> list[Effect]:
        if not found:
            accepted = self.store.segments.counts()["accepted"]
            return [Toast("Nothing is wrong with what is accepted" if accepted else "Nothing is accepted yet to check")]
        names = {problem.name: problem for problem in found}

        def answered(answer: str) -> Iterable[Effect]:
            what, _, name = answer.partition(" ")
            if what == "mend":
                return self._mend(names[name])
            if not names[name].rows:
                return [Toast("These are files, and no rows: m deletes them")]
            self.show(found, names[name])
            return []

        return [OpenDialog(ProblemsDialog(found), answered)]

    def _mend(self, problem: Problem) -> list[Effect]:
        if problem.mend == "leave-out":
            self.leave_out(problem.spoiling)
            return []
        if problem.mend == "rewrite":
            return [InThread(partial(self._changes, problem), partial(self._preview, problem), GROUP)]
        if problem.mend == "delete":
            left = problem.count - SHOWN
            text = "\n".join([*problem.files[:SHOWN], *([f"and {left} more"] if left > 0 else [])])
            choices = [("n", "leave them"), ("d", f"delete {plural(problem.count, 'file')}, for good")]
            question = dialog.Choice("Delete what belongs to no segment?", text, choices)
            return [OpenDialog(question, lambda answer: self._delete(problem) if answer == "d" else [])]
        return [InThread(lambda: stage_for(self.store, problem), _run, GROUP)]

    def _delete(self, problem: Problem) -> list[Effect]:
        def work() -> str:
            return mend_rows(self.workspace, self.workspace.config(), self.store, problem)

        return [InThread(work, lambda done: [Toast(done)], GROUP)]

    def _changes(self, problem: Problem) -> list[Proposal]:
        changes = rewritten(self.workspace, self.workspace.config(), self.store, problem)
        after = {change.segment: change.after for change in changes}
        # Of the store: whoever comes from 5 Training is here before the screen has read its rows.
        rows = read_many(lambda: self.store.segments.rows().rows) if changes else []
        # They are accepted, most of them by a person: each is seen before it is changed, and all are ticked.
        return [Proposal(row, after[row.id], True) for row in rows if row.id in after]

    def _preview(self, problem: Problem, found: Sequence[Proposal]) -> list[Effect]:
        return bulk.preview(self.change, problem.text[0].upper() + problem.text[1:], f"mend: {problem.name}", found)


def _run(found: StageToRun | None) -> list[Effect]:
    return [] if found is None else [StartJob(found.stage, found.params)]


class ProblemsDialog(dialog.Dialog):
    """Dismisses with `show NAME` or `mend NAME` of a problem."""

    DEFAULT_CSS = """
    ProblemsDialog {
        & > .dialog--box { max-width: 100; }
        & #where { height: 2; margin-top: 1; color: $text-muted; }
    }
    """
    KEYS = "enter show its rows   m mend it   esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "mend", "mend", show=False),
        Binding("q,D", "answer(None)", "back", show=False),
    ]

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("What is wrong with what is accepted")
        self._problems = problems
        columns = [Column("count", "rows", 7, "right"), Column("text", "what", None), Column("mend", "m", 11)]
        rows = [(one.name, [str(one.count), one.text, MENDS[one.mend]]) for one in problems]
        self.table = RowTable(columns, Rows(rows))

    def body(self) -> Iterable[Widget]:
        self.table.styles.height = len(self._problems) + 1
        yield self.table
        yield Static("", id="where", markup=False)

    def on_mount(self) -> None:
        self.table.focus()

    @on(RowTable.Highlighted)
    def _tell_where(self) -> None:
        one = self._problems[self.table.cursor]
        names = one.rows or one.files
        more = cells.glyphs(self.app).more if len(names) > SHOWN else ""
        said = f"problem:{one.name}   {', '.join(map(cells.harmless, names[:SHOWN]))}{more}"
        self.query_one("#where", Static).update(dialog.plain(said))

    @on(RowTable.Chosen)
    def action_show(self) -> None:
        self.action_answer(f"show {self.table.cursor_key}")

    def action_mend(self) -> None:
        self.action_answer(f"mend {self.table.cursor_key}")
