"""Beside the table: what the segment under the cursor sounds like, and what is written of it."""

from __future__ import annotations

import time
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical

from core.errors import UserError
from core.listen.player import Playback, PlayerState
from core.review.flags import meaning
from tui.listening import playhead
from tui.screens.review_state import short_name, span, state_of, state_text, written_by
from tui.screens.segments.preview import SILENT_DB, Preview, Sound, decibels
from tui.widgets import cells, marks
from tui.widgets.mel import MelPicture
from tui.widgets.text_block import Paragraph, TextBlock
from tui.widgets.text_line import TextLine
from tui.widgets.waveform import Waveform

REDRAW_S = 0.25
"""The playhead moves at most so often: over SSH each move is sent."""

MEL_FROM = 16
"""Rows under the title from which on there is room for the log-mel."""


class PanelRows(NamedTuple):
    """How many rows each part has: the wave with what stands under it, the log-mel with its title, the text."""

    wave: int
    mel: int
    text: int


def panel_rows(height: int) -> PanelRows:
    """Share out the rows under the title: wave and text where there are few, text where there are more than enough."""
    if height < MEL_FROM:
        text = min(4, max(0, height // 3))
        return PanelRows(height - text, 0, text)
    wave = min(14, max(7, height * 8 // 23))
    mel = min(17, max(6, height * 10 // 23))
    return PanelRows(wave, mel, height - wave - mel)


class PreviewPanel(Vertical):
    """Title, wave, log-mel and text of one segment; which of them there is room for follows from its height."""

    DEFAULT_CSS: ClassVar[str] = """
    PreviewPanel {
        & Waveform, & MelPicture, & TextBlock { margin: 0 1; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: Preview | None = None
        self._heard = ""
        """What is heard of this segment, in words."""
        self._moved = 0.0

    def compose(self) -> ComposeResult:
        yield TextLine(id="sound")
        yield Waveform()
        yield MelPicture()
        yield TextBlock(id="transcript")

    def on_resize(self) -> None:
        rows = panel_rows(self.content_size.height - 1)
        for widget, height in zip((Waveform, MelPicture, TextBlock), rows, strict=True):
            self.query_one(widget).styles.height = height
            self.query_one(widget).display = height > 0
        self._show_title()

    @property
    def segment(self) -> str | None:
        """The id of the one that is shown."""
        return self._shown.segment.id if self._shown is not None else None

    def holds(self, id: str, at_ms: float) -> bool:
        """Whether this moment is to be seen here: of the segment `id`, or of another one that shares it."""
        if self._shown is None:
            return False
        segment = self._shown.segment
        return segment.id == id or segment.start_ms <= at_ms <= segment.end_ms

    def show(self, found: Preview) -> None:
        self.display = True
        if found.looks_like(self._shown):
            return
        self._shown = found
        ascii = cells.is_ascii(self.app)
        self._show_title()
        self.query_one(TextBlock).show(paragraphs(found, ascii))
        wave, mel = self.query_one(Waveform), self.query_one(MelPicture)
        if isinstance(found.sound, UserError):
            wave.clear("\n".join(found.sound.lines()))
            mel.clear()
            return
        segment, sound = found.segment, found.sound
        wave.show(sound.peaks, (segment.start_ms, segment.end_ms), full=sound.full, stretches=found.stretches)
        hears = f"{found.hearing.name} hears" if found.hearing.name else "most Whispers hear"
        mel.show(sound.mel, f"log-mel, {found.hearing.mel.bins} bins, as {hears} it")

    def show_playback(self, playback: Playback, at_ms: float | None) -> None:
        """at_ms: the moment of the recording that is heard; None while nothing is heard of it."""
        heard = playhead(playback, self.segment, cells.is_ascii(self.app))
        # The first characters are the sign of the state: another one is shown at once.
        goes_on = playback.state is PlayerState.PLAYING and at_ms is not None and heard[:2] == self._heard[:2]
        if goes_on and time.monotonic() < self._moved + REDRAW_S:
            return
        self._moved = time.monotonic()
        self.query_one(Waveform).show_playhead(at_ms)
        if heard != self._heard:
            self._heard = heard
            self._show_title()

    def _show_title(self) -> None:
        found = self._shown
        if found is None:
            return
        ascii, width = cells.is_ascii(self.app), self.content_size.width
        title = f"{found.place}   {span(found.segment, ascii)}"
        words = [self._heard, *(measures(found) if isinstance(found.sound, Sound) else ())]
        words = [word if not ascii else word.replace("–", "-") for word in words if word]
        while len(words) > 1 and len(title) + 3 + sum(len(word) + 3 for word in words) > width:
            words.pop()
        self.query_one("#sound", TextLine).show(title, "   ".join(words))


def measures(found: Preview) -> list[str]:
    """What was measured of its sound, what matters most first."""
    segment, sound = found.segment, found.sound
    assert isinstance(sound, Sound)
    if sound.is_silent:
        return [f"silence: nothing above –{-SILENT_DB:.0f} dB"]
    words = [f"peak {_db(decibels(sound.peak))}"]
    if segment.speech is not None:
        words.append(f"speech {segment.speech:.0%}")
    words.append(f"full height {_db(decibels(sound.full))}")
    if segment.dbfs is not None:
        words.append(f"loudness {_db(segment.dbfs)}")
    return words


def _db(level: float) -> str:
    return f"{level:.0f} dB".replace("-", "–")


def paragraphs(found: Preview, ascii: bool) -> list[Paragraph]:
    """The text and who wrote it; what its flags mean; how machines read it; what is said around it."""
    segment = found.segment
    state = state_text(state_of(segment), ascii)
    who = ", ".join(filter(None, (state.plain, written_by(segment), segment.part)))
    look = marks.mark("look", ascii)
    flags = "".join(f"   {look} {meaning(flag)}" for flag in (*segment.sound_flags, *segment.flags))
    lines: list[Paragraph] = [(who + flags, marks.style("look") if flags else "bold")]
    lines.append((segment.text or ("no words" if segment.origin else "no transcript yet; 4 Transcripts, b labels"), ""))
    raw = " ".join(segment.raw.split())
    if raw and raw != segment.text:
        lines.append((f"{'caption said' if segment.origin == 'caption' else 'machine wrote'}  {raw}", "dim"))
    if found.second is not None and found.second.other != segment.text:
        lines.append((f"{short_name(found.second.source)} reads  {found.second.other}", "dim"))
    for name, other in (("before", found.before), ("after", found.after)):
        if other is not None and other.text:
            lines.append((f"{name}  {other.text}", "dim"))
    return lines
