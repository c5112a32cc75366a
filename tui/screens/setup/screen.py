"""1 Setup: the checks in dependency order, filled in from threads; what is wrong shows why and the fix beneath it.

Which check may run when is in tui/screens/setup/check_round.py. What was skipped for the same reason is one row.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from core.checks.check import FAIL, OK, SKIPPED, WARN, Check, Context
from core.checks.runner import run_check
from core.checks.table import CHECKS
from core.errors import UserError
from core.events import JobState
from core.workspace import Workspace
from tui import keymap
from tui.bridge import JobBatch
from tui.screens.pipeline import ErrorBanner, PipelineScreen
from tui.screens.setup.check_round import CheckRound
from tui.status.jobs import clock
from tui.status.steps import NextStep
from tui.widgets import dialog, marks
from tui.widgets.columns import GAP, GUTTER, Column
from tui.widgets.segment_table import Rows, RowTable
from tui.widgets.text_line import Headline, TextLine

VERDICTS = {
    OK: ("ok", "ok"),
    WARN: ("look", "look"),
    FAIL: ("failed", "failed"),
    SKIPPED: ("unknown", "skipped"),
}
"""verdict: the name of its sign, and its word."""

TITLES = {spec.id: spec.title for spec in CHECKS}
MODELS = ("base", "labeller")
OF_MODELS = ("huggingface", "disk", "gpu-memory", *MODELS)
"""The checks whose answer is another one when a model has come or was chosen."""

STATE, TITLE = 9, 13
TICK_S = 0.5
ROOMY = 40
"""In so many lines every check has room for all that it says."""
SLOW_S = 1.0
"""From here on a running check shows its seconds."""
RESIZED_S = 0.3
"""So long after the last of several sizes the terminal is looked at again."""
NEXT_CELLS = 30
"""What is next needs so many cells at the end of the first line where the window is narrow."""

NO_TOOLKIT = "No CUDA toolkit or cuDNN is needed: torch brings its own."


class Found(Message):
    """A check's answer on its way to the UI thread. number: which asking it belongs to."""

    def __init__(self, number: int, check: Check) -> None:
        super().__init__()
        self.number, self.check = number, check


class SetupScreen(PipelineScreen):
    PANE = STEP = "setup"
    REPORTS_FAILURES = True
    CSS_PATH = "setup.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("setup")

    def __init__(self) -> None:
        super().__init__()
        self._round = CheckRound(CHECKS)
        self._fold: dict[str, str] = {}
        self._download: JobBatch | None = None
        self._transfer = ""
        self._was_at_models = False
        self._seen_at: Size | None = None
        self._resized: Timer | None = None

    def content(self) -> Iterable[Widget]:
        yield Headline(id="summary")
        yield RowTable([Column("state", "", STATE), Column("title", "", TITLE), Column("found", "", None, least=30)])
        yield ErrorBanner()
        yield TextLine(NO_TOOLKIT, id="note")

    def on_mount(self) -> None:
        self.action_all_again()
        self.set_interval(TICK_S, self._tick)

    def on_shown(self) -> None:
        if self._was_at_models:
            self._was_at_models = False
            self._ask(OF_MODELS)

    # -- asking

    def _ask(self, ids: Iterable[str]) -> None:
        self._round.ask(ids)
        self._go_on()

    def _go_on(self) -> None:
        """Start what may start. Daemons, so that a hung driver cannot hold up leaving."""
        for id, number in self._round.begin():
            work = threading.Thread(
                target=self._look, args=(self.workspace, id, number), name=f"setup {id}", daemon=True
            )
            work.start()
        self._show()

    def _look(self, workspace: Workspace, id: str, number: int) -> None:
        """One check, in its thread."""
        title = TITLES[id]
        try:
            found = run_check(
                id, Context(workspace, workspace.config(), ambiguous_width=self.host.options.ambiguous_width)
            )
        except UserError as error:
            found = Check(id, title, FAIL, error.what, error.why, error.fix)
        except Exception as error:  # noqa: BLE001 - this screen is where people look when things are broken: a fault of one check must not take it away
            with contextlib.suppress(OSError):
                workspace.log(traceback.format_exc())
            why = f"{type(error).__name__}: {error}"
            found = Check(id, title, FAIL, "this check itself went wrong", why, "whispersmith check")
        self.post_message(Found(number, found))

    @on(Found)
    def _found(self, message: Found) -> None:
        if self._round.answer(message.number, message.check):
            self._go_on()

    def _tick(self) -> None:
        if self._round.expire():
            self._go_on()
        elif any((self._round.running_s(id) or 0) >= SLOW_S for id in self._round.running):
            self._show()

    # -- showing

    @on(events.Resize)
    def _wrap_anew(self, event: events.Resize) -> None:
        self._show()
        if self._seen_at not in (None, event.size):
            # A window that is drawn larger sends many sizes: the check is of the last.
            if self._resized is not None:
                self._resized.stop()
            self._resized = self.set_timer(RESIZED_S, lambda: self._ask(["terminal"]))
        self._seen_at = event.size

    def _show(self) -> None:
        if not self.is_mounted:
            return
        here = self.check_id
        self._fold = self._folded()
        rows = [row for id in TITLES if self._fold.get(id, id) == id for row in self._rows(id)]
        if here is not None and here in self._fold and all(key != here for key, _ in rows):
            # The row under the cursor went into another one: the cursor goes with it.
            self.table.set_source(Rows([*rows, (here, ["", "", ""])]))
            self.table.go_to_key(self._fold[here])
        self.table.set_source(Rows(rows))
        self._summarise()

    def _folded(self) -> dict[str, str]:
        """skipped id: the id in whose row it is shown, the first one skipped for the same reason."""
        first: dict[str, str] = {}
        skipped = (check for id in TITLES if (check := self._round.answers.get(id)) and check.verdict == SKIPPED)
        return {check.id: first.setdefault(check.blocked_by, check.id) for check in skipped}

    def _rows(self, id: str) -> Iterable[tuple[str, list[str | Text]]]:
        """A check's own row, and one for each line of why and fix where something is wrong."""
        check = self._round.answers.get(id)
        if check is None:
            yield id, self._unanswered(id)
        elif id in MODELS and check.verdict == FAIL and self._download is not None:
            sign = Text(f"{self._sign('running')} {self._transfer}")
            yield id, [sign, check.title, self._transfer_text(check)]
        elif check.verdict == SKIPPED:
            yield id, self._skipped(check)
        else:
            yield from self._answered(check)

    def _sign(self, name: str) -> str:
        return marks.mark(name, self.host.ascii)

    def _unanswered(self, id: str) -> list[str | Text]:
        seconds, need = self._round.running_s(id), self._round.waits_for(id)
        if seconds is not None:
            said = f"{seconds:.0f} s" if seconds >= SLOW_S else ""
            return [Text(f"{self._sign('running')} running", marks.style("running")), TITLES[id], Text(said, "dim")]
        said = f"after {TITLES[need]}" if need else ""
        return [Text(f"{self._sign('waiting')} waits", "dim"), Text(TITLES[id], "dim"), Text(said, "dim")]

    def _skipped(self, check: Check) -> list[str | Text]:
        names = [TITLES[id] for id, place in self._fold.items() if place == check.id]
        after = f"after {TITLES.get(check.blocked_by, check.blocked_by)}"
        more = len(names) > 1
        title, said = (f"{len(names)} checks", f"{after}: {'; '.join(names)}") if more else (check.title, after)
        return [Text(f"{self._sign('unknown')} skipped", "dim"), Text(title, "dim"), Text(said, "dim")]

    def _answered(self, check: Check) -> Iterable[tuple[str, list[str | Text]]]:
        name, word = VERDICTS[check.verdict]
        wrong = check.verdict in (FAIL, WARN)
        room = max(20, self.app.size.width - GUTTER - STATE - TITLE - 2 * GAP - 2)
        first, *rest = marks.wrap(check.found, room) if wrong else [check.found]
        hint = "   d download" if check.id in MODELS and check.verdict == FAIL and not rest else ""
        title = Text(check.title, "bold") if wrong else check.title
        yield check.id, [Text(f"{self._sign(name)} {word}", marks.style(name)), title, first + hint]
        lines = [("", line) for line in rest]
        if wrong and not self._said_above(check):
            for label, text in (("why", check.why), ("fix", check.fix)):
                # Why something is only to be looked at can wait until it is looked at: one line, the rest on Enter.
                whole = marks.wrap(text, room - 5) if text else []
                if label == "why" and check.verdict == WARN and self.app.size.height < ROOMY:
                    whole = [text] if text else []
                lines += [(label if not place else "   ", line) for place, line in enumerate(whole)]
        for place, (label, line) in enumerate(lines):
            said = Text(f"{label}  " if label else "", "bold").append(line, "" if label != "why" else "dim")
            yield f"{check.id}:{place}", [Text(self._sign("rule"), "dim"), "", said]

    def _said_above(self, check: Check) -> bool:
        """What mends a check above mends this one: one model for both roles is missing once."""
        above = self._round.answers.get(check.repeats)
        return above is not None and above.verdict == check.verdict

    def _transfer_text(self, check: Check) -> str:
        batch = self._download
        if batch is None or batch.view.state == JobState.WAITING:
            return "waits for another download"
        left = f"   {clock(batch.left_s)} left" if batch.left_s is not None else ""
        return f"{batch.view.note or check.found}{left}   x stop"

    def _wrong(self, named: Sequence[str]) -> Text:
        """`✗ 2 failed: Disk, Labeller   ! 1 to look at`. named: the verdicts of which every check is named."""
        answers, said = self._round.answers, Text()
        for verdict in (FAIL, WARN):
            names = [TITLES[id] for id in TITLES if id in answers and answers[id].verdict == verdict]
            if names:
                name, word = VERDICTS[verdict]
                word = "to look at" if verdict == WARN else word
                said.append("   " if said else "")
                said.append(f"{self._sign(name)} {len(names)} {word}", marks.style(name))
                said.append(f": {', '.join(names)}" if verdict in named else "")
        return said

    def _summarise(self) -> None:
        """What is wrong, also where its row is out of sight: by name as far as there is room."""
        answers, room = self._round.answers, self.app.size.width - NEXT_CELLS
        said = next(
            (text for named in ((FAIL, WARN), (FAIL,)) if cell_len((text := self._wrong(named)).plain) <= room),
            self._wrong(()),
        )
        asked = ""
        if len(answers) < len(TITLES):
            asked = f"{self._sign('running')} {len(answers)} of {len(TITLES)} checked"
        elif not said:
            said.append(f"{self._sign('ok')} all is here", marks.style("ok"))
        self.query_one(Headline).show(said, asked)
        self.show_next()

    @property
    def next_step(self) -> NextStep | None:
        """What has failed comes before all else; a missing model only where it is needed next."""
        answers = self._round.answers
        failed = [TITLES[id] for id in TITLES if id not in MODELS and id in answers and answers[id].verdict == FAIL]
        if failed:
            key = keymap.key("setup.next_wrong")
            return NextStep(f"mend {', '.join(failed)} ({key})", f"{key} mend {failed[0]}")
        return super().next_step

    @property
    def check_id(self) -> str | None:
        """The check under the cursor; its lines of why and fix belong to it."""
        key = self.table.cursor_key
        return key.partition(":")[0] if key else None

    @property
    def check(self) -> Check | None:
        return self._round.answers.get(self.check_id or "")

    # -- a model on its way

    def job_events(self, batch: JobBatch) -> None:
        if batch.history and batch.ended:
            return
        if batch.stage == "model" and batch.progress is not None:
            share = batch.progress.share
            self._transfer = marks.megabytes(batch.progress.done) if share is None else f"{share:.0%}"
        if batch.ended:
            self._download, self._transfer = None, ""
            self._ask(OF_MODELS)
            failed = batch.view.state in (JobState.FAILED, JobState.CRASHED)
            self.query_one(ErrorBanner).show(batch.view.error if failed else None)
        elif batch.stage == "model":
            self._download = batch
            self._show()

    # -- keys

    def action_again(self) -> None:
        """A skipped check is asked again by way of the one that stops it."""
        if self.check_id:
            self._ask([self._round.blocker_of(self.check_id)])

    def action_all_again(self) -> None:
        self._ask(TITLES)

    def action_next_wrong(self) -> None:
        """The failed ones in turn, then those to look at."""
        answers = self._round.answers
        wrong = [id for verdict in (FAIL, WARN) for id in TITLES if id in answers and answers[id].verdict == verdict]
        if not wrong:
            self.toast("Nothing is wrong so far" if self._round.busy else "Nothing is wrong")
            return
        here = wrong.index(self.check_id) + 1 if self.check_id in wrong else 0
        # To its end first: the why and the fix shall be in sight too.
        id, keys = wrong[here % len(wrong)], [self.table.source.key(i) for i in range(self.table.row_count)]
        for key in (*[key for key in keys if key.startswith(f"{id}:")][-1:], id):
            self.table.go_to_key(key)

    def action_copy_fix(self) -> None:
        check = self.check
        if check is None or not check.fix:
            self.toast("There is nothing to mend in this line")
        else:
            self.app.copy_to_clipboard(check.fix)

    def action_download(self) -> None:
        if self._download is not None:
            self.toast("A model is being downloaded already; x stops it")
            return
        answers = self._round.answers
        missing = [id for id in MODELS if id in answers and answers[id].verdict == FAIL]
        if not missing:
            waits = any(id not in answers for id in MODELS)
            coming = next((answers[id].found for id in MODELS if id in answers and answers[id].verdict == WARN), "")
            self.toast("The models are still being looked for" if waits else coming or "Both models are here")
            return
        role = self.check_id if self.check_id in missing else missing[0]
        self.start_job("model", {"role": role})

    def action_models(self) -> None:
        from tui.screens.models.screen import ModelsScreen

        self._was_at_models = True
        self.host.push_screen(ModelsScreen())

    def action_stop(self) -> None:
        if self._download is None:
            self.toast("Nothing is being downloaded")
        else:
            self.stop_job(self._download.folder)

    @on(RowTable.Chosen)
    def action_details(self) -> None:
        check = self.check
        if check is None:
            self.toast("There is no answer yet")
            return
        name, word = VERDICTS[check.verdict]
        what = "\n".join(part for part in (check.found, check.detail) if part)
        title = f"{self._sign(name)} {check.title}: {word}"
        if check.verdict == SKIPPED:
            blocker = self._round.blocker_of(check.id)
            cause, names = self._round.answers.get(blocker), [i for i, place in self._fold.items() if place == check.id]
            title = f"{self._sign(name)} {word}: {', '.join(TITLES[id] for id in names)}"
            what = f"after {TITLES.get(blocker, blocker)}" + (f": {cause.found}" if cause else "")
            check = cause or check
        self.host.push_screen(dialog.Message(title, what, check.why, check.fix))
