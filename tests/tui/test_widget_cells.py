"""Text in cells: whatever comes in, what goes out is one harmless line of the right width."""

from __future__ import annotations

import random
import unicodedata

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tui.widgets.cells import ASCII, cut, fit, fit_pieces, harmless, pieces, strip

HOSTILE = [
    "\x1b[2J\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07after",
    "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
    "a\nb\rc\td",
    "abc\u202egnp.exe",
    "family 👨\u200d👩\u200d👧 heart ❤\ufe0f",
    "z" + "\u0335" * 500 + "algo",
    "null\x00bell\x07back\x08del\x7fc1\x9b31m",
    "\ud800 lone",
    "para\u2029graph line\u2028sep nel\x85",
    "tag \U000e0041\U000e0042",
    "[bold red]not markup[/] :smile:",
    "嗯" * 500,
    "ｱｲｳ 한국어 ไทย עברית العربية",
    "\u3164\u115fhidden",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_harmless_leaves_nothing_that_acts(text: str) -> None:
    clean = harmless(text)
    assert not [c for c in clean if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert harmless(clean) == clean
    clean.encode("utf-8")


def test_harmless_keeps_what_people_wrote() -> None:
    for text in ("plain", "【千千進食中】饗饗全品項攻略！", "全形　空白", "[bold]brackets[/]", "naïve ﬁ ✓ e\u0301"):
        assert harmless(text) == text


def test_harmless_takes_whole_sequences_and_parts_lines() -> None:
    assert harmless("\x1b[1;31mred\x1b[0m!") == "red!"
    assert harmless("\x1b]0;evil\x07shown") == "shown"
    assert harmless("one\r\ntwo\tthree") == "one  two three"
    assert harmless("\ud800") == "\ufffd"
    assert harmless("z" + "\u0335" * 500) == "z" + "\u0335" * 3


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("嗯嗯嗯", 6, "嗯嗯嗯"),
        ("嗯嗯嗯", 5, "嗯嗯…"),
        ("嗯嗯嗯", 4, "嗯…"),
        ("嗯嗯", 1, "…"),
        ("嗯", 0, ""),
    ],
)
def test_cut_never_splits_a_han_character(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


def test_cut_in_ascii() -> None:
    assert cut("abcdef", 5, ASCII.more) == "abc.."
    assert cut("abcdef", 1, ASCII.more) == "a"


def test_fit_is_exact_for_any_text() -> None:
    chance = random.Random(4)
    letters = "ab 嗯漢ｱ✓…é\u0301한👩\u200d\ufe0f\x1b\u202e"
    for _ in range(3000):
        text = harmless("".join(chance.choices(letters, k=chance.randrange(30))))
        width = chance.randrange(25)
        for align in ("left", "right"):
            assert cell_len(fit(text, width, align)) == width, (text, width)
        runs = [(part, None) for part in (text[:5], text[5:9], text[9:])]
        assert sum(cell_len(part) for part, _ in fit_pieces(runs, width)) == width, (text, width)


def test_fit_aligns() -> None:
    assert fit("7", 3, "right") == "  7"
    assert fit("7", 3) == "7  "
    assert fit_pieces([("a", None), ("b", None)], 4, "right")[0] == ("  ", None)


def test_pieces_keep_a_texts_styles_and_no_markup_is_read() -> None:
    console = Console()
    runs = pieces(Text.assemble(("ok\x1b[31m", "bold"), " [red]x"), console)
    assert [text for text, _ in runs] == ["ok", " [red]x"]
    assert runs[0][1] is not None
    assert runs[0][1].bold
    assert pieces("[red]x[/red]", console) == [("[red]x[/red]", None)]


def test_pieces_keep_the_style_of_the_whole_text() -> None:
    console = Console()
    assert pieces(Text("\x1b[31mfailed", "red"), console) == [("failed", Style.parse("red"))]
    assert pieces(Text("plain"), console) == [("plain", None)]
    both = pieces(Text("dim ", "dim").append("red", "red"), console)
    assert [style.dim for _, style in both if style] == [True, True]


def test_strip_has_the_width_and_the_base_style() -> None:
    base = Style(color="red")
    line = strip([("嗯a", Style(bold=True))], 6, base)
    assert line.cell_length == 6
    assert line.text == "嗯a   "
    assert strip([("嗯a", None)], 2, base).text == "嗯"
