"""The journal: each edit of a person is in it, and what only it has is taken into the database."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.store import Segment, Store, database, journal, journaling
from core.store.connection import Connection
from core.store.cuts import LeavingText, MovedText
from core.store.database import FIRST_SLICE, SMALLEST_SLICE
from core.store.journal import JOURNAL, JOURNAL_BEFORE, Journal, read
from core.store.records import TextChange
from tests.core.journal_kit import given, journal_of, killed_amid_it, only_in_the_journal, open_and_die, told
from tests.core.store_kit import fill, machine, store, text_of

__all__ = ["store"]


def copy_without_wal(store: Store, target: Path) -> Path:
    """The workspace as it lies there while it is in use, but for what SQLite has not put into its file yet."""
    shutil.copytree(store.path.parent, target)
    (target / f"{store.path.name}-wal").unlink()
    return target / store.path.name


def test_whatever_a_person_does_is_in_the_journal_when_it_is_done(store: Store) -> None:
    ids = fill(store, 12)
    machine(store, *ids[:8])
    assert told(store) == {}
    deeds = (
        lambda: store.transcripts.save(ids[0], "一"),
        lambda: store.transcripts.review(ids[1], "accepted"),
        lambda: store.transcripts.review(ids[2], "rejected"),
        lambda: store.transcripts.review(ids[9], "rejected"),
        lambda: store.transcripts.accept_all(ids[3:7]),
        lambda: store.transcripts.reject_all(ids[3:5]),
        lambda: store.transcripts.change_texts([TextChange(ids[5], "機器寫的", "改過")], "replace"),
        lambda: store.transcripts.change_texts([TextChange(ids[10], "", "新")], "type", as_human=True),
        lambda: store.transcripts.import_human({ids[7]: "匯入", ids[11]: "匯入"}),
        lambda: store.transcripts.take_back(ids[0], store.transcripts.history(ids[0])[-1]["id"]),
        lambda: store.transcripts.save(ids[0], "二"),
    )
    for deed in deeds:
        deed()
        assert told(store).items() >= given(store).items()
    for _ in deeds:
        store.transcripts.undo()
        assert told(store).items() >= given(store).items()
    assert told(store)[ids[1]] == text_of(store, ids[1])


def test_a_text_that_a_new_cut_moves_moves_in_the_journal(store: Store) -> None:
    store.transcripts.save("talk_0_10", "一二三")
    store.segments.add([Segment("talk_0_5", "talk", 0, 5000, "segments/talk/talk_0_5.wav")])
    store.cuts.offer([MovedText("talk_0_5", "一二", (), 0.5, may_return=False)], since=0)
    assert told(store)["talk_0_5"] == ("一二", "human", "pending")
    store.cuts.retire([LeavingText("talk_0_10", 0, 10_000, "一二三", untouched=False)])
    assert told(store) == {"talk_0_5": ("一二", "human", "pending")} == given(store) | told(store)


def test_many_edits_are_one_write_a_transaction_and_one_sync(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill(store, 1500)
    machine(store, *ids)
    synced: list[str] = []
    appended: list[bytes] = []
    append = Journal.append

    def appending(self: Journal, data: bytes, *, durable: bool = True) -> None:
        appended.append(data)
        append(self, data, durable=durable)

    def syncing(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(Journal, "append", appending)
    monkeypatch.setattr("os.fdatasync", syncing)
    monkeypatch.setattr("os.fsync", syncing)
    store.transcripts.accept_all(ids)
    assert sum(data.count(b"\n") for data in appended) == len(ids)
    assert len(appended) <= len(ids) // SMALLEST_SLICE
    assert synced == [str(journal_of(store))]
    store.transcripts.save(ids[0], "一")
    assert synced == [str(journal_of(store))] * 2


def test_a_deleted_wal_loses_nothing(store: Store, tmp_path: Path) -> None:
    ids = fill(store, 20, "other")
    store.transcripts.save("talk_0_10", "一")
    store.transcripts.save(ids[3], "二")
    store.transcripts.review(ids[4], "rejected")
    store.transcripts.save("talk_0_10", "三")
    with Store(copy_without_wal(store, tmp_path / "copy")) as copy:
        # Of some not even the recording had come into the file.
        assert given(copy) == given(store)
        assert copy.transcripts.undo("talk_0_10") is not None


def _save_and_die_before_the_commit(path: Path) -> None:
    with Store(path) as store:
        Connection.commit = lambda self: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign,assignment]
        store.transcripts.save("talk_0_10", "最後的話")


def test_an_edit_that_is_killed_between_journal_and_commit_is_there_afterwards(store: Store) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_save_and_die_before_the_commit, args=(store.path,))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert text_of(store, "talk_0_10")[0] == ""
    with Store(store.path):
        pass
    assert text_of(store, "talk_0_10") == ("最後的話", "human", "accepted")
    # It is one edit, and stays one.
    with Store(store.path):
        assert len(store.transcripts.history("talk_0_10")) == 1


def _import_and_die_before_a_commit(path: Path, commits: int) -> None:
    def commit(self: Connection) -> None:
        nonlocal commits
        commits -= 1
        if commits < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        of_sqlite(self)

    of_sqlite = Connection.commit
    with Store(path) as store:
        Connection.commit = commit  # type: ignore[method-assign,assignment]
        store.transcripts.import_human({row.id: "匯入的" for row in store.segments.all()}, "import texts.csv")


@pytest.mark.parametrize("commits", [0, 1], ids=["its first slice", "a later one"])
def test_an_import_that_is_killed_between_journal_and_commit_is_taken_back_as_one(store: Store, commits: int) -> None:
    fill(store, FIRST_SLICE + 50, "other")
    process = multiprocessing.get_context("spawn").Process(
        target=_import_and_die_before_a_commit, args=(store.path, commits)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    committed = len(given(store))
    with Store(store.path) as again:
        assert len(given(again)) > committed
        undone = again.transcripts.undo()
        assert undone is not None
        assert undone.count > committed
        assert given(again) == {}
        assert again.transcripts.undo() is None


def test_the_next_edit_of_whoever_is_there_takes_in_what_a_killed_process_has_left(store: Store) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_save_and_die_before_the_commit, args=(store.path,))
    process.start()
    process.join(30)
    store.transcripts.save("talk_8_18", "別的")
    assert {id: text for id, (text, *_) in given(store).items()} == {"talk_0_10": "最後的話", "talk_8_18": "別的"}
    assert told(store) == given(store)


def test_a_line_that_was_cut_short_is_passed_over_and_ends_before_the_next(store: Store) -> None:
    store.transcripts.save("talk_0_10", "一")
    whole = journal_of(store).read_bytes()
    with journal_of(store).open("ab") as file:
        file.write(whole.splitlines(keepends=True)[-1][:-20])
    store.transcripts.save("talk_8_18", "二")
    assert told(store) == given(store)
    assert [line is None for line in read(journal_of(store))] == [False, True, False]


def test_an_edit_that_could_not_be_committed_is_not_in_the_journal(store: Store) -> None:
    store.transcripts.save("talk_0_10", "一")
    before = journal_of(store).read_bytes()
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
    store.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UserError, match="the disk is full"):
        store.transcripts.save("talk_0_10", "二" * 100_000)
    assert journal_of(store).read_bytes() == before


def _no_commit(self: Connection) -> None:
    raise UserError("the disk is full")


def test_a_commit_that_fails_takes_its_lines_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.transcripts.save("talk_0_10", "一")
    before = journal_of(store).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Connection, "commit", _no_commit)
        with pytest.raises(UserError):
            store.transcripts.save("talk_0_10", "二")
    assert journal_of(store).read_bytes() == before
    store.transcripts.save("talk_8_18", "三")
    assert text_of(store, "talk_0_10")[0] == "一"


def test_a_long_journal_is_begun_anew_with_what_stands(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.transcripts.save("talk_8_18", "不變")
    store.close()
    shutil.copy(store.path, tmp_path / "older.db")
    monkeypatch.setattr(journaling, "LONG_BYTES", 5000)
    with Store(store.path) as store:
        for number in range(60):
            store.transcripts.save("talk_0_10", f"第{number}次")
        assert told(store) == given(store)
        sizes = [journal_of(store).with_name(name).stat().st_size for name in (JOURNAL, JOURNAL_BEFORE)]
        assert max(sizes) < 6000
        wanted = given(store)
    # A database from before it was begun anew gets all of it.
    shutil.copy(tmp_path / "older.db", store.path)
    with Store(store.path) as older:
        assert given(older) == wanted


def test_a_long_journal_of_what_all_stands_is_not_begun_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill(store, 300)
    machine(store, *ids)
    monkeypatch.setattr(journaling, "LONG_BYTES", 5000)
    begun: list[Path] = []
    begin = Journal.begin

    def beginning(self: Journal, lines: Any) -> Any:
        begun.append(self.path)
        return begin(self, lines)

    monkeypatch.setattr(Journal, "begin", beginning)
    store.transcripts.accept_all(ids)
    store.transcripts.save("talk_0_10", "一")
    assert journal_of(store).stat().st_size > 10 * 5000
    assert begun == []
    # Of two batches that are taken back little stands; it is shortened before one edit, never amid many.
    for _ in range(2):
        store.transcripts.accept_all(ids)
        store.transcripts.undo()
    assert begun == []
    store.transcripts.save("talk_0_10", "二")
    assert len(begun) == 1
    assert told(store) == given(store)


def _open_and_die_while_the_journal_is_begun_anew(path: Path) -> None:
    journal.write_bytes = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    Store(path)


def _older_than_its_journal(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a database in the store's place that is from before its journal was begun anew."""
    store.close()
    shutil.copy(store.path, folder / "older.db")
    monkeypatch.setattr(journaling, "LONG_BYTES", 8000)
    with Store(store.path) as later:
        later.transcripts.undo("talk_8_18")
        for number in range(60):
            later.transcripts.save("talk_0_10", f"第{number}次")
        assert later.path.with_name(JOURNAL_BEFORE).exists()
    shutil.copy(folder / "older.db", store.path)


def test_what_only_the_journal_has_survives_a_kill_while_it_is_begun_anew(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.transcripts.save("talk_8_18", "一")
    _older_than_its_journal(store, tmp_path, monkeypatch)
    work = _open_and_die_while_the_journal_is_begun_anew
    process = multiprocessing.get_context("spawn").Process(target=work, args=(store.path,))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    with Store(store.path) as later:
        assert text_of(later, "talk_0_10")[0] == "第59次"


def test_what_was_taken_back_before_the_journal_was_begun_anew_does_not_return(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.transcripts.save("talk_8_18", "一")
    _older_than_its_journal(store, tmp_path, monkeypatch)
    with Store(store.path) as later:
        assert text_of(later, "talk_8_18")[0] == ""
        assert text_of(later, "talk_0_10")[0] == "第59次"


def test_an_older_copy_of_the_database_gets_what_was_edited_since(store: Store, tmp_path: Path) -> None:
    store.transcripts.save("talk_0_10", "一")
    store.close()
    shutil.copy(store.path, tmp_path / "yesterday.db")
    with Store(store.path) as today:
        today.transcripts.save("talk_0_10", "二")
        today.transcripts.review("talk_8_18", "rejected")
        wanted = given(today)
    shutil.copy(tmp_path / "yesterday.db", store.path)
    with Store(store.path) as restored:
        assert given(restored) == wanted
        # What stood there is in its history.
        assert restored.transcripts.undo("talk_0_10") is not None
        assert text_of(restored, "talk_0_10")[0] == "一"


@pytest.mark.parametrize("clock", ["right", "at rest", "set back"])
def test_of_a_journal_that_the_database_does_not_know_the_newer_text_counts(
    store: Store, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    store.transcripts.save("talk_0_10", "一")
    if clock == "set back":
        monkeypatch.setattr("core.store.edits.now_ms", lambda: 1_000_000_000_000)
    elif clock == "at rest":
        monkeypatch.setattr("core.store.edits.now_ms", lambda: 1_900_000_000_000)
    store.transcripts.save("talk_0_10", "二")
    store.transcripts.save("talk_8_18", "舊")
    journal = journal_of(store).read_bytes()
    if clock != "set back":
        store.transcripts.save("talk_8_18", "新")
        wanted = given(store)
    else:
        # The last edit is lost, and by the clock the journal's is older than the one that is left.
        wanted = given(store)
        with store.write() as db:
            db.execute("DELETE FROM edits WHERE id = 2")
            db.execute("UPDATE transcripts SET text = '一' WHERE segment = 'talk_0_10'")
    journal_of(store).write_bytes(journal)
    store.connection.execute("UPDATE journal SET id = 'another'")
    store.close()
    with Store(store.path) as later:
        assert given(later) == wanted
        assert told(later) == wanted


@pytest.mark.parametrize("known", [True, False], ids=["the end of its journal", "a journal that it does not know"])
def test_much_that_only_the_journal_has_comes_in_between_the_edits_of_others(
    store: Store, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Killed amid it, it goes on; what was written meanwhile is later than all of it, in whatever order it comes in."""
    monkeypatch.setattr(database, "SLICE_S", 0.0)  # slices do not grow, as they would on a quick machine
    ids = sorted(fill(store, 600, "long"))  # as they are written, and come in
    machine(store, *ids)
    wanted = only_in_the_journal(store, ids, known=known)
    open_and_die(store.path, 0, monkeypatch)
    machine(store, "talk_8_18")
    store.transcripts.accept_all(["talk_8_18"])
    open_and_die(store.path, 2, monkeypatch)
    assert FIRST_SLICE <= len(given(store)) < len(wanted)
    store.transcripts.save(ids[0], "人")
    store.transcripts.save(ids[590], "人")
    machine(store, ids[585], text="又寫的")  # no person's, though the clock has it later
    there: list[int] = []

    def write_between_two_slices(_: float) -> None:
        if not there:
            store.transcripts.review(ids[580], "rejected")
            store.transcripts.review(ids[1], "pending")
        there.append(len(given(store)))

    with monkeypatch.context() as patch:
        patch.setattr("core.store.database.time.sleep", write_between_two_slices)
        Store(store.path).close()
    changed = {ids[0]: ("人", "human", "accepted"), ids[590]: ("人", "human", "accepted")}
    changed |= {ids[580]: ("機器寫的", "machine", "rejected"), "talk_8_18": ("機器寫的", "machine", "accepted")}
    last = {id: text for id, text in (wanted | changed).items() if id != ids[1]}
    assert there[0] < len(last)
    assert given(store) == last
    assert told(store).items() >= last.items()
    assert told(store).get(ids[1], ("", "", "pending"))[2] == "pending"
    with Store(store.path) as again:
        assert given(again) == last
    # The change of many that was made meanwhile has the number of the one that came in, and is another.
    with sqlite3.connect(store.path) as db:
        of_batch = db.execute("SELECT segment FROM edits WHERE batch = 1").fetchall()
    db.close()
    assert of_batch == [("talk_8_18",)]


@pytest.mark.parametrize("known", [True, False], ids=["the end of its journal", "a journal that it does not know"])
def test_what_a_killed_process_has_left_behind_much_that_is_still_to_come_in_is_later_than_that(
    store: Store, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    ids, wanted = killed_amid_it(store, monkeypatch, known=known)
    before = journal_of(store).stat().st_size
    store.transcripts.save(ids[570], "殺")
    with sqlite3.connect(store.path) as db:  # as if that had not been committed
        db.execute("UPDATE transcripts SET review = 'pending', origin = 'machine' WHERE segment = ?", (ids[570],))
        db.execute("DELETE FROM edits WHERE id = (SELECT MAX(id) FROM edits)")
        db.execute("UPDATE journal SET position = ?", (before,))
    db.close()
    store.transcripts.save(ids[0], "人")
    assert given(store) == wanted | {ids[0]: ("人", "human", "accepted"), ids[570]: ("殺", "human", "accepted")}
    assert told(store) == given(store)


def test_what_is_written_amid_it_is_later_also_where_a_power_cut_has_taken_its_line(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, wanted = killed_amid_it(store, monkeypatch, known=True)
    before = journal_of(store).stat().st_size
    store.transcripts.save(ids[0], "人")  # of which the older line is in
    store.transcripts.save(ids[590], "人")  # of which it is yet to come in
    os.truncate(journal_of(store), before)
    with Store(store.path) as again:
        assert given(again) == wanted | dict.fromkeys((ids[0], ids[590]), ("人", "human", "accepted"))
        assert told(again) == given(again)


def test_a_workspace_of_an_older_program_gets_a_journal_of_all_that_people_gave(store: Store) -> None:
    machine(store, "talk_16_26", "talk_24_34")
    store.transcripts.save("talk_0_10", "一")
    store.transcripts.change_texts([TextChange("talk_24_34", "機器寫的", "改過")], "replace")
    store.transcripts.review("talk_16_26", "accepted")
    store.close()
    journal_of(store).unlink()
    with sqlite3.connect(store.path) as db:
        db.execute("DELETE FROM journal")
    db.close()
    with Store(store.path) as later:
        assert told(later).items() > given(later).items()
        # A machine's text that a person has changed and not judged yet is their work, too.
        assert told(later)["talk_24_34"] == ("改過", "machine", "pending")
        assert len(told(later)) == 3


def test_a_journal_of_nonsense_is_kept_aside(store: Store) -> None:
    store.transcripts.save("talk_0_10", "一")
    journal_of(store).write_bytes(b"\x00\xff nonsense\n" * 100)
    store.transcripts.save("talk_8_18", "二")
    assert told(store) == given(store)
    assert b"nonsense" in journal_of(store).with_name(JOURNAL_BEFORE).read_bytes()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_in_its_place_is_told_and_hinders_no_reading(store: Store, make: Any) -> None:
    store.transcripts.save("talk_0_10", "一")
    journal_of(store).unlink()
    make(journal_of(store))
    with Store(store.path) as later:
        assert text_of(later, "talk_0_10")[0] == "一"
        with pytest.raises(UserError, match=r"edits\.jsonl"):
            later.transcripts.save("talk_0_10", "二")
        assert text_of(later, "talk_0_10")[0] == "一"


def test_a_strangers_text_is_one_harmless_line(store: Store) -> None:
    text = 'a\x1b[31m\u202egnp\u2028b\u0085"}\n{"at": \U000e0041'
    store.transcripts.save("talk_0_10", text)
    content = journal_of(store).read_text(encoding="utf-8")
    assert len(content.splitlines()) == 2
    assert content.count("\n") == 2
    assert not set(content) & set("\x1b\u202e\u2028\u0085\U000e0041")
    assert json.loads(content.splitlines()[1])["text"] == text


@pytest.mark.parametrize("recording", ["../../up", "a/b", "", "x" * 300, "長"])
def test_a_line_of_a_recording_that_cannot_be_makes_none(store: Store, recording: str) -> None:
    line = {"at": "2026-01-01T00:00:00+00:00", "who": "person", "segment": f"{recording}_0_10", "text": "一"}
    with journal_of(store).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line | {"recording": recording, "start_ms": 0, "end_ms": 10_000}) + "\n")
    with Store(store.path) as later:
        assert [video.id for video in later.videos.all()] == ["talk"]


def _save_often(path: Path, ids: list[str]) -> None:
    with Store(path) as store:
        for id in ids:
            store.transcripts.save(id, f"{os.getpid()} {id}")


def test_two_processes_write_whole_lines(store: Store) -> None:
    ids = fill(store, 40)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_save_often, args=(store.path, ids[half::2])) for half in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert None not in read(journal_of(store))
    assert told(store) == given(store)
    assert len(told(store)) == 40


def test_a_workspace_that_was_moved_goes_on_with_its_journal(store: Store, tmp_path: Path) -> None:
    store.transcripts.save("talk_0_10", "一")
    store.close()
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    shutil.move(tmp_path, moved)
    with Store(moved / store.path.name) as later:
        later.transcripts.save("talk_8_18", "二")
        assert told(later) == given(later)
    assert str(tmp_path) not in (moved / JOURNAL).read_text(encoding="utf-8")
