"""Who has the store of a workspace open: many at once, or one alone that mends it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from core.errors import UserError
from core.flock import try_flock


class Hold:
    """An flock on the workspace's folder, which also a file system has that may not be written. The kernel releases it
    however its holder ends. Where there is no flock nobody holds anything."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @classmethod
    def shared(cls, path: Path) -> Self:
        """Beside others that have the store at `path` open. UserError while somebody mends it."""
        if (found := cls._take(path.parent, shared=True)) is None:
            raise UserError(
                f"{path.name} is being repaired", "whispersmith repair works on it", "wait for its end, then try again"
            )
        return found

    @classmethod
    def alone(cls, path: Path) -> Self:
        """UserError while anybody else has the store at `path` open."""
        if (found := cls._take(path.parent, shared=False)) is None:
            raise UserError(
                f"{path.name} is in use",
                "an app or a job of this workspace is running",
                "leave the app, whispersmith jobs --stop what runs, then try again",
            )
        return found

    @classmethod
    def _take(cls, folder: Path, *, shared: bool) -> Self | None:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:  # SQLite will find the same of this folder, and say so
            return cls(None)
        if try_flock(descriptor, shared=shared) is False:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
