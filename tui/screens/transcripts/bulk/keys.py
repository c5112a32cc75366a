"""What the keys do that are of many rows, or of the history of one, as effects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from core.dataset.check import Problem
from core.store import Store
from core.store.records import TextChange
from core.text import plural
from core.workspace import Workspace
from tui import keymap
from tui.effects import Effect, InThread, OpenDialog, Toast
from tui.screens.transcripts.bulk import effects as bulk
from tui.screens.transcripts.bulk import file_editing
from tui.screens.transcripts.dataset_check import DatasetCheck
from tui.screens.transcripts.editor.history_dialog import HistoryDialog
from tui.screens.transcripts.panes import ReviewPanes
from tui.screens.transcripts.session import ReviewSession


class BulkKeys:
    """store: what the history is read from, in threads. suspended: gives the terminal away meanwhile."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        session: ReviewSession,
        panes: ReviewPanes,
        suspended: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._workspace, self._store = workspace, store
        self._session, self._panes = session, panes
        self._suspended = suspended

    def accept_shown(self) -> list[Effect]:
        return self._searching() or bulk.accept_shown(self._target())

    def menu(self) -> list[Effect]:
        return self._searching() or bulk.menu(self._target())

    def fix_everywhere(self) -> list[Effect]:
        """What was corrected last; then what a person has made of the row under the cursor."""
        if searching := self._searching():
            return searching
        target, id = self._target(), self._panes.table.cursor_key
        corrected, self._session.corrected = self._session.corrected, None
        if corrected is not None:
            return bulk.fix_everywhere(target, corrected)
        if id is None:
            return [Toast("There is no row under the cursor")]
        return [InThread(lambda: bulk.corrected_in(self._store, id), partial(bulk.fix_row, target), bulk.GROUP)]

    def tell_more(self, saved: str) -> list[Effect]:
        """Tell in how many other rows the mistake was made that has been corrected in this one."""
        corrected, rows = self._session.corrected, list(self._session.index.rows)
        if corrected is None or corrected.segment != saved:
            return []

        def tell(count: int) -> list[Effect]:
            if count:
                in_table = self._panes.table.has_focus
                key = keymap.key("transcripts.fix_everywhere" if in_table else "transcripts.editor.fix_everywhere")
                self._panes.notify_more(saved, f"{key} fixes {plural(count, 'row')} more")
            return []

        return [InThread(lambda: bulk.count_alike(rows, corrected), tell, "alike")]

    def check_dataset(self) -> list[Effect]:
        self._panes.flush()
        return DatasetCheck(
            self._workspace, self._store, self._change_texts, self._show_problem, self._session.reject_all
        ).begin()

    def _show_problem(self, found: Sequence[Problem], problem: Problem) -> None:
        """Its rows, by a term that the filter understands from now on."""
        self._session.problems = {one.name: frozenset(one.rows) for one in found}
        self._panes.filter.language = language = self._session.language
        line = f"problem:{problem.name}"
        self._panes.write_filter(line)
        # The line may have asked for it already, of rows that an earlier check had found.
        self._panes.table.select(replace(self._session.view, query=language.parse(line)))

    def history(self) -> list[Effect]:
        self._panes.flush()
        id = self._panes.table.cursor_key
        if id is None:
            return [Toast("There is no row under the cursor")]

        def take_back(edit: str) -> list[Effect]:
            self._session.take_back(id, int(edit))
            return []

        def show(history: list[dict[str, Any]]) -> list[Effect]:
            return [
                OpenDialog(HistoryDialog(f"{self._panes.time_of(id)}: what became of its text", history), take_back)
            ]

        return [InThread(lambda: self._store.transcripts.history(id), show, "history")]

    def edit_file(self) -> Iterable[Effect]:
        if searching := self._searching():
            return searching
        target = self._target()
        if not target.shown:
            return [Toast("No row is shown")]

        def change(changes: Sequence[TextChange], file: Path | None) -> None:
            self._change_texts(changes, file_editing.WHAT, as_human=True, file=file)

        return file_editing.edit_rows(target.shown, self._workspace.logs, self._suspended, change)

    def _searching(self) -> list[Effect]:
        """What is said while rows are still searched for: those of the filter before would be changed."""
        return [] if self._panes.table.is_whole else [Toast("Rows are still searched for: again in a moment")]

    def _target(self) -> bulk.Target:
        """The rows as they are, what is typed among them."""
        self._panes.flush()
        shown, everything = list(self._panes.table.rows()), list(self._session.index.rows)
        return bulk.Target(self._workspace, shown, everything, self._accept, self._change_texts)

    def _accept(self, ids: Sequence[str]) -> None:
        self._panes.notify_here(f"accepting {plural(len(ids), 'row')}")
        self._session.accept_all(ids)

    def _change_texts(
        self, changes: Sequence[TextChange], what: str, *, as_human: bool = False, file: Path | None = None
    ) -> None:
        self._panes.notify_here(f"{what}: {plural(len(changes), 'row')}")
        self._session.change_texts(changes, what, as_human=as_human, file=file)
