"""A step whose rows are segments: what the keys of the pane "listen" do there (tui/listening.py does it).

    class ResultsScreen(ListeningScreen):
        BINDINGS = keymap.bindings("results")    # those of listening are here

        def show_playback(self, playback): ...   # tui.listening.playhead makes a text of it

The segment is the one under the cursor of the table; a screen where it is another overrides `segment_here` and
`segments_ahead`, and calls `cursor_moved`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.timer import Timer

from core.listen.player import Playback
from tui import keymap
from tui.listening import AHEAD, Listening
from tui.screens.pipeline import PipelineScreen
from tui.widgets.segment_table import RowTable

REST_S = 0.3
"""A cursor that has been on a row for so long is no longer on its way to another one."""


class ListeningScreen(PipelineScreen):
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("listen")

    def __init__(self) -> None:
        super().__init__()
        self._resting: Timer | None = None

    # -- for the screens to override

    def show_playback(self, playback: Playback) -> None:
        """What is heard, or how far it is, has changed."""

    @property
    def segment_here(self) -> str | None:
        """The segment that the keys of listening mean."""
        return self.table.cursor_key

    @property
    def segments_ahead(self) -> list[str]:
        """Those that are likely to be heard next."""
        source, first = self.table.source, self.table.cursor + 1
        return [source.key(row) for row in range(first, min(first + AHEAD, len(source)))]

    def on_screen_resume(self) -> None:
        if self.host.listening is not None:
            self.show_playback(self.host.listening.playback)

    # -- keys

    def action_play(self) -> None:
        self._hear(Listening.toggle)

    def action_repeat(self) -> None:
        self._hear(Listening.play)

    def action_play_around(self) -> None:
        self._hear(partial(Listening.play, around=True))

    def _hear(self, how: Callable[[Listening, str, Sequence[str]], object]) -> None:
        id, listening = self.segment_here, self.host.listening
        if id is None:
            self.toast("There is no segment to hear")
        elif listening is not None:
            how(listening, id, self.segments_ahead)

    def action_seek(self, by_s: float) -> None:
        if self.host.listening is not None:
            self.host.listening.seek(by_s)

    def action_slower(self) -> None:
        if self.host.listening is not None:
            self.host.listening.toggle_rate()

    def action_listen_address(self) -> None:
        if self.host.listening is not None:
            self.host.listening.show_address()

    # -- the page follows the cursor

    @on(RowTable.Highlighted)
    def cursor_moved(self) -> None:
        """Once the cursor rests, the page shows that row and fetches its sound."""
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST_S, self._follow)

    def _follow(self) -> None:
        id, listening = self.segment_here, self.host.listening
        if id is not None and listening is not None and self.is_current:
            listening.follow(id, self.segments_ahead)
