"""Imports: names find their segments, copies count once, and a person's text is never overwritten."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import UserError
from core.files import digest_of
from core.labelling.captions import captions_sources
from core.labelling.dealing import deal, settle
from core.media import Span, read_wav
from core.stages import import_, segment
from core.store import Segment, Store, Video
from core.store.records import TextChange
from core.store.transcripts import MachineText, Transcripts
from core.workspace import Workspace
from tests.core.media_kit import (
    RATE,
    fetched,
    logged,
    make_job,
    make_mp4,
    make_workspace,
    speech_like,
    with_segments,
    write_wav,
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "ws")


def _import(workspace: Workspace, path: Path, origin: str | None = None) -> dict[str, Any]:
    params = {"path": str(path)} | ({"as": origin} if origin else {})
    result = import_.run(workspace, workspace.config(), make_job(workspace, "import", **params))
    counted = ("imported", "unchanged", "kept", "copies", "conflicts", "empty")
    assert result["rows"] == sum(result[name] for name in counted) + len(result["unmatched"])
    return result


def _csv(folder: Path, rows: dict[str, str], name: str = "human.csv") -> Path:
    path = folder / name
    path.write_text("file_name,transcription\n" + "".join(f"{key},{text}\n" for key, text in rows.items()))
    return path


def _get(workspace: Workspace, id: str) -> Segment:
    with Store(workspace.db_path) as store:
        found = store.segments.get(id)
    assert found is not None
    return found


def test_human_text_comes_in_accepted_and_twice_is_once(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 4)
    path = _csv(
        tmp_path, {"talk_0_10.wav": " 嗯", "train/talk_8_18.wav": "一, 二", "talk_16_26": "三", "talk_24_34.wav": ""}
    )
    first = _import(workspace, path)
    assert (first["rows"], first["imported"], first["empty"]) == (4, 3, 1)
    for id, text in zip(ids, ["嗯", "一, 二", "三"], strict=False):
        row = _get(workspace, id)
        assert (row.text, row.origin, row.review) == (text, "human", "accepted")
    assert _get(workspace, ids[3]).origin is None
    again = _import(workspace, path)
    assert (again["imported"], again["unchanged"]) == (0, 3)
    with Store(workspace.db_path) as store:
        assert len(store.transcripts.history(ids[0])) == 1


def test_a_persons_text_is_never_overwritten(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 4, {0: "typed here", 1: "the same"})
    with Store(workspace.db_path) as store:
        for id in ids[2:]:
            store.transcripts.write_machine([MachineText(id, "heard", "heard", "tiny")])
        store.transcripts.review(ids[2], "accepted")
    path = _csv(tmp_path, {f"{id}.wav": "other" for id in ids} | {f"{ids[1]}.wav": "the same"})
    result = _import(workspace, path)
    assert (result["imported"], result["unchanged"], result["kept"]) == (1, 1, 2)
    assert [_get(workspace, id).text for id in ids] == ["typed here", "the same", "heard", "other"]
    assert _import(workspace, path, "machine")["kept"] == 2
    assert [_get(workspace, id).text for id in ids] == ["typed here", "the same", "heard", "other"]


def test_what_a_person_changed_in_a_machines_text_is_kept(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 3)
    with Store(workspace.db_path) as store:
        store.transcripts.write_machine([MachineText(id, "heard", "heard", "tiny") for id in ids])
        store.transcripts.change_texts([TextChange(id, "heard", "mended") for id in ids[:2]], "replace")
    result = _import(workspace, _csv(tmp_path, dict(zip(ids, ("other", "mended", "other"), strict=True))))
    assert (result["imported"], result["kept_segments"]) == (2, ids[:1])
    assert [(_get(workspace, id).text, _get(workspace, id).origin) for id in ids] == [
        ("mended", "machine"),
        ("mended", "human"),
        ("other", "human"),
    ]


@pytest.mark.parametrize(("origin", "method"), [("human", "import_human"), ("machine", "write_machine")])
def test_segments_that_are_cut_anew_meanwhile_belong_nowhere(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, method: str
) -> None:
    ids = with_segments(workspace, "talk", 3)
    write = getattr(Transcripts, method)

    def cut_and_write(transcripts: Transcripts, texts: Any, *rest: Any, **more: Any) -> Any:
        with Store(workspace.db_path) as other:
            other.segments.remove(ids[:2])
        return write(transcripts, texts, *rest, **more)

    monkeypatch.setattr(Transcripts, method, cut_and_write)
    result = _import(workspace, _csv(tmp_path, {f"{id}.wav": "一" for id in ids}), origin)
    assert (result["imported"], result["unmatched"]) == (1, ids[:2])
    assert _get(workspace, ids[2]).text == "一"


def test_machine_text_is_pending_and_loops_are_flagged(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 2)
    result = _import(workspace, _csv(tmp_path, {ids[0]: "好" * 200, ids[1]: "很好吃"}), "machine")
    assert result["imported"] == 2
    loop, good = (_get(workspace, id) for id in ids)
    assert (loop.origin, loop.review, loop.flags) == ("machine", "pending", ("loop",))
    assert (good.flags, good.model) == ((), "import:human.csv")
    assert loop.suspicion is not None
    assert good.suspicion is not None
    assert 0.0 < good.suspicion < 0.2 < 0.9 < loop.suspicion
    assert _import(workspace, _csv(tmp_path, {ids[0]: "真的好"}), "human")["imported"] == 1
    assert _get(workspace, ids[0]).origin == "human"


def test_copies_are_told_and_counted_once(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 3)
    rows = {
        f"{ids[0]}_1.wav": "一",  # stands before its original
        f"{ids[0]}.wav": "一",
        f"{ids[1]}.wav": "二",
        f"{ids[1]}_2.wav": "二 in other words",
        f"{ids[2]}.wav": "",
        f"{ids[2]}_1.wav": "三",  # the original says nothing
        "other_0_10.wav": "四",
    }
    job = make_job(workspace, "import", path=str(_csv(tmp_path, rows)))
    result = import_.run(workspace, workspace.config(), job)
    assert [_get(workspace, id).text for id in ids] == ["一", "二", "三"]
    assert (result["imported"], result["copies"], result["variants"], result["empty"]) == (3, 2, 1, 1)
    assert result["unmatched"] == ["other_0_10.wav"]
    assert f"2 copies of another row, counted once: {ids[0]}_1.wav, {ids[1]}_2.wav" in logged(job)


def test_a_last_piece_named_in_whole_seconds_is_found(workspace: Workspace, tmp_path: Path) -> None:
    fetched(workspace, "talk", 19.57)
    segment.run(workspace, workspace.config(), make_job(workspace, "segment"))
    result = _import(workspace, _csv(tmp_path, {"talk_16_19.wav": "末", "talk_0_10.wav": "首", "talk_8_12.wav": "x"}))
    assert (result["imported"], result["unmatched"]) == (2, ["talk_8_12.wav"])
    # AAC rounds a length up to whole frames, and how far depends on the ffmpeg that wrote the file.
    with Store(workspace.db_path) as store:
        last = store.segments.all()[-1]
    assert last.start_ms == 16_000
    assert 19_570 <= last.end_ms < 19_700
    assert last.id == f"talk_16000ms_{last.end_ms}ms"
    assert last.text == "末"


def test_one_name_with_two_texts_is_a_conflict(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 1)
    path = tmp_path / "a.csv"
    path.write_text(f"{ids[0]}.wav,一\nx/{ids[0]}.wav,一\n{ids[0]}.wav,二\n")
    result = _import(workspace, path)
    assert (result["imported"], result["copies"], result["conflicts"]) == (1, 1, 1)
    assert _get(workspace, ids[0]).text == "一"


def test_audio_that_comes_along_is_taken_in_as_it_is(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    clips = {f"v_{n * 8}_{n * 8 + 10}.wav": f"文字 {n}" for n in range(3)}
    for number, name in enumerate(clips):
        write_wav(folder / "train" / name, speech_like(10, seed=number))
    write_wav(folder / "train" / "v_0_10_1.wav", speech_like(10))
    _csv(folder / "train", {"v_0_10_1.wav": "文字 0"} | clips, "metadata.csv")
    write_wav(folder / "test" / "greeting.wav", speech_like(3, rate=44_100), 44_100)
    write_wav(folder / "test" / "問候.wav", speech_like(2))
    _csv(folder / "test", {"greeting.wav": "hello", "問候.wav": "", "lost.wav": "x"}, "metadata.csv")

    result = _import(workspace, folder)
    assert (result["taken_in"], result["imported"], result["copies"], result["empty"]) == (5, 4, 1, 1)
    assert result["unmatched"] == ["lost.wav"]
    row = _get(workspace, "v_8_18")
    assert (row.text, row.start_ms, row.end_ms, row.review) == ("文字 1", 8000, 18_000, "accepted")
    assert row.dbfs is not None
    assert workspace.absolute(row.path).read_bytes() == (folder / "train" / "v_8_18.wav").read_bytes()
    converted, rate = read_wav(workspace.absolute(_get(workspace, "greeting_0_3").path))
    assert (rate, len(converted)) == (RATE, 3 * RATE)
    with Store(workspace.db_path) as store:
        videos = {video.id: video for video in store.videos.all()}
        assert all(row.digest == digest_of(workspace.absolute(row.path)) for row in store.segments.all())
    assert {"v", "greeting"} < set(videos)
    assert {(video.licence, video.state, video.path) for video in videos.values()} == {("own", "fetched", None)}
    assert "問候" in {video.title for video in videos.values()}

    again = _import(workspace, folder)
    assert (again["taken_in"], again["imported"], again["unchanged"], again["copies"]) == (0, 0, 4, 1)


def test_audio_that_is_no_segment_is_refused_alone(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    write_wav(folder / "long.wav", np.zeros(RATE * 31, np.int16))
    (folder / "broken.wav").write_bytes(b"nothing")
    write_wav(folder / "good.wav", speech_like(2))
    path = _csv(folder, {"long.wav": "一", "broken.wav": "二", "good.wav": "三"})
    job = make_job(workspace, "import", path=str(path))
    result = import_.run(workspace, workspace.config(), job)
    assert (result["imported"], sorted(result["unmatched"])) == (1, ["broken.wav", "long.wav"])
    assert {name for name, _ in job.failures} == {"long.wav", "broken.wav"}
    assert not list(workspace.segments.rglob("*.tmp"))


def test_captions_beside_a_video(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 3)
    path = tmp_path / "talk.zh-TW.srt"
    path.write_text(
        "1\n00:00:01,000 --> 00:00:03,000\n大家好\n\n2\n00:00:08,500 --> 00:00:09,500\n今天\n", encoding="utf-8"
    )
    result = _import(workspace, path, "machine")
    assert (result["rows"], result["imported"], result["empty"]) == (3, 2, 1)
    assert [(_get(workspace, id).text, _get(workspace, id).origin) for id in ids[:2]] == [
        ("大家好今天", "caption"),
        ("今天", "caption"),
    ]
    assert _import(workspace, path)["imported"] == 2
    assert _get(workspace, ids[0]).origin == "human"


def test_captions_are_kept_with_their_times_for_another_cut(workspace: Workspace, tmp_path: Path) -> None:
    with_segments(workspace, "talk", 3)
    path = tmp_path / "talk.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:05,000\n大家好嗎\n", encoding="utf-8")
    _import(workspace, path, "machine")
    with Store(workspace.db_path) as store:
        (row,) = store.timed_texts.of("talk")
        (source,) = captions_sources(store, "talk", {})
    assert (row.source, row.done is not None) == ("import:talk.srt", True)
    assert [share.text for share in source.shares([Span(0, 3000), Span(3000, 6000)])] == ["大家", "好嗎"]


def test_a_machines_table_of_times_is_no_captions_and_is_converted(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 3)
    settings = workspace.config_path.read_text(encoding="utf-8")
    assert 'script = "as-written"' in settings
    settings = settings.replace('script = "as-written"', 'script = "traditional-tw"')
    workspace.config_path.write_text(settings, encoding="utf-8")
    path = tmp_path / "talk.tsv"
    path.write_text("start\tend\ttext\n1000\t5000\t这里\n19000\t21000\t好吃\n", encoding="utf-8")
    _import(workspace, path, "machine")
    rows = [_get(workspace, id) for id in ids]
    assert [(row.text, row.raw, row.origin) for row in rows] == [
        ("這裡", "这里", "machine"),
        ("", "", None),
        ("好吃", "好吃", "machine"),
    ]
    assert _import(workspace, path, "machine")["unchanged"] == 2
    with Store(workspace.db_path) as store:
        (source,) = captions_sources(store, "talk", {})
        dealt = deal(store, [row for row in rows if row.origin is None], [source], str)
    assert (source.origin, dealt) == ("machine", [])  # that nobody wrote there tells nothing
    _import(workspace, path)
    with Store(workspace.db_path) as store:
        (source,) = captions_sources(store, "talk", {})
    assert source.origin == "caption"  # which here means that people have written it


def test_timed_rows_find_their_recording_by_its_file_name(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 1)
    for name in ("audio/talk.wav", "C:\\clips\\talk.mp4", "talk.zh-TW.mp4", "talk"):
        path = tmp_path / f"{len(name)}.csv"
        path.write_text(f"audio,start,end,text\n{name},0,3,一\n{name},3,5,{name[-3:]}\n", encoding="utf-8")
        assert _import(workspace, path, "machine")["rows"] == 1
        assert _get(workspace, ids[0]).text.endswith(name[-3:])


def test_of_two_captions_of_a_recording_the_first_is_taken_whole(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 1)
    for language, text in (("en", "hello"), ("zh-TW", "大家好")):
        path = tmp_path / "captions" / f"talk.{language}.srt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"1\n00:00:01,000 --> 00:00:05,000\n{text}\n", encoding="utf-8")
    assert _import(workspace, tmp_path / "captions", "machine")["conflicts"] == 1
    with Store(workspace.db_path) as store:
        (source,) = captions_sources(store, "talk", {})
    assert [piece.text for piece in source.pieces] == [_get(workspace, ids[0]).text] == ["hello"]


def test_captions_as_a_second_opinion_become_nobodys_text(workspace: Workspace, tmp_path: Path) -> None:
    ids = with_segments(workspace, "talk", 1)
    path = tmp_path / "talk.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:05,000\n大家好嗎\n", encoding="utf-8")
    _import(workspace, path, "second")
    with Store(workspace.db_path) as store:
        assert captions_sources(store, "talk", {}) == []
        store.set_note("second", {"source": "tiny"})  # another one was asked since
        assert captions_sources(store, "talk", {}) == []
        store.timed_texts.put("talk", "import:old.srt", {"kind": "cues"}, [])  # as an older version kept it
        store.set_note("second", {"source": "import:old.srt"})
        assert captions_sources(store, "talk", {}) == []
        store.set_note("second", {"source": "import:talk.srt"})
    _import(workspace, path, "machine")
    with Store(workspace.db_path) as store:
        assert "import:talk.srt" in [source.model for source in captions_sources(store, "talk", {})]
    assert _get(workspace, ids[0]).origin == "caption"


@pytest.mark.parametrize("name", ["other.csv", "talk.srt"])
def test_as_a_second_opinion_no_text_changes_and_what_differs_is_marked(
    workspace: Workspace, tmp_path: Path, name: str
) -> None:
    ids = with_segments(workspace, "talk", 4, {3: "人寫的"})
    with Store(workspace.db_path) as store:
        store.transcripts.write_machine([MachineText(id, "大家好", "大家好", "tiny") for id in ids[:2]])
    before = [_get(workspace, id).text for id in ids]
    if name == "talk.srt":
        path = tmp_path / name
        cues = (
            "00:00:01,000 --> 00:00:07,000\n大家好",
            "00:00:10,500 --> 00:00:15,000\n打架好",
            "00:00:26,000 --> 00:00:33,000\n三",
        )
        path.write_text("".join(f"{n}\n{cue}\n\n" for n, cue in enumerate(cues, 1)), encoding="utf-16")
    else:
        rows = dict(zip(ids, ("大家好", "打架好", "還沒有", "三"), strict=True)) | {"else_0_10.wav": "x"}
        path = _csv(tmp_path, rows, name)
    job = make_job(workspace, "import", path=str(path), **{"as": "second"})
    result = import_.run(workspace, workspace.config(), job)
    assert (result["compared"], result["differing"], result["kept_segments"]) == (2, 1, ids[3:])
    assert [_get(workspace, id).text for id in ids] == before
    with Store(workspace.db_path) as store:
        reading = store.second_readings.get(ids[1])
        assert reading is not None
        assert (reading.text, reading.other, reading.source) == ("大家好", "打架好", f"import:{name}")
        assert [tuple(place) for place in reading.places] == [(0, 2, "打架")]
        # What is labelled later is compared then.
        store.transcripts.write_machine([MachineText(ids[2], "還沒好", "還沒好", "tiny")])
        settle(store, "talk", str)
        assert store.second_readings.get(ids[2]) is not None
    assert name != "other.csv" or "else_0_10.wav" in import_.report(result)
    told = "UTF-16; 3 captions" if name == "talk.srt" else "UTF-8, parted by commas; names from column “file_name”"
    assert told in logged(job)


@pytest.mark.parametrize("origin", ["machine", "second"])
def test_of_a_glossary_that_cannot_be_read_is_told_before_anything_is_stored(
    workspace: Workspace, tmp_path: Path, origin: str
) -> None:
    ids = with_segments(workspace, "talk", 1)
    workspace.glossary.write_text("字" * 100, encoding="utf-8")
    path = tmp_path / "talk.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:03,000\n大家好\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 1 is no word"):
        _import(workspace, path, origin)
    assert _get(workspace, ids[0]).origin is None
    with Store(workspace.db_path) as store:
        assert (store.timed_texts.of("talk"), store.note("second")) == ([], None)


def test_what_cannot_be_imported_says_why(workspace: Workspace, tmp_path: Path) -> None:
    with_segments(workspace, "talk", 1)
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    (tmp_path / "other.srt").write_text("1\n00:00:01,000 --> 00:00:03,000\nx\n")
    (tmp_path / "folder").mkdir()
    fetched(workspace, "uncut", 2)
    (tmp_path / "uncut.srt").write_text("1\n00:00:01,000 --> 00:00:03,000\nx\n")
    for path, said in [
        (tmp_path / "none.csv", "is not there"),
        (tmp_path / "a.xlsx", "not a kind of file"),
        (tmp_path / "folder", "holds nothing that can be imported"),
        (tmp_path / "other.srt", "belongs to no video here"),
        (tmp_path / "uncut.srt", "is not cut yet"),
        (_csv(tmp_path, {"else_0_10.wav": "x"}), "none of 1 row of"),
    ]:
        with pytest.raises(UserError, match=said):
            _import(workspace, path)
    with pytest.raises(UserError, match="cannot be imported as robot"):
        _import(workspace, tmp_path, "robot")


def test_what_a_cut_recording_gets_survives_being_cut_again(workspace: Workspace, tmp_path: Path) -> None:
    fetched(workspace, "talk", 30)
    segment.run(workspace, workspace.config(), make_job(workspace, "segment"))
    _import(workspace, _csv(tmp_path, {"talk_8_18.wav": "一"}))
    segment.run(workspace, workspace.config(), make_job(workspace, "segment", settings={"length_s": 7.0}))
    assert _get(workspace, "talk_8_18").text == "一"
    assert workspace.absolute(_get(workspace, "talk_8_18").path).is_file()


def test_audio_in_a_container_is_converted(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    make_mp4(folder / "v_0_5.mp4", 5)
    assert _import(workspace, _csv(folder, {"v_0_5.mp4": "一"}))["taken_in"] == 1
    samples, rate = read_wav(workspace.absolute(_get(workspace, "v_0_5").path))
    assert rate == RATE
    assert 5 * RATE <= len(samples) < 5.1 * RATE  # AAC rounds up to whole frames


@pytest.mark.skipif(
    "WHISPERSMITH_SPEECH" not in os.environ, reason="WHISPERSMITH_SPEECH names no folder of real speech"
)
def test_the_published_reference_run_comes_in_whole(workspace: Workspace) -> None:
    """800 s of its recording, the text a person corrected, and what the machine had written."""
    speech = Path(os.environ["WHISPERSMITH_SPEECH"])
    with Store(workspace.db_path) as store:
        store.videos.add(Video("HvugeIKJ9ok", licence="cc-by", state="fetched", path="media/HvugeIKJ9ok.mp4"))
    shutil.copyfile(speech / "HvugeIKJ9ok.mp4", workspace.media / "HvugeIKJ9ok.mp4")
    cut = segment.run(workspace, workspace.config(), make_job(workspace, "segment"))
    assert cut["segments"] == 100
    assert _import(workspace, speech / "machine.csv", "machine")["imported"] == 99
    human = _import(workspace, speech / "human.csv")
    assert (human["rows"], human["imported"], human["copies"], human["unmatched"]) == (101, 99, 2, [])
    assert _import(workspace, speech / "audiofolder")["unchanged"] == 24
    with Store(workspace.db_path) as store:
        assert store.segments.counts()["accepted"] == 99
