"""Which columns of a table fit a width, and how wide each is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GUTTER = 2
"""Cells before the first column: the cursor's mark and a space."""
GAP = 2
"""Cells between two columns."""


@dataclass(frozen=True)
class Column:
    """One column of a RowTable.

    width: in cells; None takes what the others leave (several share it evenly).
    align: "left" or "right".
    drop: 0 never drops; 1 drops first when the table is too narrow, then 2, 3, ... Flexible columns never drop.
    least: cells below which a flexible column makes the others drop.
    """

    key: str
    title: str
    width: int | None = None
    align: str = "left"
    drop: int = 0
    least: int = 20


def lay_out(columns: Sequence[Column], width: int) -> list[tuple[int, int]]:
    """(column's place in `columns`, cells) for each column that is shown in `width` cells, in order.

    If even the columns that never drop do not fit, the last ones are cut so that no row is wider than the table.
    """
    shown = list(range(len(columns)))
    while _needed(columns, shown) > width - GUTTER:
        droppable = [i for i in shown if columns[i].drop > 0 and columns[i].width is not None]
        if not droppable:
            break
        # Among equals the right one goes first.
        shown.remove(min(droppable, key=lambda i: (columns[i].drop, -i)))
    flexible = [i for i in shown if columns[i].width is None]
    fixed = sum(columns[i].width or 0 for i in shown) + GAP * max(0, len(shown) - 1)
    spare = max(len(flexible), width - GUTTER - fixed)
    out: list[tuple[int, int]] = []
    used = GUTTER
    for i in shown:
        cells = columns[i].width
        if cells is None:
            place = flexible.index(i)
            cells = spare * (place + 1) // len(flexible) - spare * place // len(flexible)
        cells = min(cells, width - used)
        if cells <= 0:
            break
        out.append((i, cells))
        used += cells + GAP
    return out


def _needed(columns: Sequence[Column], shown: Sequence[int]) -> int:
    cells = sum(columns[i].width or columns[i].least for i in shown)
    return cells + GAP * max(0, len(shown) - 1)
