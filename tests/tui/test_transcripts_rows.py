"""What stands in a row of the review and over the rows, without an app."""

from __future__ import annotations

import pytest
from rich.text import Text

from core.query.segments import language
from core.store import TranscriptRow
from tui.screens.transcripts.table.index import QueryResult, TranscriptIndex, View
from tui.screens.transcripts.table.progress import ReviewRate, progress, shown
from tui.screens.transcripts.table.rows import (
    TranscriptRows,
    around,
    columns,
    flag_words,
    marked,
    recording_names,
    suspicion_bar,
)
from tui.widgets.columns import lay_out

LANGUAGE = language({})


def shown_at(width: int, *, wide: bool, several: bool) -> list[str]:
    made = columns(wide, several)
    return [made[number].key for number, _ in lay_out(made, width)]


def test_columns_drop_from_the_least_telling_and_the_text_never() -> None:
    every = ["number", "recording", "time", "state", "flags", "susp", "conf", "text"]
    dropped = ["conf", "number", "susp", "time", "recording"]
    left = [shown_at(width, wide=False, several=True) for width in range(140, 10, -1)]
    assert left[0] == every
    for count, name in enumerate(dropped, 1):
        gone = set(dropped[:count])
        assert [key for key in every if key not in gone] in left, name
    assert all("text" in keys for keys in left if len(keys) >= 3)
    assert "text" in shown_at(40, wide=False, several=True)
    # Of one recording only, its name tells nothing.
    assert "recording" not in shown_at(200, wide=True, several=False)


def test_a_row_names_its_recording_where_there_are_several() -> None:
    rows = [TranscriptRow(place, 0, 10_000, f"{video}_0_10", video) for place, video in enumerate(("aa", "bb", "cc"))]
    names = recording_names({"aa": "【Food】Noodles", "bb": "【Food】Soup", "cc": "【Food】"})
    assert names == {"aa": "Noodles", "bb": "Soup", "cc": "【Food】"}
    assert recording_names({"aa": "Once", "bb": "Only"}) == {"aa": "Once", "bb": "Only"}
    assert recording_names({"aa": "The same"}) == {"aa": "The same"}
    index = TranscriptIndex(rows)
    assert index.has_several_recordings
    assert not TranscriptIndex(rows[:1]).has_several_recordings
    source = TranscriptRows(index, QueryResult(rows=rows), names=names, several=True)
    assert [source.cells(number)[1] for number in range(3)] == ["Noodles", "Soup", "【Food】"]
    assert len(source.cells(0)) == len(columns(True, True))
    assert len(TranscriptRows(index, QueryResult(rows=rows)).cells(0)) == len(columns(True, False))


def test_flags_have_words_and_colours_and_suspicion_is_a_bar() -> None:
    words = flag_words(("loop", "differs"), ("music",))
    assert words.plain == "loop differs music"
    assert len({span.style for span in words.spans}) == 3
    bars = [suspicion_bar(value, 4, False) for value in (None, 0.0, 0.13, 0.5, 1.0, 7.0)]
    assert [bar.plain for bar in bars] == ["", "", "▖", "▄▄", "▄▄▄▄", "▄▄▄▄"]
    assert bars[2].style != bars[3].style != bars[4].style
    assert suspicion_bar(0.5, 4, True).plain == "##"


@pytest.mark.parametrize(
    ("query", "text", "plain", "marks"),
    [
        ("好", "大家好好嗎好", "大家好好嗎好", ["好好", "好"]),
        ("state:pending", "大家", "大家", []),
        ("終", "嗯" * 40 + "終了", "…" + "嗯" * 6 + "終了", ["終"]),
        ("/c|d/", "a\x1b[31mbc\ud800d", "abc\ufffdd", ["c", "d"]),
    ],
)
def test_what_is_looked_for_is_marked_and_in_sight(query: str, text: str, plain: str, marks: list[str]) -> None:
    cell = marked(text, LANGUAGE.parse(query), "…")
    assert str(cell) == plain
    assert [plain[span.start : span.end] for span in (cell.spans if isinstance(cell, Text) else [])] == marks


def test_the_header_says_how_far_it_is_and_what_is_shown() -> None:
    counts = {"segments": 601, "accepted": 140, "rejected": 5}
    text = progress(counts, 1_188_000, ReviewRate(41.0), True, unsaved=2)
    assert text == "145 of 601 reviewed, 456 left  2 not saved yet  19.8 min accepted  41 rows/h, 11 h 07 m to go"
    assert progress(counts, 1_188_000, ReviewRate(), False) == "145 of 601 reviewed, 456 left  19.8 min"
    assert progress({"segments": 9}, 0, ReviewRate(), False) == "0 of 9 reviewed, 9 left"
    rows = [TranscriptRow(1, 0, 10_000, "a", "a")]
    assert shown(QueryResult(rows=rows), 1, is_whole=True, plays=False).plain == "1 row, in playing order"
    some = QueryResult(View(order="suspicion"), rows=rows)
    assert (
        shown(some, 601, is_whole=False, plays=True).plain == "1+ of 601 rows, most suspicious first, plays on arrival"
    )


def test_the_pace_needs_some_rows() -> None:
    assert ReviewRate.of(2, 600).per_hour is None
    assert ReviewRate.of(10, 600).per_hour == 60


def test_what_is_said_around_a_row_is_told_also_where_that_is_nothing() -> None:
    before, after = TranscriptRow(1, 0, 10_000, "a", "a", text="好吃"), TranscriptRow(2, 8_000, 18_000, "b", "a")
    assert around(before, after, 80, False).plain == "before 好吃   after no text"
    assert around(None, None, 80, True).plain == "before -   after -"
