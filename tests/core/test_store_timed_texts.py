"""Timed text in the store: window by window, by source; second readings; what a person wrote is not touched."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from core.review.differences import differences
from core.spans import Span
from core.store import Store
from core.store.connection import StoreFault
from core.store.migrations import MIGRATIONS, statements
from core.store.records import SecondReading
from core.timed_text import TimedText, Word
from tests.core.store_kit import fill, machine, store

__all__ = ["store"]

SETTINGS = {"beam": 5, "engine": "ctranslate2"}


def window(start_ms: int, end_ms: int, text: str = "一二", **more: object) -> TimedText:
    words = tuple(Word(start_ms + 100 * n, start_ms + 100 * n + 90, word, -0.25 * n) for n, word in enumerate(text))
    return TimedText(start_ms, end_ms, text, -0.5, 0.125, words, **more)  # type: ignore[arg-type]


@pytest.fixture
def talk(store: Store) -> Store:
    fill(store)
    return store


def test_windows_come_back_as_they_were(talk: Store) -> None:
    row = talk.timed_texts.begin("talk", "m", SETTINGS)
    first, second = window(0, 9000), window(9000, 20_000, "", flags=("loop",))
    talk.timed_texts.add(row.id, [second])
    talk.timed_texts.add(row.id, [first])
    assert talk.timed_texts.windows(row.id) == [first, second]
    assert talk.timed_texts.windows(row.id, 9000, 9500) == [second]
    assert talk.timed_texts.windows(row.id, 0, 9000) == [first]
    assert talk.timed_texts.spans(row.id) == [Span(0, 9000), Span(9000, 20_000)]


def test_work_goes_on_with_the_same_settings_only(talk: Store) -> None:
    row = talk.timed_texts.begin("talk", "m", SETTINGS)
    talk.timed_texts.add(row.id, [window(0, 9000)])
    again = talk.timed_texts.begin("talk", "m", dict(reversed(SETTINGS.items())))
    assert (again.id, again.done) == (row.id, None)
    other = talk.timed_texts.begin("talk", "m", SETTINGS | {"beam": 1})
    assert talk.timed_texts.spans(other.id) == []
    # A worker of the old settings that still decodes changes nothing.
    talk.timed_texts.add(row.id, [window(0, 9000)])
    assert talk.timed_texts.windows(other.id) == []
    talk.timed_texts.add(other.id, [window(0, 9000)])
    assert talk.timed_texts.spans(talk.timed_texts.begin("talk", "m", SETTINGS | {"beam": 1}, anew=True).id) == []


def test_what_was_made_stays_until_other_settings_have_made_it_anew(talk: Store) -> None:
    texts = talk.timed_texts

    def begin(beam: int) -> int:
        return texts.begin("talk", "m", SETTINGS | {"beam": beam}).id

    def here() -> list[int]:
        assert [one.id for one in texts.of("talk")] == [one.id for one in texts.of_source("talk", "m")]
        assert {one.source for one in texts.of("talk")} == {"m"}
        return [one.id for one in texts.of("talk")]

    first = begin(5)
    texts.add(first, [window(0, 9000)])
    tried = begin(1)
    texts.add(tried, [window(0, 9000, "甲乙")])
    assert here() == [tried, first]
    # Whoever has only tried goes on with what was there.
    assert begin(5) == first
    assert here() == [first]
    assert texts.spans(first) == [Span(0, 9000)]
    # What is whole goes for no part.
    texts.finish(first)
    begin(2)
    third = begin(3)
    assert here() == [third, first]
    last = begin(4)
    texts.finish(last)
    assert here() == [last]
    # What lies before another sound is nobody's any more.
    begin(1)
    talk.videos.update("talk", cut={"replaced": {"texts": texts.newest(), "at": 1}})
    assert texts.of("talk") == []
    assert [row["id"] for row in talk.connection.execute("SELECT id FROM timed_texts")] != [begin(1)]
    assert talk.connection.execute("SELECT COUNT(*) FROM timed_texts").fetchone()[0] == 1


def test_sources_stand_beside_each_other(talk: Store) -> None:
    talk.timed_texts.put("talk", "rows.csv", {}, [window(0, 10_000, "甲")])
    row = talk.timed_texts.begin("talk", "m", SETTINGS)
    assert [(one.source, one.done is not None) for one in talk.timed_texts.of("talk")] == [
        ("m", False),
        ("rows.csv", True),
    ]
    talk.timed_texts.finish(row.id)
    assert all(one.done for one in talk.timed_texts.of("talk"))
    talk.timed_texts.put("talk", "rows.csv", {}, [window(8000, 18_000, "乙")])
    csv = talk.timed_texts.get("talk", "rows.csv")
    assert csv is not None
    assert [one.text for one in talk.timed_texts.windows(csv.id)] == ["乙"]


def test_words_of_a_time_are_of_the_source_that_is_asked_for_first(talk: Store) -> None:
    talk.timed_texts.put("talk", "m", SETTINGS, [window(0, 9000, "甲乙丙")])
    talk.timed_texts.put("talk", "newer", SETTINGS, [window(0, 9000, "丁戊己"), window(9000, 12_000, "庚")])
    talk.timed_texts.put("talk", "rows.csv", {}, [TimedText(0, 10_000, "沒有時間", -0.1, 0.0, ())])

    def words(start_ms: int, end_ms: int, source: str = "") -> str:
        return "".join(word.text for word in talk.timed_texts.words("talk", start_ms, end_ms, source))

    assert words(0, 10_000) == "丁戊己庚"
    assert words(0, 10_000, "m") == "甲乙丙"
    # By their middles: the second one's is at 145 ms.
    assert (words(0, 145, "m"), words(145, 146, "m")) == ("甲", "乙")
    assert words(9000, 12_000, "m") == "庚"
    assert words(15_000, 20_000) == words(0, 10_000, "m")[:0]


def test_all_of_a_batch_is_stored_or_none_of_it(talk: Store) -> None:
    row = talk.timed_texts.begin("talk", "m", SETTINGS)
    broken = TimedText(9000, 18_000, None, -0.5, 0.1, ())  # type: ignore[arg-type]
    with pytest.raises(StoreFault, match="IntegrityError"):
        talk.timed_texts.add(row.id, [window(0, 9000), broken])
    assert talk.timed_texts.spans(row.id) == []


def test_it_goes_with_its_recording(talk: Store) -> None:
    row = talk.timed_texts.begin("talk", "m", SETTINGS)
    talk.timed_texts.add(row.id, [window(0, 9000)])
    with talk.write() as db:
        db.execute("DELETE FROM videos WHERE id = 'talk'")
    assert talk.timed_texts.windows(row.id) == []


def test_second_readings_by_segment(talk: Store) -> None:
    reading = SecondReading(
        "talk_0_10", "m2", "我們吃飯", "我們今天吃麵", tuple(differences("我們吃飯", "我們今天吃麵"))
    )
    gone = SecondReading("talk_7_9", "m2", "", "", ())
    talk.second_readings.put([reading, gone])
    assert talk.second_readings.get("talk_0_10") == reading
    assert talk.second_readings.of("talk") == {"talk_0_10": reading}
    talk.segments.remove(["talk_0_10"])
    assert talk.second_readings.of("talk") == {}


def test_estimates_change_no_text_and_nothing_of_a_person(talk: Store) -> None:
    machine(talk, "talk_0_10", "talk_8_18", "talk_16_26")
    talk.transcripts.save("talk_8_18", "人寫的")
    talk.transcripts.review("talk_16_26", "accepted")
    talk.transcripts.set_estimates(dict.fromkeys(("talk_0_10", "talk_8_18", "talk_16_26"), (("slow",), 0.25)))
    found = {row.id: (row.text, row.flags, row.suspicion) for row in talk.segments.all()}
    assert found["talk_0_10"] == ("機器寫的", ("slow",), 0.25)
    assert found["talk_8_18"] == ("人寫的", (), 0.0)
    assert found["talk_16_26"] == ("機器寫的", ("loop",), 0.9)
    assert len(talk.transcripts.history("talk_0_10")) == 1


def test_a_workspace_from_before_it_opens_with_its_texts(tmp_path: Path) -> None:
    before = next(number for number, script in enumerate(MIGRATIONS) if "timed_texts" in script)
    with sqlite3.connect(tmp_path / "old.db") as db:
        for script in MIGRATIONS[:before]:
            for statement in statements(script):
                db.execute(statement)
        db.execute("INSERT INTO videos (id, added) VALUES ('talk', 5)")
        db.execute(
            "INSERT INTO segments (id, video, start_ms, end_ms, path) VALUES ('talk_0_10', 'talk', 0, 10000, 'a')"
        )
        db.execute(
            "INSERT INTO transcripts (segment, text, origin, avg_logprob, updated) "
            "VALUES ('talk_0_10', '機器寫的', 'machine', -0.5, 5)"
        )
        db.execute(f"PRAGMA user_version = {before}")
    db.close()
    with Store(tmp_path / "old.db") as store:
        segment = store.segments.get("talk_0_10")
        assert segment is not None
        assert (segment.text, segment.avg_logprob, segment.logprob) == ("機器寫的", -0.5, None)
        assert store.timed_texts.of("talk") == []
