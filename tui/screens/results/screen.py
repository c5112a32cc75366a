"""6 Results: base beside tuned on segments neither was trained on; any file through the tuned model; export."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from core.errors import UserError
from core.events import JobState, TranscribedWindow
from core.files import write_text
from core.listen.player import Playback
from core.stage import lookup
from core.status import tuned_models
from core.store import Evaluation, Segment, Store
from core.timed_text import Cue
from core.training.weight_trials import Weights, read_weights
from core.workspace import Workspace
from tui import keymap
from tui.bridge import JobBatch
from tui.listening import playhead
from tui.screens.job_line import JobLine, foremost
from tui.screens.listening_screen import ListeningScreen
from tui.screens.pipeline import ErrorBanner, StepTable
from tui.screens.results import charts
from tui.screens.results import figures as results_figures
from tui.screens.results.dialogs import Differences, Transcription
from tui.status.jobs import error_of
from tui.widgets import cells, dialog
from tui.widgets.path_completion import complete_path
from tui.widgets.segment_table import Rows, RowTable
from tui.widgets.text_line import Headline

TEXTS = "transcribed"
"""The folder in the workspace that transcriptions of other recordings are saved in."""


TALL, WIDEST = 36, 130
"""Rows from which on there is room for pictures; and their cells, so that no line has to be followed too far."""


class ResultsScreen(ListeningScreen):
    PANE = STEP = "results"
    REPORTS_FAILURES = True
    CSS_PATH = "results.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("results")

    def __init__(self) -> None:
        super().__init__()
        self._evaluation: Evaluation | None = None
        self._segments: dict[str, Segment] = {}
        self._models: list[str] = []
        self._weights: Weights | None = None
        """The tuned models, oldest first."""
        self._next = ""
        self._heard: dict[Path, str] = {}
        """By the job of a transcription: the last that it wrote down."""
        self._asked: set[str] = set()
        """Recordings whose transcription was asked for here."""

    def content(self) -> Iterable[Widget]:
        yield Headline(id="measured")
        yield Static("", id="figures", markup=False)
        yield StepTable(results_figures.columns(True))
        yield ErrorBanner()
        yield JobLine()

    def on_shown(self) -> None:
        self._load()
        self._show_job()

    def store_changed(self) -> None:
        self._load()

    # -- reading and showing

    def _load(self) -> None:
        workspace = self.workspace

        def read() -> Measured:
            with Store(workspace.db_path) as store:
                evaluation = store.evaluations.latest()
                rows = evaluation.rows if evaluation is not None else ()
                found = {row.segment: store.segments.get(row.segment) for row in rows}
                models = tuned_models(workspace)
                due = to_measure(evaluation, models)
                weights = read_weights(workspace.models / evaluation.model) if evaluation is not None else None
            segments = {id: segment for id, segment in found.items() if segment is not None}
            return Measured(evaluation, segments, models, due, weights)

        self.in_thread(read, self._loaded, group="load")

    def _loaded(self, found: Measured) -> None:
        before, self._evaluation, self._segments = self._evaluation, found.evaluation, found.segments
        self._models, self._next, self._weights = found.models, found.next, found.weights
        if before is None or self._evaluation is None or before.id != self._evaluation.id or not self.table.row_count:
            self._show()
        else:
            self._show_heading()

    def _show_heading(self) -> None:
        """What the figures were measured on; what is being measured, or could be."""
        heading = self.query_one(Headline)
        live, listening = self.live_jobs("evaluate"), self.host.listening
        now = being_measured(live[0], self._models) if live else ""
        if self._evaluation is not None:
            heard = playhead(listening.playback, self.table.cursor_key, self.host.ascii) if listening else ""
            newer = self._next if self.host.status.next != "evaluate" else ""  # else the line says it at its end
            heading.show(results_figures.measured_on(self._evaluation), heard or now or newer)
            return
        heading.show(now or "Nothing has been measured yet")
        below = "Its figures come here." if now else self._what_next()
        self.table.empty_text = f"\nHere the base model will stand beside the tuned one.\n{below}"

    def _what_next(self) -> str:
        """How to come to figures that are not there."""
        step = self.next_step
        found = self._next or (step.long if step is not None else "")
        return f"Next: {found}" if found else ""

    def show_next(self) -> None:
        super().show_next()
        self._show_heading()

    @on(RowTable.Highlighted)
    def _moved(self) -> None:
        self._show_heading()

    def show_playback(self, playback: Playback) -> None:
        self._show_heading()

    @on(events.Resize)
    def _show(self) -> None:
        evaluation, figures = self._evaluation, self.query_one("#figures", Static)
        self.table.set_columns(results_figures.columns(self.is_wide))
        if evaluation is None:
            figures.display = False
            self._show_heading()
            self.table.set_source(Rows())
            return
        self._show_heading()
        width = self.app.size.width - 4
        table = results_figures.lines(evaluation, width, self.host.ascii)
        below = [results_figures.difference_line(evaluation, self.host.ascii)]
        if self._weights is not None:
            below.append(results_figures.weights_line(self._weights, self.host.ascii))
        if self.is_wide and self.app.size.height >= TALL:
            below += ["", *charts.interval_lines(evaluation, min(width, WIDEST), self.host.ascii)]
            below += ["", charts.gains(evaluation.rows, min(width, WIDEST), self.host.ascii)]
        table += [cells.fit(line, width) for line in below]
        text = dialog.plain("\n".join(table))
        text.stylize("bold", 0, len(table[0]))
        figures.update(text)
        figures.display = True
        rows = results_figures.rows(evaluation.rows, self._segments, self.is_wide, self.host.ascii)
        self.table.set_source(Rows(rows))

    @on(RowTable.Chosen)
    def action_details(self) -> None:
        evaluation, key = self._evaluation, self.table.cursor_key
        row = next((row for row in evaluation.rows if row.segment == key), None) if evaluation is not None else None
        if evaluation is None or row is None:
            live = self.live_jobs("evaluate")
            self.toast(
                f"{being_measured(live[0], self._models)}: wait for its figures"
                if live
                else f"Nothing has been measured yet. {self._what_next()}".rstrip()
            )
            return
        change = results_figures.points(results_figures.change(row), self.host.ascii)
        title = f"{row.segment}   {results_figures.when(row, self._segments)}   {change} points"
        self.host.push_screen(Differences(title, row, evaluation.model))

    # -- keys that start and stop work

    def action_evaluate(self) -> None:
        if self.live_jobs("evaluate"):
            self.toast("The models are being measured already; x cancels")
            return
        self.query_one(ErrorBanner).show(None)
        self.start_job("evaluate", {})

    def action_transcribe(self) -> None:
        workspace = self.workspace

        def check(text: str) -> str | None:
            if not text.strip():
                return "write the path of a recording"
            path = workspace.find(text)
            return None if path.is_file() else "there is no file of that name"

        models = tuned_models(workspace)
        with_what = models[-1] if models else "the labeller, as nothing is trained yet"
        text = f"Any audio or video file, through {with_what}. The text is saved in {TEXTS}/."
        complete = partial(complete_path, roots=(Path.cwd(), workspace.root))
        prompt = dialog.TextPrompt("Transcribe a file", "", check, text=text, placeholder="talk.mp3", complete=complete)
        self.open_dialog(prompt, lambda answer: self._transcribe(workspace.find(answer)))

    def _transcribe(self, path: Path) -> None:
        self.query_one(ErrorBanner).show(None)
        self._asked.add(str(path))
        self.start_job("transcribe", {"file": str(path)})

    def action_export(self) -> None:
        self.start_once("export", "The export is at work already")

    def action_stop(self) -> None:
        job = foremost(self.live_jobs())
        if job is None:
            self.toast("Nothing is being measured or transcribed")
            return
        self.stop_job(job.folder)
        self.toast(lookup(job.stage).stopping)

    # -- jobs

    def job_events(self, batch: JobBatch) -> None:
        if windows := batch.of(TranscribedWindow):
            self._heard[batch.folder] = windows[-1].text
        if batch.ended:
            self._heard.pop(batch.folder, None)
        self._show_job()
        if not batch.ended or batch.history:
            return
        self.query_one(ErrorBanner).show(error_of(batch))
        self._load()
        if batch.stage == "transcribe" and batch.view.state == JobState.DONE:
            self._transcribed(batch.view.params_as(TranscribeParams).file, batch.view.result_as(TranscribeResult))

    def _show_job(self) -> None:
        """The job that x would stop, and how many more there are."""
        live = self.live_jobs()
        job = foremost(live)
        self.query_one(JobLine).show_jobs(live, note=self._heard.get(job.folder, "") if job is not None else "")
        self._show_heading()

    def _transcribed(self, file: str, result: TranscribeResult) -> None:
        """Save the text of a transcription that was asked for here, and show it."""
        if file not in self._asked:
            return
        self._asked.discard(file)
        workspace, path = self.workspace, Path(file)

        def saved(place: Path) -> None:
            where = workspace.relative(place)
            if self.is_current:
                title = f"{path.name}, heard by {Path(result.model).name}"
                self.host.push_screen(Transcription(title, lines_of(result), f"saved as {where}"))
            else:
                self.toast(f"{path.name} is transcribed: {where}")

        self.in_thread(lambda: save_text(workspace, path, result), saved, group=f"save {file}")


@dataclass(frozen=True)
class TranscribeParams:
    file: str = ""


@dataclass(frozen=True)
class TranscribeResult:
    """What a transcription returned (core/stages/transcribe.py): its model, and what is said when."""

    model: str = ""
    segments: tuple[Cue, ...] = ()


@dataclass(frozen=True)
class EvaluateParams:
    """The model to be measured; None: the newest."""

    model: str | None = None


@dataclass(frozen=True)
class Measured:
    """What the store holds for this screen. next: how to come to figures that are not there, by a key of this one.
    weights: what was tried after the last step of the model that was measured."""

    evaluation: Evaluation | None
    segments: dict[str, Segment]
    models: list[str]
    next: str
    weights: Weights | None


def being_measured(job: JobBatch, models: Sequence[str]) -> str:
    """What a live evaluation is measuring: the model it was asked for, else the newest."""
    model = job.view.params_as(EvaluateParams).model or (models[-1] if models else "the tuned model")
    if job.view.state == JobState.WAITING:
        return f"{model} will be measured beside its base model"
    return f"{model} is being measured beside its base model"


def to_measure(evaluation: Evaluation | None, models: Sequence[str]) -> str:
    """How the newest tuned model is measured, if it is another than the one whose figures are shown.

    models: the tuned ones, oldest first.
    """
    if not models or (evaluation is not None and models[-1] == evaluation.model):
        return ""
    return f"v measures {models[-1]}{'' if evaluation is not None else ' beside its base model.'}"


def lines_of(result: TranscribeResult) -> str:
    """The text of a transcription, a line for each window."""
    return "\n".join(cue.text for cue in result.segments if cue.text)


def save_text(workspace: Workspace, recording: Path, result: TranscribeResult) -> Path:
    """Write the text beside earlier ones; none is ever written over."""
    folder = workspace.root / TEXTS
    try:
        folder.mkdir(exist_ok=True)
        place, number = folder / f"{recording.stem}.txt", 2
        while place.exists():
            place, number = folder / f"{recording.stem}-{number}.txt", number + 1
        write_text(place, lines_of(result) + "\n")
    except OSError as error:
        raise UserError(
            f"the text of {recording.name} could not be saved", str(error), "look at the disk, then press t again"
        ) from error
    return place
