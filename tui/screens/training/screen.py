"""5 Training: the plan before, the run while it goes, any earlier run from its log.

plan_panel.py and run_panel.py are what is seen, run.py what a run's log tells, actions.py what the keys of a run do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from core.config import set_value
from core.errors import UserError
from core.events import JobState
from core.gpu import read_gpus
from core.jobs import JobView, list_jobs
from core.listen.player import Playback
from core.training.plan_rows import PlanRow
from core.training.planning import PlanReader, PlanReading
from tui import keymap
from tui.bridge import JobBatch
from tui.screens.listening_screen import ListeningScreen
from tui.screens.pipeline import ErrorBanner
from tui.screens.training import actions
from tui.screens.training.actions import runs_of
from tui.screens.training.plan import parsed, setting_prompt, split_report
from tui.screens.training.plan_panel import PlanPanel
from tui.screens.training.run import TrainingRun, earlier_of
from tui.screens.training.run_panel import RunPanel
from tui.screens.training.samples import Samples
from tui.status.gpu import GpuReading
from tui.status.monitor import Status
from tui.widgets.segment_table import RowTable
from tui.widgets.text_line import TextLine


class TrainingScreen(ListeningScreen):
    PANE: ClassVar[str] = "training.plan"
    STEP = "training"
    REPORTS_FAILURES = True
    CSS_PATH = "training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *keymap.bindings("training.plan"),
        *keymap.bindings("training.run"),
        ("shift+tab", "pane_before"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.plan_reader: PlanReader | None = None
        self._plan_reading: PlanReading | None = None
        self._split_error: UserError | None = None
        self._gpu: GpuReading | None = None
        self._runs: dict[Path, TrainingRun] = {}
        self._shown: Path | None = None
        """The job whose run is on the screen; None: the plan."""
        self._continued: set[Path] = set()
        """Jobs whose run begins in the logs of earlier ones, which are read."""
        self._restored = False
        self._is_listing = False
        """The runs are read, to choose from."""

    @property
    def is_ready(self) -> bool:
        # The Enter behind v is for the list; on the plan it would start a training.
        return not self._is_listing

    def content(self) -> Iterable[Widget]:
        yield PlanPanel()
        yield RunPanel()
        yield ErrorBanner()
        yield TextLine(id="next")

    @property
    def run_shown(self) -> TrainingRun | None:
        return self._runs.get(self._shown) if self._shown is not None else None

    @property
    def plan_panel(self) -> PlanPanel:
        return self.query_one(PlanPanel)

    @property
    def run_panel(self) -> RunPanel:
        return self.query_one(RunPanel)

    def on_mount(self) -> None:
        self.plan_reader = PlanReader(self.workspace)
        self._show_mode()

    def on_shown(self) -> None:
        self._read_plan()
        if not self._restored:
            self._restored = True
            self._list_runs(self._restore)

    def store_changed(self) -> None:
        if self._shown is None:
            self._read_plan()

    def show_status(self, status: Status) -> None:
        super().show_status(status)
        if status.gpu is None or status.gpu is self._gpu:
            return
        self._gpu = status.gpu
        for panel in self.query(RunPanel):
            panel.show_gpu(status.gpu)
        if self.is_current and self._shown is None and status.gpu.gpus:
            self._read_plan()  # it depends on the card's free memory, too

    # -- which of the two is seen

    def _restore(self, views: list[JobView]) -> None:
        """The first time: the run at work, or the last one, whatever became of it."""
        if views and self._shown is None:
            self._open(views[0])

    def _open(self, view: JobView) -> None:
        """Show a run; its log is read if it has not been."""
        if view.folder not in self._runs:
            self._runs[view.folder] = TrainingRun(view)
            self.follow(view.folder)
        self._show(view.folder)

    def _show(self, folder: Path | None) -> None:
        """The run of a job, which may not have said anything yet; None: the plan."""
        self._shown = folder
        if folder is not None and self.run_shown is None:
            self.run_panel.clear()
        self._show_mode()
        self._show_run()

    def _show_mode(self) -> None:
        """Plan or run: the widgets, the keys of the footer, the focus."""
        run = self._shown is not None
        self.PANE = "training.run" if run else "training.plan"  # type: ignore[misc] - the footer follows the mode
        self.plan_panel.display, self.run_panel.display = not run, run
        if run:
            self.run_panel.show_pane("loss")
        else:
            self.set_focus(self.table)
        self.query_one("#next", TextLine).show("")
        self._show_keys()
        self.show_next()
        self._show_error()

    def _show_error(self) -> None:
        run, error = self.run_shown, None
        if run is not None:
            error = run.view.error if run.view.state != JobState.CANCELLED else None
        elif self._shown is None:
            error = self._split_error or self.plan_panel.problem
        self.query_one(ErrorBanner).show(error)

    # -- the plan

    def _read_plan(self) -> None:
        """In a thread, and computed anew only where something it depends on has changed (`PlanReader`)."""
        reader, gpu = self.plan_reader, self.host.status.gpu
        if reader is not None:
            gpus = read_gpus if gpu is None else lambda: list(gpu.gpus)
            self.in_thread(lambda: reader.read(gpus), self._show_plan, group="plan")

    def _show_plan(self, reading: PlanReading) -> None:
        if reading is not self._plan_reading:
            self._split_error = None  # what it was about may be otherwise now
        self._plan_reading = reading
        self.plan_panel.show(reading, is_running=bool(self.live_jobs("train")))
        self._show_error()

    @on(RowTable.Chosen)
    def action_choose(self) -> None:
        if self._shown is not None:
            return
        if self.plan_panel.row is not None:
            self._change(self.plan_panel.row)
        elif self.plan_panel.problem is not None:
            self.show_error(self.plan_panel.problem, "The training cannot start yet")
        elif self._plan_reading is not None:
            stopped = self._plan_reading.stopped
            if stopped is None or stopped.differs:
                self._start({})
            else:
                self._start({"name": stopped.name, "resume": True})

    def _change(self, row: PlanRow) -> None:
        config = self._plan_reading.config if self._plan_reading is not None else None
        if row.setting is None or config is None:
            self.toast(f"{row.title} follows from the rest of the plan: it cannot be set")
            return
        table, key = row.setting
        path = self.workspace.config_path

        def changed(text: str) -> None:
            value = parsed(config, table, key, text)
            self.in_thread(lambda: set_value(path, table, key, value), lambda _: self._read_plan(), group="set")

        self.open_dialog(setting_prompt(row, row.setting, config, path.name), changed)

    def action_split(self) -> None:
        if self._shown is not None:
            return
        if self.live_jobs("split"):
            self.toast("The segments are being split already")
            return
        self._split_error = None
        self.start_job("split", {})

    async def action_check_dataset(self) -> None:
        """Where its rows can be seen and mended."""
        await self.app.switch_mode("transcripts")
        await self.app.run_action("screen.check_dataset")

    # -- starting, stopping, going on

    def _list_runs(self, done: Callable[[list[JobView]], object], group: str = "runs") -> None:
        """done: called with the training jobs, the newest first."""
        workspace = self.workspace
        self.in_thread(lambda: runs_of(list_jobs(workspace)), done, group=group)

    def _start(self, params: dict[str, Any]) -> None:
        """Start a training, unless one runs: asked anew, as one may have begun in another shell a moment ago."""

        def start(views: list[JobView]) -> None:
            live = next((view for view in views if view.live), None)
            if live is None:
                self.toast(f"{params['name']} goes on" if "name" in params else "The training starts")
                self.start_job("train", params, self._show)
            else:
                self.toast("A training runs already; s stops it")
                self._open(live)

        self._list_runs(start, group="start")

    def action_stop(self) -> None:
        run, live = self.run_shown, self.live_jobs("train")
        if run is not None and run.view.live:
            self.stop_job(run.view.folder)
        elif live:
            self.stop_job(live[0].folder)
        else:
            self.toast("No training is running")
            return
        self.toast("It stops after this step, with a checkpoint; r goes on from there")

    def action_resume(self) -> None:
        """Go on with the run on the screen, and with no other."""
        params = actions.resume(self.run_shown)
        if isinstance(params, str):
            self.toast(params)
        else:
            self._start(params)

    def action_extend(self) -> None:
        asked = actions.extend(self.run_shown)
        if isinstance(asked, str):
            self.toast(asked)
        else:
            question, params = asked
            self.open_dialog(question, lambda text: self._start(params(text)))

    def action_runs(self) -> None:
        workspace = self.workspace

        def choose(runs: list[tuple[JobView, str]]) -> None:
            self._is_listing = False
            if not runs:
                self.toast("There is no run to look at yet")
                return
            by_folder = {view.folder.name: view for view, _ in runs}
            self.open_dialog(actions.runs_dialog(runs, self.host.ascii), lambda name: self._open(by_folder[name]))

        def failed(error: UserError) -> None:
            self._is_listing = False
            self.show_error(error)

        self._is_listing = True
        self.in_thread(lambda: actions.named_runs(runs_of(list_jobs(workspace))), choose, "named runs", failed)

    def action_plan(self) -> None:
        if self.run_panel.log_is_big:
            self.run_panel.toggle_log()
            return
        self._show(None)
        self._read_plan()

    # -- jobs

    def reports(self, batch: JobBatch) -> bool:
        if batch.stage == "split" and batch.view.state == JobState.DONE:
            return True  # with what has come of it
        shown = self._shown is None if batch.stage == "split" else self._shown == batch.folder
        return shown and super().reports(batch)

    def job_events(self, batch: JobBatch) -> None:
        if batch.stage == "split":
            self._split_events(batch)
            return
        run = self._runs.setdefault(batch.folder, TrainingRun(batch.view))
        run.handle(batch)
        if run.resumed_from is not None and batch.folder not in self._continued:
            self._read_earlier(run)
        shown = self.run_shown
        if batch.view.live and batch.folder != self._shown and (shown is None or not shown.view.live):
            if batch.history or not batch.after:
                self._show(batch.folder)  # a training began, here or in another shell
        elif batch.folder == self._shown:
            self._show_run()
        elif batch.ended and not batch.history:
            self._read_plan()  # another can start

    def _split_events(self, batch: JobBatch) -> None:
        if not batch.ended or batch.history:
            return
        self._split_error = batch.view.error if batch.view.state != JobState.CANCELLED else None
        if batch.view.state == JobState.DONE and self.is_current:
            self.toast(split_report(batch.view.result))
        self._show_error()
        self._read_plan()

    def _read_earlier(self, run: TrainingRun) -> None:
        """A run that was resumed: its curves begin in the logs of earlier jobs."""
        self._continued.add(run.view.folder)
        workspace = self.workspace

        def found(earlier: list[TrainingRun]) -> None:
            run.continue_from(earlier)
            if run is self.run_shown:
                self._show_run()

        def read() -> list[TrainingRun]:
            return earlier_of(runs_of(list_jobs(workspace)), run)

        self.in_thread(read, found, group=f"earlier {run.view.folder.name}")

    def _show_run(self) -> None:
        """The run on the screen as it is now."""
        run = self.run_shown
        if run is not None:
            self.run_panel.show(run)
            self.query_one("#next", TextLine).show(run.next_step())
            self._show_error()

    # -- panes

    def action_pane(self) -> None:
        """Tab: the next pane; in a narrow window the one below the charts changes with it."""
        if self._shown is not None:
            self.run_panel.next_pane(1)

    def action_pane_before(self) -> None:
        if self._shown is not None:
            self.run_panel.next_pane(-1)

    def action_log_scale(self) -> None:
        self.run_panel.toggle_log_scale()

    def action_log_big(self) -> None:
        if self._shown is not None:
            self.run_panel.toggle_log()

    # -- hearing a sample

    @property
    def segment_here(self) -> str | None:
        samples = self.run_panel.samples
        return next(iter(samples.segments), None) if self._shown is not None and samples.display else None

    @property
    def segments_ahead(self) -> list[str]:
        return self.run_panel.samples.segments[1:]

    def show_playback(self, playback: Playback) -> None:
        self.run_panel.samples.show_playback(playback)

    @on(Samples.Moved)
    def _sample_moved(self) -> None:
        self.cursor_moved()
