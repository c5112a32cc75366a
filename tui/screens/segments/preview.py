"""What a segment sounds like and what is written of it: read from its wav and the store."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from core.errors import UserError
from core.media import read_wav
from core.media.mel import log_mel
from core.media.peaks import high_peak, peaks_of
from core.store import Segment, Store
from core.store.records import SecondReading
from core.workspace import Workspace
from tui.raster.time_axis import Stretch
from tui.screens.segments.loader import Hearing
from tui.screens.segments.rows import SegmentRows

PEAKS = 800
"""Stretches a segment is looked at in: two for each column of a very wide terminal."""

LISTENED_TO = 48
"""So many segments tell the level of a recording."""

SILENT_DB = -60.0
"""A segment whose loudest sample lies below is silence."""


@dataclass(frozen=True)
class Sound:
    """peaks: [n, 2] in -1…1. mel: [bins, frames]. peak: its loudest sample, full: what the recording reaches, both
    0…1."""

    peaks: np.ndarray
    mel: np.ndarray
    peak: float
    full: float

    @property
    def is_silent(self) -> bool:
        return decibels(self.peak) < SILENT_DB


@dataclass(frozen=True)
class Preview:
    """The segment at `place` of the list, with its neighbours there. second: how another labeller reads it. sound: or
    why it cannot be drawn."""

    place: int
    segment: Segment
    before: Segment | None
    after: Segment | None
    second: SecondReading | None
    hearing: Hearing
    sound: Sound | UserError = field(compare=False)

    def looks_like(self, other: Preview | None) -> bool:
        """Whether the same is drawn of it: where the wav has not been written anew meanwhile, or gone."""
        if other is None or isinstance(self.sound, UserError) or isinstance(other.sound, UserError):
            return False
        return self == other and self.sound.full == other.sound.full

    @property
    def stretches(self) -> list[Stretch]:
        """What the neighbours hold of it too."""
        found = [(self.before, self.place - 1), (self.after, self.place + 1)]
        shares = [(shared(self.segment, other), place) for other, place in found if other is not None]
        return [Stretch(*share, str(place)) for share, place in shares if share is not None]


def decibels(level: float) -> float:
    """Of full scale; -100 for nothing."""
    return 20 * math.log10(level) if level > 1e-5 else -100.0


def shared(segment: Segment, neighbour: Segment) -> tuple[float, float] | None:
    """Which part (0–1) of a segment its neighbour holds too; None if it has nothing of it."""
    length = segment.end_ms - segment.start_ms
    start = max(segment.start_ms, neighbour.start_ms) - segment.start_ms
    end = min(segment.end_ms, neighbour.end_ms) - segment.start_ms
    return (start / length, end / length) if end > start else None


class PreviewReader:
    """Reads in a thread, some 15 ms each; keeps the level of the recording that was read last."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._level_of: tuple[object, ...] = ()
        self._level = 0.0

    def read(self, rows: SegmentRows, place: int, hearing: Hearing) -> Preview | None:
        """None where the segment has just gone."""
        # A store of its own, closed at once: the shared one keeps a connection for every thread that ever asked.
        with Store(self._workspace.db_path) as store:
            around = range(place - 1, place + 2)
            ids = [rows.key(index) if 0 <= index < len(rows) else None for index in around]
            before, segment, after = (store.segments.get(id) if id else None for id in ids)
            if segment is None:
                return None
            second, sound = store.second_readings.get(segment.id), self._sound(store, rows, segment, hearing)
            return Preview(place, segment, before, after, second, hearing, sound)

    def _sound(self, store: Store, rows: SegmentRows, segment: Segment, hearing: Hearing) -> Sound | UserError:
        try:
            samples, _ = read_wav(self._workspace.absolute(segment.path))
        except UserError as error:
            return error
        peaks = peaks_of(samples, PEAKS)
        peak = float(np.abs(peaks).max(initial=0.0))
        return Sound(peaks, log_mel(samples, hearing.mel), peak, self._recordings_level(store, rows))

    def _recordings_level(self, store: Store, rows: SegmentRows) -> float:
        # Review changes rows, never their sound.
        key = (len(rows), rows.key(0), rows.key(len(rows) - 1))
        if key != self._level_of:
            # Evenly spread over the recording.
            places = {round(at) for at in np.linspace(0, len(rows) - 1, min(LISTENED_TO, len(rows)))}
            found = [store.segments.get(rows.key(place)) for place in places]
            self._level = high_peak([self._workspace.absolute(segment.path) for segment in found if segment])
            self._level_of = key
        return self._level
