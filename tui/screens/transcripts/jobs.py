"""What came of a job that the transcripts and results screens have started, in words."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import UserError
from core.events import ItemFailed, JobState
from core.typed_json import Count
from tui.bridge import JobBatch


@dataclass(frozen=True)
class LabelResult:
    """captions: texts that came from captions; labelled: those of the labeller, of which flagged are suspicious."""

    labelled: Count = 0
    flagged: Count = 0
    captions: Count = 0


@dataclass(frozen=True)
class ImportResult:
    """Of so many rows: imported; kept as a person left them; and the names that belong to no segment."""

    rows: Count = 0
    imported: Count = 0
    kept: Count = 0
    unmatched: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportResult:
    """Segments written to each part, and where."""

    train: Count = 0
    test: Count = 0
    path: str = ""


def end_of(batch: JobBatch) -> tuple[str, UserError | None]:
    """(what to say, what went wrong) of a job that has ended."""
    view = batch.view
    if view.state == JobState.CANCELLED:
        return "", None
    if view.error is not None:
        return "", view.error
    failed = next((item.error for item in batch.of(ItemFailed)), None)
    said = ""
    if view.stage == "label":
        labels = view.result_as(LabelResult)
        said = f"{labels.labelled} segments labelled, {labels.flagged} flagged: o sorts them first"
        said = f"{labels.captions} texts from captions; {said}" if labels.captions else said
    elif view.stage == "import":
        texts = view.result_as(ImportResult)
        said = f"{texts.imported} of {texts.rows} texts imported"
        said += f", {texts.kept} left as a person wrote them" if texts.kept else ""
        said += f", {len(texts.unmatched)} belong to no segment here" if texts.unmatched else ""
    elif view.stage == "export":
        written = view.result_as(ExportResult)
        said = f"{written.train} train and {written.test} test segments in {written.path}"
    return said, failed
