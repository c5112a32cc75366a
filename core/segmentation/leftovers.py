"""What a new cut leaves of an earlier one, nothing that a person worked on goes (law 2); what killed runs left."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.spans import parse_segment_name
from core.store import Segment, Store
from core.temporaries import leftovers_in, remove_abandoned
from core.workspace import Workspace


def remove_segments(workspace: Workspace, store: Store, rows: Iterable[Segment]) -> int:
    """Remove segments of one recording and their files, save those with text of a person's; counts what went."""
    old = list(rows)
    if not old:
        return 0
    removed = store.segments.remove([row.id for row in old])
    kept = {row.id for row in store.segments.all(video=old[0].video)}
    for row in old:
        if row.id not in kept:
            workspace.absolute(row.path).unlink(missing_ok=True)
    return removed


def remove_stray_files(folder: Path, video: str, ids: set[str]) -> None:
    """Remove what a killed run left in a recording's folder: wavs that are none of `ids`."""
    for path in folder.iterdir():
        parsed = parse_segment_name(path.name)
        is_ours = parsed is not None and parsed[0] == video and path.suffix == ".wav"
        if is_ours and path.stem not in ids:
            path.unlink(missing_ok=True)


def remove_half_written(workspace: Workspace) -> None:
    """Remove files of segments that runs of `segment` and `import` were writing when they were killed."""
    folders = workspace.segments.iterdir() if workspace.segments.is_dir() else ()
    for folder in folders:
        remove_abandoned(leftovers_in(folder))
