"""label hears whole recordings: windows are stored and heard once, segments get their share as windows end."""

from __future__ import annotations

import dataclasses
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.engines.windows import CUT_BY
from core.errors import UserError
from core.events import Item, ItemFailed, LogLine
from core.jobs import Cancelled
from core.labelling import recordings
from core.spans import Span, merged
from core.stages import label, segment
from core.store import Captions, Store
from core.whisper.info import ModelInfo
from core.workspace import Workspace
from tests.core.labelling_kit import Ears, cut_anew, ears, recorded_workspace, rows, run, texts, truth
from tests.core.whisper_kit import Listened, cancel_at
from tests.fakes.ear import Ear, loud_windows_of

__all__ = ["ears"]

TRAIN = [f"train_{start}_{start + 10}" for start in range(0, 40, 8)]


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    return recorded_workspace(tmp_path / "w")


def lines(listened: Listened) -> list[str]:
    return [line.text for line in listened.of(LogLine)]


def test_every_segment_gets_its_share_of_what_was_heard(made: Workspace, ears: Ears) -> None:
    result, listened = run(made)
    assert (result["labelled"], result["by"], result["failed"]) == (7, "recordings", 0)
    found = rows(made)
    assert {id: row.text for id, row in found.items()} == truth()
    assert sorted(event.id for event in listened.of(Item)) == sorted(found)
    row = found["train_0_10"]
    assert (row.origin, row.review, row.raw) == ("machine", "pending", row.text)
    assert row.avg_logprob == pytest.approx(-0.25)
    assert row.logprob == pytest.approx(-0.25 * len(row.text))
    # 42 and 18 s in windows of 4 s, none of them twice though segments overlap.
    assert len(ears.heard) == 11 + 5
    last = listened.progress[-1]
    assert (last.done, last.total, last.unit) == (60.0, 60.0, "s")
    assert "16 windows" in last.note
    assert "s of sound a second" in last.note


def test_rows_fill_in_as_windows_end(made: Workspace, ears: Ears) -> None:
    listened = Listened(made, "label", {})
    windows: list[int] = []
    emit = listened.job.emit

    def watching(event: Any) -> None:
        if isinstance(event, Item):
            windows.append(len(ears.heard))
        emit(event)

    listened.job.emit = watching  # type: ignore[method-assign]
    label.run(made, made.config(), listened.job)
    # In batches of four windows, 16 s: the first holds one whole segment, the second two more.
    assert windows == sorted(windows)
    assert windows[:5] == [4, 8, 8, 11, 11]


def test_cut_anew_the_text_is_only_dealt(made: Workspace, ears: Ears) -> None:
    run(made)
    new = cut_anew(made, "train", 7, 6)
    ears.make = None  # type: ignore[assignment]
    result, listened = run(made)
    assert (result["labelled"], result["dealt"]) == (6, 6)
    assert any("nothing was heard again" in line for line in lines(listened))
    with Store(made.db_path) as store:
        row = store.timed_texts.get("train", store.segments.all()[0].model)
        assert row is not None
        heard = "".join(window.text for window in store.timed_texts.windows(row.id))
    found = texts(made)
    assert "".join(found[id] for id in new) == heard


def test_cutting_deals_by_itself_what_was_heard_whole(made: Workspace, ears: Ears) -> None:
    params = {"ids": ["train"], "settings": {"length_s": 7.0, "overlap_s": 0.0}}
    run(made)
    with Store(made.db_path) as store:
        store.transcripts.save("train_8_18", "人寫的")
    listened = Listened(made, "segment", params)
    segment.run(made, made.config(), listened.job)
    found = rows(made)
    new = [id for id, row in found.items() if row.video == "train" and not row.is_human]
    assert len(new) > 3
    assert all(found[id].text and found[id].suspicion is not None for id in new)
    assert found["train_8_18"].text == "人寫的"
    assert any("nothing is heard again" in line for line in lines(listened))
    # What is not whole waits for `label`.
    run(made, ids=["test_0_10"], redo=True)
    with Store(made.db_path) as store, store.write() as db:
        db.execute("UPDATE timed_texts SET done = NULL WHERE video = 'test'")
    segment.run(made, made.config(), Listened(made, "segment", params | {"ids": ["test"]}).job)
    assert {row.origin for row in rows(made).values() if row.video == "test"} == {None}


def test_a_few_segments_need_a_few_windows(made: Workspace, ears: Ears) -> None:
    assert run(made, first=2)[0]["labelled"] == 2
    assert ears.heard == [0, 4000, 8000, 12_000, 16_000]
    assert run(made, ids=["test"])[0]["labelled"] == 2
    assert run(made)[0]["labelled"] == 3
    assert sorted(ears.heard) == sorted([*range(0, 42_000, 4000), *range(0, 18_000, 4000)])
    assert texts(made) == truth()
    # The recording is whole now, though it was heard in three goes.
    cut_anew(made, "train", 7, 6)
    assert run(made)[0]["dealt"] == 6


def test_a_job_that_ends_goes_on_behind_its_last_batch(made: Workspace, ears: Ears) -> None:
    listened = Listened(made, "label", {})
    cancel_at(listened, Item)
    with pytest.raises(Cancelled):
        label.run(made, made.config(), listened.job)
    assert ears.heard == [0, 4000, 8000, 12_000]
    run(made)
    assert sorted(ears.heard) == sorted([*range(0, 42_000, 4000), *range(0, 18_000, 4000)])
    assert texts(made) == truth()


def test_where_nobody_speaks_nothing_is_missing(made: Workspace, ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "windows_of", loud_windows_of)
    with wave.open(str(made.root / "train.wav")) as file:
        rate, tune = file.getframerate(), np.frombuffer(file.readframes(12 * file.getframerate()), "<i2")
    quiet = np.zeros(15 * rate, np.int16)
    with wave.open(str(made.root / "train.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        # Silence, a tune of 12 s, silence to 42 s: the segments in it are heard as well, and hold nothing.
        out.writeframes(np.concatenate([quiet, tune, quiet]).tobytes())
    assert run(made, ids=["train_0_10"])[0]["labelled"] == 1
    assert run(made, ids=["train"])[0]["labelled"] == 4
    found = texts(made)
    assert found["train_0_10"] == ""
    assert found["train_16_26"] != ""
    assert found["train_32_42"] == ""
    assert len(ears.heard) == len(set(ears.heard))
    with Store(made.db_path) as store:
        (row,) = store.timed_texts.of("train")
        assert row.done is not None
        assert list(merged(store.timed_texts.spans(row.id))) == [Span(0, 42_000)]


def test_human_text_is_never_touched(made: Workspace, ears: Ears) -> None:
    with Store(made.db_path) as store:
        store.transcripts.save("train_0_10", "人寫的")
    run(made)
    with Store(made.db_path) as store:
        store.transcripts.review("train_8_18", "accepted")
    before = rows(made)
    run(made, redo=True)
    after = rows(made)
    for id in ("train_0_10", "train_8_18"):
        assert after[id] == before[id]


def test_captions_come_first_and_spare_the_windows_they_cover(made: Workspace, ears: Ears) -> None:
    with Store(made.db_path) as store:
        store.captions.put(Captions("train", "zh-TW", cues=((0, 26_000, "一二三四五六七八九十"),)))  # type: ignore[arg-type]
    result, _ = run(made, ids=["train"])
    assert (result["captions"], result["labelled"]) == (4, 1)
    assert ears.heard == [32_000, 36_000, 40_000]
    assert [row.origin for row in rows(made).values()][:5] == ["caption"] * 4 + ["machine"]


def test_anew_with_the_same_settings_nothing_is_heard_again(
    made: Workspace, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(made)
    first = list(ears.heard)
    assert run(made, redo=True)[0]["labelled"] == 7
    assert ears.heard == first
    text = made.config_path.read_text(encoding="utf-8")
    made.config_path.write_text(text.replace("[label]", "[label]\nbeam = 1"), encoding="utf-8")
    assert run(made, redo=True)[0]["labelled"] == 7
    assert ears.heard == first * 2
    # A version that cuts its windows otherwise cannot go on with these.
    monkeypatch.setitem(CUT_BY, "full", 0.5)
    assert run(made, redo=True)[0]["labelled"] == 7
    assert ears.heard == first * 3


def test_other_settings_on_a_few_segments_lose_nothing_of_what_was_heard(
    made: Workspace, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(made)
    run(made, redo=True, ids=["train_0_10"], engine="transformers")
    run(made, redo=True, ids=["train_0_10"], engine="ctranslate2")
    assert [ear.heard for ear in ears.opened[1:]] == [[], [0, 4000, 8000]]  # auto was transformers
    assert run(made, redo=True, engine="transformers")[0]["labelled"] == 7
    assert ears.opened[-1].heard == []
    run(made, redo=True, ids=["train_0_10"], engine="ctranslate2")
    with monkeypatch.context() as patched:
        patched.setattr(ModelInfo, "clips_only", "")  # of the toy, so that what is missing is told
        assert not any("one by one" in line for line in lines(run(made)[1]))
    cut_anew(made, "train", 7, 6)
    assert run(made)[0]["dealt"] == 6


def test_a_model_that_cannot_goes_by_clips_and_says_why(made: Workspace, ears: Ears) -> None:
    def short(model: str, options: Any) -> Ear:
        ear = Ear(model, options)
        ear.info = dataclasses.replace(ear.info, clips_only="it hears 4 s at once")
        return ear

    ears.make = short
    result, listened = run(made)
    assert (result["labelled"], result["by"]) == (7, "clips")
    assert any("it hears 4 s at once" in line for line in lines(listened))
    assert texts(made) == truth()


def test_by_clips_if_asked(made: Workspace, ears: Ears) -> None:
    assert run(made, by="clips")[0]["by"] == "clips"
    assert texts(made) == truth()
    with Store(made.db_path) as store:
        assert store.timed_texts.of("train") == []


def test_what_was_labelled_one_by_one_could_be_better(
    made: Workspace, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(made, by="clips")
    # The toy hears 10 s at once, so there is nothing to say yet.
    assert not any("one by one" in line for line in lines(run(made)[1]))
    monkeypatch.setattr(ModelInfo, "clips_only", "")
    with Store(made.db_path) as store:
        store.transcripts.review("test_0_10", "accepted")
    (line,) = (line for line in lines(run(made)[1]) if "one by one" in line)
    assert line.startswith("6 segments labelled one by one")
    assert "--redo" in line
    # Also where something else was to be written, and where a part of the recording has been heard since.
    _, listened = run(made, redo=True, ids=["train_0_10", "train_8_18"])
    assert any(line.startswith("4 segments labelled one by one") for line in lines(listened))
    assert not any("one by one" in line for line in lines(run(made, redo=True, by="clips", ids=["train_0_10"])[1]))
    run(made, redo=True)
    assert not any("one by one" in line for line in lines(run(made)[1]))


def test_segments_without_their_recording_are_heard_alone(made: Workspace, ears: Ears) -> None:
    with Store(made.db_path) as store:
        store.videos.update("test", path=None)
    result, _ = run(made)
    assert (result["labelled"], result["failed"]) == (7, 0)
    assert texts(made) == truth()
    assert len(ears.heard) == 11


def test_a_recording_that_cannot_be_read_fails_alone(made: Workspace, ears: Ears) -> None:
    (made.root / "train.wav").write_bytes(b"no sound")
    result, listened = run(made)
    assert (result["labelled"], result["failed"], result["skipped"]) == (2, 1, 4)
    assert [event.id for event in listened.of(ItemFailed)] == ["train"]


def test_what_is_named_must_be_there(made: Workspace) -> None:
    with pytest.raises(UserError, match="no segment nowhere"):
        label.check_params(made, made.config(), {"ids": ["train", "nowhere"]})
    label.check_params(made, made.config(), {"ids": ["train", "test_0_10.wav"]})
