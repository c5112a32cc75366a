"""Tables on a terminal: columns stay where they are, whatever stands in them."""

from __future__ import annotations

import io
import sys
import unicodedata
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.cli import commands, follow, show
from core.errors import UserError
from core.events import ItemFailed
from core.query.segments import language
from core.store import Segment, Store, Video
from core.store.segments import Segments
from tests.core.store_kit import fill
from tests.fakes.youtube import HOSTILE


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def cells(text: str) -> int:
    """Columns that a terminal gives a line: East Asian wide ones two, marks and joiners none."""
    kinds = [(unicodedata.category(char), unicodedata.east_asian_width(char)) for char in text]
    return sum(0 if kind in ("Mn", "Me", "Cf") else 2 if wide in "WF" else 1 for kind, wide in kinds)


def shown(
    monkeypatch: pytest.MonkeyPatch, width: int, columns: list[tuple[str, bool]], rows: list[list[str]]
) -> list[str]:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "25")
    monkeypatch.setenv("TERM", "dumb")
    show.table(columns, rows, "nothing")
    return terminal.getvalue().splitlines()


NAMES = [
    *HOSTILE.values(),
    "第一講：前言",
    "e\u0301\u0302" * 20,
    "ก็ที่นี่",
    "한국어 제목",
    "ＦＵＬＬ　ＷＩＤＴＨ",
    "می\u200cخواهم",
    "plain",
    "👍🏽 ❤️ 👩🏻‍❤️‍💋‍👩🏻 🇹🇼",
]


@pytest.mark.parametrize("width", [80, 100, 132, 200])
def test_columns_stand_still(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    # The bar after the name shows where the next column begins.
    rows = [[f"{number:011d}", name[:60], "|", name] for number, name in enumerate(NAMES)]
    columns = [("id", False), ("name", False), ("m", False), ("title", False)]
    lines = shown(monkeypatch, width, columns, rows)
    assert all(cells(line) <= width for line in lines), max(map(cells, lines))
    assert not any("\u200d" in line and "👩" in line for line in lines)
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for line in lines for char in line)
    firsts = [line for line in lines[1:] if line[:11].isdigit()]
    assert len(firsts) == len(NAMES)
    places = {cells(line[: line.index("|")]) for line in firsts}
    assert len(places) == 1, places


def test_a_pipe_gets_the_names_of_the_columns_first(capsys: pytest.CaptureFixture[str]) -> None:
    show.table([("id", False), ("text", False)], [["a", "one\ttwo"], ["b", ""]], "nothing is here")
    assert capsys.readouterr().out == "id\ttext\na\tone two\nb\t\n"
    show.table([("id", False), ("text", False)], [], "nothing is here")
    assert capsys.readouterr() == ("id\ttext\n", "nothing is here\n")


def test_what_a_pipe_gets_is_written_row_by_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing waits for the last of very many, and no list of all of them is made."""

    def rows(found: list[str]) -> Iterator[list[str]]:
        for number in range(3):
            yield [str(number)]
            found.append(capsys.readouterr().out)

    lines, items = list[str](), list[str]()
    show.table([("id", False)], rows(lines), "nothing")
    assert lines == ["id\n0\n", "1\n", "2\n"]
    show.documents(rows(items))
    assert items == ['[\n["0"]', ',\n["1"]', ',\n["2"]']
    show.documents(iter([]))
    assert capsys.readouterr().out == "\n]\n[]\n"


def test_segments_are_read_one_recording_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []
    every = Segments.all

    def note(segments: Segments, *, video: str | None = None, **more: Any) -> list[Segment]:
        asked.append(video)
        return every(segments, video=video, **more)

    monkeypatch.setattr(Segments, "all", note)
    with Store(tmp_path / "whispersmith.db") as store:
        fill(store, 2, "one")
        fill(store, 2, "two")
        arguments = Namespace(video=None, flag=None, state=None)
        found = commands._chosen(store, arguments, language({}).parse("length:10s"))
        assert [next(found).id for _ in range(2)] == ["one_0_10", "one_8_18"]
        assert asked == ["one"]
        assert [row.id for row in found] == ["two_0_10", "two_8_18"]
        assert list(commands._chosen(store, Namespace(video="one", flag="loop", state=None), None)) == []


def test_markup_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    (_, line) = shown(monkeypatch, 200, [("title", False)], [[HOSTILE["markup"]]])
    assert line.strip() == HOSTILE["markup"].strip()


def test_many_that_fail_alike_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with follow.FollowDisplay(quiet=True) as display:
        for number in range(25):
            display.show(ItemFailed(f"v{number}", UserError("this video is private" if number else "the disk is full")))
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [*(f"v{number}" for number in range(11)), "14 more"]
    assert lines[-1] == "14 more: this video is private"


def test_captions_are_a_column_where_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        Video("aaaaaaaaaaa", title="一", captions=("zh-TW", "en", "ja", "fr:auto")),
        Video("bbbbbbbbbbb", title="二", captions=("zh-TW",)),
        Video("ccccccccccc", title=""),
    ]
    for width, there in ((200, True), (80, False), (40, False)):
        terminal = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            patch.setenv("COLUMNS", str(width))
            commands._video_table(rows, {"bbbbbbbbbbb": "zh-TW"}, "")
        lines = terminal.getvalue().splitlines()
        assert ("captions" in lines[0]) == there
        assert ("licence" in lines[0]) == (width > 40)
        assert ("zh-TW, en, ja, …" in lines[1]) == there
        assert ("zh-TW ✓" in lines[2]) == there
        assert [line.split()[-1] for line in lines[1:]] == ["一", "二", "ccccccccccc"]
