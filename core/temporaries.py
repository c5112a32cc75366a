"""Files and folders on their way to their name: hidden beside it, and held by flock by who makes them.

What nobody holds was left by a process that was killed. Who wants the same name takes it away, so that there is never
more than one; what nobody wants any more goes by `remove_abandoned`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core.flock import try_flock

SETTLED_S = 600
"""Without an flock to tell whether it is being written, one that has been left alone for so long is abandoned."""

FILE, FOLDER, ASIDE = "tmp", "new", "old"
"""Suffixes of a file, of a folder, and of the folder that another is put in the place of."""

_OF_A_PROCESS = re.compile(r"\.(\d+)\.(?:tmp|new|old|part)$")
"""As they were called while the number of a process stood for a lock, which they do not have."""


@contextmanager
def temporary_file(target: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """An empty file beside `target`, open for writing; `name` is its path. Where it is not renamed it goes at the end.

    mode: as for open(2).
    """
    path, descriptor = _claim(target, FILE, lambda path: os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode))
    try:
        # Closed only behind the removal: up to then it is held.
        with open(path, "wb", opener=lambda *_: os.dup(descriptor)) as file:
            yield file
    finally:
        if _is_at(descriptor, path):
            path.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def temporary_folder(target: Path, suffix: str = FOLDER, mode: int = 0o777) -> Iterator[Path]:
    """An empty folder beside `target`. Where it is not renamed it goes at the end. mode: as for mkdir(2)."""

    def make(path: Path) -> int:
        path.mkdir(mode)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    path, descriptor = _claim(target, suffix, make)
    try:
        yield path
    finally:
        if _is_at(descriptor, path):
            shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def leftovers_in(folder: Path) -> list[Path]:
    """What may have been left of files, directly in one of our folders; [] where there is none."""
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.name.startswith(".") and entry.name.endswith(".tmp")]
    except OSError:
        return []


def leftovers_of(target: Path) -> list[Path]:
    """What may have been left of earlier tries to write `target`."""
    ours = re.compile(rf"\.{re.escape(target.name)}(\.~?\d+)?\.({FILE}|{FOLDER}|{ASIDE}|part)")
    try:
        with os.scandir(target.parent) as entries:
            return sorted(Path(entry.path) for entry in entries if ours.fullmatch(entry.name))
    except OSError:
        return []


def remove_abandoned(paths: Iterable[Path]) -> None:
    """Remove those that nobody is writing any more."""
    for path in paths:
        _remove_if_abandoned(path)


def _claim(target: Path, suffix: str, make: Callable[[Path], int]) -> tuple[Path, int]:
    """A new file or folder beside `target`, and its descriptor with the lock. Another than the first name is taken only
    while somebody else holds that."""
    for number in itertools.count():
        path = target.with_name(f".{target.name}.{f'~{number}.' if number else ''}{suffix}")
        while True:
            try:
                descriptor = make(path)
            except FileExistsError:
                if _remove_if_abandoned(path):
                    continue
                break
            if try_flock(descriptor) is not False and _is_at(descriptor, path):
                return path, descriptor
            os.close(descriptor)  # taken for abandoned in between
    raise AssertionError


def _remove_if_abandoned(path: Path) -> bool:
    """Whether nothing is there afterwards."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        free = try_flock(descriptor)
        if free is False or not _is_at(descriptor, path) or not ((free and _locks(path)) or _is_settled(path)):
            return False
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        return not os.path.lexists(path)
    except OSError:  # not ours to remove
        return False
    finally:
        os.close(descriptor)


def _locks(path: Path) -> bool:
    """Whether who makes it is sure to hold it: of an older version only that its process has ended is."""
    older = _OF_A_PROCESS.search(path.name)
    return older is None or not Path(f"/proc/{older[1]}").exists()


def _is_settled(path: Path) -> bool:
    """Nothing in it has been written for a while."""
    newest = 0.0
    for each in (path, *(path.rglob("*") if path.is_dir() else ())):
        with contextlib.suppress(FileNotFoundError):
            newest = max(newest, each.lstat().st_mtime)
    return time.time() - newest > SETTLED_S


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether a path still leads to what was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False
