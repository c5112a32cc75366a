"""Finding the rows that a view shows, among 100 000, in a thread that leaves the screen its turns."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np

from core.store import TranscriptRow
from tui.many_rows import in_turns, uncollected
from tui.screens.transcripts.table.index import QueryResult, View

FIRST = 200
"""So many rows are shown before all are found: two screens of them, on the largest terminal."""


class Search:
    """One search. result: is filled when it is over. near: the row by which it begins: what is found there is seen
    first; None: at the top."""

    def __init__(self, result: QueryResult, rows: Sequence[TranscriptRow], near: TranscriptRow | None) -> None:
        """rows: all of them, in playing order; nobody else changes them."""
        self.result = result
        self.near = near
        self._rows = rows
        self._is_wanted = True

    def give_up(self) -> None:
        """Something else is searched for."""
        self._is_wanted = False

    def run(self, first: Callable[[list[TranscriptRow]], object]) -> None:
        """To be called in a thread. first: is given the rows found by the first place, where there are more to find.

        UserError where a pattern takes too long.
        """
        view = self.result.view
        with uncollected():
            rows = arranged(view, self._as_pinned())
            start = 0 if self.near is None else bisect_left(rows, view.key(self.near), key=view.key)
            shown: list[TranscriptRow] = []
            told = False
            for some in in_turns(rows[start:]):
                if not self._is_wanted:
                    return
                shown += view.query.select(some)
                if not told and len(shown) >= FIRST:
                    told = True
                    first(list(shown))
            before: list[TranscriptRow] = []
            for some in in_turns(rows[:start]):
                if not self._is_wanted:
                    return
                before += view.query.select(some)
            self.result.rows = before + shown

    def _as_pinned(self) -> Sequence[TranscriptRow]:
        pinned = self.result.pinned
        return [pinned.get(row.id, row) for row in self._rows] if pinned else self._rows


def arranged(view: View, rows: Sequence[TranscriptRow]) -> Sequence[TranscriptRow]:
    """Rows, which come in playing order, in the order of a view: by its rank alone, equals stay as they are."""
    if view.order == "time":
        return rows
    ranks = np.empty(len(rows))
    at = 0
    for some in in_turns(rows):
        ranks[at : at + len(some)] = [view.rank(row) for row in some]
        at += len(some)
    # Sorted without Python's lock, which a sort of a list would hold for as long as it takes.
    order = np.argsort(ranks, kind="stable").tolist()
    return [rows[number] for some in in_turns(order) for number in some]
