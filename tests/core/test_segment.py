"""Cutting: exact pieces, nothing done twice, killed and taken up again, human text kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from core.events import Item, ItemState
from core.files import digest_of, write_bytes
from core.jobs import Cancelled
from core.media import plan_spans, read_wav, segment_name
from core.media.speech import EnergyScorer, listen
from core.media.windows import OverlappingWindows
from core.segmentation import writer
from core.stages import segment
from core.store import Segment, Store, Video
from core.workspace import Workspace
from tests.core.media_kit import (
    RATE,
    events,
    fetched,
    ffmpeg,
    logged,
    make_job,
    make_workspace,
    opened_wavs,
    speech_like,
    wait_until,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "ws")


def _run(workspace: Workspace, **params: object) -> dict[str, object]:
    return segment.run(workspace, workspace.config(), make_job(workspace, "segment", **params))


def _rows(workspace: Workspace) -> list[Segment]:
    with Store(workspace.db_path) as store:
        return store.segments.all()


def _stamps(workspace: Workspace) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in workspace.segments.rglob("*.wav")}


def test_a_recording_becomes_overlapping_wavs(workspace: Workspace) -> None:
    fetched(workspace, "talk", 30)
    job = make_job(workspace, "segment")
    result = segment.run(workspace, workspace.config(), job)
    assert (result["segments"], result["new"], result["failed"]) == (4, 4, 0)
    rows = _rows(workspace)
    assert [row.id for row in rows] == ["talk_0_10", "talk_8_18", "talk_16_26", "talk_24_30"]
    for row in rows:
        with wave.open(str(workspace.absolute(row.path))) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
            assert file.getnframes() == (row.end_ms - row.start_ms) * 16
        assert row.dbfs == pytest.approx(-18.7, abs=1)
        assert row.speech == 0  # tones, however loud
        assert row.digest == digest_of(workspace.absolute(row.path))
    first, second = (read_wav(workspace.absolute(row.path))[0] for row in rows[:2])
    assert np.array_equal(first[8 * RATE :], second[: 2 * RATE])
    assert np.corrcoef(first, speech_like(30)[: 10 * RATE])[0, 1] > 0.95
    with Store(workspace.db_path) as store:
        video = store.videos.get("talk")
    assert video is not None
    assert video.cut is not None
    assert (video.cut["length_ms"], video.cut["overlap_ms"], video.duration_ms) == (10_000, 2_000, 30_000)
    assert job.status.progress is not None
    assert job.status.progress.done == 30
    assert [item.state for item in events(job, Item)] == [ItemState.CUT]


@pytest.mark.parametrize("seconds", [0.5, 10.0, 17.99, 18.0, 18.02, 26.5])
def test_the_stream_is_cut_exactly_as_planned(seconds: float) -> None:
    samples = speech_like(seconds)
    blocks = listen((samples[begin : begin + 7_777] for begin in range(0, len(samples), 7_777)), EnergyScorer())
    made = list(OverlappingWindows(10_000, 2_000).cut(blocks))
    assert [piece.span for piece in made] == plan_spans(len(samples) // 16, 10_000, 2_000)
    for piece in made:
        assert np.array_equal(piece.samples, samples[piece.span.start_ms * 16 : piece.span.end_ms * 16])


def test_what_is_whole_is_not_done_again_and_what_is_not_is_mended(workspace: Workspace) -> None:
    fetched(workspace, "talk", 30)
    _run(workspace)
    before = _stamps(workspace)
    job = make_job(workspace, "segment")
    assert segment.run(workspace, workspace.config(), job)["new"] == 0
    assert _stamps(workspace) == before
    assert [item.state for item in events(job, Item)] == [ItemState.WHOLE]

    digests = [row.digest for row in _rows(workspace)]
    broken = workspace.segments / "talk" / "talk_8_18.wav"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:5000])
    (workspace.segments / "talk" / "talk_16_26.wav").unlink()
    assert _run(workspace)["new"] == 2
    assert broken.read_bytes() == whole
    assert [row.digest for row in _rows(workspace)] == digests
    assert {name for name, stamp in _stamps(workspace).items() if before[name] != stamp} == {
        "talk_8_18.wav",
        "talk_16_26.wav",
    }


def forget_digests(workspace: Workspace, *ids: str) -> None:
    """As rows were before digests were kept."""
    with Store(workspace.db_path) as store, store.write() as db:
        db.executemany("UPDATE segments SET digest = NULL WHERE id = ?", [(id,) for id in ids])


def test_digests_from_before_are_filled_and_no_wav_is_written_for_it(workspace: Workspace) -> None:
    fetched(workspace, "talk", 30)
    _run(workspace)
    digests, before = [row.digest for row in _rows(workspace)], _stamps(workspace)
    forget_digests(workspace, "talk_0_10", "talk_16_26")
    with opened_wavs() as opened:
        assert _run(workspace)["found"] == 4
    assert sorted(opened) == ["talk_0_10", "talk_16_26"]
    assert [row.digest for row in _rows(workspace)] == digests

    (workspace.segments / "talk" / "talk_8_18.wav").unlink()  # so that the recording is streamed once more
    forget_digests(workspace, "talk_0_10")
    assert _run(workspace)["new"] == 1
    assert [row.digest for row in _rows(workspace)] == digests
    after = _stamps(workspace)
    assert {name for name, stamp in after.items() if before[name] != stamp} == {"talk_8_18.wav"}


def test_another_length_removes_the_old_pieces_but_none_with_human_text(workspace: Workspace) -> None:
    fetched(workspace, "talk", 30)
    _run(workspace)
    with Store(workspace.db_path) as store:
        store.transcripts.save("talk_8_18", "what I typed")
    job = make_job(workspace, "segment", settings={"length_s": 5.5, "overlap_s": 0.5})
    result = segment.run(workspace, workspace.config(), job)
    assert (result["segments"], result["removed"], result["kept_human"]) == (5, 3, 1)
    spans = [(0, 5500), (5000, 8500), (17_500, 23_000), (22_500, 28_000), (27_500, 30_000)]
    names = {segment_name("talk", *span) for span in spans}
    assert {row.id + ".wav" for row in _rows(workspace)} == names | {"talk_8_18.wav"}
    assert set(_stamps(workspace)) == names | {"talk_8_18.wav"}
    with Store(workspace.db_path) as store:
        kept = store.segments.get("talk_8_18")
    assert kept is not None
    assert kept.text == "what I typed"
    assert "1 kept" in logged(job)
    assert _run(workspace, settings={"length_s": 5.5, "overlap_s": 0.5})["new"] == 0


def test_a_new_recording_under_the_same_name_is_cut_anew(workspace: Workspace) -> None:
    media = fetched(workspace, "talk", 30)
    _run(workspace)
    old = (workspace.segments / "talk" / "talk_0_10.wav").read_bytes()
    other = fetched(workspace, "other", 20, seed=9)
    os.replace(other, media)
    result = _run(workspace, ids=["talk"])
    assert (result["segments"], result["removed"]) == (3, 2)
    assert (workspace.segments / "talk" / "talk_0_10.wav").read_bytes() != old


def test_one_that_cannot_be_cut_does_not_stop_the_others(workspace: Workspace) -> None:
    fetched(workspace, "good", 12)
    bad = fetched(workspace, "bad", 2)
    bad.write_bytes(b"nonsense" * 1000)
    gone = fetched(workspace, "gone", 2)
    gone.unlink()
    job = make_job(workspace, "segment")
    result = segment.run(workspace, workspace.config(), job)
    assert (result["videos"], result["failed"], result["segments"]) == (1, 2, 2)
    failures = dict(job.failures)
    assert failures["bad"].what == "bad.mp4 is not a recording"
    assert "gone" in failures["gone"].what
    assert {row.video for row in _rows(workspace)} == {"good"}


def test_sound_shorter_than_the_film_is_no_fault(workspace: Workspace) -> None:
    media = fetched(workspace, "talk", 12)
    film = workspace.root / "film.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=32x32:d=20:r=5", "-i", media, "-c:a", "copy", film)
    os.replace(film, media)
    job = make_job(workspace, "segment")
    result = segment.run(workspace, workspace.config(), job)
    assert (result["segments"], result["failed"]) == (2, 0)
    assert "silent" in logged(job)


def test_settings_and_ids_are_checked_before_anything_is_touched(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="nothing to cut"):
        _run(workspace)
    fetched(workspace, "talk", 12)
    with pytest.raises(UserError, match="there is no video other"):
        _run(workspace, ids=["talk", "other"])
    with pytest.raises(UserError, match="never advance"):
        _run(workspace, settings={"length_s": 2, "overlap_s": 2})
    with pytest.raises(UserError, match="length_s is not valid"):
        _run(workspace, settings={"length_s": 100})
    assert _rows(workspace) == []


def test_a_cancel_stops_and_the_next_run_goes_on(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched(workspace, "talk", 60)
    job = make_job(workspace, "segment")
    written: list[str] = []

    def write(path: Path, data: bytes) -> None:
        write_bytes(path, data)
        written.append(path.name)
        if len(written) == 3:
            job.cancel()

    monkeypatch.setattr(writer, "write_bytes", write)
    with pytest.raises(Cancelled):
        segment.run(workspace, workspace.config(), job)
    # Those that were being written beside the third are written to their end.
    count = len(written)
    assert 3 <= count <= 3 + writer._AT_ONCE
    monkeypatch.undo()
    before = _stamps(workspace)
    result = _run(workspace)
    assert (result["segments"], result["new"], result["found"]) == (8, 8 - count, count)
    assert all(_stamps(workspace)[name] == stamp for name, stamp in before.items())


def _kill_when(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    wait_until(lambda: ready() or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_kill_at_any_moment_leaves_only_whole_files(workspace: Workspace) -> None:
    fetched(workspace, "talk", 72)
    script = (
        "import sys; from pathlib import Path\n"
        "from core.stages import segment; from tests.core.media_kit import make_job\n"
        "from core.workspace import open_workspace\n"
        "workspace = open_workspace(Path(sys.argv[1]))\n"
        "segment.run(workspace, workspace.config(), make_job(workspace, 'segment'))\n"
    )
    folder = workspace.segments / "talk"
    for wanted in (1, 3, 5):
        process = subprocess.Popen([sys.executable, "-c", script, str(workspace.root)], cwd=ROOT)
        _kill_when(process, lambda wanted=wanted: len(list(folder.glob("talk_*.wav"))) >= wanted)
        for path in folder.glob("talk_*.wav"):
            with wave.open(str(path)) as file:
                assert path.stat().st_size == 44 + 2 * file.getnframes()
        for row in _rows(workspace):
            assert workspace.absolute(row.path).is_file()
    (folder / ".talk_0_10.wav.99999.tmp").write_bytes(b"half")
    (folder / "talk_1_2.wav").write_bytes(b"a file that no row names")
    result = _run(workspace)
    assert result["segments"] == 9
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{row.id}.wav" for row in _rows(workspace))


def test_memory_does_not_grow_with_the_recording(workspace: Workspace) -> None:
    """Ten minutes need hardly more than one: the samples of ten would be 19 MB more (and 100 MB at 44.1 kHz)."""
    with Store(workspace.db_path) as store:
        for id, seconds in (("short", 60), ("long", 600)):
            media = workspace.media / f"{id}.wav"
            ffmpeg("-f", "lavfi", "-i", f"sine=440:d={seconds}", media)
            store.videos.add(Video(id, state="fetched", path=workspace.relative(media)))
    script = (
        "import sys, resource; from pathlib import Path\n"
        "from core.stages import segment; from tests.core.media_kit import make_job\n"
        "from core.workspace import open_workspace\n"
        "workspace = open_workspace(Path(sys.argv[1]))\n"
        "segment.run(workspace, workspace.config(), make_job(workspace, 'segment', ids=[sys.argv[2]]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )

    def peak(id: str) -> int:
        command = [sys.executable, "-c", script, str(workspace.root), id]
        return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    assert peak("long") - peak("short") < 8 * 1024
