"""The database of the workspace: there, whole as far as opening it tells, and together with its journal."""

from __future__ import annotations

from core.checks.check import Answer, Context, ok, warn
from core.store import Store
from core.text import file_size


def check_database(context: Context) -> Answer:
    """A UserError of the store is the answer of a check that fails."""
    if context.workspace is None:
        return ok("there is no workspace here yet")
    path = context.workspace.db_path
    with Store(path) as store:
        counts, refusal = store.segments.counts(), store.connection.refusal
    found = f"{counts['segments']} segments, {counts['accepted'] + counts['rejected']} reviewed"
    if refusal is not None:
        return warn(f"{found}; {refusal.what}", refusal.why, refusal.fix)
    return ok(f"{found}, {file_size(path.stat().st_size)}")
