"""The line in which a screen shows the job at work on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.events import JobState
from core.stage import lookup
from tui.bridge import JobBatch
from tui.host import host_of
from tui.status.jobs import progress_line
from tui.widgets.text_line import TextLine


def foremost(live: Iterable[JobBatch]) -> JobBatch | None:
    """The job a person waits for: one that runs before one that waits, work on the GPU before files and rows."""
    return min(
        live,
        key=lambda batch: (batch.view.state == JobState.WAITING, lookup(batch.stage).resource != "gpu"),
        default=None,
    )


class JobLine(TextLine):
    """The foremost of a screen's live jobs, how many more there are, and the key that stops it; gone without one."""

    def __init__(self) -> None:
        super().__init__(id="job")
        self.display = False

    def show_jobs(self, live: Sequence[JobBatch], key: str = "x cancel", note: str = "") -> None:
        """note: what it has brought last."""
        job = foremost(live)
        self.display = job is not None
        if job is None:
            return
        text = progress_line(job, host_of(self).ascii)
        if note:
            text.append(f"  {note}", "dim")
        others = f"+{len(live) - 1}" if len(live) > 1 else ""
        self.show(text, "   ".join(filter(None, (others, key))))
