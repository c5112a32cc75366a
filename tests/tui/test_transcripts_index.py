"""The rows of the review without a screen: what a query finds, row by row as well as all at once."""

from __future__ import annotations

import random

import pytest

from core.query.segments import language
from core.store import TranscriptRow
from tui.screens.transcripts.table.index import ORDERS, QueryResult, TranscriptIndex, View, accepted_time
from tui.screens.transcripts.table.search import FIRST, Search

LANGUAGE = language({})


def row(number: int, place: int = 1, **changes: object) -> TranscriptRow:
    made = TranscriptRow(
        place, number * 8000, number * 8000 + 10_000, f"v{place}_{number}", f"v{place}", "text", "machine"
    )
    return made._replace(**changes)


def found(view: View, rows: list[TranscriptRow], pinned: dict[str, TranscriptRow] | None = None) -> QueryResult:
    search = Search(QueryResult(view, pinned or {}), rows, None)
    search.run(lambda first: None)
    return search.result


def ids(result: QueryResult) -> list[str]:
    return [row.id for row in result.rows]


def test_rows_that_were_dealt_with_keep_their_place() -> None:
    rows = [row(number, suspicion=number / 10) for number in range(4)]
    view = View(LANGUAGE.parse("state:pending"), "suspicion")
    result = found(view, rows)
    assert ids(result) == ["v1_3", "v1_2", "v1_1", "v1_0"]
    after = rows[3]._replace(suspicion=0.0, origin="human", review="accepted")
    result.pin(rows[3])
    assert not result.change(rows[3], after)
    assert result.find(after) == 0
    # Asked for anew, it stands where it belongs.
    assert ids(found(view, [*rows[:3], after])) == ["v1_2", "v1_1", "v1_0"]
    assert ids(found(view, [*rows[:3], after], {"v1_3": rows[3]}))[0] == "v1_3"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("filter", ["", "state:pending", "state:accepted 好", "flag:any", "!flag:loop /^不/"])
def test_row_by_row_comes_to_the_same_as_all_at_once(filter: str, order: str) -> None:
    chance = random.Random(f"{filter} {order}")
    view = View(LANGUAGE.parse(filter), order)

    def some(number: int, place: int) -> TranscriptRow:
        return row(
            number,
            place,
            text=chance.choice(("好", "不好", "", "text")),
            review=chance.choice(("pending", "accepted", "rejected")),
            flags=chance.choice(((), ("loop",))),
            suspicion=chance.choice((None, 0.0, 0.5, 0.5, 1.0)),
        )

    index = TranscriptIndex(sorted(some(number, place) for place in (1, 3) for number in range(20)))
    result = found(view, index.rows)
    for _ in range(300):
        number, place = chance.randrange(25), chance.choice((1, 2, 3))
        if chance.random() < 0.3:
            gone = index.remove(f"v{place}_{number}")
            if gone is not None:
                result.change(gone, None)
        else:
            after = some(number, place)
            if chance.random() < 0.1 and (now := index.get(after.id)) is not None:
                result.pin(now)
            result.change(index.put(after), after)
        assert index.rows == sorted(index.rows)
        assert index.accepted_ms == accepted_time(index.rows)
        assert result.rows == found(view, index.rows, result.pinned).rows
        here = [(n, now) for n, r in enumerate(result.rows) for now in [index.get(r.id)] if now is not None]
        assert all(result.find(now) == n for n, now in here)


def test_seconds_that_accepted_rows_share_count_once() -> None:
    rows = [row(number, review="accepted") for number in (0, 1, 5)] + [row(2)]
    rows += [row(0, 2, review="accepted"), row(1, 2, review="accepted", end_ms=9000)]
    assert accepted_time(sorted(rows)) == 18_000 + 10_000 + 10_000


def test_what_is_found_by_the_cursor_is_seen_first() -> None:
    rows = [row(number, text="好" if number % 3 else "", suspicion=number % 7 / 7) for number in range(5000)]
    for view in (View(LANGUAGE.parse("好")), View(LANGUAGE.parse("好"), "suspicion")):
        seen: list[list[TranscriptRow]] = []
        search = Search(QueryResult(view), rows, rows[4000])
        search.run(seen.append)
        whole = found(view, rows)
        assert search.result.rows == whole.rows
        (first,) = seen
        assert FIRST <= len(first) < len(whole)
        assert first == whole.rows[(at := whole.place(rows[4000])) : at + len(first)]
    given_up = Search(QueryResult(View()), rows, None)
    given_up.give_up()
    given_up.run(seen.append)
    assert len(given_up.result) == 0


def test_neighbours_and_what_lies_where_a_segment_was() -> None:
    index = TranscriptIndex([row(0), row(1), row(2), row(0, 2)])
    before, after = index.neighbours(row(1))
    assert (before, after) == (row(0), row(2))
    assert index.neighbours(row(2)) == (row(1), None)
    assert index.neighbours(row(0, 2)) == (None, None)
    # 12 to 19 s: 6 s of it in the second segment, 3 in the third.
    gone = row(1)._replace(start_ms=12_000, end_ms=19_000, id="gone")
    assert index.lying_at(gone) == row(1)
    assert index.lying_at(gone._replace(start_ms=60_000, end_ms=70_000)) is None
    assert index.lying_at(gone._replace(place=9)) is None
