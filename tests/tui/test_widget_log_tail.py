"""LogTail: bounded, follows the end, lets itself be read."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from tests.tui.wait import ambiguous, hidden_characters, screen_lines, screen_text, wait_until, wrong_widths
from tui.widgets.log_tail import LogTail


class LogApp(App[None]):
    def __init__(self, max_lines: int = 2000, ascii: bool = False) -> None:
        super().__init__()
        self.ascii = ascii
        self.log_tail = LogTail(max_lines)

    def compose(self) -> ComposeResult:
        yield self.log_tail


def numbered(start: int, stop: int) -> list[str]:
    return [f"line {i}." for i in range(start, stop)]


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (20, 5)])
async def test_it_follows_the_end(size: tuple[int, int]) -> None:
    app = LogApp()
    async with app.run_test(size=size) as pilot:
        for start in range(0, 200, 50):
            app.log_tail.append_lines(numbered(start, start + 50))
            await pilot.pause()
            assert screen_lines(app)[-1].startswith(f"line {start + 49}.")
            assert wrong_widths(app) == []
        assert app.log_tail.following


async def test_scrolled_up_it_stays_where_the_reader_is() -> None:
    app = LogApp(max_lines=100)
    async with app.run_test(size=(80, 10)) as pilot:
        app.log_tail.append_lines(numbered(0, 100))
        await pilot.press("pageup", "pageup", "k")
        first = screen_lines(app)[0]
        assert first.startswith("line 71.")
        assert not app.log_tail.following
        app.log_tail.append_lines(numbered(100, 140))
        await pilot.pause()
        # Forty lines fell off at the front; the line being read did not move.
        assert screen_lines(app)[0] == first
        app.log_tail.append_lines(numbered(140, 400))
        await pilot.pause()
        assert screen_lines(app)[0].startswith("line 300.")
        await pilot.press("G")
        assert app.log_tail.following
        app.log_tail.append_lines(["news"])
        await wait_until(pilot, lambda: screen_lines(app)[-1].startswith("news"))


async def test_it_is_bounded() -> None:
    app = LogApp(max_lines=50)
    async with app.run_test(size=(80, 10)) as pilot:
        app.log_tail.append_lines(f"line {i}." for i in range(100_000))
        await pilot.pause()
        assert app.log_tail.line_count == 50
        await pilot.press("g")
        assert screen_lines(app)[0].startswith("line 99950.")
        app.log_tail.clear()
        await pilot.pause()
        assert screen_text(app).strip() == ""
        app.log_tail.append_lines(["again"])
        await pilot.pause()
        assert screen_lines(app)[0].startswith("again")


async def test_lines_before_it_is_shown_are_there_when_it_is() -> None:
    app = LogApp()
    app.log_tail.display = False
    async with app.run_test(size=(80, 10)) as pilot:
        app.log_tail.append_lines(numbered(0, 100))
        await pilot.pause()
        app.log_tail.display = True
        await wait_until(pilot, lambda: screen_lines(app)[-1].startswith("line 99."))


async def test_hostile_lines() -> None:
    app = LogApp(ascii=True)
    async with app.run_test(size=(80, 24)) as pilot:
        app.log_tail.append_lines(
            [
                "\x1b[31mred\x1b[0m [bold]kept[/]",
                " 10%|#  |\r 50%|## |\r100%|###|\r\n",
                "嗯" * 5000,
                "\u202egpj\x00\x07",
                "z" + "\u0335" * 999,
            ]
        )
        await pilot.pause()
        lines = screen_lines(app)
        assert lines[0].startswith("red [bold]kept[/] ")
        assert lines[1].startswith("100%|###|  ")
        assert lines[2].rstrip().endswith("嗯..")
        assert hidden_characters(app) == []
        assert wrong_widths(app) == []
        assert ambiguous(app) == ""


async def test_looking_along_a_long_line() -> None:
    app = LogApp()
    async with app.run_test(size=(20, 4)) as pilot:
        app.log_tail.append_lines(["0123456789abcdefghijklmnopqrstuvwxyz", "漢" * 30])
        await pilot.press("right")
        assert screen_lines(app)[0].startswith("ghijklm")
        assert wrong_widths(app) == []
        await pilot.press("h")
        assert screen_lines(app)[0].startswith("0123")


async def test_resize_keeps_following() -> None:
    app = LogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.log_tail.append_lines(numbered(0, 100))
        await pilot.resize_terminal(60, 8)
        await wait_until(pilot, lambda: screen_lines(app)[-1].startswith("line 99."))
        assert app.log_tail.following
        assert wrong_widths(app) == []
