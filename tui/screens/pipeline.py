"""What the six screens share: the status bar and the footer, jobs followed and started, slow work in threads, dialogs.

A screen is

    class TrainingScreen(PipelineScreen):
        PANE = STEP = "training"                 # its keys in tui/keymap.py; its place in the status bar, and the jobs
                                                 # it follows: of the stages that core/stage.py shows there
        CSS_PATH = "training.tcss"
        BINDINGS = keymap.bindings("training")

        def content(self): ...                   # the widgets between status bar and footer
        def job_events(self, batch): ...         # one JobBatch (tui/bridge.py), on the UI thread; see `batch.history`
        def store_changed(self): ...             # somebody wrote to the store (a job, another shell): read anew
        def on_shown(self): ...                  # the screen came to the front (also the first time)
        next_step                                # a property: what is to be done next; its Headline says it

and it may call

    self.workspace, self.store                   # the store's connection of this thread; fine for what takes < 10 ms
    self.in_thread(work, done, group)            # work() off the UI thread, then done(result); UserErrors are shown,
                                                 # or given to `failed`: what reads in the background shows no dialog
    self.start_job(stage, params, then=None)     # a detached job; then(folder) once it runs
    self.start_once(stage, busy)                 # the same, unless one is live
    self.stop_job(folder)                        # ask it to stop
    self.pause_job(folder) / self.resume_job(folder)
    self.send_to_job(folder, name, data)            # a control message (job.received(name))
    self.live_jobs()                             # JobBatches of this screen's live jobs, as last read
    self.follow(folder)                          # a job that has ended (the last training): its whole history
    self.show_error(error) / self.open_dialog(dialog, answered)
    self.toast(text, error=False)                # never parsed as markup
    self.apply(effects)                          # these as data, from a part without a screen (tui/effects.py)

StepTable is a RowTable whose Enter is the screen's while it is empty; ErrorBanner().show(error | None) shows a failed
job.

A live job's past needs no care: when a batch does not follow on what the screen has got, the history is read in a
thread and comes through `job_events` first, in order and without doubles. The future comes from the bridge.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from core import jobs
from core.errors import UserError
from core.events import JobState
from core.stage import seen_on
from core.store import Store
from core.workspace import Workspace
from tui import keymap
from tui.background import BackgroundTasks, TaskResult
from tui.bridge import DRAINED, FULL, Inbox, JobBatch, history
from tui.effects import (
    Effect,
    InThread,
    OpenDialog,
    PauseJob,
    Reload,
    ResumeJob,
    SendToJob,
    ShowError,
    StartJob,
    StopJob,
    Toast,
)
from tui.host import Host, host_of
from tui.status.gpu import gpu_line
from tui.status.monitor import Status
from tui.status.steps import NextStep, bar_steps, key_for, next_step
from tui.widgets import cells, dialog, marks
from tui.widgets.segment_table import RowTable
from tui.widgets.status_bar import KeyFooter, StatusBar
from tui.widgets.text_line import Headline

T = TypeVar("T")


class HistoryRead(Message):
    """A piece of a job's history; batch None: that was all."""

    def __init__(self, folder: Path, batch: JobBatch | None) -> None:
        super().__init__()
        self.folder, self.batch = folder, batch


class StepTable(RowTable):
    """The table of a step: where it is empty, Enter is the screen's."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "choose" or self.cursor_key is not None


class ErrorBanner(Static):
    """What went wrong with the last job of a step, where it went wrong; nothing while all is well."""

    DEFAULT_CSS: ClassVar[str] = """
    ErrorBanner {
        height: auto;
        max-height: 5;
        padding: 0 1;
        color: $text-error;
        display: none;
    }
    """

    def show(self, error: UserError | None, put_away: str = "") -> None:
        """put_away: the key that takes it off the screen, and that it does."""
        self.display = error is not None
        if error is not None:
            sign = marks.mark("failed", cells.is_ascii(self.app))
            first = "   ".join(filter(None, (f"{sign} {error.what}", put_away)))
            _, why, fix = error.lines()
            if key := key_for(error.fix, keymap.pane_of(self.screen)):
                fix = f"{fix}   ({key})"
            self.update(dialog.plain("\n".join(filter(None, (first, why, fix)))))


class PipelineScreen(Screen[None]):
    """A step of the pipeline; see the head of this file."""

    PANE: ClassVar[str] = ""
    STEP: ClassVar[str] = ""
    AUTO_FOCUS: ClassVar[str | None] = "RowTable"
    """Not the first that could have it: that may be a search box that is not shown yet."""
    REPORTS_FAILURES: ClassVar[bool] = False
    """Whether the screen itself shows why a job failed (`ErrorBanner`), so that no toast is to say it once more."""

    def __init__(self) -> None:
        super().__init__()
        self._tasks = BackgroundTasks(self.post_message)
        self._inboxes: dict[Path, Inbox] = {}
        self._reading: set[Path] = set()
        self._stale = False
        self._resizes_seen: int | None = None
        """`Host.resizes` when another screen came to the front; None before any did."""

    # -- for the screens to override

    @property
    def is_ready(self) -> bool:
        """Whether it has what keys act on; those that are typed ahead wait a moment for that."""
        return True

    @property
    def stages(self) -> frozenset[str]:
        """The stages whose jobs are followed here."""
        return seen_on(self.STEP)

    def content(self) -> Iterable[Widget]:
        """The widgets between the status bar and the footer."""
        return ()

    def job_events(self, batch: JobBatch) -> None:
        """Something happened to a job of `stages`."""

    def store_changed(self) -> None:
        """The store, or a folder it counts, is not what it was."""

    def on_shown(self) -> None:
        """The screen is in front."""

    # -- for the screens to call

    @property
    def host(self) -> Host:
        return host_of(self)

    @property
    def workspace(self) -> Workspace:
        assert self.host.workspace is not None, "the six screens are shown inside a workspace only"
        return self.host.workspace

    @property
    def store(self) -> Store:
        assert self.host.store is not None, "the six screens are shown inside a workspace only"
        return self.host.store

    @property
    def table(self) -> RowTable:
        """The table of rows that every one of these screens has."""
        return self.query_one(RowTable)

    @property
    def is_wide(self) -> bool:
        """Room for side panes and every column; the same bound as the app's class -wide."""
        return self.app.size.width >= 100

    @property
    def next_step(self) -> NextStep | None:
        """What is to be done next in this workspace, with its place and its key; None while it is not known."""
        due = self.host.status.next
        live = {batch.stage: batch.view.paused for batch in self.host.live.values()}
        return next_step(due, live, self.PANE) if due else None

    def show_next(self) -> None:
        """Say in the headline what is next; called when the status is another."""
        following = self.next_step
        for line in self.query(Headline):
            line.show_next((following.long, following.short) if following else ())

    def in_thread(
        self,
        work: Callable[[], T],
        done: Callable[[T], object],
        group: str = "",
        failed: Callable[[UserError], object] | None = None,
    ) -> None:
        """Run `work` in a thread, then `done(result)` on the UI thread; a UserError goes to `failed`, else is shown.

        One at a time per group, and only the newest that waits: moving quickly over rows computes the last one only,
        and the result of an older one is thrown away.
        """
        self._tasks.run(work, done, failed or self.show_error, group)

    def start_job(
        self, stage: str, params: dict[str, Any] | None = None, then: Callable[[Path], object] | None = None
    ) -> None:
        """Start a stage as a detached job; `then(folder)` once its process has said that it runs."""
        workspace = self.workspace

        def started(folder: Path) -> None:
            if then is not None:
                then(folder)

        self.in_thread(lambda: jobs.spawn(workspace, stage, params or {}), started, group=f"job {time.monotonic()}")

    def start_once(self, stage: str, busy: str) -> None:
        """Start a stage; a toast says `busy` where a job of it is live."""
        if self.live_jobs(stage):
            self.toast(busy)
        else:
            self.start_job(stage)

    def stop_job(self, folder: Path) -> None:
        """Ask a job to stop at its next safe point; what it has done stays."""
        self.in_thread(lambda: jobs.stop(folder), lambda _: None, group=f"stop {folder.name}")

    def pause_job(self, folder: Path) -> None:
        """Hold a job where it is until `resume_job`; quick presses end with the last one."""
        self.in_thread(lambda: jobs.pause(folder), lambda _: None, group=f"hold {folder.name}")

    def resume_job(self, folder: Path) -> None:
        """Let a held job go on, or one that waits for a block to pass."""
        self.in_thread(lambda: jobs.resume(folder), lambda _: None, group=f"hold {folder.name}")

    def send_to_job(self, folder: Path, name: str, data: Any) -> None:
        """A control message for a live job; the last one of a name counts."""
        self.in_thread(lambda: jobs.send(folder, name, data), lambda _: None, group=f"send {folder.name} {name}")

    def live_jobs(self, *stages: str) -> list[JobBatch]:
        """The live jobs of these stages (default: of this screen's) as last read, oldest first."""
        wanted = frozenset(stages) or self.stages
        return [batch for batch in self.host.live.values() if batch.stage in wanted]

    def follow(self, folder: Path) -> None:
        """Read a job's whole log, in slices, into `job_events`. For live jobs this happens by itself."""
        inbox = self._inboxes.setdefault(folder, Inbox())
        inbox.missing = True
        self._read_past(folder)

    def show_error(self, error: UserError, title: str = "That did not work") -> None:
        """Show what went wrong, why, and what mends it; the same thing once, however often it is met."""
        self.host.show_error(error, title)

    def open_dialog(self, opened: Screen[Any], answered: Callable[[Any], object]) -> None:
        """Show a dialog; `answered(answer)` unless it was closed without one."""

        def closed(answer: Any) -> None:
            if answer is not None:
                answered(answer)

        self.host.push_screen(opened, closed)

    def toast(self, text: str, *, error: bool = False) -> None:
        """What happened, and how to undo it."""
        self.host.toast(text, "error" if error else "information")

    def apply(self, effects: Iterable[Effect]) -> None:
        """Do what a part of the screen wants done."""
        for effect in effects:
            match effect:
                case StartJob():
                    self.start_job(effect.stage, dict(effect.params))
                case StopJob():
                    self.stop_job(effect.folder)
                case PauseJob():
                    self.pause_job(effect.folder)
                case ResumeJob():
                    self.resume_job(effect.folder)
                case SendToJob():
                    self.send_to_job(effect.folder, effect.name, effect.data)
                case Toast():
                    self.toast(effect.text)
                case ShowError():
                    self.show_error(effect.error)
                case OpenDialog():
                    self.open_dialog(effect.dialog, lambda answer, to=effect.answered: self.apply(to(answer)))
                case InThread():
                    self.in_thread(effect.work, lambda found, to=effect.then: self.apply(to(found)), effect.group)
                case Reload():
                    self.note_change()

    # -- the machinery

    def compose(self) -> ComposeResult:
        yield StatusBar()
        yield from self.content()
        yield KeyFooter(keymap.footer(self.PANE))

    def on_mount(self) -> None:
        self.watch(self, "focused", self._show_keys, init=False)

    def on_screen_suspend(self) -> None:
        self._resizes_seen = self.host.resizes

    def on_screen_resume(self) -> None:
        if self._resizes_seen not in (None, self.host.resizes):
            self.call_after_refresh(self._draw_anew)
        self.show_status(self.host.status)
        self._show_keys()
        # Jobs that were live before this screen existed; a gap in the numbers fetches their past.
        for batch in self.live_jobs():
            if batch.folder not in self._inboxes:
                self.handle(JobBatch(batch.view, (), batch.seq, batch.seq, batch.left_s))
        if self._stale:
            self.note_change()
        self.on_shown()

    def _draw_anew(self) -> None:
        """What came in meanwhile was drawn for the size that the terminal had then; where it has that of before again,
        no widget is told of another."""
        for widget in self.walk_children(Widget, with_self=True):
            widget.post_message(events.Resize(widget.size, widget.virtual_size))

    def show_status(self, status: Status) -> None:
        for bar in self.query(StatusBar):
            bar.update_place("  ".join(filter(None, (status.place, status.player))))
            bar.update_gpu(gpu_line(status.gpu, cells.glyphs(self.app).bars))
            bar.update_job(status.job)
            bar.update_steps(bar_steps(status.steps, self.STEP, self.host.ascii))
        self.show_next()

    def note_change(self) -> None:
        """The store changed: read it anew now, or when the screen comes to the front."""
        self._stale = not self.is_current
        if self.is_current:
            self.store_changed()

    def reports(self, batch: JobBatch) -> bool:
        """Whether this screen, now in front, shows itself how the job ended."""
        return (
            self.REPORTS_FAILURES
            and batch.stage in self.stages
            and batch.view.state in (JobState.FAILED, JobState.CRASHED)
        )

    def handle(self, batch: JobBatch) -> None:
        """A batch from the bridge; the app calls this."""
        if batch.stage not in self.stages:
            return
        inbox = self._inboxes.setdefault(batch.folder, Inbox())
        for fresh in inbox.handle(batch):
            self.job_events(fresh)
        if inbox.missing:
            self._read_past(batch.folder)

    def _read_past(self, folder: Path) -> None:
        if folder in self._reading:
            return
        self._reading.add(folder)

        def read() -> None:
            for batch in history(folder):
                while self.message_queue_size > FULL and self.is_running:
                    time.sleep(0.02)
                    if self.message_queue_size <= DRAINED:
                        break
                self.post_message(HistoryRead(folder, batch))
            self.post_message(HistoryRead(folder, None))

        threading.Thread(target=read, name=f"history-{folder.name}", daemon=True).start()

    @on(HistoryRead)
    def _on_history(self, message: HistoryRead) -> None:
        inbox = self._inboxes[message.folder]
        if message.batch is None:
            self._reading.discard(message.folder)
            found = inbox.caught_up()
        else:
            found = inbox.handle(message.batch)
        for batch in found:
            self.job_events(batch)

    @on(TaskResult)
    def _on_result(self, message: TaskResult) -> None:
        message.stop()
        message.deliver()

    def _show_keys(self) -> None:
        pane = keymap.pane_of(self)
        help_key = keymap.help_key(pane)
        for foot in self.query(KeyFooter):
            foot.set_keys(keymap.footer(pane), help_key)
        for bar in self.query(StatusBar):
            bar.update_help(help_key)
