"""Two engines hear the same windows: which of them a model is better run by on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.engines.engine import Engine, PcmWindow
from core.errors import UserError
from core.media import RATE
from core.timed_text import TimedText

Open = Callable[[str, Callable[[], object]], Engine]
"""Loads the model with the engine of that name; the engine calls the other argument as often as it can."""

CLEARLY = 2
"""So many odd texts more are no accident."""

PATIENCE = 3
"""Times as long as the first engine took: what the other one gets where the first wrote odd texts."""


@dataclass(frozen=True)
class Trial:
    """What an engine made of the windows. seconds: of wall time, loading left out; None: broken off, it was slower.
    flagged: windows whose text is odd, see `core.review.suspicion`."""

    engine: str
    seconds: float | None
    flagged: int


class _TooSlow(Exception):
    """The other engine has long finished."""


class Better(NamedTuple):
    """engine: loaded. why: as in `core.engines.choice.EngineChoice`."""

    engine: Engine
    why: str


def try_engines(first: Engine, other: str, load: Open, windows: Sequence[PcmWindow]) -> Better:
    """The engine with clearly fewer odd texts, else the quicker one.

    first: loaded. other: the name of one that is loaded for the trial. The other gets no more time than the first one
    took, or three times as much where that wrote odd texts, so that the whole costs little. Whatever the job's `check`
    raises passes through; where the other one cannot be loaded, or has no room, the first is taken.
    """
    one = _trial(first, windows)
    assert one.seconds is not None
    limit = _Limit(PATIENCE * one.seconds if one.flagged else one.seconds)
    try:
        second = load(other, limit.check)
        two = _trial(second, windows, limit)
    except UserError as error:
        return Better(first, f"{other} cannot run here: {error.what}")
    limit.lift()
    best, why = _better(one, two, sum(window.seconds for window in windows))
    return Better(first if best is one else second, why)


class _Limit:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None

    def start(self) -> None:
        self._end = time.monotonic() + self._seconds

    def lift(self) -> None:
        self._end = None

    def check(self) -> None:
        if self._end is not None and time.monotonic() > self._end:
            raise _TooSlow


def _trial(engine: Engine, windows: Sequence[PcmWindow], limit: _Limit | None = None) -> Trial:
    name = engine.info.name
    # The first second that a library hears is the time in which it gets ready.
    _texts(engine, [PcmWindow(0, windows[0].samples[:RATE])])
    if limit is not None:
        limit.start()
    begun = time.monotonic()
    try:
        found = _texts(engine, windows)
    except _TooSlow:
        return Trial(name, None, 0)
    return Trial(name, time.monotonic() - begun, sum(bool(text.flags) for text in found))


def _texts(engine: Engine, windows: Sequence[PcmWindow]) -> list[TimedText]:
    return [text for batch in engine.hear(windows) for _, text in batch]


def _better(one: Trial, two: Trial, sound_s: float) -> tuple[Trial, str]:
    heard = f"of {sound_s:.0f} s of speech"
    if two.seconds is None:
        return one, f"{heard} it took {one.seconds:.1f} s, and {two.engine} longer"
    assert one.seconds is not None
    if abs(one.flagged - two.flagged) >= CLEARLY:
        best, rest = sorted((one, two), key=lambda trial: trial.flagged)
        return best, f"{heard} {best.flagged} of its texts are odd, {rest.flagged} of {rest.engine}'s"
    best, rest = (one, two) if one.seconds <= two.seconds else (two, one)
    return best, f"{heard} it took {best.seconds:.1f} s, {rest.engine} {rest.seconds:.1f} s"
