"""The app: one mode per step, the status line, jobs attached on start, leaving in every way there is.

What happens in a screen is in tui/screens/; what all of them share in tui/screens/pipeline.py.
    app.workspace, app.store, app.folder, app.options     app.live: folder -> last JobBatch of each live job
    app.status: what every status bar shows               app.open_folder(workspace): the welcome screen made one
"""

from __future__ import annotations

import importlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Input, TextArea

from core.errors import UserError
from core.events import JobState
from core.files import write_private
from core.gpu import Gpu
from core.jobs import JobView, list_jobs, spawn
from core.listen.browser import BrowserPlayer
from core.listen.player import Playback, is_remote
from core.listen.tunnel import tunnel
from core.stage import lookup
from core.status import summary
from core.store import Store
from core.workspace import Workspace
from tui import clipboard, crash, keymap, terminal
from tui import crashed_jobs as crashed
from tui.background import BackgroundTasks, TaskResult
from tui.bridge import Bridge, JobBatch, JobEvents
from tui.gpu_meter import GpuMeter, sample_gpus
from tui.host import Host, StageStart
from tui.job_text import bar_job, end_of
from tui.listening import Listening
from tui.poller import Poller
from tui.quit_dialog import leaving, stop_all
from tui.screens.pipeline import PipelineScreen
from tui.status import CountsReader, CountsSnapshot, Status, screen_due
from tui.typeahead import KeyMarker, TypeAhead
from tui.widgets import cells, dialog
from tui.widgets.listen_sheet import ListenSheet

if TYPE_CHECKING:
    from core.cli import AppOptions

STATUS_S = 2.0
AGAIN_S = 1.0
"""Coming back from the dialog makes a screen read anew; meeting the same fault then is no news."""


def _screen(module: str, name: str) -> Callable[[], Screen[Any]]:
    """A screen that is imported when it is first shown."""
    return lambda: getattr(importlib.import_module(f"tui.screens.{module}.screen"), name)()


class WhispersmithApp(App[int]):
    TITLE = "whispersmith"
    CSS_PATH = "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "welcome": _screen("welcome", "WelcomeScreen"),
        "setup": _screen("setup", "SetupScreen"),
        "playlist": _screen("playlist", "PlaylistScreen"),
        "segments": _screen("segments", "SegmentsScreen"),
        "transcripts": _screen("transcripts", "TranscriptsScreen"),
        "training": _screen("training", "TrainingScreen"),
        "results": _screen("results", "ResultsScreen"),
    }
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("app")

    def __init__(
        self, workspace: Workspace | None, options: AppOptions, *, folder: Path | None = None, start: str | None = None
    ) -> None:
        """workspace: None where `folder` is none yet. start: the screen to begin with, else the one that is due."""
        super().__init__()
        self.folder = workspace.root if workspace else (folder or Path.cwd())
        self.workspace: Workspace | None = None
        self.store: Store | None = None
        self.options = options
        self.ascii = options.ascii
        self.set_class(options.ascii, "-ascii")
        self.animation_level = "none"
        self.live: dict[Path, JobBatch] = {}
        self.status = Status()
        self._start = start
        self._bridge: Bridge | None = None
        self._counts: CountsReader | None = None
        self._pollers: dict[str, Poller] = {}
        self._gpu_meter = GpuMeter()
        self._tasks = BackgroundTasks(self.post_message)
        self._recent: deque[str] = deque(maxlen=40)
        """The last events, for a crash file."""
        self._shown_error: tuple[str, str] | None = None
        self._closed_errors: dict[tuple[str, str], float] = {}
        self._filling: Path | None = None
        """The job that was filling the workspace when it was opened: the app goes on from there by itself."""
        self._interrupted = False
        self._type_ahead = TypeAhead()
        self.listening: Listening | None = None
        if workspace is not None:
            self._open(workspace)

    # -- coming

    def _open(self, workspace: Workspace) -> None:
        self.workspace, self.folder = workspace, workspace.root
        self.store = Store(workspace.db_path)
        self.status = replace(self.status, place=workspace.name)
        self.listening = Listening(
            workspace,
            self.store,
            self._tasks,
            self.post_message,
            self._on_playback,
            self._show_listen_sheet,
            self.show_error,
        )

    async def on_mount(self) -> None:
        if not self.is_headless:
            terminal.handle_signals(self._hang_up)
            self.set_interval(STATUS_S, lambda: None if terminal.is_there() else self._hang_up())
        if self.workspace is None:
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
        assert self.workspace is not None
        assert self.store is not None
        await self.switch_mode(self._start or self._due())
        self._bridge = Bridge(self.workspace, lambda found: self.post_message(JobEvents(found)), self._queued)
        self._bridge.start()
        self._counts = CountsReader(self.store, self.workspace)
        self._poll("counts", self._counts, self._on_counts)
        self._poll("gpu", sample_gpus, self._on_gpus)
        self._poll("past", partial(crashed.newest, self.workspace), self._offer_to_go_on, once=True)

    def _due(self) -> str:
        """The screen of the stage that comes next; where nothing has begun that of a job that begins it, else Setup."""
        assert self.workspace is not None
        assert self.store is not None
        try:
            found = summary(self.store, self.workspace)
        except UserError as error:
            # Settings or a store that cannot be read: said over the first screen, where it can be mended.
            self.call_later(self.show_error, error)
            return "setup"
        self.status = replace(self.status, steps=found.steps)
        begun = next((view for view in list_jobs(self.workspace) if view.live), None) if found.next == "add" else None
        if begun is None:
            return screen_due(found.next)
        stage = lookup(begun.stage)
        self._filling = begun.folder if stage.fills_workspace else None
        return stage.screen

    def _poll(self, name: str, read: Callable[[], Any], done: Callable[[Any], object], *, once: bool = False) -> None:
        seconds = threading.TIMEOUT_MAX if once else STATUS_S
        poller = Poller(seconds, read, lambda found: self.post_message(TaskResult(partial(done, found))), name)
        self._pollers[name] = poller
        poller.start()

    def _queued(self) -> int:
        return max(self.message_queue_size, *(screen.message_queue_size for screen in self._pipeline_screens()), 0)

    def _offer_to_go_on(self, found: JobView | None) -> None:
        """On start: if the newest job crashed, say so and offer to go on."""
        if self.workspace is not None and found is not None and crashed.is_news(found):
            again = partial(self._again, self.workspace, found)
            self.push_screen(crashed.question(found), partial(crashed.answered, found, again))

    def _again(self, workspace: Workspace, view: JobView) -> None:
        self._in_background(partial(spawn, workspace, view.stage, crashed.params_to_go_on(view)))
        self.action_step(lookup(view.stage).screen)

    def _in_background(self, work: Callable[[], object]) -> None:
        self._tasks.run(work, lambda _: None, self.show_error, f"background {id(work)}")

    def show_error(self, error: UserError, title: str = "That did not work") -> None:
        """The same fault is shown once, however often it is met."""
        met = (error.what, error.why)
        if self._shown_error == met or time.monotonic() < self._closed_errors.get(met, 0.0) + AGAIN_S:
            return
        self._shown_error = met

        def closed(_: object) -> None:
            self._shown_error = None
            self._closed_errors[met] = time.monotonic()

        if self.workspace is not None:
            self.workspace.log(" - ".join(line for line in error.lines() if line))
        self.push_screen(dialog.Message.of(error, title), closed)

    # -- what is going on

    @on(TaskResult)
    def _on_result(self, message: TaskResult) -> None:
        message.deliver()

    @on(JobEvents)
    def _on_jobs(self, message: JobEvents) -> None:
        for batch in message.batches:
            self._recent.append(
                f"{batch.stage} {batch.view.state} {batch.seq} {[e.event.kind for e in batch.entries[-6:]]}"
            )
            if batch.ended:
                self.live.pop(batch.folder, None)
                self.recount()
                if not (isinstance(self.screen, PipelineScreen) and self.screen.reports(batch)):
                    self.toast(*end_of(batch.view))
                if batch.folder == self._filling and batch.view.state == JobState.DONE:
                    self._go_on_from_filled()
            else:
                self.live[batch.folder] = replace(batch, entries=())
            for screen in self._pipeline_screens():
                screen.handle(batch)
        self._gpu_meter.follow(self.live.values())
        self._show(job=bar_job(self.live.values()))

    def _go_on_from_filled(self) -> None:
        """The workspace is filled: to the screen that is due, unless somebody went elsewhere meanwhile."""
        workspace = self.workspace

        def read() -> str:
            assert workspace is not None
            with Store(workspace.db_path) as store:
                return screen_due(summary(store, workspace).next)

        def go_on(screen: str) -> None:
            if self._filling is not None and len(self.screen_stack) == 1:
                self.action_step(screen)

        self._tasks.run(read, go_on, self.show_error, "filled")

    def recount(self) -> None:
        """Something changed that the counts may not see by themselves."""
        if self._counts is not None:
            self._counts.stale = True
            self._pollers["counts"].now()

    def toast(self, text: str, severity: Any = "information") -> None:
        # A toast wraps at its own width; an endless title would fill the screen with it.
        if plain := "\n".join(cells.cut(cells.harmless(line), 300) for line in text.splitlines()[:6]):
            self.notify(plain, severity=severity, markup=False, timeout=10 if severity == "error" else 5)

    def _on_counts(self, found: CountsSnapshot | UserError | None) -> None:
        if isinstance(found, UserError):
            self.toast(str(found), "error")
        elif found is not None:
            self._show(steps=found.summary.steps)
            for screen in self._pipeline_screens():
                screen.note_change()

    def _on_playback(self, playback: Playback) -> None:
        assert self.listening is not None
        if self.status.player != (sign := self.listening.sign(self.ascii)):
            self._show(player=sign)
        for screen in self.screen_stack:
            if isinstance(screen, PipelineScreen):
                screen.show_playback(playback)

    def _show_listen_sheet(self, player: BrowserPlayer) -> None:
        """Where the page is to be opened; also written down, for terminals that copy nothing."""
        if isinstance(self.screen, ListenSheet):
            return
        way = tunnel(player.server.port) if is_remote() else None
        lines = [*([way.command, way.jump, way.config] if way is not None else []), player.server.address]
        if self.workspace is not None:
            path = self.workspace.logs / "listen.txt"
            self._in_background(partial(write_private, path, "\n".join(lines) + "\n"))
        self.push_screen(ListenSheet(player.server.address, way, lambda: player.playback))

    def _on_gpus(self, gpus: Iterable[Gpu]) -> None:
        self._show(gpu=self._gpu_meter.read(gpus))

    def _show(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)
        for screen in self.screen_stack:
            if isinstance(screen, PipelineScreen):
                screen.show_status(self.status)

    def _pipeline_screens(self) -> list[PipelineScreen]:
        """Every step's screen that has been shown so far."""
        stacks = list(self._screen_stacks.values())
        return [s for stack in stacks for s in list(stack) if isinstance(s, PipelineScreen) and s.is_running]

    # -- keys: one at a time, see tui/typeahead.py

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, (events.Key, events.Paste)):
            await super().on_event(event)
        elif not self.screen_stack:
            return  # the app is leaving
        elif event.is_forwarded:
            # It has come back up: no widget took it, and now its binding runs, if it has one.
            await super().on_event(event)
            self._follow_up(event)
        elif self._type_ahead.admit(event):
            await self._give_out(event)

    async def _give_out(self, key: events.Event) -> None:
        target = self.focused or self.screen
        await super().on_event(key)
        target.post_message(KeyMarker(key, after=False))
        self.set_timer(TypeAhead.LOST_S, partial(self._release, key))

    @on(KeyMarker)
    async def _on_key_marker(self, marker: KeyMarker) -> None:
        if marker.after:
            await self._release(marker.key)
        else:
            self._follow_up(marker.key)

    def _follow_up(self, key: events.Event) -> None:
        """A key was taken, or its binding has run: wait for what that set going."""
        if self._type_ahead.current is key and self.screen_stack:
            (self.focused or self.screen).post_message(KeyMarker(key, after=True))

    async def _release(self, key: events.Event) -> None:
        following = self._type_ahead.release(key)
        if following is not None and self.screen_stack:
            await self._give_out(following)

    # -- keys that work everywhere

    def action_step(self, name: str) -> None:
        if self.workspace is not None:
            self._filling = None
            self.switch_mode(name)

    def action_help(self) -> None:
        name = keymap.pane_of(self.screen)
        pane = keymap.PANES.get(name) or keymap.PANES["app"]
        self.push_screen(dialog.HelpScreen(pane.title, pane.sentence, keymap.help_keys(name), pane.more))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: what the keys do here, by name."""
        for target, pane in ((screen, keymap.pane_of(screen)), (self, "app")):
            for action in keymap.actions(pane):
                if action.help and action.method not in ("command_palette", "interrupt"):
                    run = partial(self._run_for, target, action)
                    yield SystemCommand(f"{action.label} ({action.key})", action.help, run)
        yield SystemCommand("theme", "Other colours", self.action_change_theme)

    async def _run_for(self, target: Screen[Any] | App[Any], action: keymap.Action) -> None:
        await self.run_action(action.method, default_namespace=target)

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

    def copy_to_clipboard(self, text: str) -> None:
        """By OSC 52, and to a file; a toast says where it is."""
        super().copy_to_clipboard(text)
        self.toast(*clipboard.keep(self.workspace, text))

    def _hang_up(self) -> None:
        terminal.leave_anyway()
        self.exit(return_code=0)

    def on_unmount(self) -> None:
        for poller in self._pollers.values():
            poller.stop()
        if self._bridge is not None:
            self._bridge.stop()
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
            self._exit_renderables += [Text(line) for line in crash.report(error, logs, self._recent)]
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        for line in self._exit_renderables:
            self.error_console.print(line, soft_wrap=True)
        self._exit_renderables.clear()


_IS_A_HOST: type[Host] = WhispersmithApp
"""For the type checker: the app is what the screens take it for."""
