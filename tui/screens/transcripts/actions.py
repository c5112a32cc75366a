"""What the keys of the transcripts screen that start and stop jobs have to do, as effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.text import plural
from core.workspace import Workspace
from tui.bridge import JobBatch
from tui.effects import Effect, OpenDialog, StartJob, StopJob, Toast
from tui.screens.transcripts import dialogs
from tui.status.jobs import progress_text


def label(live: Sequence[JobBatch], counts: Mapping[str, int]) -> list[Effect]:
    """Start the labeller on what has no text, or ask whether to stop it. live: its live jobs; counts: of the store."""
    without_text = counts.get("segments", 0) - counts.get("labelled", 0)
    if live:
        question = dialogs.stop_labeller(progress_text(live[0]))
        return [OpenDialog(question, lambda answer: [StopJob(live[0].folder)] if answer == "s" else [])]
    if not without_text:
        return [Toast("Every segment has a text already" if counts.get("segments") else "No segments")]
    return [StartJob("label"), Toast(f"The labeller starts on {plural(without_text, 'segment')}")]


def bring_in(workspace: Workspace) -> list[Effect]:
    """Ask for transcripts that were made elsewhere, and import them."""

    def start(answer: str) -> list[Effect]:
        return [StartJob("import", {"path": str(workspace.find(answer))})]

    return [OpenDialog(dialogs.import_from(workspace), start)]
