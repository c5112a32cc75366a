"""label: every segment gets its transcript once, from captions first; human text is never touched."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.engines import transformers
from core.errors import UserError
from core.events import Item, ItemFailed, LogLine
from core.jobs import Cancelled
from core.stages import label
from core.store import Segment, Store
from core.store.records import Captions
from core.store.transcripts import MachineText, Transcripts
from core.whisper.loading import LoadedModel
from core.workspace import Workspace
from tests.core.whisper_kit import Listened, cancel_at, make_workspace, toy


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", toy(), train=5, test=2, accepted=False)


def run(made: Workspace, **params: object) -> tuple[dict[str, object], Listened]:
    listened = Listened(made, "label", params)
    return label.run(made, made.config(), listened.job), listened


def test_labels_all_with_numbers_and_events(made: Workspace) -> None:
    result, listened = run(made)
    assert result["labelled"] == 7
    with Store(made.db_path) as store:
        segments = store.segments.all()
        assert {s.origin for s in segments} == {"machine"}
        assert {s.review for s in segments} == {"pending"}
        assert all(s.model == str(toy()) and s.avg_logprob is not None and s.avg_logprob < 0 for s in segments)
        assert all(s.suspicion is not None and 0 <= s.suspicion <= 1 for s in segments)
        assert all(s.raw for s in segments)
    assert sorted(event.id for event in listened.of(Item)) == sorted(s.id for s in segments)
    last = listened.progress[-1]
    assert (last.done, last.total) == (7, 7)


def test_goes_on_where_it_was(made: Workspace) -> None:
    run(made, ids=["train_0_10", "train_8_18"])
    result, listened = run(made)
    assert result["labelled"] == 5
    assert {"train_0_10", "train_8_18"}.isdisjoint(event.id for event in listened.of(Item))
    again, _ = run(made)
    assert again["labelled"] == 0


def test_human_text_is_never_touched(made: Workspace) -> None:
    with Store(made.db_path) as store:
        store.transcripts.save("train_0_10", "人寫的")
    run(made)
    again, _ = run(made, redo=True)
    assert again["labelled"] == 6
    run(made, redo=True, ids=["train_0_10"])
    with Store(made.db_path) as store:
        segment = store.segments.get("train_0_10")
        assert segment is not None
        assert (segment.text, segment.origin, segment.review) == ("人寫的", "human", "accepted")
        assert len(store.transcripts.history("train_0_10")) == 1
        # Written anew with the same words by the same model: nothing has changed.
        assert len(store.transcripts.history("train_8_18")) == 1


def test_a_broken_file_is_one_failed_item(made: Workspace) -> None:
    (made.root / "segments/train/train_8_18.wav").write_bytes(b"RIFF")
    result, listened = run(made)
    assert (result["labelled"], result["failed"]) == (6, 1)
    (failed,) = listened.of(ItemFailed)
    assert failed.id == "train_8_18"
    assert failed.error.fix


def test_cancel_keeps_the_batches_that_were_stored(made: Workspace) -> None:
    listened = Listened(made, "label", {})
    cancel_at(listened, Item)
    with pytest.raises(Cancelled):
        label.run(made, made.config(), listened.job)
    with Store(made.db_path) as store:
        assert store.segments.counts()["labelled"] == 4
    result, _ = run(made)
    assert result["labelled"] == 3


def test_batch_is_halved_when_memory_runs_out(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    plain = transformers.decode

    def small_card(loaded: LoadedModel, features: np.ndarray, *more: object, **named: object) -> object:
        sizes.append(len(features))
        if len(features) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(loaded, features, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(transformers, "decode", small_card)
    result, listened = run(made)
    assert result["labelled"] == 7
    assert sizes == [4, 2, 1, 1, 1, 1, 1, 1, 1]
    warned = [line.text for line in listened.of(LogLine) if line.level == "warning"]
    assert len(warned) == 2


def test_no_segments_says_what_comes_first(tmp_path: Path) -> None:
    empty = make_workspace(tmp_path / "w", toy(), train=0, test=0)
    with pytest.raises(UserError, match="no segments"):
        run(empty)


def test_missing_labeller_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", tmp_path / "nowhere", train=1, test=0, accepted=False)
    with pytest.raises(UserError) as caught:
        run(made)
    assert caught.value.fix.startswith("whispersmith model")


# -- captions first

CUES = ((0, 2000, "第一句"), (7500, 12_500, "一二三四五"), (20_000, 21_000, "[音樂]"), (26_000, 27_000, "第四句"))
"""Segments lie at 0-10, 8-18, 16-26, 24-34 and 32-42 s: the third and the last hold nothing that is spoken."""


def with_captions(made: Workspace, **more: object) -> None:
    with Store(made.db_path) as store:
        store.captions.put(Captions("train", **({"language": "zh-TW", "cues": CUES} | more)))  # type: ignore[arg-type]


def rows(made: Workspace) -> dict[str, Segment]:
    with Store(made.db_path) as store:
        return {segment.id: segment for segment in store.segments.all()}


def test_captions_come_first_and_the_labeller_writes_the_rest(made: Workspace) -> None:
    with_captions(made)
    result, listened = run(made)
    assert (result["captions"], result["cut"], result["labelled"]) == (3, 2, 4)
    found = rows(made)
    assert {id: row.origin for id, row in found.items() if row.video == "train"} == {
        "train_0_10": "caption",
        "train_8_18": "caption",
        "train_16_26": "machine",
        "train_24_34": "caption",
        "train_32_42": "machine",
    }
    first, second, fourth = (found[id] for id in ("train_0_10", "train_8_18", "train_24_34"))
    assert (first.text, first.flags) == ("第一句一二", ("cut",))
    assert (second.text, second.flags) == ("一二三四五", ("cut",))
    assert (fourth.text, fourth.flags) == ("第四句", ())
    # People wrote them for these very words; at a cut somebody should look.
    assert fourth.suspicion is not None
    assert first.suspicion is not None
    assert 0 < fourth.suspicion < 0.05 < first.suspicion < 0.5
    assert {row.review for row in found.values()} == {"pending"}
    assert first.model == "captions:zh-TW"
    progress = listened.progress
    assert (progress[-1].done, progress[-1].total) == (7, 7)
    assert sorted(event.id for event in listened.of(Item)) == sorted(found)
    again, listened = run(made)
    assert again["captions"] == 0
    # Of the other two the captions say nothing, so there is nothing to be taken from them later.
    assert not any("--redo" in line.text for line in listened.of(LogLine))


def test_without_anything_left_no_model_is_wanted(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", tmp_path / "nowhere", train=3, test=0, accepted=False)
    with_captions(made, cues=((0, 8000, "一二三四"), (8000, 27_000, "五六七八")))
    result, _ = run(made)
    assert (result["captions"], result["labelled"]) == (3, 0)
    assert {row.origin for row in rows(made).values()} == {"caption"}


def test_what_captions_say_is_kept_where_the_labeller_is_missing(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", tmp_path / "nowhere", train=3, test=0, accepted=False)
    with_captions(made)
    with pytest.raises(UserError):
        run(made)
    assert [id for id, row in rows(made).items() if row.origin == "caption"] == ["train_0_10", "train_8_18"]


def test_recognition_by_the_site_is_trusted_less(made: Workspace) -> None:
    with_captions(made)
    run(made)
    by_people = rows(made)["train_24_34"]
    with_captions(made, automatic=True)
    run(made, redo=True)
    by_machine = rows(made)["train_24_34"]
    assert (by_machine.model, by_machine.text) == ("captions:zh-TW:automatic", by_people.text)
    assert by_people.suspicion is not None
    assert by_machine.suspicion is not None
    assert 5 * by_people.suspicion < by_machine.suspicion < 0.5


def test_captions_can_be_left_out(made: Workspace) -> None:
    with_captions(made)
    assert run(made, no_captions=True)[0]["captions"] == 0
    assert {row.origin for row in rows(made).values()} == {"machine"}
    # And taken later: machine text that nobody has reviewed may be written anew.
    with Store(made.db_path) as store:
        store.transcripts.save("train_0_10", "人寫的")
        store.transcripts.review("train_8_18", "accepted")
    result, _ = run(made, redo=True, ids=["train_0_10", "train_8_18", "train_24_34"])
    assert result["captions"] == 1
    found = rows(made)
    assert (found["train_0_10"].text, found["train_0_10"].origin) == ("人寫的", "human")
    assert [found[id].origin for id in ("train_8_18", "train_24_34")] == ["machine", "caption"]
    assert run(made, redo=True, no_captions=True, ids=["train_24_34"])[0]["labelled"] == 1
    assert rows(made)["train_24_34"].origin == "machine"


def test_captions_that_came_after_the_labeller_are_told_of(made: Workspace) -> None:
    run(made)
    _, before = run(made)
    with_captions(made)
    _, after = run(made)
    told = [[line.text for line in listened.of(LogLine) if "--redo" in line.text] for listened in (before, after)]
    assert not told[0]
    assert "have text for 3 segments that a machine wrote" in told[1][0]


def test_the_settings_can_leave_captions_out(made: Workspace) -> None:
    with_captions(made)
    text = made.config_path.read_text(encoding="utf-8")
    made.config_path.write_text(text.replace("[label]", "[label]\ncaptions = false"), encoding="utf-8")
    assert run(made)[0]["captions"] == 0


def test_files_beside_the_recording(made: Workspace) -> None:
    (made.media / "train.en.srt").write_text("1\n00:00:00,000 --> 00:00:40,000\nnot this\n", encoding="utf-8")
    (made.media / "train.zh-TW.vtt").write_text("WEBVTT\n\n00:01.000 --> soon\n壞\n", encoding="utf-8")
    (made.media / "train.srt").write_bytes("1\n00:00:01,000 --> 00:00:02,000\n\x1b[2J\u202e大家好\n".encode())
    result, listened = run(made)
    assert (result["captions"], result["labelled"], result["failed"]) == (1, 6, 0)
    first = rows(made)["train_0_10"]
    assert (first.text, first.origin, first.model) == ("大家好", "caption", "captions:und")
    warned = [line.text for line in listened.of(LogLine) if line.level == "warning"]
    assert len(warned) == 1
    assert "train.zh-TW.vtt" in warned[0]


def test_what_the_site_has_comes_before_files_beside(made: Workspace) -> None:
    (made.media / "train.srt").write_text("1\n00:00:01,000 --> 00:00:09,000\n別的\n", encoding="utf-8")
    with Store(made.db_path) as store:
        store.captions.put(Captions("train", error={"what": "none", "kind": "no captions"}))
    run(made, ids=["train_0_10"])
    assert rows(made)["train_0_10"].model == "captions:und"
    with_captions(made)
    run(made, ids=["train_24_34"])
    assert rows(made)["train_24_34"].model == "captions:zh-TW"


def test_a_cancel_among_the_captions_keeps_what_is_stored(made: Workspace) -> None:
    with_captions(made)
    listened = Listened(made, "label", {})
    cancel_at(listened, Item)
    with pytest.raises(Cancelled):
        label.run(made, made.config(), listened.job)
    assert sum(row.origin is not None for row in rows(made).values()) == 3
    result, _ = run(made)
    assert (result["captions"], result["labelled"]) == (0, 4)


def test_a_recording_that_is_cut_anew_meanwhile_is_passed_over(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Transcripts.write_machine
    anew = [f"train_{start}_{start + 10}" for start in (0, 8, 16, 24, 32)]

    def cut_and_write(transcripts: Transcripts, texts: list[MachineText], **more: str) -> list[str]:
        # Between hearing a batch and writing it: the rows and their audio are gone.
        with Store(made.db_path) as other:
            other.segments.remove(anew)
        for id in anew:
            (made.segments / "train" / f"{id}.wav").unlink(missing_ok=True)
        return write(transcripts, texts, **more)

    monkeypatch.setattr(Transcripts, "write_machine", cut_and_write)
    result, listened = run(made)
    assert (result["labelled"], result["skipped"], result["failed"]) == (2, 5, 0)
    assert sorted(event.id for event in listened.of(Item)) == ["test_0_10", "test_8_18"]
