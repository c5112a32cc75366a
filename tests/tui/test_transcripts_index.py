"""The rows of the review without a screen: what a query finds, row by row as well as all at once."""

from __future__ import annotations

import random

import pytest

from core.store import TranscriptRow
from tui.screens.transcripts.index import FILTERS, ORDERS, Query, QueryResult, TranscriptIndex


def row(number: int, place: int = 1, **changes: object) -> TranscriptRow:
    made = TranscriptRow(
        place, number * 8000, number * 8000 + 10_000, f"v{place}_{number}", f"v{place}", "text", "machine"
    )
    return made._replace(**changes)


def test_rows_that_were_dealt_with_keep_their_place() -> None:
    rows = [row(number, suspicion=number / 10) for number in range(4)]
    query = Query("pending", "suspicion")
    result = QueryResult(query, keys=query.select(rows, {}))
    assert [result.id(n) for n in range(4)] == ["v1_3", "v1_2", "v1_1", "v1_0"]
    after = rows[3]._replace(suspicion=0.0, origin="human", review="accepted")
    result.pin(rows[3])
    assert not result.change(rows[3], after)
    assert result.find(after) == 0
    # Asked for anew, it stands where it belongs.
    assert [key[-1] for key in query.select([*rows[:3], after], {})] == ["v1_2", "v1_1", "v1_0"]
    assert query.select([*rows[:3], after], {"v1_3": rows[3]})[0][-1] == "v1_3"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("filter", FILTERS)
def test_row_by_row_comes_to_the_same_as_all_at_once(filter: str, order: str) -> None:
    chance = random.Random(f"{filter} {order}")
    query = Query(filter, order, ("好",) if chance.random() < 0.5 else ())

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
    result = QueryResult(query, keys=query.select(index.rows, {}))
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
        assert result.keys == query.select(index.rows, result.pinned)
        assert all(
            result.find(index.rows[index.number(r)]) == n
            for n, key in enumerate(result.keys)
            if (r := index.get(key[-1])) is not None
        )


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
