"""5 Training: the plan before, the run while it goes, any earlier run from its log."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widget import Widget

from core.config import Config, set_value
from core.errors import UserError
from core.events import JobState
from core.gpu import read_gpus
from core.jobs import JobView, list_jobs
from core.store import Store
from core.training.plan import Plan
from core.training.plan_rows import PlanRow, plan_rows
from core.training.planning import read_plan
from tui import keymap
from tui.bridge import JobBatch
from tui.job_text import clock
from tui.screens.pipeline import ErrorBanner, PipelineScreen, StepTable
from tui.screens.training import run as training_run
from tui.screens.training.panes import GpuPanel, RunLog, Samples
from tui.screens.training.plan import parsed, plan_columns, problems_of, runs_of, split_report
from tui.screens.training.run import TrainingRun, nan_for
from tui.widgets import dialog, marks
from tui.widgets.line_chart import LineChart
from tui.widgets.segment_table import Rows, RowTable
from tui.widgets.text_line import TextLine

START = "start"
GPU_S = 2.0
PANES = ("loss", "cer", "samples", "log", "gpu")
"""In the order of tab; the last one has no focus of its own and is a pane only where the window is narrow."""


class TrainingScreen(PipelineScreen):
    PANE: ClassVar[str] = "training.plan"
    STEP = "training"
    CSS_PATH = "training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *keymap.bindings("training.plan"),
        *keymap.bindings("training.run"),
        ("shift+tab", "pane_before"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._config: Config | None = None
        self._rows: dict[str, PlanRow] = {}
        self._problems: list[UserError] = []
        self._runs: dict[Path, TrainingRun] = {}
        self._shown: Path | None = None
        """The run on the screen; None: the plan."""
        self._traced: set[Path] = set()
        self._looked_back = False
        self._trouble: UserError | None = None
        self._pane, self._step = "loss", 1

    def content(self) -> Iterable[Widget]:
        with Vertical(id="plan"):
            yield StepTable(plan_columns(True), empty_text="\nThe plan is being made …")
            yield TextLine(id="why")
            yield TextLine(id="split")
        with Vertical(id="run"):
            yield TextLine(id="state")
            yield TextLine(id="figures")
            with Container(id="charts"):
                yield LineChart("loss", id="loss")
                yield LineChart("CER %", id="cer")
            yield GpuPanel()
            yield Samples(id="samples")
            yield RunLog(id="log")
        yield ErrorBanner()
        yield TextLine(id="next")

    @property
    def run_shown(self) -> TrainingRun | None:
        return self._runs.get(self._shown) if self._shown is not None else None

    def on_mount(self) -> None:
        self._show_mode()
        self.set_interval(GPU_S, self._ask_gpu)

    def on_shown(self) -> None:
        self._load_plan()
        if not self._looked_back:
            self._looked_back = True
            workspace = self.workspace
            self.in_thread(lambda: runs_of(list_jobs(workspace)), self._look_back, group="runs")

    def store_changed(self) -> None:
        if self._shown is None:
            self._load_plan()

    def _look_back(self, views: list[JobView]) -> None:
        """The first time: the run at work, or the last one, whatever became of it."""
        if views and self._shown is None:
            self._open(views[0])

    # -- which of the two is seen

    def _open(self, view: JobView) -> None:
        """Show a run; its log is read if it has not been."""
        self._shown = view.folder
        if view.folder not in self._runs:
            self._runs[view.folder] = TrainingRun(view)
            self.follow(view.folder)
        self._show_mode()
        self._paint(whole=True)

    def _show_mode(self) -> None:
        """Plan or run: the widgets, the keys of the footer, the focus."""
        run = self._shown is not None
        self.PANE = "training.run" if run else "training.plan"  # type: ignore[misc] - the footer follows the mode
        self.query_one("#plan").display = not run
        self.query_one("#run").display = run
        if run:
            self._show_pane("loss")
        else:
            self.set_focus(self.table)
        self._show_keys()
        self._tell_trouble()
        if not run:
            self.query_one("#next", TextLine).show("")
        self._ask_gpu()

    def _tell_trouble(self) -> None:
        run = self.run_shown
        if run is not None:
            error = run.view.error if run.view.state != JobState.CANCELLED else None
            self.query_one(ErrorBanner).show(error)
        else:
            self.query_one(ErrorBanner).show(self._trouble or next(iter(self._problems), None))

    # -- the plan

    def _load_plan(self) -> None:
        workspace = self.workspace

        def read() -> tuple[Config | None, Plan | None, list[UserError], dict[str, Any]]:
            with Store(workspace.db_path) as store:
                split, config = store.note("split") or {}, None
                try:
                    config = workspace.config()
                    plan = read_plan(workspace, config, store)
                except UserError as error:
                    return config, None, [error], split
            return config, plan, problems_of(plan), split

        self.in_thread(read, self._planned, group="plan")

    def _planned(self, found: tuple[Config | None, Plan | None, list[UserError], dict[str, Any]]) -> None:
        self._config, plan, self._problems, split = found
        fresh = not self._rows
        self._rows = {row.key: row for row in plan_rows(plan)} if plan is not None else {}
        rows = [(row.key, [row.title, row.value, row.reason]) for row in self._rows.values()]
        if not self._problems:
            rows.append((START, ["Start", "enter starts the training", "it goes on without this window"]))
        elif rows:
            sign = marks.mark("failed", self.host.ascii)
            rows.append((START, ["Start", f"{sign} not yet", self._problems[0].what]))
        self.table.empty_text = "\nThere is no plan yet."
        self.table.set_source(Rows(rows))
        if fresh and rows:
            self.table.go_to_key(START)
        self.query_one("#split", TextLine).show(split_report(split))
        self._tell_trouble()

    @on(RowTable.Highlighted)
    def _tell_why(self) -> None:
        row = self._rows.get(self.table.cursor_key or "")
        text = f"{row.title}: {row.reason}" if row is not None else ""
        self.query_one("#why", TextLine).show(text, "enter changes it" if row is not None and row.setting else "")

    @on(events.Resize)
    def _fit(self) -> None:
        self.table.set_columns(plan_columns(self.app.size.width >= 100))

    @on(RowTable.Chosen)
    def action_choose(self) -> None:
        if self._shown is not None:
            return
        row = self._rows.get(self.table.cursor_key or "")
        if row is not None:
            self._change(row)
        elif self._problems:
            self.show_error(self._problems[0], "The training cannot start yet")
        elif self._config is not None:
            self._start({})

    def _change(self, row: PlanRow) -> None:
        config = self._config
        if row.setting is None or config is None:
            self.toast(f"{row.title}: {row.value}. {row.reason}")
            return
        table, key = row.setting
        path = self.workspace.config_path

        def check(text: str) -> str | None:
            try:
                parsed(config, table, key, text)
            except ValueError as error:
                return str(error)
            return None

        def changed(text: str) -> None:
            value = parsed(config, table, key, text)
            self.in_thread(lambda: set_value(path, table, key, value), lambda _: self._load_plan(), group="set")

        text = f"{row.reason}\n[{table}] {key} in {path.name}"
        self.open_dialog(
            dialog.TextPrompt(row.title, str(getattr(getattr(config, table), key)), check, text=text), changed
        )

    def action_split(self) -> None:
        if self._shown is not None:
            return
        if self.live_jobs("split"):
            self.toast("The segments are being split already")
            return
        self._trouble = None
        self.start_job("split", {})

    # -- starting, stopping, going on

    def _start(self, params: dict[str, Any]) -> None:
        """Start a training, unless one runs: asked anew, as one may have begun in another shell a moment ago."""
        workspace = self.workspace

        def looked(views: list[JobView]) -> None:
            live = next((view for view in views if view.live), None)
            if live is None:
                self.toast("The training starts")
                self.start_job("train", params, self._started)
            else:
                self.toast("A training runs already; s stops it")
                self._open(live)

        self.in_thread(lambda: runs_of(list_jobs(workspace)), looked, group="start")

    def _started(self, folder: Path) -> None:
        self._shown = folder
        self._show_mode()
        self._paint(whole=True)

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
        """Go on with the run on the screen; from the plan, with the newest one that can."""
        run = self.run_shown
        if run is not None and run.view.state == JobState.DONE:
            self.toast("This run is finished; e goes on for more steps")
        else:
            self._start({"resume": True, **({"name": run.name} if run is not None and run.saved and run.name else {})})

    def action_extend(self) -> None:
        run = self.run_shown
        if run is None or run.view.live or not run.name:
            self.toast("It can be extended when it has ended" if run is not None else "No run is shown")
            return
        name, done = run.name, max(run.step, run.view.result_as(training_run.TrainResult).steps)

        def check(text: str) -> str | None:
            return None if text.strip().isdigit() and int(text) > done else f"a number above {done}"

        question = dialog.TextPrompt(
            f"Extend {name}", str(done * 2), check, text=f"{done} steps are made. Up to which?"
        )
        self.open_dialog(question, lambda text: self._start({"name": name, "resume": True, "steps": int(text)}))

    def action_runs(self) -> None:
        workspace = self.workspace
        self.in_thread(lambda: runs_of(list_jobs(workspace)), self._choose_run, group="runs")

    def _choose_run(self, views: list[JobView]) -> None:
        if not views:
            self.toast("Nothing has been trained here yet")
            return
        by_name = {view.folder.name: view for view in views}
        choices = [(name, training_run.label_of(view, self.host.ascii)) for name, view in by_name.items()]
        self.open_dialog(dialog.Choice("Runs", "", choices[:15]), lambda name: self._open(by_name[name]))

    def action_plan(self) -> None:
        if self.has_class("-log-big"):
            self.action_log_big()
            return
        self._shown = None
        self._show_mode()
        self._load_plan()

    # -- the run

    def job_events(self, batch: JobBatch) -> None:
        if batch.stage == "split":
            self._split_heard(batch)
            return
        run = self._runs.setdefault(batch.folder, TrainingRun(batch.view))
        lines = run.handle(batch)
        if run.resumed_from is not None and batch.folder not in self._traced:
            self._trace(run)
        shown = self.run_shown
        if batch.view.live and batch.folder != self._shown and (shown is None or not shown.view.live):
            if batch.history or not batch.after:
                # A training began, here or in another shell.
                self._shown = batch.folder
                self._show_mode()
                self._paint(whole=True)
            return
        if batch.folder == self._shown:
            self._paint(lines)

    def _trace(self, run: TrainingRun) -> None:
        """A run that was resumed: its curves begin in the logs of earlier jobs."""
        self._traced.add(run.view.folder)
        workspace = self.workspace

        def found(earlier: list[TrainingRun]) -> None:
            for before in earlier:
                run.follow_on(before)
            if run is self.run_shown:
                self._paint()

        def read() -> list[TrainingRun]:
            return training_run.earlier_of(runs_of(list_jobs(workspace)), run)

        self.in_thread(read, found, group=f"trace {run.view.folder.name}")

    def _split_heard(self, batch: JobBatch) -> None:
        if not batch.ended or batch.history:
            return
        error = batch.view.error if batch.view.state != JobState.CANCELLED else None
        self._trouble = error
        if batch.view.state == JobState.DONE:
            self.toast(split_report(batch.view.result))
        self._tell_trouble()
        self._load_plan()

    def _paint(self, lines: Iterable[str] = (), *, whole: bool = False) -> None:
        """Show the run as it is now; lines: what is new in its log."""
        run = self.run_shown
        if run is None:
            return
        log = self.query_one(RunLog)
        if whole:
            log.clear()
            self.query_one("#loss", LineChart).clear()
            self.query_one("#cer", LineChart).clear()
        log.append_lines(run.log if whole else lines)
        sign, word = run.state
        state = f"{run.title}  {marks.mark(sign, self.host.ascii)} {word}  {run.where()}"
        left = f"{clock(run.left_s)} left" if run.left_s is not None and run.view.live else ""
        self.query_one("#state", TextLine).show(state, left)
        self.query_one("#figures", TextLine).show(run.figures())
        self.query_one("#next", TextLine).show(run.next_step())
        losses = [nan_for(metric.loss) for metric in run.metrics]
        self.query_one("#loss", LineChart).set_series("loss", [metric.step for metric in run.metrics], losses)
        chart, points = self.query_one("#cer", LineChart), [(s, 100 * c) for s, c in run.measured]
        chart.set_series("CER", [s for s, _ in points], [c for _, c in points])
        if run.base_cer is not None:
            end = max([run.step, 1, *(s for s, _ in points)])
            chart.set_series("base", [0, end], [100 * run.base_cer] * 2)
        self.query_one(Samples).show(list(run.samples.values()))
        self._tell_trouble()

    def _ask_gpu(self) -> None:
        run = self.run_shown
        if self.is_current and run is not None:
            self.in_thread(read_gpus, self.query_one(GpuPanel).show, group="gpu")

    # -- panes

    def action_pane(self) -> None:
        """Tab: the next pane; in a narrow window the one below the charts changes with it."""
        if self._shown is None:
            return
        panes = [name for name in PANES if name != "gpu" or self.has_class("-narrow")]
        focused = self.focused.id if self.focused is not None else None
        now = focused if focused in panes else self._pane
        self._show_pane(panes[(panes.index(now) + self._step) % len(panes)] if now in panes else panes[0])

    def action_pane_before(self) -> None:
        self._step = -1
        self.action_pane()
        self._step = 1

    def _show_pane(self, name: str) -> None:
        self._pane = name
        # Below the charts: samples, unless one of the others has been asked for.
        below = name if name in ("log", "gpu") else "samples"
        for other in ("samples", "log", "gpu"):
            self.set_class(other == below, f"-below-{other}")
        # The pane may be hidden until the styles have been worked out.
        self.call_after_refresh(self.set_focus, self.query_one(f"#{name}") if name != "gpu" else None)

    def action_log_scale(self) -> None:
        charts = list(self.query(LineChart))
        on = not charts[0].log_y
        for chart in charts:
            chart.log_y = on

    def action_log_big(self) -> None:
        if self._shown is None:
            return
        big = not self.has_class("-log-big")
        self.set_class(big, "-log-big")
        self.call_after_refresh(self.set_focus, self.query_one(RunLog if big else "#loss"))
