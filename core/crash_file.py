"""The crash file: what a fault of ours leaves behind. No local variables, no secrets; for its owner only."""

from __future__ import annotations

import os
import platform
import tempfile
import time
import traceback
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.files import private
from core.redaction import redact
from core.text import clean

_TERMINAL = (
    "TERM",
    "TERM_PROGRAM",
    "COLORTERM",
    "LANG",
    "LC_ALL",
    "TMUX",
    "SSH_CONNECTION",
    "COLUMNS",
    "LINES",
)


def report(error: BaseException, folder: Path, events: Iterable[str] = ()) -> list[str]:
    """Write the crash file; the lines to print once the terminal is a terminal again."""
    path = write(error, folder, events)
    said = clean(redact(f"{type(error).__name__}: {error}"))
    where = f"The whole story is in {path}" if path else "It could not be written down."
    return [f"whispersmith stopped on a fault of its own: {said}", f"Jobs go on. {where}"]


def write(error: BaseException, folder: Path, events: Iterable[str] = ()) -> Path | None:
    """Write crash-<time>.txt into `folder`, or into the temporary folder where that cannot be written.

    Returns its path; None where nothing can be written at all.
    """
    lines = [
        f"whispersmith {_version('whispersmith')}, Textual {_version('textual')}, Python {platform.python_version()}, "
        f"{platform.platform()}",
        *(
            f"{name}={'set' if name in ('TMUX', 'SSH_CONNECTION') else os.environ[name]}"
            for name in _TERMINAL
            if name in os.environ
        ),
        "",
        "".join(traceback.format_exception(error)),
        "last events",
        *events,
    ]
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for place in (folder, Path(tempfile.gettempdir())):
        try:
            place.mkdir(parents=True, exist_ok=True)
            path = place / name
            with open(path, "w", encoding="utf-8", errors="replace", opener=private) as file:
                file.write(redact("\n".join(lines)) + "\n")
        except OSError:
            continue
        return path
    return None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
