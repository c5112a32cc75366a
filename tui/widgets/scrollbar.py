"""A scrollbar of whole cells, for terminals that draw block elements two cells wide."""

from __future__ import annotations

from typing import ClassVar

from textual.scrollbar import ScrollBarRender
from textual.widget import Widget

from tui.widgets.cells import is_ascii


class WholeCells(ScrollBarRender):
    """Textual's ends of a scrollbar are eighth blocks, which are of ambiguous width; these are blanks."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "]


def plain_scrollbar(widget: Widget) -> None:
    """Give `widget` the scrollbar of whole cells if the app runs with `--ascii`."""
    if is_ascii(widget.app):
        # The class attribute is meant to be set on an instance too, says Textual's own documentation.
        setattr(widget.vertical_scrollbar, "renderer", WholeCells)  # noqa: B010
