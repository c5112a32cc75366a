"""Repairing a workspace: a new database in the place of one that is damaged, empty or missing. Nothing is deleted."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.files import sync
from core.jobs import list_jobs
from core.recovery.rebuild import Sources, rebuild
from core.store import Store
from core.store.hold import Hold
from core.store.salvage import fault_of
from core.temporaries import temporary_folder
from core.text import plural
from core.workspace import Workspace


@dataclass(frozen=True)
class Repair:
    """fault: what was wrong, in one line; "" where nothing was, and nothing was made anew. kept_as: the name that the
    damaged file has now, "" where there was none. counts: what the database has now. sources: where that came from."""

    fault: str
    kept_as: str
    counts: dict[str, int]
    sources: Sources = field(default_factory=Sources)

    def as_json(self) -> dict[str, Any]:
        whole = {"repaired": bool(self.fault), "fault": self.fault, "kept_as": self.kept_as or None}
        return whole | self.counts | {"from": asdict(self.sources)}

    def lines(self) -> list[str]:
        """What a person is told."""
        has = ", ".join(plural(count, name.removesuffix("s").replace("_", " ")) for name, count in self.counts.items())
        if not self.fault:
            return [f"nothing is to be repaired: {has}"]
        found, rows = self.sources, sum(self.sources.database.values())
        said = [f"{self.fault}; the new database has {has}"]
        parts = (
            (rows, f"{plural(rows, 'row')} of the old one"),
            (found.media, f"{plural(found.media, 'recording')} in media"),
            (found.segments, f"{plural(found.segments, 'segment')} by their wavs"),
            (found.logs, f"{plural(found.logs, 'recording')} that jobs have listed"),
            (found.journal, f"{plural(found.journal, 'text or verdict', 'texts and verdicts')} in the journal"),
            (found.edits, f"{plural(found.edits, 'text or verdict', 'texts and verdicts')} by their edits"),
        )
        said.append(f"brought back: {', '.join(part for count, part in parts if count) or 'nothing'}")
        if found.unreadable:
            said.append(f"{plural(found.unreadable, 'line')} of the journal could not be read")
        if self.kept_as:
            said.append(f"the damaged file is kept as {self.kept_as}")
        return said


def repair(workspace: Workspace) -> Repair:
    """Give a workspace a database again, if that is needed. UserError while an app or a job has it open."""
    path = workspace.db_path
    if live := [job for job in list_jobs(workspace) if job.live]:
        raise UserError(
            f"{path.name} is in use",
            f"{plural(len(live), 'job')} of this workspace: {', '.join(job.stage for job in live)}",
            f"whispersmith jobs --stop {live[0].id}, then try again",
        )
    hold = Hold.alone(path)
    kept_as, sources = "", Sources()
    try:
        fault = fault_of(path)
        if fault is not None:
            sources, kept_as = _make_anew(workspace, path)
    finally:
        hold.release()
    with Store(path) as store:
        store.segments.recount()
        counts = _counts(store)
    made = Repair(fault.what if fault is not None else "", kept_as, counts, sources)
    if fault is not None:
        workspace.log("; ".join(made.lines()), "repair")
    return made


def _make_anew(workspace: Workspace, path: Path) -> tuple[Sources, str]:
    try:
        with temporary_folder(workspace.root / "repair") as folder:
            # A folder of its own: what is made there is a workspace's database like any other.
            new = folder / "new" / path.name
            new.parent.mkdir()
            with Store(new) as store:
                sources = rebuild(workspace, path, store)
            sync(new)
            return sources, _exchange(path, new)
    except OSError as error:
        fix = "make room on the disk and check the rights of the folder, then whispersmith repair"
        raise UserError(f"{path.name} could not be repaired", f"{error.strerror or error}", fix) from error


def _exchange(path: Path, new: Path) -> str:
    """Put the new file in the place of the damaged one; the name that this has from then on, "" where there was none.

    At every moment a file is at `path` if one was there before. Its -wal goes with it: SQLite would take it for the
    new one's.
    """
    kept_as = ""
    if path.exists():
        kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        for suffix in ("-wal", "-shm"):
            if (beside := path.with_name(path.name + suffix)).exists():
                os.rename(beside, kept.with_name(kept.name + suffix))
        try:
            os.link(path, kept)
        except OSError:  # a file system without hard links
            os.rename(path, kept)
        kept_as = kept.name
    os.replace(new, path)
    sync(path.parent)
    return kept_as


def _counts(store: Store) -> dict[str, int]:
    rows = store.segments.all()
    return {
        "recordings": len(store.videos.all()),
        "segments": len(rows),
        "texts": sum(row.is_human for row in rows),
        "verdicts": sum(row.review != "pending" for row in rows),
        "machine_texts": sum(row.origin is not None and not row.is_human for row in rows),
        "captions": len(store.videos.captioned()),
        "evaluations": len(store.evaluations.models()),
    }
