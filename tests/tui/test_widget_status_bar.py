"""The status line, the steps and the keys: at any width the help hint is there."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from tests.tui.wait import ambiguous, hidden_characters, screen_lines, wrong_widths
from tui.widgets.status_bar import JobProgress, KeyFooter, StatusBar, StepTab, key_line, step_line

STEPS = [
    StepTab("1", "Setup", "✓"),
    StepTab("2", "Playlist", "3/12", short="List"),
    StepTab("3", "Segments", "601", short="Segm"),
    StepTab("4", "Transcripts", "145/601", active=True, short="Text"),
    StepTab("5", "Training", "–", short="Train"),
    StepTab("6", "Results", "–", short="Res"),
]
KEYS = [("enter", "save+next"), ("a", "accept"), ("space", "播放"), ("u", "undo"), ("/", "search"), ("B", "bulk")]


class BarApp(App[None]):
    def __init__(self, ascii: bool = False) -> None:
        super().__init__()
        self.ascii = ascii
        self.bar = StatusBar()

    def compose(self) -> ComposeResult:
        yield self.bar
        yield KeyFooter(KEYS)


def joined(width: int, steps: list[StepTab] = STEPS) -> str:
    return "".join(text for text, _ in step_line(steps, width))


@pytest.mark.parametrize("width", range(0, 160))
def test_the_steps_fit_and_the_hint_is_last(width: int) -> None:
    line = joined(width)
    assert cell_len(line) <= width
    if width >= 8:
        assert line.endswith(" ? help ")
        assert cell_len(line) == width
    if width >= 36:
        assert "▸4 Transcripts 145/601" in line


def test_counts_outlive_titles() -> None:
    assert "1 Setup ✓   2 Playlist 3/12   3 Segments 601  ▸4 Transcripts 145/601" in joined(120)
    for count in ("✓", "3/12", "601", "145/601"):
        assert count in joined(80)
    assert "3/12" in joined(56)
    assert "2▸" not in joined(80)


def test_the_mark_moves_nothing() -> None:
    other = [StepTab(s.key, s.title, s.count, s.key == "2", s.short) for s in STEPS]
    assert joined(140).replace("▸", " ") == joined(140, other).replace("▸", " ")


@pytest.mark.parametrize("width", range(0, 100))
def test_footer_keys_go_from_the_end(width: int) -> None:
    shown = key_line(KEYS, width)
    assert shown == KEYS[: len(shown)]
    assert cell_len("   ".join(f"{key} {label}" for key, label in shown)) + 10 <= max(10, width)


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (30, 8), (12, 4)])
@pytest.mark.parametrize("ascii", [False, True])
async def test_on_a_screen(size: tuple[int, int], ascii: bool) -> None:
    app = BarApp(ascii)
    async with app.run_test(size=size) as pilot:
        app.bar.update_place("美食\x1b[2J-vlog [red]")
        app.bar.update_gpu("RTX 3070 Laptop  6.1/8.0 GB  63%  61C")
        app.bar.update_job(JobProgress("label", 63.4, "02:14 left"))
        app.bar.update_steps([StepTab(s.key, s.title, s.count.replace("–", "-"), s.active, s.short) for s in STEPS])
        await pilot.pause()
        lines = screen_lines(app)
        assert wrong_widths(app) == []
        assert hidden_characters(app) == []
        assert lines[1].endswith(" ? help ")
        assert lines[-1].endswith(" ? help ")
        if ascii:
            assert ambiguous(app) == ""
        if size[0] >= 80:
            assert "美食-vlog [red]" in lines[0]
            assert lines[0].rstrip().endswith("label  63%  02:14 left")
            assert "6.1/8.0 GB" in lines[0]
            assert lines[-1].startswith(" enter save+next   a accept   space 播放")


async def test_the_job_comes_and_goes() -> None:
    app = BarApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.bar.update_place("food-vlog")
        app.bar.update_job(JobProgress("fetch"))
        await pilot.pause()
        assert screen_lines(app)[0].rstrip().endswith("● fetch")
        app.bar.update_job(None)
        await pilot.pause()
        assert screen_lines(app)[0].rstrip() == " food-vlog"
        app.query_one(KeyFooter).set_keys([("q", "quit"), ("?", "help")])
        await pilot.pause()
        assert screen_lines(app)[-1].split() == ["q", "quit", "?", "help"]
        # Another key for help moves none of the steps.
        app.bar.update_steps(STEPS)
        await pilot.pause()
        before = screen_lines(app)[1]
        app.bar.update_help("F1")
        app.query_one(KeyFooter).set_keys([("q", "quit")], "F1")
        await pilot.pause()
        assert screen_lines(app)[1] == before.replace(" ? help", "F1 help")
        assert screen_lines(app)[-1].endswith(" F1 help ")
