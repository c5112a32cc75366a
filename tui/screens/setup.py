"""1 Setup: the checks in dependency order, filled in from threads; what is wrong shows why and the fix beneath it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from core.config import write_text
from core.errors import UserError
from core.stages.check import CHECKS, Check, Context, run_check
from core.workspace import Workspace
from tui import keymap, marks
from tui.bridge import JobBatch
from tui.screens.pipeline import PipelineScreen, Trouble
from tui.status import clock
from tui.widgets import dialog
from tui.widgets.columns import GAP, GUTTER, Column
from tui.widgets.segment_table import Rows, RowTable

LANES = 3
"""Checks that run at the same time: torch takes seconds, and the ones behind it must not wait for it."""

VERDICTS = {
    "ok": ("ok", "ok"),
    "warn": ("look", "look"),
    "fail": ("failed", "failed"),
    "skipped": ("unknown", "skipped"),
}
"""verdict: the name of its sign, and its word."""

MODELS = ("base", "labeller")
STATE, TITLE = 9, 13


class Found(Message):
    """A check's answer on its way to the UI thread; check None: it begins. number: which asking it belongs to."""

    def __init__(self, id: str, number: int, check: Check | None) -> None:
        super().__init__()
        self.id, self.number, self.check = id, number, check


class SetupScreen(PipelineScreen):
    PANE = STEP = "setup"
    STAGES = frozenset({"model", "demo"})
    TELLS_FAILURES = True
    CSS_PATH = "setup.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("setup")

    def __init__(self) -> None:
        super().__init__()
        self._checks: dict[str, Check] = {}
        self._asked: set[str] = set()
        self._number: dict[str, int] = {}
        self._due: queue.SimpleQueue[tuple[str, int] | None] = queue.SimpleQueue()
        self._lanes = 0
        self._download: JobBatch | None = None
        self._transfer = ""

    def content(self) -> Iterable[Widget]:
        yield RowTable([Column("state", "", STATE), Column("title", "", TITLE), Column("found", "", None, least=30)])
        yield Trouble()
        yield Static("No CUDA toolkit or cuDNN is needed: torch brings its own.", classes="line note", markup=False)

    @property
    def table(self) -> RowTable:
        return self.query_one(RowTable)

    def on_mount(self) -> None:
        self.table.focus()
        self.action_all_again()

    # -- asking

    def _ask(self, ids: Iterable[str]) -> None:
        for id in ids:
            self._number[id] = self._number.get(id, 0) + 1
            self._due.put((id, self._number[id]))
        while self._lanes < LANES:
            self._lanes += 1
            threading.Thread(target=self._lane, args=(self.workspace,), name="check", daemon=True).start()
        self._show()

    def on_unmount(self) -> None:
        for _ in range(self._lanes):
            self._due.put(None)

    def _lane(self, workspace: Workspace) -> None:
        """Run checks for as long as the app lives. A daemon, so that a hung driver cannot hold up leaving."""
        while (due := self._due.get()) is not None:
            id, number = due
            self.post_message(Found(id, number, None))
            try:
                config = workspace.config()
            except UserError as error:
                title = next(spec.title for spec in CHECKS if spec.id == id)
                found = Check(id, title, "fail", error.what, error.why, error.fix)
            else:
                found = run_check(id, Context(workspace, config))
            self.post_message(Found(id, number, found))

    @on(Found)
    def _found(self, message: Found) -> None:
        if message.number != self._number.get(message.id):
            return
        if message.check is None:
            self._asked.add(message.id)
        else:
            self._asked.discard(message.id)
            self._checks[message.id] = message.check
            self._number[message.id] += 1
        self._show()

    def _waiting(self, id: str) -> bool:
        return id in self._asked or id not in self._checks

    # -- showing

    @on(events.Resize)
    def _wrap_anew(self) -> None:
        self._show()

    def _show(self) -> None:
        if self.is_mounted:
            self.table.set_source(Rows([row for spec in CHECKS for row in self._rows(spec.id, spec.title)]))

    def _rows(self, id: str, title: str) -> Iterable[tuple[str, list[str | Text]]]:
        """A check's own row, and one for each line of why and fix where something is wrong."""
        plain = self.smith.ascii
        if self._waiting(id):
            name, word = ("running", "running") if id in self._asked else ("waiting", "waits")
            yield id, [Text(f"{marks.mark(name, plain)} {word}", marks.style(name)), title, ""]
            return
        check = self._checks[id]
        if id in MODELS and check.verdict == "fail" and self._download is not None:
            yield id, [Text(f"{marks.mark('running', plain)} {self._transfer}"), title, self._transfer_text(check)]
            return
        name, word = VERDICTS[check.verdict]
        room = max(20, self.app.size.width - GUTTER - STATE - TITLE - 2 * GAP - 2)
        first, *rest = marks.wrap(check.found, room) if check.verdict in ("fail", "warn") else [check.found]
        hint = "   d download" if id in MODELS and check.verdict == "fail" and not rest else ""
        yield id, [Text(f"{marks.mark(name, plain)} {word}", marks.style(name)), title, first + hint]
        lines = [("", line) for line in rest]
        if check.verdict in ("fail", "warn"):
            for label, text in (("why", check.why), ("fix", check.fix)):
                for place, line in enumerate(marks.wrap(text, room - 5) if text else []):
                    lines.append((label if not place else "   ", line))
        for place, (label, line) in enumerate(lines):
            said = Text(f"{label}  " if label else "", "bold").append(line, "" if label != "why" else "dim")
            yield f"{id}:{place}", [Text(marks.mark("rule", plain), "dim"), "", said]

    def _transfer_text(self, check: Check) -> str:
        batch = self._download
        if batch is None or batch.view.state == "waiting":
            return "waits for another download"
        left = f"   {clock(batch.left_s)} left" if batch.left_s is not None else ""
        return f"{batch.view.note or check.found}{left}   x stop"

    @property
    def check_id(self) -> str | None:
        """The check under the cursor; its lines of why and fix belong to it."""
        key = self.table.cursor_key
        return key.partition(":")[0] if key else None

    @property
    def check(self) -> Check | None:
        return self._checks.get(self.check_id or "")

    # -- a model on its way

    def job_events(self, batch: JobBatch) -> None:
        if batch.history and batch.ended:
            return
        for event in batch.of("progress") if batch.stage == "model" else ():
            done, total = event.data.get("done"), event.data.get("total")
            share = f"{done / total:.0%}" if total and done is not None else marks.megabytes(done)
            self._transfer = share
        if batch.ended:
            self._download, self._transfer = None, ""
            self._ask([id for id in ("huggingface", *MODELS) if id in self._checks])
            failed = batch.view.state in ("failed", "crashed")
            self.query_one(Trouble).tell(UserError.from_dict(batch.view.error or {}) if failed else None)
        elif batch.stage == "model":
            self._download = batch
            self._show()

    # -- keys

    def action_again(self) -> None:
        if self.check_id and self.check_id not in self._asked:
            self._asked.add(self.check_id)
            self._ask([self.check_id])

    def action_all_again(self) -> None:
        self._checks.clear()
        self._asked.clear()
        self._ask([spec.id for spec in CHECKS])

    def action_copy_fix(self) -> None:
        check = self.check
        if check is None or not check.fix:
            self.say("There is nothing to mend in this line")
            return
        self.app.copy_to_clipboard(check.fix)
        path = self.workspace.logs / "clipboard.txt"
        try:
            self.workspace.logs.mkdir(exist_ok=True)
            write_text(path, check.fix + "\n")
        except OSError as error:
            self.say(f"Sent to your terminal's clipboard; {path} could not be written: {error.strerror}", error=True)
            return
        self.say(f"The fix is on your terminal's clipboard, if it takes one, and in {path}")

    def action_download(self) -> None:
        if self._download is not None:
            self.say("A model is being downloaded already; x stops it")
            return
        missing = [id for id in MODELS if id in self._checks and self._checks[id].verdict == "fail"]
        if not missing:
            waits = any(self._waiting(id) for id in MODELS)
            self.say("The models are still being looked for" if waits else "Both models are here")
            return
        role = self.check_id if self.check_id in missing else missing[0]
        self.start_job("model", {"role": role})

    def action_stop(self) -> None:
        if self._download is None:
            self.say("Nothing is being downloaded")
        else:
            self.stop_job(self._download.folder)

    @on(RowTable.Chosen)
    def action_details(self) -> None:
        check = self.check
        if check is not None:
            name, word = VERDICTS[check.verdict]
            title = f"{marks.mark(name, self.smith.ascii)} {check.title}: {word}"
            self.smith.push_screen(dialog.Message(title, check.found, check.why, check.fix))
