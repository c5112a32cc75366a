"""What a cut would yield, and what it would do to the segments that are there, before anything is written."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.media.windows import SAMPLES_PER_MS, Cutter, Yield
from core.segmentation.texts import Texts, leaves, stays
from core.spans import Span, merged
from core.store import Store, Video
from core.store.cuts import CutSegment
from core.text import file_size, plural
from core.workspace import Workspace

_BYTES_A_MS = 2 * SAMPLES_PER_MS
_HEADER_BYTES = 44


@dataclass(frozen=True)
class Forecast:
    """Of one recording, or of several together.

    recordings: that would be cut; whole: that are cut this way already. least, most: segments there would be of this
    cut; sound_ms: what they hold in all. stay: segments that stay as they are beside these for what a person gave them;
    move: reviewed ones whose text would be offered again where new segments lie; changed: those of a machine in whose
    text a person has changed something, which is offered, too; machine: other transcripts of a machine, which go.
    unjudged: of those that stay, how many a person has only changed so.
    """

    recordings: int = 0
    whole: int = 0
    least: int = 0
    most: int = 0
    sound_ms: int = 0
    stay: int = 0
    move: int = 0
    changed: int = 0
    machine: int = 0
    unjudged: int = 0

    @property
    def bytes(self) -> int:
        """What the wavs take on the disk."""
        return self.sound_ms * _BYTES_A_MS + self.most * _HEADER_BYTES

    @property
    def count(self) -> str:
        """`201 segments`, or `about 180 to 220 segments`."""
        return plural(self.least, "segment") if self.least == self.most else f"about {self._range} segments"

    @property
    def _range(self) -> str:
        return f"{self.least} to {self.most}"

    def yields(self, free: int) -> str:
        """What there would be on the disk, of which `free` bytes are."""
        seconds = self.sound_ms / 1000
        sound = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
        if seconds >= 3600:
            sound = f"{seconds / 3600:.1f} h"
        recordings = plural(self.recordings + self.whole, "recording")
        # What is cut this way already needs no more room.
        short = "" if free >= self.bytes or not self.recordings else ": too little"
        wavs = f"{sound} of sound, {file_size(self.bytes)}"
        return f"{self.count} of {recordings}, {wavs}; {file_size(free)} are free{short}"

    @property
    def changes(self) -> list[str]:
        """What happens to what is there, in sentences without a full stop; none where nothing does."""
        machine = (
            "1 transcript by a machine goes" if self.machine == 1 else f"{self.machine} transcripts by a machine go"
        )
        return [*self.kept_changes, *([machine] if self.machine else [])]

    @property
    def kept_changes(self) -> list[str]:
        """What happens to what a person gave, as in `changes`."""
        new = plural(self.least, "new one") if self.least == self.most else f"about {self._range} new ones"
        given = "reviewed or changed" if self.unjudged else "reviewed"
        if self.unjudged == self.stay:
            given = "changed"
        stay = f"{self.stay} {given} segments stay as they are; {new} around them"
        move = f"The texts of {self.move} reviewed segments are offered again in {self.count}, marked and pending"
        if self.stay == 1:
            stay = f"1 {given} segment stays as it is; {new} around it"
        if self.move == 1:
            move = f"The text of 1 reviewed segment is offered again in {self.count}, marked and pending"
        changed = (
            f"The words of {self.changed} transcripts by a machine in which you have changed something go to the new "
            "segments, marked and pending"
        )
        if self.changed == 1:
            changed = (
                "The words of 1 transcript by a machine in which you have changed something go to the new segments, "
                "marked and pending"
            )
        told = ((self.stay, stay), (self.move, move), (self.changed, changed))
        return [sentence for count, sentence in told if count]

    def as_json(self) -> dict[str, Any]:
        return {
            "recordings": self.recordings,
            "whole": self.whole,
            "segments": {"least": self.least, "most": self.most},
            "hours": round(self.sound_ms / 3_600_000, 3),
            "bytes": self.bytes,
            "stay": self.stay,
            "move": self.move,
            "changed": self.changed,
            "machine": self.machine,
        }


def total(forecasts: Iterable[Forecast]) -> Forecast:
    found = list(forecasts)
    return Forecast(*(sum(getattr(one, name) for one in found) for name in Forecast.__dataclass_fields__))


class _Earlier(NamedTuple):
    """What is there of other cuts. kept: what stays, in order and merged."""

    kept: list[Span]
    stay: int
    move: int
    changed: int
    machine: list[Span]
    unjudged: int


class Recording:
    """A recording and its segments, to be asked what one cut or another would do; asking again is quick."""

    def __init__(self, video: Video, rows: Sequence[CutSegment]) -> None:
        self.video = video
        self._rows = rows
        self._earlier = functools.cache(self._find_earlier)

    def is_cut(self, cutter: Cutter) -> bool:
        """Cut this way to the end, whatever of earlier cuts has stayed beside it."""
        return is_cut_by(self.video, cutter)

    def forecast(self, cutter: Cutter, texts: Texts = "stays") -> Forecast:
        """Assumes that no file of a whole cut has been touched; the cut itself looks."""
        own = [row for row in self._rows if not row.kept]
        is_whole = self.is_cut(cutter)
        earlier = self._earlier(texts, is_whole or _same(self.video.cutting, cutter))
        if is_whole and not (texts == "moves" and earlier.move + earlier.changed):
            sound = sum(row.end_ms - row.start_ms for row in own)
            return Forecast(0, 1, len(own), len(own), sound, earlier.stay, unjudged=earlier.unjudged)
        if is_whole:
            # Texts are to move: those of this cut as well, where they are in its way.
            earlier = self._earlier(texts, False)
        duration = self.video.duration_ms or 0
        found: Yield = cutter.estimate(duration, earlier.kept)
        again = set(cutter.plan(duration, earlier.kept)) if earlier.machine else set()
        machine = sum(span not in again for span in earlier.machine)
        return Forecast(
            recordings=1,
            least=found.least,
            most=found.most,
            sound_ms=found.ms,
            stay=earlier.stay,
            move=earlier.move,
            changed=earlier.changed,
            machine=machine,
            unjudged=earlier.unjudged,
        )

    def _find_earlier(self, texts: Texts, only_kept: bool) -> _Earlier:
        """only_kept: the others are of the cut that is asked about."""
        rows = [row for row in self._rows if row.kept or not only_kept]
        replaced = self.video.replaced is not None
        staying = [row for row in rows if stays(row, texts, replaced=replaced)]
        leaving = [row for row in rows if leaves(row, texts, replaced=replaced)]
        going = [row for row in rows if row.origin is not None and not (row.is_reviewed or row.is_changed)]
        return _Earlier(
            list(merged(Span(row.start_ms, row.end_ms) for row in staying)),
            len(staying),
            sum(row.is_reviewed for row in leaving),
            sum(row.is_changed for row in leaving),
            [Span(row.start_ms, row.end_ms) for row in going],
            sum(not row.is_reviewed for row in staying),
        )


def is_cut_by(video: Video, cutter: Cutter) -> bool:
    """Whether a recording is cut with these settings, to its end."""
    return _same(video.cut, cutter)


def _same(cut: dict[str, Any] | None, cutter: Cutter) -> bool:
    settings = cutter.settings()
    return cut is not None and {name: cut.get(name) for name in settings} == settings


def recordings(store: Store, videos: Sequence[Video]) -> list[Recording]:
    """These videos with what is there of them."""
    rows = store.cuts.segments([video.id for video in videos if video.cut or video.cutting])
    return [Recording(video, rows.get(video.id, [])) for video in videos]


def free_bytes(workspace: Workspace) -> int:
    """Room on the disk that segments are written to."""
    return shutil.disk_usage(workspace.root).free
