"""The database of the workspace: there, and whole."""

from __future__ import annotations

from core.checks.check import Answer, Context, ok, warn
from core.store import Store
from core.text import file_size

READ_BYTES = 100_000_000
"""A database up to this size is read to its last page, which takes seconds; `whispersmith repair` always does so."""


def check_database(context: Context) -> Answer:
    """A UserError of the store is the answer of a check that fails."""
    if context.workspace is None:
        return ok("there is no workspace here yet")
    path = context.workspace.db_path
    with Store(path) as store:
        if path.stat().st_size <= READ_BYTES:
            store.check_whole()
        counts, refusal = store.segments.counts(), store.connection.refusal
    found = f"{counts['segments']} segments, {counts['accepted'] + counts['rejected']} reviewed"
    if refusal is not None:
        return warn(f"{found}; {refusal.what}", refusal.why, refusal.fix)
    return ok(f"{found}, {file_size(path.stat().st_size)}")
