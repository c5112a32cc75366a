"""How far the review is and which rows are shown, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from core.text import plural
from tui.screens.transcripts.table.index import ORDERS, QueryResult
from tui.widgets import marks


@dataclass(frozen=True)
class ReviewRate:
    """How quickly a person reviews. per_hour: None while there is too little to tell."""

    per_hour: float | None = None

    @classmethod
    def of(cls, reviewed: int, elapsed_s: float) -> ReviewRate:
        return cls(reviewed * 3600 / elapsed_s if reviewed >= 3 and elapsed_s >= 20 else None)


def progress(counts: Mapping[str, Any], accepted_ms: int, rate: ReviewRate, wide: bool, unsaved: int = 0) -> str:
    """`145 of 601 reviewed, 456 left  19.8 min accepted  41 rows/h, 11 h 07 m to go`.

    accepted_ms: seconds that segments share counted once; unsaved: rows that are not on the disk.
    """
    total = counts.get("segments", 0)
    done = counts.get("accepted", 0) + counts.get("rejected", 0)
    minutes = accepted_ms / 60_000
    parts = [f"{done} of {total} reviewed, {total - done} left"]
    if unsaved:
        parts.append(f"{unsaved} not saved yet")
    if wide or accepted_ms:
        parts.append(f"{minutes:.1f} min accepted" if wide else f"{minutes:.1f} min")
    if rate.per_hour:
        pace = f"{rate.per_hour:.0f} rows/h" if wide else f"{rate.per_hour:.0f}/h"
        left = marks.total_length(round((total - done) / rate.per_hour * 3_600_000))
        parts.append(pace if total <= done else f"{pace}, {left} to go" if wide else f"{pace}, {left}")
    return "  ".join(parts)


def shown(result: QueryResult, total: int, *, is_whole: bool, plays: bool) -> Text:
    """`6 of 601 rows, most suspicious first`. total: rows that there are; is_whole: False while more are to come.
    plays: each row that is gone on to is played.

    That some are not shown stands out: what is accepted or rejected then may not be what one thinks it is.
    """
    count, rows = len(result), plural(total, "row")
    text = Text(rows, "dim")
    if count != total:
        text = Text(f"{count}{'' if is_whole else '+'} of {rows}", f"bold {marks.style('look')}")
    return Text.assemble(text, (f", {ORDERS[result.view.order]}" + (", plays on arrival" if plays else ""), "dim"))
