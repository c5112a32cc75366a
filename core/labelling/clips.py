"""A labeller writes segment by segment, each by itself: for models that cannot hear whole recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.engines import Clip, Engine, Hypothesis
from core.errors import UserError
from core.jobs import Job
from core.store import Segment, Store
from core.whisper.features import read_segment
from core.workspace import Workspace


def hear_clips(
    workspace: Workspace, store: Store, job: Job, engine: Engine, segments: Sequence[Segment]
) -> Iterator[list[tuple[Segment, Hypothesis]]]:
    """Batches of segments with what is heard in each, the short ones first, so that a batch has little padding.

    A segment whose file cannot be read is a failed item; one that is gone, because its recording was cut anew
    meanwhile, is passed over.
    """
    rows = {segment.id: segment for segment in sorted(segments, key=lambda row: row.end_ms - row.start_ms)}
    for batch in engine.hypotheses(_clips(workspace, store, job, list(rows.values()))):
        yield [(rows[clip.id], hypothesis) for clip, hypothesis in batch]


def _clips(workspace: Workspace, store: Store, job: Job, segments: Sequence[Segment]) -> Iterator[Clip]:
    for segment in segments:
        job.check()
        try:
            yield Clip(segment.id, read_segment(workspace.absolute(segment.path)))
        except UserError as error:
            if store.segments.get(segment.id) is not None:
                job.item_failed(segment.id, error)
