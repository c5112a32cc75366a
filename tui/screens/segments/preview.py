"""Beside the table: what the segment under the cursor sounds like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical

from core.errors import UserError
from core.listen.player import Playback
from core.media import read_wav
from core.media.mel import log_mel
from core.media.peaks import peaks_of
from core.store import Segment
from core.workspace import Workspace
from tui.listening import playhead
from tui.screens.segments.rows import SegmentRows
from tui.widgets import cells, marks
from tui.widgets.mel import MelPicture
from tui.widgets.text_line import TextLine
from tui.widgets.waveform import Waveform

PEAKS = 400


@dataclass(frozen=True)
class Preview:
    """What is drawn of a segment: peaks [n, 2] in -1…1, log-mel [bins, frames]; error: why there is none."""

    id: str
    peaks: np.ndarray
    mel: np.ndarray
    error: str = ""


def preview(workspace: Workspace, segment: Segment) -> Preview:
    """Read and measure a segment's sound: about 10 ms, so in a thread."""
    try:
        samples, _ = read_wav(workspace.absolute(segment.path))
    except UserError as error:
        return Preview(segment.id, np.zeros((0, 2)), np.zeros((0, 0)), f"{error.what}: {error.fix}")
    return Preview(segment.id, peaks_of(samples, PEAKS), log_mel(samples))


def shared(segment: Segment, neighbour: Segment | None) -> float:
    """The part (0–1) of a segment that its neighbour holds too."""
    if neighbour is None:
        return 0.0
    both = min(segment.end_ms, neighbour.end_ms) - max(segment.start_ms, neighbour.start_ms)
    return max(0, both) / (segment.end_ms - segment.start_ms)


class PreviewPanel(Vertical):
    def compose(self) -> ComposeResult:
        yield Waveform()
        yield MelPicture()
        yield TextLine(id="text")
        yield TextLine(id="playhead")

    def show(self, found: Preview, rows: SegmentRows, place: int) -> None:
        """Draw the segment at `place` of the rows."""
        segment = rows.segments[place]
        self.display = True
        wave, mel, text = self.query_one(Waveform), self.query_one(MelPicture), self.query_one("#text", TextLine)
        text.show(segment.text or "no transcript yet", ", ".join(filter(None, (segment.origin, segment.part))))
        if found.error:
            wave.clear(found.error)
            mel.clear()
            return
        before = rows.segments[place - 1] if place else None
        after = rows.segments[place + 1] if place + 1 < len(rows) else None
        wave.show(
            found.peaks,
            shared_left=shared(segment, before),
            shared_right=shared(segment, after),
            left=str(place - 1),
            right=str(place + 1),
            title=f"{place}   {marks.length(segment.start_ms)}–{marks.length(segment.end_ms)}",
        )
        mel.show(found.mel)

    def show_playback(self, playback: Playback, id: str | None) -> None:
        """id: of the segment that is shown."""
        self.query_one("#playhead", TextLine).show(playhead(playback, id, cells.is_ascii(self.app)))
