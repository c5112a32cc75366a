"""What a path that is begun could be, as a shell completes it. No app."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tui.widgets import cells

_MOST_ENTRIES = 5000
"""Of a folder that are looked at; the folder may lie on a network."""


def complete_path(text: str, roots: Sequence[Path]) -> list[str]:
    """The paths that begin with a text, in order, folders with a slash at their end.

    roots: where a path that is not absolute may begin; the first one counts in which there is any. Names that begin
    with a dot are shown to who asks for them.
    """
    if text == "~":
        return ["~/"]
    begun, slash, name = text.rpartition("/")
    begun += slash
    for root in roots:
        found = [f"{begun}{one}" for one in _names(root, begun) if one.startswith(name)]
        found = found if name.startswith(".") else [path for path in found if not path[len(begun) :].startswith(".")]
        if found:
            return sorted(found)
    return []


def _names(root: Path, begun: str) -> list[str]:
    try:
        with os.scandir(root / Path(begun or ".").expanduser()) as entries:
            # One that a terminal cannot show as it is cannot be written in a line either.
            some = [entry for entry in islice(entries, _MOST_ENTRIES) if cells.harmless(entry.name) == entry.name]
            return [f"{entry.name}/" if entry.is_dir() else entry.name for entry in some]
    except (OSError, ValueError, RuntimeError):  # none that can be read; a NUL; the home of nobody
        return []
