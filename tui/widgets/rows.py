"""Where a table's rows come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from rich.text import Text

Cell = str | Text
"""What stands in one column of one row; a str is never parsed as markup."""


class RowSource(Protocol):
    """Where the rows come from: a list, a query, an index array over a store.

    `key(i)` is the row's lasting name (a segment's id): by it the cursor stays on its row when rows before it
    come or go. `cells(i)` gives one cell per column, in the order of the columns, dropped ones included.
    """

    def __len__(self) -> int: ...

    def cells(self, index: int, /) -> Sequence[Cell]: ...

    def key(self, index: int, /) -> str: ...


@runtime_checkable
class Indexed(Protocol):
    """A source that also finds a row by its key; without it the table looks through all keys."""

    def index_of(self, key: str, /) -> int | None: ...


class Rows:
    """A RowSource over a list of (key, cells)."""

    def __init__(self, rows: Sequence[tuple[str, Sequence[Cell]]] = ()) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self, index: int, /) -> Sequence[Cell]:
        return self.rows[index][1]

    def key(self, index: int, /) -> str:
        return self.rows[index][0]
