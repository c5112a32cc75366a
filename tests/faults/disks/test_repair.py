"""A database that is lost in any way is told by every command, and made anew from what lies in the workspace."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from core.checks.check import Context
from core.checks.runner import run_check
from core.checks.table import CHECKS
from core.clock import now_ms
from core.errors import UserError
from core.events import Finished, Item, ItemState, Outcome, Started
from core.jobs import spec as job_spec
from core.jobs.event_log import EventWriter
from core.jobs.spec import EVENTS
from core.recovery.repair import repair
from core.sources import sidecar
from core.store import DamagedStore, Store, Video
from core.store.journal import JOURNAL, JOURNAL_BEFORE
from core.store.migrations import MIGRATIONS
from core.workspace import Workspace, create
from tests.core.cli_kit import caller
from tests.core.store_kit import PAGE, fill, machine, text_of

COUNT = 1500
Given = dict[str, tuple[str, str | None, str]]


def given(store: Store) -> Given:
    """By segment, what people gave."""
    return {row.id: text_of(store, row.id) for row in store.segments.all() if row.is_reviewed}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Given]:
    """A workspace after some work: a machine's texts, a person's, verdicts, an undo."""
    workspace = create(tmp_path_factory.mktemp("pristine") / "w")
    with Store(workspace.db_path) as store:
        ids = fill(store, COUNT)
        machine(store, *ids)
        for number in range(0, 60, 3):
            store.transcripts.save(ids[number], f"第{number}段，人寫的")
        store.transcripts.review(ids[1], "rejected")
        store.transcripts.accept_all(ids[100:300])
        store.transcripts.save(ids[0], "打錯")
        store.transcripts.undo()
        wanted = given(store)
    for id in ids[:20]:
        (workspace.segments / "talk").mkdir(exist_ok=True)
        (workspace.segments / "talk" / f"{id}.wav").write_bytes(b"RIFF")
    return workspace, wanted


@pytest.fixture
def lived(pristine: tuple[Workspace, Given], tmp_path: Path) -> tuple[Workspace, Given]:
    shutil.copytree(pristine[0].root, tmp_path / "w")
    return Workspace(tmp_path / "w"), pristine[1]


def _remove(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut_short(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _no_head(path: Path) -> None:
    path.write_bytes(b"\xa5" * 200 + path.read_bytes()[200:])


def _no_tables(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE somebody (elses)")
    db.close()


def _some_tables_less(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE edits")
    db.close()


def _no_transcripts(path: Path) -> None:
    """What was done is still known, and what came of it is not."""
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE transcripts")
    db.close()


def _some_tables_less_of_an_older_program(path: Path) -> None:
    _some_tables_less(path)
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 1}")
    db.close()


def _a_third_of_the_pages(path: Path) -> None:
    """Of those behind the definitions and roots of the tables, which come first."""
    with sqlite3.connect(path) as db:
        roots = [int(row[0]) for row in db.execute("SELECT rootpage FROM sqlite_master")]
    db.close()
    content = bytearray(path.read_bytes())
    pages = range(max(roots) + 8, len(content) // PAGE)
    for number in random.Random(7).sample(pages, len(pages) // 3):
        content[number * PAGE : (number + 1) * PAGE] = random.Random(number).randbytes(PAGE)
    path.write_bytes(content)


LOSSES = (
    _remove,
    _empty,
    _cut_short,
    _no_head,
    _no_tables,
    _some_tables_less,
    _some_tables_less_of_an_older_program,
    _no_transcripts,
)


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__.strip("_"))
def test_what_is_lost_is_told_and_brought_back(
    lived: tuple[Workspace, Given], capsys: pytest.CaptureFixture[str], lose: Callable[[Path], None]
) -> None:
    workspace, wanted = lived
    call, path = caller(capsys), workspace.db_path
    lose(path)
    was_there = path.exists()
    for command in (["status"], ["videos"], ["segments", "--json"], ["transcript", "talk_0_10"], ["run"]):
        code, out, err = call(*command, "-w", workspace.root)
        assert (code, "whispersmith repair -w" in err, "Traceback" in err) == (3, True, False), (command, out, err)
    code, out, err = call("repair", "--json", "-w", workspace.root)
    assert code == 0, err
    told = json.loads(out)
    with Store(path) as store:
        assert given(store) == wanted
        assert told["verdicts"] == len(wanted)
        assert told["texts"] == sum(origin == "human" for _, origin, _ in wanted.values())
        assert told["segments"] == len(store.segments.all()) >= len(wanted)
        assert store.segments.counts()["accepted"] + store.segments.counts()["rejected"] == len(wanted)
        store.transcripts.save("talk_0_10", "又寫")
    # Nothing is deleted, and nothing of the old file is beside the new one.
    kept = told["kept_as"]
    assert (kept is not None) == was_there == (kept is not None and (workspace.root / kept).exists())
    assert not path.with_name(f"{path.name}-wal").exists()
    assert not list(workspace.root.glob(".repair*"))
    code, out, _ = call("repair", "-w", workspace.root)
    assert code == 0
    assert out.startswith("nothing is to be repaired")


def test_what_can_still_be_read_of_the_old_database_is_used(
    lived: tuple[Workspace, Given], capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, wanted = lived
    _a_third_of_the_pages(workspace.db_path)
    code, out, err = caller(capsys)("segments", "--json", "-w", workspace.root)
    assert (code, out, "whispersmith repair -w" in err) == (3, "", True)
    spec = next(spec for spec in CHECKS if spec.id == "database")
    found = run_check("database", Context(workspace, workspace.config()), [spec])
    assert (found.verdict, "whispersmith repair -w" in found.fix) == ("fail", True)
    for name in (JOURNAL, JOURNAL_BEFORE):
        (workspace.root / name).unlink(missing_ok=True)
    made = repair(workspace)
    with Store(workspace.db_path) as store:
        # Without a journal: most of a machine's texts, and of a person's what stood on whole pages.
        assert made.sources.database["transcripts"] > COUNT // 4
        assert made.sources.journal == 0
        found = given(store)
        assert len(found) > len(wanted) // 4
        assert found.items() <= wanted.items()
        assert not store.connection.execute("PRAGMA foreign_key_check").fetchall()
        assert store.connection.execute("PRAGMA quick_check").fetchone()[0] == "ok"


def test_transcripts_that_are_lost_come_back_from_their_edits(lived: tuple[Workspace, Given]) -> None:
    workspace, wanted = lived
    _no_transcripts(workspace.db_path)
    (workspace.root / JOURNAL).unlink()
    assert repair(workspace).sources.edits == len(wanted)
    with Store(workspace.db_path) as store:
        assert given(store) == wanted
    with sqlite3.connect(workspace.db_path) as db:
        db.execute("DELETE FROM segments WHERE id = 'talk_24_34'")  # its row is lost, too
        # Of the rows that were accepted as many: the text of one, and what came between the text and the verdict.
        db.execute("DELETE FROM edits WHERE who = 'label' AND (segment = 'talk_800_810' OR id > 200)")
    db.close()
    _no_transcripts(workspace.db_path)
    (workspace.root / JOURNAL).unlink()
    made = repair(workspace)
    texts = {id for id, (_, origin, _) in wanted.items() if origin == "human"}
    with Store(workspace.db_path) as store:
        found = given(store)
        assert {id: found.get(id) for id in texts} == {id: wanted[id] for id in texts}
        assert found["talk_8_18"] == wanted["talk_8_18"]  # rejected, by itself
        # Whether that is the text that was accepted is not certain: it is looked at again.
        assert text_of(store, "talk_808_818") == ("機器寫的", "machine", "pending")
        assert found.keys() == texts | {"talk_8_18"}
        assert made.sources.edits == len(found) + 99
        assert [row.model for row in store.segments.all() if row.id in ("talk_808_818", "talk_8000_8010")] == ["m", ""]
        assert store.transcripts.undo("talk_24_34") is not None
        assert text_of(store, "talk_24_34") != wanted["talk_24_34"]


def test_a_database_that_looks_whole_and_is_not_is_found(lived: tuple[Workspace, Given]) -> None:
    workspace, wanted = lived
    content = bytearray(workspace.db_path.read_bytes())
    content[-3 * PAGE : -2 * PAGE] = b"\xa5" * PAGE
    workspace.db_path.write_bytes(content)
    assert repair(workspace).fault == "whispersmith.db is damaged"
    with Store(workspace.db_path) as store:
        assert given(store) == wanted


def test_media_wavs_and_logs_bring_back_what_they_know(tmp_path: Path) -> None:
    workspace = create(tmp_path / "w")
    talk = Video(
        id="talk", title="一席話", channel="台", licence="cc-by", url="https://example.org/t", duration_ms=9000
    )
    sidecar.write(workspace.media, talk)
    (workspace.media / "talk.mp4").write_bytes(b"\x00" * 100)
    (workspace.media / "bare.m4a").write_bytes(b"\x00" * 100)
    (workspace.segments / "gone").mkdir()
    (workspace.segments / "gone" / "gone_0_10.wav").write_bytes(b"RIFF")
    (workspace.segments / "gone" / "other_0_10.wav").write_bytes(b"RIFF")
    folder = job_spec.create(workspace, "add", {"what": ["https://youtu.be/x"]})
    writer = EventWriter(folder / EVENTS)
    writer.emit(Started("add", 1, {}))
    writer.emit(Item("HvugeIKJ9ok", ItemState.LISTED))
    writer.emit(Item("../../etc", ItemState.LISTED))
    sources = [{"url": "https://youtube.com/playlist?list=PL1", "kind": "playlist", "title": "一單"}, {"url": 3}, None]
    writer.emit(Finished(Outcome.DONE, {"sources": sources}))
    writer.close()
    made = repair(workspace)
    with Store(workspace.db_path) as store:
        found = {video.id: video for video in store.videos.all()}
        assert set(found) == {"talk", "bare", "gone", "HvugeIKJ9ok"}
        assert (found["talk"].title, found["talk"].licence, found["talk"].path) == ("一席話", "cc-by", "media/talk.mp4")
        assert found["bare"].state == "fetched"
        assert found["HvugeIKJ9ok"].url.endswith("v=HvugeIKJ9ok")
        assert [(source.kind, source.title) for source in store.videos.sources()] == [("playlist", "一單")]
        assert [row.id for row in store.segments.all()] == ["gone_0_10"]
    assert made.counts["recordings"] == 4
    assert (made.sources.media, made.sources.segments, made.sources.logs) == (2, 1, 1)


def test_a_workspace_in_use_is_not_repaired(lived: tuple[Workspace, Given]) -> None:
    workspace, _ = lived
    with Store(workspace.db_path), pytest.raises(UserError, match="is in use"):
        repair(workspace)
    _remove(workspace.db_path)
    folder = job_spec.create(workspace, "label", {})
    (folder / EVENTS).write_bytes(b"")
    assert now_ms() - job_spec.read(folder).created < 15_000
    with pytest.raises(UserError, match="is in use") as told:
        repair(workspace)
    assert "label" in told.value.why


def test_a_store_that_is_opened_during_a_repair_says_so(
    lived: tuple[Workspace, Given], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, _ = lived
    _remove(workspace.db_path)

    def open_meanwhile(*_: object) -> None:
        with pytest.raises(UserError, match="is being repaired"):
            Store(workspace.db_path)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.recovery.repair.rebuild", open_meanwhile)
    with pytest.raises(UserError, match="could not be repaired"):
        repair(workspace)
    with pytest.raises(DamagedStore, match="is missing"):
        Store(workspace.db_path)
