"""What came of a job that the transcripts and results screens have started, in words."""

from __future__ import annotations

from core.errors import UserError
from core.events import ItemFailed, JobState
from tui.bridge import JobBatch


def end_of(batch: JobBatch) -> tuple[str, UserError | None]:
    """(what to say, what went wrong) of a job that has ended."""
    view, result = batch.view, batch.view.result
    if view.state == JobState.CANCELLED:
        return "", None
    if view.error is not None:
        return "", view.error
    failed = next((item.error for item in batch.of(ItemFailed)), None)
    said = ""
    if view.stage == "label" and result:
        said = f"{result.get('labelled', 0)} segments labelled, {result.get('flagged', 0)} flagged: o sorts them first"
        said = f"{result['captions']} texts from captions; {said}" if result.get("captions") else said
    elif view.stage == "import" and result:
        said = f"{result.get('imported', 0)} of {result.get('rows', 0)} texts imported"
        kept = result.get("kept", 0)
        said += f", {kept} left as a person wrote them" if kept else ""
        unmatched = len(result.get("unmatched") or ())
        said += f", {unmatched} belong to no segment here" if unmatched else ""
    elif view.stage == "export" and result:
        said = f"{result.get('train', 0)} train and {result.get('test', 0)} test segments in {result.get('path', '')}"
    return said, failed
