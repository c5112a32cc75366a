"""Paragraphs in the height there is."""

from __future__ import annotations

from textual.app import App, ComposeResult

from tests.tui.wait import screen_lines
from tui.widgets.text_block import TextBlock


class OneBlock(App[None]):
    def compose(self) -> ComposeResult:
        yield TextBlock()


async def test_only_a_paragraph_that_is_cut_ends_in_a_sign_for_more() -> None:
    app = OneBlock()
    async with app.run_test(size=(10, 2)) as pilot:
        block = app.query_one(TextBlock)
        for texts, lines in {
            ("accepted", "嗯", "after it"): ["accepted", "嗯"],
            ("accepted", "嗯" * 9): ["accepted", "嗯嗯嗯嗯…"],
            ("a [b]b[/b]",): ["a [b]b[/b]", ""],
        }.items():
            block.show([(text, "") for text in texts])
            await pilot.pause()
            assert [line.rstrip() for line in screen_lines(app)] == lines
