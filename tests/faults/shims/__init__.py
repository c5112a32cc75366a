"""What makes processes that a test starts see another world: files that `sitecustomize` runs as Python starts.

steps.py         counts what is done to the disk, and ends the process at a step
clock.py         a wall clock that jumps
network_disk.py  a file system without locks and without shared memory
ear.py           models that hear notes, without torch
"""

import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.jobs.spawn import CODE

FOLDER = Path(__file__).parent
STEPS, CLOCK, NETWORK_DISK, EAR = (FOLDER / f"{name}.py" for name in ("steps", "clock", "network_disk", "ear"))


def environment(shims: Sequence[Path]) -> dict[str, str]:
    """For processes that are to run these."""
    path = os.pathsep.join(map(str, (FOLDER, CODE)))
    return {"PYTHONPATH": path, "SHIMS": os.pathsep.join(map(str, shims))}


def forbid_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """For this process what network_disk.py does for others: it looks at the same disk."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
