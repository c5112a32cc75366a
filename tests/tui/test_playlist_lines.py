"""What the lines above and below the rows of the playlist say. No app."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.events import JobState, Progress
from core.jobs import JobView
from tui.bridge import JobBatch
from tui.screens.playlist.lines import chosen_line, empty_text, source_line
from tui.screens.playlist.rows import Totals, VideoIndex, VideoRows


def test_what_is_chosen() -> None:
    assert chosen_line(Totals(count=2, here=2)) == "Everything is here"
    assert chosen_line(Totals(count=2, here=1)) == "Nothing is selected to download; space selects"
    assert chosen_line(Totals()) == ""


@pytest.mark.parametrize("stage", ["add", "demo"])
def test_the_key_that_stops_stands_before_what_is_cut_in_a_narrow_window(stage: str) -> None:
    progress = Progress(3, 8, note="recordings of a small musical language, and a toy Whisper beside them")
    batch = JobBatch(JobView("a", stage, Path("/x"), JobState.RUNNING, 0, progress=progress))
    # At 80 columns the totals leave some 48 of them.
    assert "x cancel" in source_line([], [batch], plain=False).plain[:40]


def test_a_source_that_is_being_listed_is_not_called_nothing() -> None:
    listing = JobBatch(JobView("a", "add", Path("/x"), JobState.RUNNING, 0))
    assert "being listed" in empty_text(VideoRows(VideoIndex([])), [listing])
    assert "Nothing here yet" in empty_text(VideoRows(VideoIndex([])), [])
