"""A store that is damaged, held, full or not to be written is told in words, by every command."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from core.errors import UserError
from core.store import DamagedStore, Store
from core.store import connection as store_connection
from core.store.connection import Connection, Cursor, StoreFault
from core.workspace import Workspace, create
from tests.core.cli_kit import caller
from tests.core.store_kit import PAGE, damage, fill, machine, store, text_of

__all__ = ["store"]

UNUSED_OF_CONNECTION = {
    *("blobopen", "create_aggregate", "create_collation", "create_function", "create_window_function", "deserialize"),
    *("enable_load_extension", "executescript", "getlimit", "interrupt", "iterdump", "load_extension", "serialize"),
    *("set_authorizer", "set_progress_handler", "set_trace_callback", "setlimit", "close"),
}


@pytest.fixture
def damaged(tmp_path: Path) -> Workspace:
    workspace = create(tmp_path / "w")
    with Store(workspace.db_path) as store:
        machine(store, *fill(store, 200))
    damage(workspace.db_path)
    return workspace


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["status", "--json"],
        ["videos"],
        ["segments"],
        ["transcript", "talk_0_10"],
        ["transcript", "talk_0_10", "--set", "一"],
        ["transcript", "talk_0_10", "--accept"],
        ["transcript", "talk_0_10", "--undo"],
    ],
    ids=" ".join,
)
def test_every_command_tells_of_a_damaged_store(damaged: Workspace, command: list[str], capsys) -> None:
    code, _, err = caller(capsys)(*command, "-w", damaged.root)
    assert code == 3
    assert "whispersmith.db is damaged" in err
    assert "why  database disk image is malformed" in err
    assert f"fix  whispersmith repair -w {damaged.root}" in err
    assert "Traceback" not in err


def test_a_stage_that_meets_a_damaged_store_says_so(damaged: Workspace, capsys) -> None:
    code, _, err = caller(capsys)("split", "-w", damaged.root)
    assert code == 3
    assert "whispersmith.db is damaged" in err
    assert "Traceback" not in err


def test_damage_that_is_met_while_rows_are_read_is_told(store: Store) -> None:
    machine(store, *fill(store, 2000))
    path = store.path
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    content = bytearray(path.read_bytes())
    # The pages that hold the later texts, behind those that are read first.
    for number in range(len(content) // PAGE // 2, len(content) // PAGE):
        content[number * PAGE : (number + 1) * PAGE] = b"\xa5" * PAGE
    path.write_bytes(content)
    with Store(path) as store:
        for read in (store.segments.all, store.segments.rows, lambda: store.transcripts.history("talk_8_18")):
            with pytest.raises(UserError, match="is damaged"):
                read()


def test_a_full_disk_is_told_and_loses_nothing(store: Store) -> None:
    store.transcripts.save("talk_0_10", "一")
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
    store.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UserError, match="the disk is full") as told:
        store.transcripts.save("talk_0_10", "二" * 100_000)
    assert "make room" in told.value.fix
    assert text_of(store, "talk_0_10") == ("一", "human", "accepted")
    store.connection.execute("PRAGMA max_page_count = 1000000")
    store.transcripts.save("talk_0_10", "二")


def test_a_store_that_may_not_be_written_is_told(store: Store) -> None:
    store.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(UserError, match="may not be written"):
        store.transcripts.save("talk_0_10", "一")


def test_a_store_that_somebody_holds_for_too_long_is_told(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(store_connection, "BUSY_S", 0.05)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match="held by another program"):
        store.transcripts.save("talk_0_10", "一")
    other.rollback()
    other.close()
    store.transcripts.save("talk_0_10", "一")


def test_a_fault_of_ours_is_no_error_of_sqlite(store: Store) -> None:
    with pytest.raises(StoreFault, match="no such table"):
        store.connection.execute("SELECT * FROM missing")
    with pytest.raises(StoreFault, match="FOREIGN KEY"):
        store.connection.execute("INSERT INTO captions (video, at) VALUES ('x', 1)")
    closed = store.connection
    closed.close()
    with pytest.raises(StoreFault, match="closed"):
        closed.execute("SELECT 1")


def test_every_call_that_reaches_the_file_is_explained() -> None:
    """Of SQLite's own classes nothing is left that could raise past it, but what the store does not use."""
    for ours, theirs, unused in (
        (Cursor, sqlite3.Cursor, {"executescript", "close", "setinputsizes", "setoutputsize"}),
        (Connection, sqlite3.Connection, UNUSED_OF_CONNECTION),
    ):
        calls = {name for name, call in vars(theirs).items() if callable(call) and not name.startswith("__")}
        assert calls - unused == {name for name in calls if name in vars(ours)}


def test_a_database_that_was_moved_away_from_its_wal_is_told_and_whole_once_it_is_back(
    store: Store, tmp_path: Path
) -> None:
    ids = fill(store, 5, "other")
    machine(store, *ids)  # which stands in the -wal alone, and in no journal
    store.transcripts.save(ids[0], "人寫的")
    before = {id: text_of(store, id) for id in ids}
    away = tmp_path / "away.db"
    copy = tmp_path / "copy" / store.path.name
    shutil.copytree(store.path.parent, copy.parent)
    copy.rename(away)
    with pytest.raises(DamagedStore, match="missing"):
        Store(copy)
    assert not copy.exists()
    away.rename(copy)
    with Store(copy) as back:
        assert {id: text_of(back, id) for id in ids} == before
