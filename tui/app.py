"""The app: one mode per step, what belongs to no screen, and leaving in every way there is.

What happens in a screen is in tui/screens/; what the app is for a screen stands in tui/host.py, what it shows of the
workspace is kept by tui/status/monitor.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

from core import crash_file
from core.cli import AppOptions
from core.errors import UserError
from core.events import JobState
from core.files import write_private
from core.jobs import JobView, spawn
from core.listen.browser import BrowserPlayer
from core.listen.player import Playback
from core.stage import lookup
from core.store import DamagedStore, Store
from core.workspace import Workspace
from tui import keymap, palette
from tui.background import BackgroundTasks, TaskResult
from tui.bridge import JobBatch, JobEvents
from tui.dialogs import crashed_job as crashed
from tui.dialogs.listen_sheet import ListenSheet
from tui.dialogs.quitting import leaving, stop_all
from tui.dialogs.repairing import Repairing
from tui.dialogs.shown_errors import ShownErrors
from tui.host import Host, StageStart
from tui.listening import Listening, ListeningReports
from tui.screens.listening_screen import ListeningScreen
from tui.screens.modes import MODES
from tui.screens.pipeline import PipelineScreen
from tui.status.jobs import end_of
from tui.status.monitor import Monitor, Reports, Status
from tui.status.opening import opening_of
from tui.status.steps import key_for
from tui.terminal import clipboard, signals
from tui.typeahead import KeyMarker, TypeAhead
from tui.widgets import cells, dialog

TERMINAL_S = 2.0
"""How often it is looked whether the terminal is still there."""


class WhispersmithApp(App[int]):
    TITLE = "whispersmith"
    CSS_PATH = "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (cells.WIDE, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = dict(MODES)
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("app")

    def __init__(
        self,
        workspace: Workspace | None,
        options: AppOptions,
        *,
        folder: Path | None = None,
        start: str | None = None,
        repair: bool = False,
    ) -> None:
        """workspace: None where `folder` is none yet. start: the screen to begin with, else the one that is due.

        repair: the workspace is repaired before it is opened.
        """
        super().__init__()
        self.folder = workspace.root if workspace else (folder or Path.cwd())
        self.workspace: Workspace | None = None
        self.store: Store | None = None
        self.options = options
        self.ascii = options.ascii
        self.set_class(options.ascii, "-ascii")
        self.animation_level = "none"
        self._start = start
        self.monitor: Monitor | None = None
        self._tasks = BackgroundTasks(self.post_message)
        self._recent: deque[str] = deque(maxlen=40)
        """The last events, for a crash file."""
        self.left_over: dict[str, None] = {}
        """Lines for the terminal, once the app is left, in order."""
        self._errors = ShownErrors()
        self._filling: Path | None = None
        """The job that was filling the workspace when it was opened: the app goes on from there by itself."""
        self.resizes = 0
        self._interrupted = False
        self._type_ahead = TypeAhead(super().on_event, self._focus, self.set_timer, self._is_ready)
        self.listening: Listening | None = None
        self._repairing = Repairing(self, self._tasks, lambda code: self.exit(return_code=code), wanted=repair)
        self._damage: DamagedStore | None = None
        """What is wrong with the database, once somebody has been asked whether it is to be repaired."""
        if workspace is not None and not repair:
            try:
                self._open(workspace)
            except DamagedStore as error:
                self._damage = error

    # -- coming

    def _open(self, workspace: Workspace) -> None:
        self.store = Store(workspace.db_path)
        self.workspace, self.folder = workspace, workspace.root
        reports = Reports(self._show_status, self._on_counted, self._offer_to_go_on)
        self.monitor = Monitor(workspace, self.store, self.post_message, self._queued, reports)
        heard = ListeningReports(self._on_playback, self._show_listen_sheet, self.toast, self.show_error)
        self.listening = Listening(workspace, self.store, self._tasks, self.post_message, heard)

    async def on_mount(self) -> None:
        if not self.is_headless:
            signals.handle(self._hang_up)
            self.set_interval(TERMINAL_S, lambda: None if signals.has_terminal() else self._hang_up())
        if self._repairing.wanted:
            self._repairing.begin()
        elif self._damage is not None:
            self.show_error(self._damage)
        elif self.workspace is None:
            await self.switch_mode("welcome")
        else:
            await self._enter()

    async def open_folder(self, workspace: Workspace, start: str | None = None, job: StageStart | None = None) -> None:
        """The folder has become a workspace: go on in it, on the screen `start`, with a stage and its params."""
        try:
            self._open(workspace)
        except UserError as error:
            self.show_error(error)
            return
        self._start = start
        await self._enter()
        if job is not None:
            self._in_background(partial(spawn, workspace, *job))

    async def _enter(self) -> None:
        assert self.monitor is not None
        await self.switch_mode(self._start or self._due())
        self.monitor.start()

    def _due(self) -> str:
        """The screen to open on."""
        assert self.workspace is not None
        assert self.store is not None
        assert self.monitor is not None
        try:
            opening = opening_of(self.store, self.workspace)
        except UserError as error:
            # Settings or a store that cannot be read: said over the first screen, where it can be mended.
            self.call_later(self.show_error, error)
            return "setup"
        self._filling = opening.filled_by
        self.monitor.show(steps=opening.steps, next=opening.next)
        return opening.screen

    def _queued(self) -> int:
        return max(self.message_queue_size, *(screen.message_queue_size for screen in self._pipeline_screens()), 0)

    def _offer_to_go_on(self, found: JobView) -> None:
        """On start: if the newest job crashed, say so and offer to go on."""
        if self.workspace is not None and crashed.is_news(found):
            again = partial(self._again, self.workspace, found)
            self.push_screen(crashed.question(found), partial(crashed.answered, found, again))

    def _again(self, workspace: Workspace, view: JobView) -> None:
        self._in_background(partial(spawn, workspace, view.stage, crashed.params_to_go_on(view)))
        self.action_step(lookup(view.stage).screen)

    def _in_background(self, work: Callable[[], object]) -> None:
        self._tasks.run(work, lambda _: None, self.show_error, f"background {id(work)}")

    def show_error(self, error: UserError, title: str = "That did not work") -> None:
        """The same fault is shown once, however often it is met."""
        if not self._errors.begin(error):
            return
        if self.workspace is not None:
            self.workspace.log(" - ".join(line for line in error.lines() if line))
        closed = partial(self._errors.end, error)
        if isinstance(error, DamagedStore):
            self._damage = error
            self._repairing.ask(error, closed)
        else:
            key = key_for(error.fix, keymap.pane_of(self.screen))
            self.push_screen(dialog.Message.of(error, title, key), lambda _: closed())

    @property
    def wants_repair(self) -> bool:
        """Whether the workspace, now closed, is to be repaired before it is opened again."""
        return self._repairing.wanted

    def print_on_leaving(self, line: str) -> None:
        self.left_over[line] = None

    # -- what is going on

    @property
    def live(self) -> Mapping[Path, JobBatch]:
        return self.monitor.live if self.monitor is not None else {}

    @property
    def status(self) -> Status:
        return self.monitor.status if self.monitor is not None else Status()

    @on(TaskResult)
    def _on_result(self, message: TaskResult) -> None:
        if self.is_running:  # else the screens are being taken down
            message.deliver()

    @on(JobEvents)
    def _on_jobs(self, message: JobEvents) -> None:
        if not self.is_running:
            return  # the screens are being taken down
        assert self.monitor is not None
        for batch in message.batches:
            kinds = [entry.event.kind for entry in batch.entries[-6:]]
            self._recent.append(f"{batch.stage} {batch.view.state} {batch.seq} {kinds}")
            self.monitor.take(batch)
            for screen in self._pipeline_screens():
                screen.handle(batch)
            if batch.ended:
                self._on_end(batch)

    def _on_end(self, batch: JobBatch) -> None:
        if not (isinstance(self.screen, PipelineScreen) and self.screen.reports(batch)):
            self.toast(*end_of(batch.view))
        if batch.folder == self._filling and batch.view.state == JobState.DONE:
            self._go_on_from_filled()

    def _go_on_from_filled(self) -> None:
        """The workspace is filled: to the screen that is due, unless somebody went elsewhere meanwhile."""
        workspace = self.workspace
        assert workspace is not None

        def read() -> str:
            with Store(workspace.db_path) as store:
                return opening_of(store, workspace).screen

        def go_on(screen: str) -> None:
            if self._filling is not None and len(self.screen_stack) == 1:
                self.action_step(screen)

        self._tasks.run(read, go_on, self.show_error, "filled")

    def recount(self) -> None:
        """Something changed that the counts may not see by themselves."""
        if self.monitor is not None:
            self.monitor.recount()

    def toast(self, text: str, severity: Any = "information") -> None:
        # A toast wraps at its own width; an endless title would fill the screen with it.
        plain = "\n".join(cells.cut(cells.harmless(line), 300) for line in text.splitlines()[:6])
        # A key that is pressed again says nothing new while what it said first can still be read.
        if plain and plain not in (shown.message for shown in self._notifications):
            timeout = 10 if severity == "error" else 5
            # Of a toast that has run out amid another's coming Textual leaves the empty holder, a line high.
            for screen in self.screen_stack[-1:]:
                screen.query("ToastHolder:empty").remove()
            self.notify(plain, severity=severity, markup=False, timeout=timeout)
            # Textual does not draw what a toast has covered if a hidden widget was written to before it went.
            self.set_timer(timeout + 0.5, self.refresh)

    def _on_counted(self, error: UserError | None) -> None:
        """The store is another than before, or cannot be read."""
        if isinstance(error, DamagedStore) and self._damage is None:
            self.show_error(error)
        elif error is not None:
            self.toast(str(error), "error")
        if error is not None:
            return
        for screen in self._pipeline_screens():
            screen.note_change()

    def _on_playback(self, playback: Playback) -> None:
        assert self.listening is not None
        assert self.monitor is not None
        if self.status.player != (sign := self.listening.sign(self.ascii)):
            self.monitor.show(player=sign)
        for screen in self.screen_stack:
            if isinstance(screen, ListeningScreen) and screen.is_mounted:
                screen.show_playback(playback)

    def _show_listen_sheet(self, player: BrowserPlayer) -> None:
        if isinstance(self.screen, ListenSheet):
            return
        sheet = ListenSheet.of(player)
        if self.workspace is not None:
            # Also written down, for terminals that copy nothing.
            self._in_background(partial(write_private, self.workspace.logs / "listen.txt", sheet.notes))
        self.push_screen(sheet)

    def _show_status(self, status: Status) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, PipelineScreen):
                screen.show_status(status)

    def _pipeline_screens(self) -> list[PipelineScreen]:
        """Every step's screen that has been shown so far."""
        stacks = list(self._screen_stacks.values())
        return [s for stack in stacks for s in list(stack) if isinstance(s, PipelineScreen) and s.is_running]

    # -- keys

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste)):
            await self._type_ahead.handle(event)
        else:
            self.resizes += isinstance(event, events.Resize)
            await super().on_event(event)

    @on(KeyMarker)
    async def _on_key_marker(self, marker: KeyMarker) -> None:
        await self._type_ahead.handle_marker(marker)

    def _is_ready(self) -> bool:
        """Whether the screen has what a key would act on."""
        screen = self.screen if self.screen_stack else None
        return not isinstance(screen, PipelineScreen) or screen.is_ready

    def _focus(self) -> Widget | None:
        """Where a key goes; None while the app is leaving."""
        return (self.focused or self.screen) if self.screen_stack else None

    def action_step(self, name: str) -> None:
        if self.workspace is None:
            self.toast("The steps come once this folder is a workspace: choose what to begin with")
        else:
            self._filling = None
            self.switch_mode(name)

    def action_help(self) -> None:
        name = keymap.pane_of(self.screen)
        pane = keymap.PANES.get(name) or keymap.PANES["app"]
        self.push_screen(dialog.HelpScreen(pane.title, pane.sentence, keymap.help_keys(name), pane.more))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: what the keys do here, by name."""
        yield from palette.commands(screen, self)
        yield SystemCommand("theme", "Other colours", self.action_change_theme)

    # -- leaving

    def action_leave(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
        elif not self.live:
            self.exit(return_code=0)
        else:
            self.push_screen(leaving([batch.stage for batch in self.live.values()]), self._left)

    def _left(self, answer: str | None) -> None:
        if complaint := stop_all(self.live) if answer == "s" else "":
            self.toast(complaint, "error")
        elif answer is not None:
            self.exit(return_code=0)

    def action_interrupt(self) -> None:
        """Ctrl+C: copy where text is marked; else once warns, twice quits."""
        focused = self.focused
        if isinstance(focused, (Input, TextArea)) and focused.selected_text:
            self.copy_to_clipboard(focused.selected_text)
        elif self._interrupted:
            self.exit(return_code=0)
        else:
            self._interrupted = True
            self.set_timer(2.0, partial(setattr, self, "_interrupted", False))
            self.toast("Ctrl+C once more quits; jobs go on")

    def copy_to_clipboard(self, text: str, *, quiet: bool = False) -> None:
        """By OSC 52, and to a file; a toast says where it is, unless who copies says so."""
        super().copy_to_clipboard(text)
        said, severity = clipboard.keep(self.workspace, text)
        if not quiet or severity == "error":
            self.toast(said, severity)

    def _hang_up(self) -> None:
        signals.leave_anyway()
        self.exit(return_code=0)

    def on_unmount(self) -> None:
        if self.monitor is not None:
            self.monitor.stop()
        if self.listening is not None:
            self.listening.close()

    def _handle_exception(self, error: Exception) -> None:
        """A fault of ours: a crash file, its path, and out. Instead of Textual's, which prints local variables."""
        self._return_code = 1
        if self._exception is None:
            # Pilot raises it again from here.
            self._exception = error
            self._exception_event.set()
            logs = self.workspace.logs if self.workspace else Path(__file__).parents[1] / "logs"
            self._exit_renderables += [Text(line) for line in crash_file.report(error, logs, self._recent)]
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        for line in self._exit_renderables:
            self.error_console.print(line, soft_wrap=True)
        self._exit_renderables.clear()


_IS_A_HOST: type[Host] = WhispersmithApp
"""For the type checker: the app is what the screens take it for."""
