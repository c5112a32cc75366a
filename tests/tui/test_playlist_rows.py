"""The rows of the playlist screen without the screen: sums that follow each change, order, cells of any text."""

from __future__ import annotations

import random
from dataclasses import asdict, replace

import pytest
from rich.console import Console
from rich.text import Text

from core.store import Video
from tests.fakes.youtube import HOSTILE
from tui.effects import Toast
from tui.screens.playlist.downloads import Downloads
from tui.screens.playlist.rows import VideoIndex, VideoRows, columns, offered
from tui.screens.playlist.tracker import DownloadTracker
from tui.widgets import cells
from tui.widgets.columns import lay_out

YOUTUBE = "https://www.youtube.com/watch?v="


def video(number: int, **more: object) -> Video:
    values = {"source": 1, "position": number, "title": f"Talk {number}", "duration_ms": 60_000, **more}
    return Video(f"v{number:03}", **values)  # type: ignore[arg-type]


def shown(row: list[str | Text]) -> list[str]:
    return [str(cell) for cell in row]


def test_the_sums_follow_every_change() -> None:
    chance = random.Random(4)
    states = ({"state": "fetched", "bytes": 900_000}, {"state": "failed", "error": {"retry": "never"}}, {})
    book = VideoIndex()
    for _ in range(600):
        number = chance.randrange(80)
        book.put(
            video(
                number,
                url=chance.choice(["", f"{YOUTUBE}{number}"]),
                licence=chance.choice(["cc-by", "unknown", "standard"]),
                selected=chance.random() < 0.5,
                duration_ms=chance.choice([None, 1000, 60_000]),
                asked=chance.choice([None, 1]),
                **chance.choice(states),
            )
        )
        if chance.random() < 0.2:
            book.select(f"v{chance.randrange(90):03}", chance.random() < 0.5)
    assert len(book) == 80
    assert asdict(book.totals) == asdict(VideoIndex(book.all()).totals)
    assert book.totals.unasked
    assert book.totals.chosen


def test_a_length_that_nobody_tells_is_not_a_length_of_nothing() -> None:
    assert VideoIndex([video(1, duration_ms=None)]).totals.heading() == "1 video, 0 CC BY"
    assert VideoIndex([video(1, duration_ms=None), video(2)]).totals.heading() == "2 videos, 1 m, 0 CC BY"
    # Of one's own recordings nobody asks for the licence.
    assert VideoIndex([video(1, licence="own")]).totals.heading() == "1 video, 1 m"
    assert VideoIndex([video(1, licence="own"), video(2)]).totals.heading() == "2 videos, 2 m, 0 CC BY"


def test_a_row_that_arrives_takes_its_place_in_its_list() -> None:
    book = VideoIndex([video(1), video(5)])
    assert [book.put(video(3)), book.put(video(9)), book.put(video(0, source=None)), book.put(video(3))] == [
        True,
        True,
        True,
        False,
    ]
    assert book.ids == ["v000", "v001", "v003", "v005", "v009"]
    assert "v003" in book
    assert book.get("v777") is None


def test_a_filter_keeps_the_order_and_finds_rows_by_id() -> None:
    rows = VideoRows(VideoIndex([video(n) for n in range(9)]))
    rows.matched = {"v007", "v002"}
    rows.arrange()
    assert [rows.key(n) for n in range(len(rows))] == ["v002", "v007"]
    assert (rows.index_of("v007"), rows.index_of("v003")) == (1, None)
    assert [v.id for v in rows.between(1, 1)] == ["v007"]


def test_captions_show_peoples_first_and_whether_they_are_here() -> None:
    row = video(1, captions=("zh:auto", "zh-TW", "en"))
    rows = VideoRows(VideoIndex([row, video(2)]))
    cell = rows.cells(0)[5]
    assert isinstance(cell, Text)
    assert cell.plain == "zh-TW,en zh auto"
    assert [span.style for span in cell.spans] == ["dim"]
    rows.captions = {row.id: None}
    assert shown(rows.cells(0))[5] == "✓ zh-TW,en zh auto"
    rows.captions = {row.id: {"retry": "later"}}
    assert shown(rows.cells(0))[5] == "! zh-TW,en zh auto"
    rows.captions = {row.id: {"retry": "never"}}
    assert shown(rows.cells(0))[5] == "zh-TW,en zh auto"
    assert shown(rows.cells(1))[5] == "–"
    # A file that names no language.
    assert offered(video(1, captions=("und", "zh:auto"))).plain == "yes zh auto"


@pytest.mark.parametrize(
    ("status", "word"), [("is_live", "live now"), ("is_upcoming", "not yet"), ("post_live", "ended")]
)
def test_what_is_no_recording_yet_steps_back(status: str, word: str) -> None:
    rows = VideoRows(VideoIndex([video(1, live_status=status), video(2, live_status="was_live")]))
    row = rows.cells(0)
    assert all(isinstance(cell, Text) and cell.style == "dim" for cell in row[1:6])
    assert word in str(row[6])
    assert rows.cells(1)[1] == "Talk 2"
    fetched = replace(video(1, live_status=status), state="fetched", bytes=1)
    assert VideoRows(VideoIndex([fetched])).cells(0)[1] == "Talk 1"


def test_a_row_of_the_range_has_its_mark_in_reverse() -> None:
    rows = VideoRows(VideoIndex([video(n) for n in range(4)]))
    rows.range = (1, 2)
    marked = [n for n in range(4) if isinstance(mark := rows.cells(n)[0], Text) and mark.style == "reverse"]
    assert marked == [1, 2]


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("width", [40, 80, 140])
@pytest.mark.parametrize("text", [*HOSTILE.values(), "\ud800", "\u202e" * 50, "[/]" * 4000])
def test_hostile_text_keeps_every_row_at_its_width(text: str, width: int, ascii_only: bool) -> None:
    error = {"what": text, "kind": text, "retry": "later"}
    rows = VideoRows(
        VideoIndex(
            [
                video(1, title=text, captions=(text[:200], text[:100] + ":auto"), upload_date=text, licence=text),
                video(2, title=text, state="failed", error=error, live_status="is_live"),
            ]
        ),
        lambda video: ("running", text) if video.id == "v001" else None,
    )
    rows.ascii, rows.narrow = ascii_only, width < 95
    rows.range = (0, 1)
    layout = lay_out(columns(rows.narrow), width)
    for index in range(2):
        row = rows.cells(index)
        for place, size in layout:
            runs = cells.fit_pieces(cells.pieces(row[place], Console()), size)
            line = cells.strip(runs, size, cells.Style())
            assert line.cell_length == size
            assert line.text.isprintable()


def test_columns_drop_in_their_order() -> None:
    def names(width: int) -> list[str]:
        wanted = columns(width < 95)
        return [wanted[place].key for place, _ in lay_out(wanted, width)]

    assert names(100) == ["mark", "title", "length", "date", "licence", "captions", "state"]
    assert names(80) == ["mark", "title", "length", "licence", "captions", "state"]
    assert names(68) == ["mark", "title", "length", "licence", "state"]
    assert names(59) == ["mark", "title", "length", "state"]


def test_enter_says_that_everything_is_here_where_it_is() -> None:
    here, other = video(1, state="fetched"), video(2)
    told = {"Everything is here already": [here], "Select recordings": [here, other], "There is nothing yet": []}
    for said, videos in told.items():
        downloads = Downloads(VideoRows(VideoIndex(videos)), DownloadTracker(), lambda: False)
        (effect,) = downloads.get(here)
        assert isinstance(effect, Toast)
        assert effect.text.startswith(said)
