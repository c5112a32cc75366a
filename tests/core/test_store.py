from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from core.errors import UserError
from core.review.differences import Difference
from core.store import Captions, EvaluationRow, Segment, Store, Video
from core.store.connection import StoreFault
from core.store.edits import WrittenMeanwhile
from core.store.migrations import MIGRATIONS
from core.store.opening import file_system
from core.store.records import SecondReading, SeenText, Undone
from core.store.transcripts import MachineText
from tests.core.store_kit import fill, machine, store

__all__ = ["store"]


def test_durable_and_strict(store: Store) -> None:
    db = store.connection
    assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert db.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert db.execute("PRAGMA busy_timeout").fetchone()[0] >= 5000
    assert db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_store_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "whispersmith.db"
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(UserError, match="newer whispersmith"):
        Store(path)


def test_a_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    path = tmp_path / "whispersmith.db"
    path.write_bytes(b"this is not a database, it is a text" * 50)
    with pytest.raises(UserError, match="no database any more"):
        Store(path)


def test_many_open_a_new_store_at_the_same_moment(tmp_path: Path) -> None:
    wrong: list[BaseException] = []
    for number in range(30):
        together = threading.Barrier(4)
        (tmp_path / str(number)).mkdir()

        def open_it(
            path: Path = tmp_path / str(number) / "whispersmith.db", together: threading.Barrier = together
        ) -> None:
            together.wait()
            try:
                with Store(path) as store:
                    store.videos.all()
            except UserError as error:
                wrong.append(error)

        threads = [threading.Thread(target=open_it) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_store_of_the_first_version_keeps_its_rows(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "old.db")
    old.executescript(MIGRATIONS[0])
    old.execute("INSERT INTO sources (url, kind, title, added) VALUES ('https://a.example/', 'playlist', 'A', 5)")
    old.execute("INSERT INTO videos (id, source, added) VALUES ('talk', 1, 5)")
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    with Store(tmp_path / "old.db") as store:
        # Of an old list it is not said that it was stopped half-way.
        assert store.videos.sources()[0].listed == 5
        assert [(video.id, video.asked) for video in store.videos.all()] == [("talk", None)]
        assert store.captions.all() == {}


def test_the_file_system_is_known() -> None:
    assert file_system(Path("/proc")) == "proc"


def test_a_video_is_added_once(store: Store) -> None:
    assert not store.videos.add(Video(id="talk", title="another"))
    video = store.videos.get("talk")
    assert video is not None
    assert video.title == "一席話"
    store.videos.update("talk", error={"what": "w"}, captions=("zh-TW",), selected=True)
    video = store.videos.get("talk")
    assert video is not None
    assert (video.error, video.captions, video.selected) == ({"what": "w"}, ("zh-TW",), True)
    with pytest.raises(ValueError, match="no such column: nonsense"):
        store.videos.update("talk", nonsense=1)


def test_rows_of_a_list_are_added_together(store: Store) -> None:
    mine, other = (store.videos.add_source(name, "playlist") for name in ("mine", "other"))
    rows = [Video(f"v{n}", source=mine, position=n, title=f"Talk {n}", selected=n == 1) for n in range(4)]
    assert store.videos.add_many(rows[:3]) == {"v0", "v1", "v2"}
    store.videos.update("v0", title="a better title", selected=True)
    before = store.connection.execute("PRAGMA data_version").fetchone()[0]

    # The list has got a new one on top; what was known keeps all but its place.
    again = [
        Video(rows[3].id, source=mine, position=0),
        *(replace(row, position=n) for n, row in enumerate(rows[:3], 1)),
    ]
    assert store.videos.add_many([*again, Video("talk", source=mine, position=9)]) == {"v3"}
    assert store.connection.execute("PRAGMA data_version").fetchone()[0] == before
    assert [video.id for video in store.videos.all()] == ["talk", "v3", "v0", "v1", "v2"]
    first = store.videos.get("v0")
    assert first is not None
    assert (first.title, first.selected, first.position) == ("a better title", True, 1)
    # A row of another source stays in its place.
    store.videos.add_many([replace(rows[0], source=other, position=70)])
    moved = store.videos.get("v0")
    assert moved is not None
    assert (moved.source, moved.position) == (mine, 1)
    assert store.videos.add_many([]) == set()


def test_which_captions_are_here(store: Store) -> None:
    store.videos.add_many([Video("heard"), Video("mute")])
    store.captions.put(Captions("heard", "zh-TW", cues=((0, 1000, "好"),)))
    store.captions.put(Captions("mute", error={"what": "there are none"}))
    store.captions.put(Captions("talk", "zh"))
    assert store.videos.captioned() == {"heard": "zh-TW"}


def test_a_batch_is_there_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(StoreFault):
        store.videos.add_many([Video("one"), Video("two", source=12345)])
    assert store.videos.get("one") is None


def test_some_videos_in_the_order_asked_for(store: Store) -> None:
    store.videos.add_many([Video(f"v{n}", position=n, captions=("zh-TW",) * (n % 2)) for n in range(1500)])
    ids = [f"v{n}" for n in range(1499, -1, -1)]
    found = store.videos.some(["nothing", *ids, "v3"])
    assert [video.id for video in found] == [*ids, "v3"]
    assert found[0] == store.videos.get("v1499") == store.videos.all()[-1]
    assert found[0].captions == ("zh-TW",)
    assert store.videos.some([]) == []


def test_every_field_of_a_video_comes_back(store: Store) -> None:
    source = store.videos.add_source("u", "playlist")
    full = Video(
        id="full",
        source=source,
        position=3,
        url="https://example.invalid/x",
        title="題",
        channel="道",
        channel_url="https://example.invalid/c",
        duration_ms=5,
        upload_date="2024-05-06",
        licence="cc-by",
        licence_text="CC",
        captions=("zh-TW", "en:auto"),
        live_status="was_live",
        selected=True,
        state="fetched",
        path="media/full.mp4",
        bytes=7,
        error={"what": "w"},
        asked=9,
        cut={"length_ms": 10_000},
    )
    for video in (full, Video("bare")):
        store.videos.add(video)
        back = store.videos.get(video.id)
        assert back == video
        assert back is not None
        assert replace(back, title="new").title == "new"
        with pytest.raises(FrozenInstanceError):
            back.title = "x"  # type: ignore[misc]


def test_machine_text_never_replaces_a_persons(store: Store) -> None:
    machine(store, "talk_0_10", "talk_8_18", "talk_16_26")
    store.transcripts.save("talk_0_10", "人寫的")
    store.transcripts.review("talk_8_18", "accepted")
    store.transcripts.review("talk_16_26", "rejected")
    assert machine(store, "talk_0_10", "talk_8_18", "talk_16_26", "talk_24_34", text="新的") == ["talk_24_34"]
    texts = {segment.id: segment.text for segment in store.segments.all()}
    assert texts == {"talk_0_10": "人寫的", "talk_8_18": "機器寫的", "talk_16_26": "機器寫的", "talk_24_34": "新的"}


def test_import_never_replaces_a_persons(store: Store) -> None:
    machine(store, "talk_8_18")
    store.transcripts.save("talk_0_10", "人寫的")
    outcome = store.transcripts.import_human({"talk_0_10": "別的", "talk_8_18": "匯入的"})
    assert outcome == {"talk_0_10": "kept", "talk_8_18": "imported"}
    assert store.transcripts.import_human({"talk_8_18": "匯入的"}) == {"talk_8_18": "unchanged"}
    first, second = store.segments.all()[:2]
    assert (first.text, second.text, second.review) == ("人寫的", "匯入的", "accepted")


def test_saving_keeps_what_the_machine_wrote(store: Store) -> None:
    machine(store, "talk_0_10")
    store.transcripts.save("talk_0_10", "人寫的")
    segment = store.segments.get("talk_0_10")
    assert segment is not None
    assert (segment.text, segment.raw, segment.origin, segment.review) == ("人寫的", "機器寫的", "human", "accepted")
    assert (segment.flags, segment.suspicion, segment.is_human, segment.usable) == ((), 0.0, True, True)


def test_undo_goes_back_step_by_step_and_tomorrow_too(store: Store) -> None:
    machine(store, "talk_0_10")
    store.transcripts.save("talk_0_10", "一")
    store.transcripts.save("talk_0_10", "二")
    store.transcripts.review("talk_0_10", "rejected")
    path = store.path
    store.close()
    with Store(path) as later:
        seen = []
        while later.transcripts.undo("talk_0_10"):
            segment = later.segments.get("talk_0_10")
            assert segment is not None
            seen.append((segment.text, segment.origin, segment.review, segment.flags))
        assert seen == [
            ("二", "human", "accepted", ()),
            ("一", "human", "accepted", ()),
            ("機器寫的", "machine", "pending", ("loop",)),
        ]
        # One write of the labeller, three of the person, three taken back: nothing is ever removed.
        assert [edit["who"] for edit in later.transcripts.history("talk_0_10")] == ["label"] + ["person"] * 6


def test_undo_after_undo_and_a_new_edit(store: Store) -> None:
    store.transcripts.save("talk_0_10", "一")
    store.transcripts.save("talk_0_10", "二")
    store.transcripts.undo()
    store.transcripts.save("talk_0_10", "三")
    assert store.transcripts.undo() == Undone("talk_0_10")
    segment = store.segments.get("talk_0_10")
    assert segment is not None
    assert segment.text == "一"
    assert store.transcripts.undo() == Undone("talk_0_10")
    segment = store.segments.get("talk_0_10")
    assert segment is not None
    assert (segment.text, segment.origin) == ("", None)
    assert store.transcripts.undo() is None


def test_accepting_nothing_is_refused(store: Store) -> None:
    with pytest.raises(UserError, match="has no text to accept"):
        store.transcripts.review("talk_0_10", "accepted")
    store.transcripts.review("talk_0_10", "rejected")
    segment = store.segments.get("talk_0_10")
    assert segment is not None
    assert (segment.review, segment.usable) == ("rejected", False)


def test_unknown_segments_are_told(store: Store) -> None:
    with pytest.raises(UserError, match="there is no segment nothing"):
        store.transcripts.save("nothing", "x")


def test_removing_segments_spares_what_a_person_gave(store: Store) -> None:
    machine(store, "talk_0_10", "talk_8_18", "talk_16_26")
    store.transcripts.save("talk_0_10", "人寫的")
    store.transcripts.review("talk_8_18", "accepted")
    assert store.segments.remove(["talk_0_10", "talk_8_18", "talk_16_26", "talk_24_34"]) == 2
    assert [segment.id for segment in store.segments.all()] == ["talk_0_10", "talk_8_18"]


def test_narrowing(store: Store) -> None:
    machine(store, "talk_0_10")
    store.transcripts.save("talk_8_18", "人")
    store.segments.set_parts({"talk_8_18": "test", "talk_0_10": "train"})
    assert [s.id for s in store.segments.all(flag="loop")] == ["talk_0_10"]
    assert [s.id for s in store.segments.all(review="accepted")] == ["talk_8_18"]
    assert [s.id for s in store.segments.all(review="pending", part="train")] == ["talk_0_10"]
    assert store.segments.all(video="none") == []
    counts = store.segments.counts()
    assert (counts["segments"], counts["labelled"], counts["accepted"], counts["usable"]) == (4, 2, 1, 1)
    assert (counts["train"], counts["test"], counts["accepted_ms"]) == (1, 1, 10_000)


def test_light_rows_say_what_the_segment_itself_says(store: Store) -> None:
    store.videos.add_many([Video("later", title="The second"), Video("none", title="Never cut")])
    sound = {"dbfs": -60.0, "speech": 0.01, "peak": -3.0, "clipped": 0.25}
    store.segments.add([Segment("later_0_10", "later", 0, 10_000, "x.wav", **sound)])
    store.transcripts.write_machine([MachineText("later_0_10", "一二三", "一二三", "a/model", avg_logprob=-0.5)])
    store.second_readings.put([SecondReading("later_0_10", "b", "一二三", "一四三", (Difference(1, 2, "四"),))])
    *_, row = rows = store.segments.rows().rows
    segment = store.segments.get("later_0_10")
    for name in ("id", "model", "speech", "sound_flags", "avg_logprob", "origin", "review", "text"):
        assert getattr(row, name) == getattr(segment, name), name
    assert (row.sound_flags, row.differs) == (("silence", "clipped"), 1)
    assert rows[0].differs == 0
    assert (store.segments.first_rows(1), store.segments.first_rows(5)) == (rows[:4], rows)
    assert store.videos.titles() == {"talk": "一席話", "later": "The second"}
    # A reading of another text tells nothing of this one.
    store.transcripts.save("later_0_10", "一四三")
    assert store.segments.rows().rows[-1].differs == 0


def test_evaluations_come_back_with_their_rows(store: Store) -> None:
    rows = [EvaluationRow("a", "一二", "一", "一二", 1, 0, 2), EvaluationRow("b", "三", "三", "三", 0, 0, 1)]
    store.evaluations.add("run-01", {"segments": 2}, rows)
    latest = store.evaluations.latest("run-01")
    assert latest is not None
    assert latest.rows == tuple(rows)
    assert store.evaluations.latest("other") is None


def test_another_connections_write_changes_the_version(store: Store) -> None:
    before = store.version()
    with Store(store.path) as other:
        other.transcripts.save("talk_0_10", "x")
    assert store.version() != before


def test_threads_write_side_by_side(store: Store) -> None:
    def save(number: int) -> None:
        for turn in range(10):
            store.transcripts.save(f"talk_{number * 8}_{number * 8 + 10}", f"{number} {turn}")

    threads = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [segment.text for segment in store.segments.all()] == [f"{number} 9" for number in range(4)]
    assert sum(len(store.transcripts.history(segment.id)) for segment in store.segments.all()) == 40


def test_threads_that_ended_leave_no_connection_open(store: Store) -> None:
    def look() -> None:
        assert store.segments.counts()["segments"] == 4

    for _ in range(20):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    held = [os.readlink(f"/proc/self/fd/{entry}") for entry in os.listdir("/proc/self/fd") if _is_open(entry)]
    # SQLite itself closes a file late while another connection of the process has a lock on it.
    assert sum(name == str(store.path) for name in held) < 6


def _is_open(entry: str) -> bool:
    return os.path.exists(f"/proc/self/fd/{entry}")


def _save_and_die(path: Path) -> None:
    import signal

    store = Store(path)
    store.transcripts.save("talk_0_10", "寫完就斷電")
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_was_saved_survives_the_process(store: Store) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_save_and_die, args=(store.path,))
    process.start()
    process.join(30)
    segment = store.segments.get("talk_0_10")
    assert segment is not None
    assert segment.text == "寫完就斷電"


def test_a_save_or_a_verdict_is_only_on_texts_that_were_seen(store: Store):
    id = fill(store, 1)[0]
    store.transcripts.save(id, "another person's")
    with pytest.raises(WrittenMeanwhile) as raised:
        store.transcripts.save(id, "mine", seen={SeenText("what stood there before")})
    assert "another person's" in raised.value.why
    with pytest.raises(WrittenMeanwhile):
        store.transcripts.review(id, "rejected", seen={SeenText("what stood there before")})
    assert store.segments.get(id).text == "another person's"  # type: ignore[union-attr]
    # The same text from both is no quarrel, nor is one that is known.
    store.transcripts.save(id, "another person's", seen=set())
    store.transcripts.save(id, "mine", seen={SeenText("another person's", "accepted")})
    assert store.segments.get(id).text == "mine"  # type: ignore[union-attr]
