"""A disk of its own for a test: a tmpfs in a mount namespace, which may be filled or made read-only."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


def on_a_disk(test: Callable[[Path], None], place: Path, megabytes: int = 16) -> None:
    """Call a function of a module's top level in a process that sees a small disk of its own at `place`.

    What it raises fails the test; skipped where mounting is not allowed.
    """
    place.mkdir(exist_ok=True)
    if subprocess.run([*_UNSHARE, "mount", "-t", "tmpfs", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    # By its file: pytest has names of its own for the modules of tests.
    module = ".".join(Path(inspect.getfile(test)).relative_to(ROOT).with_suffix("").parts)
    code = f"import pathlib, {module} as here; here.{test.__name__}(pathlib.Path({str(place)!r}))"
    mount = f'mount -t tmpfs -o size={megabytes}m tmpfs "$0" && exec "$1" -c "$2"'
    command = [*_UNSHARE, "sh", "-c", mount, str(place), sys.executable, code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def fill_up(disk: Path) -> None:
    """Leave not a byte of the disk."""
    descriptor = os.open(disk / "filling", os.O_WRONLY | os.O_CREAT)
    for size in (2**16, 1):
        try:
            while True:
                os.write(descriptor, b"\x00" * size)
        except OSError:
            continue
    os.close(descriptor)


def make_room(disk: Path) -> None:
    (disk / "filling").unlink()


def make_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
