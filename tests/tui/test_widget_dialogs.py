"""The dialogs answer with a key, a text or None, and fit a small terminal."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Input

from core.errors import UserError
from tests.tui.wait import ambiguous, hidden_characters, screen_text, wait_until, wrong_widths
from tui.widgets.dialog import Choice, Choices, Dialog, HelpScreen, Message, TextPrompt
from tui.widgets.path_completion import complete_path
from tui.widgets.segment_table import Column, Rows, RowTable

UNANSWERED = object()
LEAVE = [("leave", "Leave, label goes on"), ("s", "Stop it [now]"), ("w", "等一下")]


class DialogApp(App[None]):
    BINDINGS = [Binding("s", "boom", "must not be reached through a dialog")]  # noqa: RUF012

    def __init__(self, ascii: bool = False) -> None:
        super().__init__()
        self.ascii = ascii
        self.answer: Any = UNANSWERED
        self.boom = False

    def compose(self) -> ComposeResult:
        yield RowTable([Column("a", "a")], Rows([(str(i), [f"row {i}"]) for i in range(90)]))

    def action_boom(self) -> None:
        self.boom = True

    async def ask(self, dialog: Dialog, pilot: Pilot[Any]) -> None:
        def take(answer: str | None) -> None:
            self.answer = answer

        self.answer = UNANSWERED
        self.push_screen(dialog, take)
        await wait_until(pilot, lambda: self.screen is dialog and dialog.focused is not None)
        await pilot.pause()

    async def answered(self, pilot: Pilot[Any]) -> Any:
        await wait_until(pilot, lambda: self.answer is not UNANSWERED)
        return self.answer


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["enter"], "leave"),
        (["escape"], None),
        (["s"], "s"),
        (["down", "enter"], "s"),
        (["G", "enter"], "w"),
        (["tab", "tab", "shift+tab", "enter"], "s"),
        (["up", "enter"], "leave"),
        (["w"], "w"),
    ],
)
async def test_choice(keys: list[str], answer: str | None) -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask(Choice("Quit?", "label goes on without the window", LEAVE), pilot)
        await pilot.press(*keys)
        assert await app.answered(pilot) == answer
        assert not app.boom
        assert len(app.screen_stack) == 1


async def test_a_choices_own_letter_wins_over_the_letters_that_move() -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask(Choice("Which?", "", [("x", "ex"), ("j", "jay"), ("k", "kay")]), pilot)
        await pilot.press("k")
        assert await app.answered(pilot) == "k"


async def test_choice_by_mouse() -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask(Choice("Quit?", "", LEAVE), pilot)
        await pilot.click(Choices, offset=(5, 2))
        assert await app.answered(pilot) == "w"


async def test_a_second_enter_closes_nothing_else() -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask(Choice("Quit?", "", LEAVE), pilot)
        dialog = app.screen
        assert isinstance(dialog, Choice)
        dialog.action_answer("leave")
        dialog.action_answer("s")
        assert await app.answered(pilot) == "leave"
        assert len(app.screen_stack) == 1


async def test_message_says_what_why_fix_and_copies_the_fix() -> None:
    app = DialogApp()
    error = UserError("torch [2.15] needs driver 580", "every CUDA wheel\nsince 2.15", "pip install x\x1b[2J")
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask(Message.of(error), pilot)
        text = screen_text(app)
        for part in ("torch [2.15] needs", "why  every CUDA wheel", "since 2.15", "fix  pip install x", "c copy fix"):
            assert part in text
        assert hidden_characters(app) == []
        await pilot.press("c")
        assert app.clipboard == error.fix
        await pilot.press("enter")
        assert await app.answered(pilot) is None


async def test_message_keeps_the_original_words_behind_a_key() -> None:
    app = DialogApp()
    words = "\n".join(f"line {n} [red] \x1b[31m" for n in range(80))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask(Message.of(UserError("it failed", "why not", "mend it", words)), pilot)
        assert "line 0" not in screen_text(app)
        assert "d original words" in screen_text(app)
        await pilot.press("d")
        await wait_until(pilot, lambda: "line 3 [red]" in screen_text(app))
        assert hidden_characters(app) == []
        assert wrong_widths(app) == []
        # They begin where the eye is, and scroll to their end; the keys stay in sight.
        assert "line 0 [red]" in screen_text(app)
        await pilot.press("G")
        await wait_until(pilot, lambda: "line 79" in screen_text(app))
        assert "enter close" in screen_text(app)
        await pilot.press("d")
        await wait_until(pilot, lambda: "line 7" not in screen_text(app) and "it failed" in screen_text(app))
        await pilot.press("enter")
        assert await app.answered(pilot) is None


async def test_message_without_original_words_offers_none() -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask(Message("Title", "it failed"), pilot)
        before = screen_text(app)
        await pilot.press("d", "c")
        assert screen_text(app) == before
        assert "original words" not in before


async def test_prompt_takes_only_what_the_check_accepts() -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        prompt = TextPrompt("Name", "run", lambda text: "no [spaces], please" if " " in text else None)
        await app.ask(prompt, pilot)
        await pilot.press("space", "3", "enter")
        await wait_until(pilot, lambda: "! no [spaces], please" in screen_text(app))
        assert app.answer is UNANSWERED
        await pilot.press("backspace")
        await wait_until(pilot, lambda: "! no" not in screen_text(app))
        await pilot.press("backspace", "s", "enter")
        assert await app.answered(pilot) == "runs"
        assert not app.boom


async def test_prompt_takes_chinese_and_escape() -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask(TextPrompt("名字"), pilot)
        await pilot.press(*"千千進食中")
        assert wrong_widths(app) == []
        await pilot.press("enter")
        assert await app.answered(pilot) == "千千進食中"
        await app.ask(TextPrompt("名字", "x"), pilot)
        await pilot.press("escape")
        assert await app.answered(pilot) is None


@pytest.mark.parametrize("key", ["escape", "q", "question_mark", "enter"])
async def test_help_closes(key: str) -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        keys = [("a", "accept"), ("enter", "down to the next row, " * 5)]
        await app.ask(HelpScreen("Table", "What was said.", keys, "README"), pilot)
        assert "a      accept" in screen_text(app)
        # A label that is folded goes on under its own beginning.
        first, second = (line for line in screen_text(app).splitlines() if "next row" in line)
        assert second.index(second.strip(" │")[0]) == first.index("down")
        await pilot.press(key)
        assert await app.answered(pilot) is None


def long_dialogs() -> list[Dialog]:
    long = "".join(f"第{i}句說明 [b] \u202e" for i in range(200))
    return [
        Choice("選擇" * 30, long, LEAVE),
        Message("錯誤", long, long, "pip install x"),
        TextPrompt("名字", "預設" * 60, text=long),
        HelpScreen("Help", "What for.", [(f"k{i}", f"does thing {i}") for i in range(80)], "the end"),
    ]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("size", [(80, 24), (140, 45), (40, 14)])
@pytest.mark.parametrize("ascii", [False, True])
async def test_long_dialogs_keep_their_keys_in_sight(which: int, size: tuple[int, int], ascii: bool) -> None:
    app = DialogApp(ascii)
    async with app.run_test(size=size) as pilot:
        dialog = long_dialogs()[which]
        await app.ask(dialog, pilot)
        await wait_until(pilot, lambda: "esc" in screen_text(app) or "enter close" in screen_text(app))
        assert wrong_widths(app) == []
        assert hidden_characters(app) == []
        if ascii:
            assert ambiguous(app) == ""
        if isinstance(dialog, Choice | TextPrompt):
            assert ("等一下" if isinstance(dialog, Choice) else "enter take it") in screen_text(app)
            before = screen_text(app)
            if size[1] < 20:
                await pilot.press("pagedown")
                await wait_until(pilot, lambda: screen_text(app) != before)


async def test_long_help_scrolls_to_its_end() -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask(long_dialogs()[3], pilot)
        assert "the end" not in screen_text(app)
        await pilot.press("G")
        await wait_until(pilot, lambda: "the end" in screen_text(app))
        await pilot.press("g", "j")
        await wait_until(pilot, lambda: "What for." not in screen_text(app))
        assert "does thing 1" in screen_text(app)


async def test_resizing_keeps_the_keys_in_sight() -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 45)) as pilot:
        await app.ask(long_dialogs()[3], pilot)
        await pilot.resize_terminal(60, 12)
        await wait_until(pilot, lambda: app.size.height == 12 and "esc close" in screen_text(app))
        assert wrong_widths(app) == []


def test_a_choice_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="something to choose"):
        Choice("?", "", [])


async def test_the_prompts_cursor_does_not_blink() -> None:
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask(TextPrompt("name"), pilot)
        assert not app.screen.query_one(Input).cursor_blink


async def test_a_path_is_completed_as_a_shell_does(tmp_path: Path) -> None:
    for name in ("talks/first.mp3", "talks/first.srt", "talks/.hidden", "tables/human.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    roots = (tmp_path / "nowhere", tmp_path)
    assert complete_path("t", roots) == ["tables/", "talks/"]
    assert complete_path("talks/", roots) == ["talks/first.mp3", "talks/first.srt"]
    assert complete_path("talks/.", roots) == ["talks/.hidden"]
    assert complete_path(f"{tmp_path}/tab", roots) == [f"{tmp_path}/tables/"]
    assert complete_path("~", roots) == ["~/"]
    for none in (
        "https://example.org/a",
        "openai/whisper-small",
        "no\0name/",
        "~nobody-of-that-name/x",
        "talks/second",
    ):
        assert complete_path(none, roots) == []
    app = DialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        prompt = TextPrompt("Where?", "t", complete=partial(complete_path, roots=roots))
        await app.ask(prompt, pilot)
        assert "tab complete" in screen_text(app)
        box = prompt.query_one(Input)
        await pilot.press("tab")
        await wait_until(pilot, lambda: "tables/  talks/" in screen_text(app))
        assert box.value == "ta"
        await pilot.press("l", "tab")
        assert box.value == "talks/"
        await pilot.press("tab")
        assert box.value == "talks/first."
        await wait_until(pilot, lambda: "first.mp3  first.srt" in screen_text(app))
        await pilot.press("m", "tab", "tab", "enter")
        assert await app.answered(pilot) == "talks/first.mp3"
        # Where nothing is completed, nothing says so, and tab leads nowhere.
        plain = TextPrompt("Which?", "t")
        await app.ask(plain, pilot)
        await pilot.press("tab", "x", "enter")
        assert await app.answered(pilot) == "tx"
