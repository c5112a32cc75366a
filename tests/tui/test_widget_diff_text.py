"""Differences marked as CER counts them."""

from __future__ import annotations

import random

import pytest
from textual.app import App, ComposeResult

from tests.tui.wait import hidden_characters, screen_lines, screen_text, wait_until, wrong_widths
from tui.widgets.diff_text import DiffText, marked_diff


def marked(truth: str, guess: str) -> tuple[str, str]:
    first, second = marked_diff(truth, guess)
    return first.plain, second.plain


@pytest.mark.parametrize(
    ("truth", "guess", "shown"),
    [
        ("它的筋很軟", "它的金很軟", ("它的[筋]很軟", "它的[金]很軟")),
        ("很軟的", "軟的", ("[很]軟的", "[]軟的")),
        ("軟", "軟嗎", ("軟[]", "軟[嗎]")),
        ("the cat sat", "the cut sat", ("the [cat] sat", "the [cut] sat")),
        ("買iPhone了", "買iphone了", ("買[iPhone]了", "買[iphone]了")),
        ("", "", ("", "")),
        ("嗯", "", ("[嗯]", "[]")),
        ("一樣", "一樣", ("一樣", "一樣")),
    ],
)
def test_marks(truth: str, guess: str, shown: tuple[str, str]) -> None:
    assert marked(truth, guess) == shown


def test_markup_and_control_characters_are_text() -> None:
    first, second = marked_diff("[red]a\x1b[31m", "[red]b\u202e")
    assert (first.plain, second.plain) == ("[red][a]", "[red][b]")
    assert first.spans[0].style == "bold green"


def levenshtein(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row, before = [i], row
        for j, y in enumerate(b, 1):
            row.append(min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (x != y)))
    return row[-1]


def test_the_marks_are_the_least_number_of_edits() -> None:
    chance = random.Random(3)
    for _ in range(300):
        truth = "".join(chance.choices("嗯的一是", k=chance.randrange(12)))
        guess = "".join(chance.choices("嗯的一是", k=chance.randrange(12)))
        first, second = marked_diff(truth, guess)
        assert first.plain.replace("[", "").replace("]", "") == truth
        assert second.plain.replace("[", "").replace("]", "") == guess
        edits = 0
        for a, b in zip(_marks(first.plain), _marks(second.plain), strict=True):
            edits += max(len(a), len(b))
        assert edits == levenshtein(truth, guess), (truth, guess)


def _marks(text: str) -> list[str]:
    return [part.split("]")[0] for part in text.split("[")[1:]]


def test_endless_loops_do_not_hang() -> None:
    truth, guess = "甲" + "嗯啊" * 6000 + "乙", "甲" + "喔嗯" * 6000 + "乙"
    marked = [text.plain.replace("[", "").replace("]", "") for text in marked_diff(truth, guess)]
    assert marked == [truth, guess]


class DiffApp(App[None]):
    def compose(self) -> ComposeResult:
        yield DiffText()


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (30, 40)])
async def test_on_a_screen(size: tuple[int, int]) -> None:
    app = DiffApp()
    async with app.run_test(size=size) as pilot:
        app.query_one(DiffText).show("它的筋很軟" * 12 + "[/b]", "它的金很軟\x1b[2J" * 12, ("truth", "step 30"))
        await pilot.pause()
        assert wrong_widths(app) == []
        assert hidden_characters(app) == []
        assert screen_lines(app)[0].startswith("truth    它的[筋]很軟")
        text = screen_text(app)
        assert "\nstep 30  它的[金]很軟" in text
        assert "".join(line[9:] for line in text.splitlines()).count("[金]") == 12


async def test_it_grows_and_shrinks_with_its_texts() -> None:
    app = DiffApp()
    async with app.run_test(size=(40, 24)) as pilot:
        diff = app.query_one(DiffText)
        diff.show("短", "短")
        await wait_until(pilot, lambda: diff.size.height == 2)
        diff.show("長" * 60, "長" * 20)
        await wait_until(pilot, lambda: diff.size.height > 4)
        diff.clear()
        await wait_until(pilot, lambda: diff.size.height == 2)
        assert screen_text(app).strip() == ""
