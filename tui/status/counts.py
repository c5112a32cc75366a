"""What is done and due in a workspace, counted in a thread."""

from __future__ import annotations

import time
from dataclasses import dataclass

from core.errors import UserError
from core.status import Summary, summary
from core.store import Store
from core.workspace import Workspace


@dataclass(frozen=True)
class CountsSnapshot:
    """The counts, and the store's version they were counted at."""

    version: int
    summary: Summary


class CountsReader:
    """Counts the workspace; only when the store has changed, or after `LONG_S`, since folders change too."""

    LONG_S = 10.0

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store, self._workspace = store, workspace
        self._last: CountsSnapshot | None = None
        self._due = 0.0
        self.stale = False

    def __call__(self) -> CountsSnapshot | None:
        """The newest reading. UserError if settings or store cannot be read. Called in one thread only."""
        try:
            version = self._store.version()
            fresh = self._last is not None and self._last.version == version and not self.stale
            if not fresh or time.monotonic() > self._due:
                self.stale = False
                self._last = CountsSnapshot(version, summary(self._store, self._workspace))
                self._due = time.monotonic() + self.LONG_S
        except OSError as error:
            raise UserError("the workspace cannot be read", str(error), "look at the disk, then start again") from error
        return self._last
