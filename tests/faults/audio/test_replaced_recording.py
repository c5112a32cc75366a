"""Another recording in a recording's place: seen whatever its length, and nothing of the first is laid on its sound."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core.errors import UserError
from core.labelling.captions import captions_sources
from core.labelling.sources import heard_whole
from core.segmentation.media_file import check_same
from core.stages import segment
from core.store import Store, Video
from core.store.records import Captions
from core.timed_text import Cue, TimedText, Word
from core.workspace import Workspace
from tests.core.media_kit import logged, make_job, make_workspace, speech_like, write_wav

SAID = "第一場說的話"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A recording of 20 s as wav, cut, heard whole by the labeller, with captions of both kinds."""
    made = make_workspace(tmp_path / "ws")
    with Store(made.db_path) as store:
        store.videos.add(Video("talk", licence="own"))
        media = write_wav(made.media / "talk.wav", speech_like(20, seed=1))
        store.videos.update("talk", state="fetched", path="media/talk.wav", bytes=media.stat().st_size)
    _cut(made)
    with Store(made.db_path) as store:
        words = (Word(0, 20_000, SAID, -0.1),)
        said = [TimedText(0, 20_000, SAID, -0.1, 0.0, words)]
        store.timed_texts.put("talk", made.config().model.labeller, {}, said)
        store.captions.put(Captions("talk", "zh", False, (Cue(0, 20_000, SAID),)))
    return made


def _cut(workspace: Workspace) -> str:
    job = make_job(workspace, "segment")
    assert segment.run(workspace, workspace.config(), job)["failed"] == 0
    return logged(job)


def _replace(workspace: Workspace, seed: int) -> None:
    path = workspace.media / "talk.wav"
    size = path.stat().st_size
    write_wav(path, speech_like(20, seed=seed))
    assert path.stat().st_size == size


def _video(store: Store) -> Video:
    video = store.videos.get("talk")
    assert video is not None
    return video


def test_one_of_the_same_length_is_cut_anew_and_gets_nothing_that_was_heard_before(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store:
        check_same(workspace, _video(store))
        before = {row.id: row.digest for row in store.segments.all()}
        (kept, *_) = before
        store.transcripts.save(kept, "一個人寫的")
        _replace(workspace, 2)
        with pytest.raises(UserError, match="another recording"):
            check_same(workspace, _video(store))
        said = _cut(workspace)
        assert "another recording lies where the one was" in said
        rows = {row.id: row for row in store.segments.all()}
        assert rows[kept].text == "一個人寫的"
        assert rows[kept].digest == before[kept]
        assert all(row.digest != before.get(id) and row.origin is None for id, row in rows.items() if id != kept)
        check_same(workspace, _video(store))
        labeller = workspace.config().model.labeller
        assert heard_whole(store, "talk", labeller) is None
        assert captions_sources(store, "talk", {}) == []
        assert store.timed_texts.words("talk", 0, 20_000) == []


def test_what_is_heard_and_brought_afterwards_is_of_the_new_one(workspace: Workspace) -> None:
    labeller = workspace.config().model.labeller
    old = workspace.media / "talk.zh.srt"
    old.write_text("1\n00:00:00,000 --> 00:00:20,000\n舊的\n", encoding="utf-8")
    past = time.time() - 100
    os.utime(old, (past, past))
    _replace(workspace, 2)
    _cut(workspace)
    with Store(workspace.db_path) as store:
        warned: list[str] = []
        files = {"talk": [("zh", old)]}
        assert captions_sources(store, "talk", files, warned.append) == []
        assert "older than the recording" in warned[0]
        row = store.timed_texts.begin("talk", labeller, {})
        assert store.timed_texts.windows(row.id) == []
        store.timed_texts.add(row.id, [TimedText(0, 20_000, "新的", -0.1, 0.0, ())])
        store.timed_texts.finish(row.id)
        assert store.timed_texts.begin("talk", labeller, {}).id == row.id
        assert heard_whole(store, "talk", labeller) is not None
        later = time.time() + 100
        os.utime(old, (later, later))
        assert len(captions_sources(store, "talk", files)) == 1
        old.unlink()
    # Cut anew with other settings it stays noted, and what was heard since counts.
    segment.run(workspace, workspace.config(), make_job(workspace, "segment", settings={"length_s": 5}))
    with Store(workspace.db_path) as store:
        assert _video(store).replaced is not None
        assert set("".join(row.text for row in store.segments.all())) == set("新的")


def test_the_recording_that_was_replaced_twice_is_seen_twice(workspace: Workspace) -> None:
    for seed in (2, 1):
        _replace(workspace, seed)
        assert "another recording" in _cut(workspace)
        assert "another recording" not in _cut(workspace)


def test_what_was_cut_before_recordings_were_known_is_known_from_the_next_look_on(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store, store.write() as db:
        db.execute("UPDATE videos SET cut = json_remove(cut, '$.media')")
    assert "another recording" not in _cut(workspace)
    with Store(workspace.db_path) as store:
        assert (_video(store).cut or {})["media"]
    _replace(workspace, 2)
    assert "another recording" in _cut(workspace)
