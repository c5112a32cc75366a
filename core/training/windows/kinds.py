"""Rows put together to windows: one by one, as a stretch of their recording, or packed. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from core.timed_text import Cue, said_once_by_place
from core.training.windows.window import Row, TrainingWindow, WavPart

OPEN = 32
"""Windows that packing keeps open at once: with more, the last ones are filled no better."""


def single(rows: Iterable[Row]) -> list[TrainingWindow]:
    """A window for each row: its wav as it is."""
    return [
        TrainingWindow(
            (row,),
            (WavPart(row.path),),
            (Cue(0, row.length_ms, row.text),) if row.text else (),
            weights=_weights([row]),
        )
        for row in rows
    ]


def neighbours(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows in the order of their recording, parted wherever a piece of it is missing.

    A row that adds nothing to those before it (a copy, or one that lies in another) is in a list of its own.
    """
    chains: list[list[Row]] = []
    waiting = sorted(rows, key=lambda row: (row.video, row.start_ms, row.end_ms, row.segment))
    for _, of_video in groupby(waiting, key=lambda row: row.video):
        chain: list[Row] = []
        for row in of_video:
            if chain and row.end_ms <= chain[-1].end_ms:
                chains.append([row])
                continue
            if chain and row.start_ms > chain[-1].end_ms:
                chains.append(chain)
                chain = []
            chain.append(row)
        chains.append(chain)
    return chains


def parted(chain: Sequence[Row], window_ms: int, first: int = 0) -> list[list[Row]]:
    """Neighbouring rows in groups that are heard in one window each.

    first: at most so many in the first group (0: as many as it holds), so that the edges lie elsewhere in every epoch.
    """
    groups: list[list[Row]] = []
    for row in chain:
        is_full = not groups or row.end_ms - groups[-1][0].start_ms > window_ms
        if is_full or (len(groups) == 1 and first and len(groups[0]) >= first):
            groups.append([])
        groups[-1].append(row)
    return groups


def stretch(group: Sequence[Row], window_ms: int) -> list[TrainingWindow]:
    """The recording's own sound of a group of neighbours, what is said in it once, and when.

    What overlapping rows share is heard and taught once. Nobody has told when within a row each word is, so the times
    are the rows', as `core.timed_text.said_once` parts them.
    """
    if len(group) == 1:
        return single(group)
    start, audio, covered = group[0].start_ms, [], group[0].start_ms
    for row in group:
        audio.append(WavPart(row.path, covered - row.start_ms, row.length_ms))
        covered = row.end_ms
    assert covered - start <= window_ms
    spoken = [row for row in group if row.text]
    told = said_once_by_place(Cue(row.start_ms, row.end_ms, row.text) for row in spoken)
    said = tuple(cue._replace(start_ms=cue.start_ms - start, end_ms=cue.end_ms - start) for _, cue in told)
    weights = _weights([spoken[place] for place, _ in told])
    return [TrainingWindow(tuple(group), tuple(audio), said, weights=weights)]


def stretches(rows: Iterable[Row], window_ms: int) -> list[TrainingWindow]:
    """The recordings in windows of up to `window_ms`, as far as rows that touch are all accepted."""
    return [
        window
        for chain in neighbours(rows)
        for group in parted(chain, window_ms)
        for window in stretch(group, window_ms)
    ]


def packed(rows: Iterable[Row], window_ms: int) -> list[TrainingWindow]:
    """Rows that share no sound put together, one behind the other, as many as a window holds.

    They are taken as they come (who wants chance shuffles them), each into the first window that has room for it and
    nothing of the same moment (first fit). The first word of a row does not follow from the last of the one before:
    their times, which stand between them, are what tells the model so.
    """
    done: list[list[Row]] = []
    filling: list[list[Row]] = []
    for row in rows:
        place = next((group for group in filling if _has_room(group, row, window_ms)), None)
        if place is None:
            if len(filling) == OPEN:
                done.append(filling.pop(0))
            filling.append(place := [])
        place.append(row)
    return [_packed(group) for group in (*done, *filling)]


def _has_room(group: Sequence[Row], row: Row, window_ms: int) -> bool:
    return sum(other.length_ms for other in group) + row.length_ms <= window_ms and not any(
        other.video == row.video and _overlap(other, row) for other in group
    )


def _overlap(one: Row, other: Row) -> bool:
    return one.start_ms < other.end_ms and other.start_ms < one.end_ms


def _packed(group: Sequence[Row]) -> TrainingWindow:
    said, start = [], 0
    for row in group:
        if row.text:
            said.append(Cue(start, start + row.length_ms, row.text))
        start += row.length_ms
    audio = tuple(WavPart(row.path, 0, row.length_ms) for row in group)
    return TrainingWindow(tuple(group), audio, tuple(said), weights=_weights(group))


def _weights(rows: Iterable[Row]) -> tuple[float, ...]:
    """Of the texts of these rows, as `TrainingWindow` has them."""
    weights = tuple(row.weight for row in rows if row.text)
    return weights if any(weight != 1 for weight in weights) else ()
