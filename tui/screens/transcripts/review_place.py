"""Where a review was left: which rows were shown, in which order, and the one under the cursor.

A small file, and no note in the store: whose lock a job may hold for long when a terminal goes away.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from core import typed_json
from core.files import write_text
from core.workspace import Workspace
from tui.screens.transcripts.table.index import ORDERS

_MOST_BYTES = 100_000


@dataclass(frozen=True)
class ReviewPlace:
    """order: as in `ORDERS`; query: the line that says which rows; row: the id of a segment, "" for the first one."""

    order: str = "time"
    query: str = ""
    row: str = ""


def read_place(workspace: Workspace) -> ReviewPlace:
    """The place of the last time; the beginning where there is none that can be read."""
    try:
        place = typed_json.read(ReviewPlace, _path(workspace), _MOST_BYTES)
    except ValueError:
        return ReviewPlace()
    return place if place.order in ORDERS else ReviewPlace()


def keep_place(workspace: Workspace, place: ReviewPlace) -> None:
    """OSError where it cannot be written."""
    write_text(_path(workspace), json.dumps(asdict(place), ensure_ascii=False))


def _path(workspace: Workspace) -> Path:
    return workspace.logs / "review.json"
