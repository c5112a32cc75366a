"""Locks that say who is alive: an flock held for life, released by the kernel however its holder ends."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.flock import try_flock


@dataclass
class FileLock:
    """An flock on a file. Where the file system knows no flock, `held` is False and the caller goes without."""

    descriptor: int
    held: bool

    def release(self) -> None:
        os.close(self.descriptor)


def acquire(path: Path) -> FileLock | None:
    """Take the lock without waiting. None if somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        taken = try_flock(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    if taken is False:
        os.close(descriptor)
        return None
    return FileLock(descriptor, held=taken is True)


def is_locked(path: Path) -> bool | None:
    """Whether somebody holds the lock; None where flock does not work or the file cannot be read. A shared probe, so
    that readers who look at the same moment do not take each other for the holder."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        taken = try_flock(descriptor, shared=True)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None if taken is None else not taken


@dataclass(frozen=True)
class ProcessMark:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: int
    boot: str


def mark_of(pid: int) -> ProcessMark | None:
    """The mark of a running process, from /proc; None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The program's name stands in parentheses and may hold spaces; field 22 counts from behind it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else ProcessMark(pid, int(fields[19]), boot)


def is_alive(mark: ProcessMark) -> bool:
    return mark_of(mark.pid) == mark
