"""The training screen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from tui import keymap
from tui.screens.pipeline import PipelineScreen
from tui.widgets.segment_table import RowTable


class TrainingScreen(PipelineScreen):
    PANE = STEP = "training"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("training")

    def content(self) -> Iterable[Widget]:
        yield RowTable([], empty_text="nothing here yet")
