"""6 Results: base beside tuned on segments neither was trained on; any file through the tuned model; export."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from core.errors import UserError
from core.files import write_text
from core.status import summary, tuned_models
from core.store import Evaluation, Segment, Store
from core.workspace import Workspace
from tui import keymap
from tui.bridge import JobBatch
from tui.screens.pipeline import ErrorBanner, PipelineScreen, StepTable
from tui.screens.results import figures as results_figures
from tui.screens.results.dialogs import Differences, Transcription
from tui.screens.transcripts import jobs as transcript_jobs
from tui.status import next_step
from tui.widgets import dialog
from tui.widgets.segment_table import Rows, RowTable
from tui.widgets.text_line import TextLine

TEXTS = "transcribed"
"""The folder in the workspace that transcriptions of other recordings are saved in."""


class ResultsScreen(PipelineScreen):
    PANE = STEP = "results"
    CSS_PATH = "results.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("results")

    def __init__(self) -> None:
        super().__init__()
        self._evaluation: Evaluation | None = None
        self._segments: dict[str, Segment] = {}
        self._next = ""
        self._asked: set[str] = set()
        """Recordings whose transcription was asked for here."""

    def content(self) -> Iterable[Widget]:
        yield TextLine(id="measured")
        yield Static("", id="figures", markup=False)
        yield StepTable(results_figures.columns(True))
        yield ErrorBanner()
        yield TextLine(id="job")

    def on_mount(self) -> None:
        self.query_one("#job").display = False

    def on_shown(self) -> None:
        self._load()

    def store_changed(self) -> None:
        self._load()

    # -- reading and showing

    def _load(self) -> None:
        workspace = self.workspace

        def read() -> tuple[Evaluation | None, dict[str, Segment], str]:
            with Store(workspace.db_path) as store:
                evaluation = store.evaluations.latest()
                rows = evaluation.rows if evaluation is not None else ()
                found = {row.segment: store.segments.get(row.segment) for row in rows}
                due = what_next(store, workspace) if evaluation is None else not_measured(evaluation, workspace)
            return evaluation, {id: segment for id, segment in found.items() if segment is not None}, due

        self.in_thread(read, self._loaded, group="load")

    def _loaded(self, found: tuple[Evaluation | None, dict[str, Segment], str]) -> None:
        before, (self._evaluation, self._segments, self._next) = self._evaluation, found
        same = before is not None and self._evaluation is not None and before.id == self._evaluation.id
        if same and self._evaluation is not None:
            self.query_one("#measured", TextLine).show(results_figures.measured_on(self._evaluation), self._next)
        if not same or self.table.row_count == 0:
            self._show()

    @on(events.Resize)
    def _show(self) -> None:
        evaluation, figures = self._evaluation, self.query_one("#figures", Static)
        self.table.set_columns(results_figures.columns(self.is_wide))
        if evaluation is None:
            self.query_one("#measured", TextLine).show("Nothing has been measured yet")
            figures.display = False
            self.table.empty_text = f"\nHere the base model will stand beside the tuned one.\nNext: {self._next}"
            self.table.set_source(Rows())
            return
        self.query_one("#measured", TextLine).show(results_figures.measured_on(evaluation), self._next)
        table = results_figures.lines(evaluation, self.app.size.width - 4, self.host.ascii)
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
            self.toast(f"Nothing has been measured yet. Next: {self._next}")
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
            path = transcript_jobs.find(workspace, text)
            return None if path.is_file() else "there is no file of that name"

        models = tuned_models(workspace)
        with_what = models[-1] if models else "the labeller, as nothing is trained yet"
        text = f"Any audio or video file, through {with_what}. The text is saved in {TEXTS}/."
        prompt = dialog.TextPrompt("Transcribe a file", "", check, text=text, placeholder="talk.mp3")
        self.open_dialog(prompt, lambda answer: self._transcribe(transcript_jobs.find(workspace, answer)))

    def _transcribe(self, path: Path) -> None:
        self.query_one(ErrorBanner).show(None)
        self._asked.add(str(path))
        self.start_job("transcribe", {"file": str(path)})

    def action_export(self) -> None:
        transcript_jobs.export(self)

    def action_stop(self) -> None:
        live = self.live_jobs()
        running = [batch for batch in live if batch.view.state != "waiting"] or live
        if not running:
            self.toast("Nothing is being measured or transcribed")
            return
        self.stop_job(running[0].folder)
        self.toast(f"{running[0].stage} stops; what has been measured is kept")

    # -- jobs

    def job_events(self, batch: JobBatch) -> None:
        line = self.query_one("#job", TextLine)
        if not batch.ended:
            windows = batch.of("window")
            text = transcript_jobs.progress_line(batch, self.host.ascii)
            if windows:
                text.append(f"  {windows[-1].data.get('text', '')}", "dim")
            line.show(text, "x cancel")
            line.display = True
            return
        line.display = False
        if batch.history:
            return
        said, error = transcript_jobs.end_of(batch)
        self.query_one(ErrorBanner).show(error)
        if said:
            self.toast(said)
        self._load()
        finished = batch.of("finished")
        if batch.stage == "transcribe" and finished and finished[-1].data.get("outcome") == "done":
            self._transcribed(str(batch.view.params.get("file")), finished[-1].data.get("result") or {})

    def _transcribed(self, file: str, result: dict[str, Any]) -> None:
        """Save the text of a transcription that was asked for here, and show it."""
        if file not in self._asked:
            return
        self._asked.discard(file)
        workspace, path = self.workspace, Path(file)

        def saved(place: Path) -> None:
            where = workspace.relative(place)
            if self.is_current:
                model = Path(str(result.get("model", ""))).name
                title = f"{path.name}, heard by {model}"
                self.host.push_screen(Transcription(title, lines_of(result), f"saved as {where}"))
            else:
                self.toast(f"{path.name} is transcribed: {where}")

        self.in_thread(lambda: save_text(workspace, path, result), saved, group=f"save {file}")


def what_next(store: Store, workspace: Workspace) -> str:
    """The sentence that leads to a first evaluation."""
    models = tuned_models(workspace)
    if models:
        return f"v measures {models[-1]} beside its base model."
    return next_step(summary(store, workspace).next)


def not_measured(evaluation: Evaluation, workspace: Workspace) -> str:
    """The newest tuned model, if it is another than the one whose figures are shown."""
    models = tuned_models(workspace)
    newest = models[-1] if models else evaluation.model
    return "" if newest == evaluation.model else f"v measures {newest}"


def lines_of(result: dict[str, Any]) -> str:
    """The text of a transcription, a line for each window."""
    return "\n".join(str(window.get("text", "")) for window in result.get("segments", ()) if window.get("text"))


def save_text(workspace: Workspace, recording: Path, result: dict[str, Any]) -> Path:
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
