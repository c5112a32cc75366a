"""Cutting anew: what a person gave stays, or moves by time; it is never lost, and no list mixes two cuts unsaid."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import threading
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from core.config import SegmentConfig
from core.events import Item, ItemState
from core.exchange.clip_import import import_clip
from core.labelling.dealing import settle
from core.media import probe, speech, stream_pcm
from core.segmentation import forecast, recording
from core.segmentation.settings import cutter_of
from core.segmentation.texts import Texts, move_texts
from core.spans import segment_id
from core.stages import label, segment
from core.store import Segment, Store, Video, journal
from core.store.connection import Connection
from core.store.cuts import Cuts, CutSegment, LeavingText
from core.store.migrations import MIGRATIONS
from core.store.records import TextChange
from core.store.transcripts import MachineText
from core.workspace import Workspace
from tests.core.cli_kit import caller
from tests.core.media_kit import copied, events, fetched, logged, make_job, make_workspace, speech_like, write_wav
from tests.core.store_kit import fill, text_of

TEXTS = {
    "talk_8_18": "一二三四五六七八九十",
    "talk_16_26": "八九十甲乙丙丁戊己庚",
    "talk_40_50": "子丑寅卯辰巳午未申酉",
}
"""What a person wrote; the first two say the 2 s that both hold a little differently."""


@pytest.fixture(scope="module")
def cut_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """60 s in windows of 10 s: three corrected, one of a machine accepted, one rejected, one that a machine wrote."""
    workspace = make_workspace(tmp_path_factory.mktemp("cut") / "ws")
    fetched(workspace, "talk", 60)
    segment.run(workspace, workspace.config(), make_job(workspace, "segment"))
    with Store(workspace.db_path) as store:
        for id, text in TEXTS.items():
            store.transcripts.save(id, text)
        store.transcripts.write_machine([MachineText(f"talk_{n}_{n + 10}", f"機器{n}", "", "m") for n in (0, 24, 32)])
        store.transcripts.review("talk_0_10", "accepted")
        store.transcripts.review("talk_32_42", "rejected")
    return workspace


@pytest.fixture
def workspace(cut_once: Workspace, tmp_path: Path) -> Workspace:
    return copied(cut_once, tmp_path / "ws")


WINDOWS = {"mode": "windows", "length_s": 7.0, "overlap_s": 1.0}
PAUSES = {"mode": "pauses", "shortest_s": 4.0, "longest_s": 12.0}


def cut(workspace: Workspace, settings: dict[str, object], text: Texts = "stays") -> dict[str, Any]:
    job = make_job(workspace, "segment", settings=settings, text=text)
    return segment.run(workspace, workspace.config(), job)


def rows_of(workspace: Workspace) -> dict[str, Segment]:
    with Store(workspace.db_path) as store:
        return {row.id: row for row in store.segments.all()}


def files_of(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (workspace.segments / "talk").iterdir()}


def told(row: Segment) -> tuple[str, str | None, str]:
    return row.text, row.origin, row.review


# -- what is reviewed stays


@pytest.mark.parametrize("settings", [WINDOWS, PAUSES], ids=["windows", "pauses"])
def test_what_is_reviewed_stays_and_the_rest_is_cut_around_it(
    workspace: Workspace, settings: dict[str, object]
) -> None:
    before, files = rows_of(workspace), files_of(workspace)
    job = make_job(workspace, "segment", settings=settings)
    result = segment.run(workspace, workspace.config(), job)
    rows = rows_of(workspace)
    stayed = {"talk_0_10", "talk_32_42", *TEXTS}
    for id in stayed:
        assert told(rows[id]) == told(before[id])
        assert rows[id].digest == before[id].digest
        assert files_of(workspace)[f"{id}.wav"] == files[f"{id}.wav"]
    assert {id for id, row in rows.items() if row.kept} == stayed
    assert (result["kept_human"], result["removed"]) == (5, 3)
    assert "5 reviewed segments stay as they are" in logged(job)

    new = [row for row in rows.values() if not row.kept]
    # Windows reach into what stays by their overlap, pieces that end at pauses do not.
    reach = 1000 if settings is WINDOWS else 0
    free = [(26_000, 32_000), (50_000, 60_000)]
    for row in new:
        assert any(start - reach <= row.start_ms < row.end_ms <= end + reach for start, end in free)
        assert row.origin is None
    for start, end in free:
        inside = [row for row in new if start - reach <= row.start_ms < end]
        assert inside[0].start_ms == start - reach
        assert end <= inside[-1].end_ms <= end + reach
        assert all(two.start_ms == one.end_ms - reach for one, two in pairwise(inside))
    again = make_job(workspace, "segment", settings=settings)
    assert segment.run(workspace, workspace.config(), again)["new"] == 0
    assert [item.state for item in events(again, Item)] == [ItemState.WHOLE]


def test_the_same_cut_again_mends_what_is_missing_and_keeps_nothing_as_if_it_were_old(workspace: Workspace) -> None:
    before = rows_of(workspace)
    (workspace.segments / "talk" / "talk_24_34.wav").unlink()
    assert segment.run(workspace, workspace.config(), make_job(workspace, "segment"))["new"] == 1
    assert rows_of(workspace) == before


def test_another_recording_leaves_what_was_written_for_the_first_with_its_sound(workspace: Workspace) -> None:
    change_machine_text(workspace)
    before, files = rows_of(workspace), files_of(workspace)
    other = fetched(workspace, "other", 60, seed=9)
    os.replace(other, workspace.media / "talk.mp4")
    job = make_job(workspace, "segment", ids=["talk"], text="moves")
    segment.run(workspace, workspace.config(), job)
    rows = rows_of(workspace)
    for id in (*TEXTS, "talk_48_58"):
        assert told(rows[id]) == told(before[id])
        assert files_of(workspace)[f"{id}.wav"] == files[f"{id}.wav"]
    assert files_of(workspace)["talk_24_34.wav"] != files["talk_24_34.wav"]


# -- texts move


def test_texts_move_to_where_the_new_segments_lie(workspace: Workspace) -> None:
    result = cut(workspace, WINDOWS, "moves")
    rows = rows_of(workspace)
    # A verdict on the sound is nothing to move: the rejected one stays.
    assert [id for id, row in rows.items() if row.kept] == ["talk_32_42"]
    assert result["moved"] == 4
    new = [row for row in rows.values() if not row.kept]
    with_text = [row for row in new if row.origin]
    assert all((row.origin, row.review) == ("human", "pending") for row in with_text)
    assert all("moved" in row.flags for row in with_text)
    # The 2 s that two segments held are told once, as the first of them has it.
    assert {row.id: row.text for row in with_text} == {
        "talk_0_7": "機器",
        "talk_6_13": "0一二三四",
        "talk_12_19": "四五六七八九十甲",
        "talk_18_25": "甲乙丙丁戊己",
        "talk_24_31": "己庚",
        "talk_41_48": "子丑寅卯辰巳午未",
        "talk_47_54": "未申酉",
    }
    assert {row.id for row in with_text if "partly" in row.flags} == {"talk_24_31", "talk_47_54"}
    with Store(workspace.db_path) as store:
        history = store.transcripts.history("talk_8_18")
        assert history[-1]["after"] is None
        assert history[-1]["before"]["text"] == TEXTS["talk_8_18"]
        # The labeller never overwrites it, and a person has the last word on it.
        assert store.transcripts.write_machine([MachineText("talk_12_19", "機器", "", "m")]) == []
        store.transcripts.save("talk_12_19", "人")
        undone = store.transcripts.undo()
        assert undone is not None
        assert undone.segment == "talk_12_19"
    assert rows_of(workspace)["talk_12_19"] == rows["talk_12_19"]


def test_no_word_falls_where_no_new_segment_is(workspace: Workspace) -> None:
    """At pauses nothing reaches into the rejected segment: what a neighbour says of its time goes beside it."""
    with Store(workspace.db_path) as store:
        store.transcripts.save("talk_24_34", "天地玄黃宇宙洪荒日月")
    cut(workspace, PAUSES, "moves")
    new = sorted((row for row in rows_of(workspace).values() if not row.kept), key=lambda row: row.start_ms)
    said = "".join(row.text for row in new)
    assert said == "機器0一二三四五六七八九十甲乙丙丁戊己庚天地玄黃宇宙洪荒日月子丑寅卯辰巳午未申酉"
    assert all(row.end_ms <= 32_000 for row in new if "月" in row.text)


def test_texts_that_nobody_has_touched_return_with_their_verdicts(workspace: Workspace) -> None:
    before = rows_of(workspace)
    cut(workspace, WINDOWS, "moves")
    with Store(workspace.db_path) as store:
        store.transcripts.save("talk_41_48", "改了")
    cut(workspace, {}, "moves")
    rows = rows_of(workspace)
    for id in ("talk_0_10", "talk_8_18", "talk_16_26"):
        assert told(rows[id]) == told(before[id])
    # What a person has changed meanwhile is not undone by an older text.
    assert told(rows["talk_40_50"]) == ("改了未", "human", "pending")
    assert "moved" in rows["talk_40_50"].flags
    assert rows["talk_48_58"].text == "未申酉"


def test_what_stayed_is_of_the_cut_again_when_that_comes_back(workspace: Workspace) -> None:
    before = rows_of(workspace)
    cut(workspace, WINDOWS)
    assert cut(workspace, {})["segments"] == 8
    rows = rows_of(workspace)
    assert rows.keys() == before.keys()
    assert not any(row.kept for row in rows.values())
    assert cut(workspace, {})["new"] == 0


def test_texts_that_stayed_can_move_later(workspace: Workspace) -> None:
    cut(workspace, WINDOWS)
    job = make_job(workspace, "segment", settings=WINDOWS, text="moves")
    assert segment.run(workspace, workspace.config(), job)["moved"] == 4
    rows = rows_of(workspace)
    assert [id for id, row in rows.items() if row.kept] == ["talk_32_42"]
    assert rows["talk_12_19"].text == "四五六七八九十甲"


def test_what_is_written_while_texts_move_moves_too(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    retire, tried = Cuts.retire, []

    def interrupted(cuts: Cuts, texts: list[LeavingText]) -> list[str]:
        if not tried:
            with Store(workspace.db_path) as store:
                store.transcripts.save("talk_8_18", "一二三四五改七八九十")
                store.transcripts.save("talk_18_25", "我的")
        tried.append(len(texts))
        return retire(cuts, texts)

    monkeypatch.setattr(Cuts, "retire", interrupted)
    cut(workspace, WINDOWS, "moves")
    assert tried == [4, 1]
    rows = rows_of(workspace)
    assert rows["talk_12_19"].text == "四五改七八九十甲乙"
    assert told(rows["talk_18_25"]) == ("我的", "human", "accepted")


# -- what a person has changed in a machine's text, and not accepted


def change_machine_text(workspace: Workspace) -> None:
    """A person replaces something in what a machine has heard from 48 to 58 s, and not in the text behind it."""
    texts = {"talk_48_58": "天地玄黃宇宙洪荒日月", "talk_56_60": "日月盈昃"}
    with Store(workspace.db_path) as store:
        store.transcripts.write_machine([MachineText(id, text, "", "m", -0.5) for id, text in texts.items()])
        changes = [TextChange("talk_48_58", texts["talk_48_58"], texts["talk_48_58"].replace("荒", "慌"))]
        assert store.transcripts.change_texts(changes, "replace").count == 1


def test_what_a_person_has_replaced_and_not_accepted_goes_with_every_new_cut_and_no_stage_writes_over_it(
    workspace: Workspace,
) -> None:
    change_machine_text(workspace)
    before = rows_of(workspace)
    assert cut(workspace, WINDOWS)["moved"] == 1
    rows = rows_of(workspace)
    assert "talk_48_58" not in rows
    # What is reviewed still stays, and what only a machine has written is to be labelled anew.
    assert [id for id, row in rows.items() if row.kept] == ["talk_0_10", *list(TEXTS)[:2], "talk_32_42", "talk_40_50"]
    new = {id: row for id, row in rows.items() if not row.kept}
    carried = {id: row for id, row in new.items() if row.origin}
    assert {id: told(row) for id, row in carried.items()} == {
        "talk_49_56": ("天地玄黃宇宙洪慌", "machine", "pending"),
        "talk_55_60": ("慌日月盈昃", "machine", "pending"),
    }
    assert all((row.model, "moved" in row.flags, bool(row.suspicion)) == ("m", True, True) for row in carried.values())
    with Store(workspace.db_path) as store:
        due = label.due(list(rows.values()), redo=True)
        assert {row.id for row in due} == new.keys() - carried.keys()
        texts = [MachineText(id, "機器", "", "m2") for id in new]
        assert set(store.transcripts.write_machine(texts)) == new.keys() - carried.keys()
        settle(store, "talk", lambda text: text)
        assert all("moved" in rows_of(workspace)[id].flags for id in carried)
        said = {line.segment: line.text for line in journal.read(workspace.root / journal.JOURNAL) if line}
        assert (said["talk_49_56"], said["talk_48_58"]) == ("天地玄黃宇宙洪慌", None)
    # And back: as it was, since nobody has touched it.
    cut(workspace, {})
    returned = rows_of(workspace)["talk_48_58"]
    assert (told(returned), returned.model) == (told(before["talk_48_58"]), "m")


def test_a_move_that_was_interrupted_goes_on_also_where_it_has_written_over_what_a_machine_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first segment is of both cuts; a person has changed what the second says of their common time."""
    store = Store(tmp_path / "whispersmith.db")
    first, second, *others = fill(store)
    said = {first: "一二三四五六七八九十", second: "九十甲乙丙丁戊己庚辛"}
    store.transcripts.write_machine([MachineText(id, text, "", "m") for id, text in said.items()])
    store.transcripts.change_texts([TextChange(second, said[second], "玖十甲乙丙丁戊己庚辛")], "replace")
    since = store.cuts.last_edit()
    spans = [(9000, 19_000), (18_000, 34_000)]
    new = [Segment(segment_id("talk", *span), "talk", *span, "") for span in spans]
    store.segments.add(new)
    ids = {first, *(row.id for row in new)}
    retire = Cuts.retire

    def die(cuts: Cuts, texts: list[LeavingText]) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Cuts, "retire", die)
    with pytest.raises(KeyboardInterrupt):
        move_texts(store, "talk", ids, since, "stays", replaced=False)
    wanted = {first: "一二三四五六七八九十玖", "talk_9_19": "玖十甲乙丙丁戊己庚辛", "talk_18_34": ""}
    assert {id: text_of(store, id)[0] for id in ids} == wanted
    assert text_of(store, second)[0] == "玖十甲乙丙丁戊己庚辛"
    monkeypatch.setattr(Cuts, "retire", retire)
    assert move_texts(store, "talk", ids, since, "stays", replaced=False) == [second]
    assert {id: text_of(store, id)[0] for id in ids} == wanted
    assert move_texts(store, "talk", ids, since, "stays", replaced=False) == []
    # What a cut leaves of an earlier one never has a person's change in it.
    store.transcripts.write_machine([MachineText(id, "機器", "", "m") for id in others])
    store.transcripts.change_texts([TextChange(others[0], "機器", "積器")], "replace")
    assert store.segments.remove(others) == 1
    assert store.segments.get(others[0]) is not None
    store.close()


def test_no_text_goes_where_its_words_would_fall_on_what_somebody_wrote_meanwhile(tmp_path: Path) -> None:
    with Store(tmp_path / "whispersmith.db") as store:
        store.transcripts.save((old := fill(store, 3)[1]), "一二三四五六七八九十")
        since = store.cuts.last_edit()
        spans = [(7000, 13_000), (12_000, 19_000)]
        new = [Segment(segment_id("talk", *span), "talk", *span, "") for span in spans]
        store.segments.add(new)
        ids = {row.id for row in new}
        store.transcripts.save("talk_12_19", "別的")
        assert move_texts(store, "talk", ids, since, "moves", replaced=False) == []
        assert text_of(store, old) == ("一二三四五六七八九十", "human", "accepted")
        # They change their mind, and there is room; who has seen what was put there decides on it.
        store.transcripts.undo("talk_12_19")
        store.transcripts.save("talk_7_13", "一二三四五")
        assert move_texts(store, "talk", ids, since, "moves", replaced=False) == [old]
        assert [text_of(store, row.id)[0] for row in new] == ["一二三四五", "五六七八九十"]


def test_a_text_of_which_no_new_segment_takes_a_word_stays(tmp_path: Path) -> None:
    """The new cut lies around what was rejected as it began, and in which somebody writes now."""
    with Store(tmp_path / "whispersmith.db") as store:
        _, first, second = fill(store, 3)
        store.transcripts.save(first, "一二三四")
        since = store.cuts.last_edit()
        new = [Segment(segment_id("talk", *span), "talk", *span, "") for span in ((9000, 14_000), (13_000, 17_000))]
        store.segments.add(new)
        store.transcripts.save(second, "五六七八")  # one second of it is in a new one, and said by its neighbour
        assert move_texts(store, "talk", {row.id for row in new}, since, "moves", replaced=False) == [first]
        assert text_of(store, second) == ("五六七八", "human", "accepted")


# -- killed at any moment


def run_and_die(workspace: Workspace, settings: dict[str, object], text: Texts, point: int) -> bool:
    """Cut in a process that kills itself before the nth commit or removal of a file; False if it came to its end."""
    child = os.fork()
    if child == 0:
        left = point
        commit = Connection.commit

        def pass_one() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def committing(connection: Connection) -> None:
            pass_one()
            commit(connection)

        try:
            job = make_job(workspace, "segment", settings=settings, text=text)
            Connection.commit = committing  # type: ignore[method-assign]
            sys.addaudithook(lambda event, _: pass_one() if event == "os.remove" else None)
            segment.run(workspace, workspace.config(), job)
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL
    return status != 0


def test_a_kill_at_any_moment_loses_nothing_and_the_next_run_ends_as_an_undisturbed_one(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_machine_text(workspace)
    # Loudness in place of the network, and a recording that is decoded once: both are quick, and nothing here is about
    # where the pauses are, or about ffmpeg.
    monkeypatch.setattr(speech, "detector_problem", lambda: "not here")
    media = workspace.media / "talk.mp4"
    info, blocks = probe(media), list(stream_pcm(media))
    monkeypatch.setattr(recording, "probe", lambda *_, **__: info)
    monkeypatch.setattr(recording, "stream_pcm", lambda *_, **__: iter(blocks))
    calm = copied(workspace, tmp_path / "calm")
    cut(calm, WINDOWS, "moves")
    wanted, files, before = rows_of(calm), files_of(calm), rows_of(workspace)
    point = 0
    while run_and_die(mine := copied(workspace, tmp_path / f"killed{point}"), WINDOWS, "moves", point):
        there = rows_of(mine)
        for id, row in before.items():
            if (row.is_reviewed or row.is_changed) and (id not in there or told(there[id]) != told(row)):
                heirs = [new for new in wanted.values() if new.origin and overlaps(new, row) and not new.kept]
                assert heirs
                assert all(told(there[new.id]) == told(new) for new in heirs), (point, id)
        cut(mine, WINDOWS, "moves")
        assert rows_of(mine) == wanted, point
        assert files_of(mine) == files, point
        point += 1
    assert point > 10


def overlaps(one: Segment, two: Segment) -> bool:
    return one.start_ms < two.end_ms and two.start_ms < one.end_ms


# -- workspaces of before


def test_an_old_workspace_is_whole_and_says_what_is_of_an_earlier_cut(workspace: Workspace) -> None:
    """Yesterday's program cut the whole recording beside what a person had given, and noted no count."""
    with Store(workspace.db_path) as store:
        stayed = Segment("talk_5_15", "talk", 5000, 15_000, "segments/talk/talk_5_15.wav", -20.0, 0.5)
        store.segments.add([stayed])
        store.transcripts.save("talk_5_15", "人")
        with store.write() as db:
            db.execute("UPDATE videos SET cut = json_remove(cut, '$.segments')")
    make_old(workspace.db_path)
    shutil.copy(workspace.segments / "talk" / "talk_8_18.wav", workspace.segments / "talk" / "talk_5_15.wav")
    assert [id for id, row in rows_of(workspace).items() if row.kept] == ["talk_5_15"]

    def seen() -> dict[str, object]:
        return {id: (told(row), row.kept) for id, row in rows_of(workspace).items()}

    before, files = seen(), files_of(workspace)
    job = make_job(workspace, "segment")
    assert segment.run(workspace, workspace.config(), job)["new"] == 0
    assert [item.state for item in events(job, Item)] == [ItemState.WHOLE]
    # Also where a file has to be mended: nothing is cut around what stands beside a whole cut.
    (workspace.segments / "talk" / "talk_24_34.wav").unlink()
    assert segment.run(workspace, workspace.config(), make_job(workspace, "segment"))["new"] == 1
    assert seen() == before
    assert files_of(workspace) == files


def make_old(path: Path) -> None:
    """Leave of a store what there was of it before segments were `kept`."""
    version = next(number for number, script in enumerate(MIGRATIONS) if "ADD COLUMN kept" in script)
    with closing(sqlite3.connect(":memory:")) as old, closing(sqlite3.connect(path)) as db:
        for script in MIGRATIONS[:version]:
            old.executescript(script)
        db.execute("DROP INDEX edits_in_force")  # of a later column
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns, former = ([row[1] for row in each.execute(f"PRAGMA table_info({table})")] for each in (db, old))
            if not former:
                db.execute(f"DROP TABLE {table}")
            for column in set(columns) - set(former) if former else ():
                db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()


# -- what is said before


@pytest.mark.parametrize("text", ["stays", "moves"])
@pytest.mark.parametrize("settings", [WINDOWS, PAUSES, {}, {"length_s": 10.0, "overlap_s": 5.0}], ids=str)
def test_what_is_said_before_is_what_happens(workspace: Workspace, settings: dict[str, object], text: Texts) -> None:
    change_machine_text(workspace)
    with Store(workspace.db_path) as store:
        config = workspace.config().segment.model_copy(update=settings)
        found = forecast.total(
            one.forecast(cutter_of(config), text) for one in forecast.recordings(store, store.videos.all())
        )
    before, files = rows_of(workspace), files_of(workspace)
    result = cut(workspace, settings, text)
    rows = rows_of(workspace)
    new = {id: row for id, row in rows.items() if not row.kept}
    assert found.least <= len(new) <= found.most
    if found.least == found.most:
        assert found.bytes == sum(len(files_of(workspace)[f"{id}.wav"]) for id in new)
    machine = [row for row in before.values() if row.may_be_rewritten]
    assert found.machine == sum(row.id not in rows for row in machine)
    if found.recordings:
        # A text whose segment is one of the new ones, too, is there already.
        there = sum(id in new and told(rows[id]) == told(row) for id, row in before.items() if row.is_reviewed)
        assert (found.move, found.stay) == (result["moved"] - 1 + there, result["kept_human"])
        assert found.changed == 1
    else:
        assert settings == {}
        assert (rows, files_of(workspace)) == (before, files)


def test_what_a_person_has_only_changed_is_not_called_reviewed() -> None:
    """It stays where another recording lies there than was written down."""
    video = Video("talk", duration_ms=30_000, cut={"replaced": {"texts": 0, "at": 0}})
    accepted = CutSegment("talk", 0, 10_000, True, "human", "accepted", has_text=True, is_changed=False)
    changed = CutSegment("talk", 20_000, 30_000, True, "machine", "pending", has_text=True, is_changed=True)
    cutter = cutter_of(SegmentConfig())
    for rows, told in (
        ([accepted], "1 reviewed segment stays"),
        ([changed], "1 changed segment stays"),
        ([accepted, changed], "2 reviewed or changed segments stay"),
    ):
        (said,) = forecast.Recording(video, rows).forecast(cutter).changes
        assert said.startswith(told)


def test_the_command_says_it_and_writes_nothing(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    run, before = caller(capsys), rows_of(workspace)
    code, out, _ = run("-w", workspace.root, "segment", "--length", 7, "--overlap", 1, "--dry-run")
    lines = out.splitlines()
    assert code == 0
    assert re.fullmatch(r"3 segments of 1 recording, 19 s of sound, 608 kB; .+ are free", lines[0])
    assert lines[1:] == [
        "5 reviewed segments stay as they are; 3 new ones around them",
        "1 transcript by a machine goes",
    ]
    code, out, _ = run("-w", workspace.root, "segment", "--at-pauses", "--text", "moves", "--dry-run", "--json")
    found = json.loads(out)
    assert (found["recordings"], found["move"], found["stay"], found["machine"]) == (1, 4, 1, 1)
    assert found["segments"]["least"] < found["segments"]["most"]
    assert [video["id"] for video in found["videos"]] == ["talk"]
    assert rows_of(workspace) == before
    assert list(workspace.jobs.glob("*-segment-*")) == []

    code, out, error = run("-w", workspace.root, "segment", "--at-pauses", "--longest", 5)
    assert code == 3
    assert "longest_s is not 2 s more than" in error
    code, out, error = run("-w", workspace.root, "segment", "--at-pauses", "--length", 5)
    assert code == 3
    assert "two ways to cut" in error
    cut(workspace, WINDOWS)
    stayed = ["talk_0_10", "talk_8_18", "talk_16_26", "talk_32_42", "talk_40_50"]
    code, out, _ = run("-w", workspace.root, "segments", "--json")
    assert [row["id"] for row in json.loads(out) if row["kept"]] == stayed
    code, out, _ = run("-w", workspace.root, "segments")
    assert [line.split()[0] for line in out.splitlines() if "earlier-cut" in line] == stayed


def test_a_clip_that_is_imported_into_a_cut_recording_is_none_of_the_cut(workspace: Workspace, tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "talk_3_5.wav", speech_like(2))
    with Store(workspace.db_path) as store:
        assert import_clip(workspace, store, clip, "talk_3_5", lambda: None) == "talk_3_5"
        store.transcripts.save("talk_3_5", "另外的")
    job = make_job(workspace, "segment")
    segment.run(workspace, workspace.config(), job)
    assert [item.state for item in events(job, Item)] == [ItemState.WHOLE]
    assert [id for id, row in rows_of(workspace).items() if row.kept] == ["talk_3_5"]


@pytest.mark.parametrize("text", ["stays", "moves"])
def test_what_others_write_while_a_recording_is_cut_anew_is_there_afterwards(workspace: Workspace, text: Texts) -> None:
    """An import and a labeller are at work on the earlier segments, until there are none of them left."""
    ids = ["talk_24_34", "talk_48_58", "talk_56_60"]
    written = {id: chr(0x4E00 + 100 * n) * 3 for n, id in enumerate(ids)}
    outcome: dict[str, str] = {}
    began, stop, failed = threading.Event(), threading.Event(), []

    def others() -> None:
        try:
            with Store(workspace.db_path) as store:
                while not stop.is_set():
                    store.transcripts.write_machine([MachineText(id, "機器", "", "m") for id in ids])
                    for id, written_text in written.items():
                        outcome.setdefault(id, store.transcripts.import_human({id: written_text})[id])
                        began.set()
        except Exception as error:  # noqa: BLE001  # handed over to the test
            failed.append(error)

    thread = threading.Thread(target=others)
    thread.start()
    assert began.wait(30)
    cut(workspace, WINDOWS, text)
    stop.set()
    thread.join()
    assert failed == []
    said = "".join(row.text for row in rows_of(workspace).values())
    imported = [id for id, what in outcome.items() if what == "imported"]
    assert imported
    assert all(said.count(written[id][0]) >= 3 for id in imported)
