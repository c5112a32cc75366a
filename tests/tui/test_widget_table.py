"""RowTable: any number of rows, nothing moves under the cursor, no row wider than the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown

from tests.tui.wait import ambiguous, hidden_characters, screen_lines, screen_text, wait_until, wrong_widths
from tui.widgets.columns import lay_out
from tui.widgets.segment_table import Cell, Column, Rows, RowTable

COLUMNS = [
    Column("number", "#", 6, "right"),
    Column("time", "time", 8, drop=3),
    Column("flags", "flags", 8),
    Column("suspicion", "susp", 4, "right", drop=2),
    Column("confidence", "conf", 6, "right", drop=1),
    Column("text", "text"),
]
SIZES = [(80, 24), (140, 45), (40, 10)]
HAN = "嗯它的筋吃起來很軟是我喜歡的口感"


class Counted:
    """A hundred thousand rows that know how often they were asked for."""

    def __init__(self, count: int = 100_000) -> None:
        self.count = count
        self.asked = 0

    def __len__(self) -> int:
        return self.count

    def key(self, index: int, /) -> str:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return f"k{index}"

    def cells(self, index: int, /) -> Sequence[Cell]:
        self.asked += 1
        return [str(index), "0:08", "loop", ".97", "–0.12", HAN * (index % 9)]


def simple(keys: str) -> Rows:
    return Rows([(key, [key, "", "", "", "", f"row {key}"]) for key in keys])


class TableApp(App[None]):
    def __init__(self, source: Any = None, ascii: bool = False, empty_text: str = "") -> None:
        super().__init__()
        self.ascii = ascii
        self.table = RowTable(COLUMNS, source, empty_text=empty_text)
        self.told: list[tuple[str, int, str]] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_row_table_highlighted(self, message: RowTable.Highlighted) -> None:
        self.told.append(("highlighted", message.index, message.key))

    def on_row_table_chosen(self, message: RowTable.Chosen) -> None:
        self.told.append(("chosen", message.index, message.key))


def cursor_line(app: App[Any], mark: str = "▸") -> int:
    marked = [y for y, line in enumerate(screen_lines(app)) if line.startswith(mark)]
    assert len(marked) <= 1, screen_text(app)
    return marked[0] if marked else -1


# -- columns


def test_columns_drop_in_their_order_and_the_flexible_one_stays() -> None:
    def shown(width: int) -> list[str]:
        return [COLUMNS[i].key for i, _ in lay_out(COLUMNS, width)]

    assert shown(80) == ["number", "time", "flags", "suspicion", "confidence", "text"]
    assert shown(63) == ["number", "time", "flags", "suspicion", "text"]
    assert shown(55) == ["number", "time", "flags", "text"]
    assert shown(45) == ["number", "flags", "text"]
    assert shown(30) == ["number", "flags", "text"]


@pytest.mark.parametrize("width", range(0, 150))
def test_no_layout_is_wider_than_the_table(width: int) -> None:
    placed = lay_out(COLUMNS, width)
    assert 2 + sum(cells for _, cells in placed) + 2 * max(0, len(placed) - 1) <= max(2, width)
    assert all(cells > 0 for _, cells in placed)


def test_flexible_columns_share_and_fill() -> None:
    columns = [Column("a", "a"), Column("b", "b", 5), Column("c", "c")]
    placed = lay_out(columns, 80)
    assert [i for i, _ in placed] == [0, 1, 2]
    assert sum(cells for _, cells in placed) + 2 + 4 == 80
    assert abs(placed[0][1] - placed[2][1]) <= 1


# -- drawing


@pytest.mark.parametrize("size", SIZES)
async def test_rows_are_as_wide_as_the_screen(size: tuple[int, int]) -> None:
    app = TableApp(Counted())
    async with app.run_test(size=size) as pilot:
        for key in ("down", "pagedown", "G", "k", "g", "j"):
            await pilot.press(key)
            assert wrong_widths(app) == []
        assert screen_lines(app)[0].lstrip().startswith("#")
        assert "text" in app.table.shown_columns


async def test_what_a_row_looks_like() -> None:
    app = TableApp(Rows([("a", ["7", "0:08", "loop", ".97", "–0.1", HAN * 3])]))
    async with app.run_test(size=(64, 4)) as pilot:
        await pilot.pause()
        assert screen_text(app).splitlines()[:2] == [
            "       #  time      flags     susp  text",
            "▸      7  0:08      loop       .97  嗯它的筋吃起來很軟是我喜歡…",
        ]


async def test_a_key_asks_only_for_rows_that_come_into_sight() -> None:
    source = Counted()
    app = TableApp(source)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.pause()
        assert source.asked <= 45
        for key, most in (("down", 2), ("pagedown", 45), ("G", 45), ("up", 2), ("g", 45)):
            source.asked = 0
            await pilot.press(key)
            await pilot.pause()
            assert source.asked <= most, key
        assert app.table.cursor == 0


async def test_hostile_cells_stay_in_their_cells() -> None:
    evil = ["\x1b[2J", "a\nb", "[red]x[/]", "\u202eabc", "z" + "\u0335" * 99, "❤\ufe0f👨\u200d👩" + "\x00" * 9]
    app = TableApp(Rows([(str(i), [evil[(i + j) % 6] * 3 for j in range(6)]) for i in range(30)]))
    async with app.run_test(size=(100, 20)) as pilot:
        await pilot.pause()
        assert hidden_characters(app) == []
        assert wrong_widths(app) == []
        assert "[red]x[/]" in screen_text(app)


async def test_styled_cells_and_too_few_cells() -> None:
    app = TableApp(Rows([("a", [Text("1", "bold red"), Text.assemble(("嗯" * 9, "green"), "[b]")]), ("b", [])]))
    async with app.run_test(size=(80, 5)) as pilot:
        await pilot.pause()
        assert wrong_widths(app) == []
        assert "▸      1  嗯嗯嗯…" in screen_text(app)


async def test_ascii_has_no_sign_of_ambiguous_width() -> None:
    app = TableApp(Rows([(str(i), [str(i), "0:08", "", "", "", HAN * 9]) for i in range(200)]), ascii=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down")
        assert ambiguous(app) == ""
        assert cursor_line(app, ">") == 2
        assert ".." in screen_text(app)


async def test_the_ascii_switch_may_be_turned_while_running() -> None:
    app = TableApp(Rows([("a", ["1", "", "", "", "", HAN * 9])]))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "…" in screen_text(app)
        app.ascii = True
        app.table.refresh()
        await wait_until(pilot, lambda: ambiguous(app) == "")


async def test_an_empty_table_says_what_to_do() -> None:
    app = TableApp(empty_text="Nothing here yet.\nPress + to add a playlist [x].")
    async with app.run_test(size=(80, 8)) as pilot:
        await pilot.press("down", "enter", "G", "pagedown")
        assert "Nothing here yet." in screen_text(app)
        assert "[x]" in screen_text(app)
        assert app.table.cursor_key is None
        assert app.told == []
        assert cursor_line(app) == -1


# -- the cursor


async def test_keys() -> None:
    app = TableApp(Counted(500))
    async with app.run_test(size=(80, 24)) as pilot:
        want = 0
        for key, step in (("down", 1), ("j", 1), ("up", -1), ("k", -1), ("pagedown", 22), ("pageup", -22)):
            await pilot.press(key)
            want += step
            assert app.table.cursor == want, key
        for key, place in (("G", 499), ("g", 0), ("end", 499), ("home", 0), ("up", 0)):
            await pilot.press(key)
            assert app.table.cursor == place, key
        await pilot.press("j", "enter")
        await wait_until(pilot, lambda: ("chosen", 1, "k1") in app.told)
        assert app.told[-2] == ("highlighted", 1, "k1")


async def test_mouse() -> None:
    app = TableApp(Counted(500))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click(RowTable, offset=(30, 5))
        assert app.table.cursor == 4
        await pilot.click(RowTable, offset=(30, 0))
        assert app.table.cursor == 4
        await pilot.click(RowTable, offset=(30, 6), times=2)
        await wait_until(pilot, lambda: ("chosen", 5, "k5") in app.told)
        app.table.post_message(MouseScrollDown(app.table, 30, 5, 0, 1, 0, False, False, False))
        await wait_until(pilot, lambda: app.table.scroll_offset.y == 3)
        assert app.table.cursor == 5


async def test_rows_that_come_at_the_end_move_nothing() -> None:
    source = Counted(50)
    app = TableApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("pagedown", "down", "down")
        before, line = app.table.cursor_key, cursor_line(app)
        seen = screen_lines(app)[line]
        source.count = 5000
        app.table.refresh_rows()
        await pilot.pause()
        assert (app.table.cursor_key, cursor_line(app)) == (before, line)
        assert screen_lines(app)[line] == seen
        await pilot.press("G")
        assert app.table.cursor == 4999


async def test_rows_that_come_before_move_neither_cursor_nor_line() -> None:
    app = TableApp(simple("cdefghijklmnopqrstuvwxyz"))
    async with app.run_test(size=(80, 12)) as pilot:
        for _ in range(9):
            await pilot.press("down")
        await pilot.press("G", "k", "k", "k")
        line = cursor_line(app)
        key = app.table.cursor_key
        app.told.clear()
        app.table.set_source(simple("ABCDEFGHabcdefghijklmnopqrstuvwxyz"))
        await pilot.pause()
        assert (app.table.cursor_key, cursor_line(app)) == (key, line)
        assert f"row {key}" in screen_lines(app)[line]
        assert app.told == []


async def test_a_row_that_goes_hands_the_cursor_to_the_next() -> None:
    app = TableApp(simple("abcdef"))
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.press("j", "j")
        app.table.set_source(simple("abdef"))
        await wait_until(pilot, lambda: app.told[-1] == ("highlighted", 2, "d"))
        app.table.set_source(simple("ab"))
        await wait_until(pilot, lambda: app.told[-1] == ("highlighted", 1, "b"))
        app.table.set_source(simple(""))
        await pilot.pause()
        assert app.table.cursor_key is None
        app.table.set_source(simple("xy"))
        await wait_until(pilot, lambda: app.told[-1] == ("highlighted", 0, "x"))


async def test_another_order_keeps_the_row_and_a_fresh_start_does_not() -> None:
    app = TableApp(simple("abcdef"))
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.press("j")
        app.table.set_source(simple("fedcba"))
        assert (app.table.cursor, app.table.cursor_key) == (4, "b")
        app.table.set_source(simple("abcdef"), keep_key=False)
        assert (app.table.cursor, app.table.cursor_key) == (0, "a")
        assert app.table.go_to_key("e")
        assert not app.table.go_to_key("nowhere")
        assert app.table.cursor == 4


async def test_a_source_with_an_index_is_not_looked_through() -> None:
    class Quick(Counted):
        def index_of(self, key: str, /) -> int | None:
            return int(key[1:])

        def key(self, index: int, /) -> str:
            self.asked += 1
            return super().key(index)

    source = Quick()
    app = TableApp(source)
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()
        source.asked = 0
        assert app.table.go_to_key("k99999")
        await pilot.pause()
        assert source.asked < 50


async def test_refresh_row_draws_that_row_again_and_only_it() -> None:
    rows = [[str(i), "", "", "", "", "old"] for i in range(8)]
    app = TableApp(Rows([(str(i), row) for i, row in enumerate(rows)]))
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.press("j")
        for row in rows:
            row[-1] = "new"
        app.table.refresh_row(1)
        app.table.refresh_row(3)
        app.table.refresh_row(7000)
        await pilot.pause()
        drawn = ["new" in line for line in screen_lines(app)[1:9]]
        assert drawn == [False, True, False, True, False, False, False, False]


async def test_a_source_that_shrank_unannounced_breaks_nothing() -> None:
    source = Counted(500)
    app = TableApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("G")
        source.count = 3
        await pilot.press("up", "pageup", "down", "g")
        app.table.refresh_rows()
        await pilot.pause()
        assert app.table.row_count == 3
        assert cursor_line(app) == app.table.cursor + 1


async def test_a_wider_terminal_shows_more_of_each_row() -> None:
    app = TableApp(Rows([("a", ["1", "", "", "", "", HAN])]))
    async with app.run_test(size=(40, 9)) as pilot:
        await pilot.pause()
        assert HAN not in screen_text(app)
        await pilot.resize_terminal(140, 45)
        await wait_until(pilot, lambda: HAN in screen_text(app))


async def test_rows_that_come_while_the_wheel_looks_elsewhere_pull_nothing_back() -> None:
    source = Counted(500)
    app = TableApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(20):
            app.table.post_message(MouseScrollDown(app.table, 30, 5, 0, 1, 0, False, False, False))
        await wait_until(pilot, lambda: app.table.scroll_offset.y == 60)
        source.count = 900
        app.table.refresh_rows()
        await pilot.pause()
        assert (app.table.scroll_offset.y, app.table.cursor) == (60, 0)
        await pilot.press("down")
        assert cursor_line(app) == 1 + app.table.cursor - app.table.scroll_offset.y
        app.table.post_message(MouseScrollDown(app.table, 30, 5, 0, 1, 0, False, False, False))
        await wait_until(pilot, lambda: app.table.scroll_offset.y == 4)
        app.table.set_source(Counted(200))
        await pilot.pause()
        assert cursor_line(app) > 0


@pytest.mark.parametrize("size", [(40, 9), (140, 45), (3, 2), (80, 24)])
async def test_resize_keeps_the_cursor_in_sight(size: tuple[int, int]) -> None:
    app = TableApp(Counted(500))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("pagedown", "pagedown", "j")
        await pilot.resize_terminal(*size)
        await wait_until(pilot, lambda: app.size == size)
        await pilot.pause()
        assert app.table.cursor == 45
        assert cursor_line(app) > 0
        assert wrong_widths(app) == []


async def test_theme_and_focus_redraw_the_rows() -> None:
    app = TableApp(Counted(9))
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()

        def looks() -> list[Any]:
            return [[segment.style for segment in app.table.render_line(y)] for y in range(3)]

        dark = looks()
        app.theme = "textual-light"
        await wait_until(pilot, lambda: all(new != old for new, old in zip(looks(), dark, strict=True)))
        light = looks()
        app.set_focus(None)
        await pilot.pause()
        assert looks()[1] != light[1]
        # Without focus the mark still tells which row is meant.
        assert cursor_line(app) == 1
