"""Recordings that are odd, damaged or gone, and disks that are full: what can be cut is cut, and the rest is said."""

from __future__ import annotations

import errno
import json
import os
import resource
import struct
import subprocess
import threading
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import files
from core.errors import UserError
from core.media import find_ffmpeg, probe, segment_id
from core.stages import segment
from core.status import summary
from core.store import Segment, Store, Video
from core.workspace import Workspace
from tests.core.cli_kit import caller
from tests.core.media_kit import babble, fetched, ffmpeg, logged, make_job, make_workspace, write_wav


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "ws")


def place(workspace: Workspace, id: str, suffix: str, *arguments: str | Path) -> Path:
    """A recording made by ffmpeg with these arguments, in the workspace."""
    media = workspace.media / f"{id}{suffix}"
    ffmpeg(*arguments, media)
    return noted(workspace, id, media)


def noted(workspace: Workspace, id: str, media: Path) -> Path:
    with Store(workspace.db_path) as store:
        store.videos.add(Video(id, title=id, licence="own", state="fetched"))
        store.videos.update(id, state="fetched", path=workspace.relative(media), bytes=media.stat().st_size)
    return media


def cut(workspace: Workspace, **params: Any) -> tuple[dict[str, Any], dict[str, UserError], str]:
    """The result, the failures by recording, and the log."""
    job = make_job(workspace, "segment", **params)
    result = segment.run(workspace, workspace.config(), job)
    return result, dict(job.failures), logged(job)


def rows(workspace: Workspace, id: str) -> list[Segment]:
    with Store(workspace.db_path) as store:
        return store.segments.all(video=id)


def video(workspace: Workspace, id: str) -> Video:
    with Store(workspace.db_path) as store:
        (found,) = store.videos.named([id])
    return found


def next_stage(workspace: Workspace) -> str:
    with Store(workspace.db_path) as store:
        return summary(store, workspace).next


def samples(workspace: Workspace, row: Segment) -> np.ndarray:
    with wave.open(str(workspace.absolute(row.path))) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def ffmpegs_own(media: Path, track: int = 0) -> np.ndarray:
    """What ffmpeg alone makes of a sound track."""
    command = [find_ffmpeg().path, "-loglevel", "error", "-i", media, "-map", f"0:a:{track}"]
    done = subprocess.run([*command, "-ac", "1", "-ar", "16000", "-f", "s16le", "-"], capture_output=True, check=True)
    return np.frombuffer(done.stdout, "<i2")


# -- sound of every kind


TONE = ("-f", "lavfi", "-i", "sine=440:duration=11")


@pytest.mark.parametrize(
    ("suffix", "arguments"),
    [
        (".wav", (*TONE, "-ar", "8000")),
        (".flac", (*TONE, "-ar", "192000")),
        (".m4a", ("-f", "lavfi", "-i", "sine=440:duration=11,aformat=channel_layouts=5.1")),
        (".webm", (*TONE, "-c:a", "libopus", "-ac", "2")),
    ],
    ids=["8kHz", "192kHz", "5.1", "opus"],
)
def test_whatever_ffmpeg_reads_is_cut_sample_for_sample(
    workspace: Workspace, suffix: str, arguments: tuple[str, ...]
) -> None:
    media = place(workspace, "talk", suffix, *arguments)
    result, failures, _ = cut(workspace)
    assert (result["segments"], failures) == (2, {})
    whole = ffmpegs_own(media)
    for row in rows(workspace, "talk"):
        assert np.array_equal(samples(workspace, row), whole[row.start_ms * 16 : row.end_ms * 16])


def test_of_several_tracks_the_default_one_is_cut_and_the_log_says_which(workspace: Workspace) -> None:
    tracks = ("-f", "lavfi", "-i", "sine=440:d=3", "-f", "lavfi", "-i", "sine=1760:d=3", "-map", "0", "-map", "1")
    choice = ("-disposition:a:0", "0", "-disposition:a:1", "default")
    media = place(workspace, "talk", ".mkv", *tracks, "-c:a", "flac", *choice)
    _, failures, log = cut(workspace)
    assert failures == {}
    assert "talk has 2 sound tracks: number 2, the default one, is cut" in log
    (row,) = rows(workspace, "talk")
    assert np.array_equal(samples(workspace, row), ffmpegs_own(media, 1))


def test_a_third_of_a_second_is_one_short_segment(workspace: Workspace) -> None:
    noted(workspace, "blip", write_wav(workspace.media / "blip.wav", babble(0.3)))
    result, failures, _ = cut(workspace)
    assert (result["segments"], failures) == (1, {})
    (row,) = rows(workspace, "blip")
    assert (row.id, row.start_ms, row.end_ms, row.is_measured) == ("blip_0ms_300ms", 0, 300, True)


def test_a_recording_of_silence_is_cut_and_flagged(workspace: Workspace) -> None:
    place(workspace, "quiet", ".flac", "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=25")
    result, failures, _ = cut(workspace)
    assert (result["segments"], failures) == (3, {})
    assert {row.sound_flags for row in rows(workspace, "quiet")} == {("silence",)}


def thirty_hours(workspace: Workspace) -> Path:
    """Of silence, in a file that takes no room."""
    media = write_wav(workspace.media / "long.wav", np.zeros(0, np.int16), 8000)
    size = 30 * 3600 * 8000 * 2
    with media.open("r+b") as file:
        for place, value in ((4, 36 + size), (40, size)):
            file.seek(place)
            file.write(struct.pack("<I", value))
        file.truncate(44 + size)
    return noted(workspace, "long", media)


def test_thirty_hours_are_read_and_planned_at_once(workspace: Workspace) -> None:
    info = probe(thirty_hours(workspace))
    assert info.duration_ms == 108_000_000
    with Store(workspace.db_path) as store:
        store.videos.update("long", duration_ms=info.duration_ms)
    found = segment.forecast(workspace, workspace.config(), {})
    assert found["segments"] == {"least": 13_500, "most": 13_500}
    assert segment_id("long", 107_992_000, info.duration_ms) == "long_107992_108000"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_thirty_hours_are_cut_in_flat_memory(workspace: Workspace) -> None:
    thirty_hours(workspace)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result, failures, _ = cut(workspace, settings={"length_s": 30.0, "overlap_s": 0.0})
    assert (result["segments"], failures) == (3600, {})
    assert rows(workspace, "long")[-1].end_ms == 108_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


# -- no sound at all


@pytest.mark.parametrize("kind", ["no track", "no samples", "no bytes", "no recording"])
def test_without_sound_the_row_says_so_and_nothing_waits_for_it(
    workspace: Workspace, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched(workspace, "good", 3)
    if kind == "no track":
        place(workspace, "bad", ".mp4", "-f", "lavfi", "-i", "color=black:s=32x32:d=2:r=5")
    elif kind == "no samples":
        noted(workspace, "bad", write_wav(workspace.media / "bad.wav", np.zeros(0, np.int16)))
    else:
        (workspace.media / "bad.mp4").write_bytes(b"" if kind == "no bytes" else b"<html>not found</html>" * 99)
        noted(workspace, "bad", workspace.media / "bad.mp4")
    result, failures, _ = cut(workspace)
    assert (result["failed"], list(failures)) == (1, ["bad"])
    said = {"no track": "has no sound", "no samples": "has no sound", "no bytes": "is empty"}
    assert said.get(kind, "is not a recording") in failures["bad"].what
    assert rows(workspace, "bad") == []
    assert len(rows(workspace, "good")) == 1
    # It is no work that waits: what comes next is the next stage, and the row keeps the reason.
    assert next_stage(workspace) != "segment"
    shown = json.loads(caller(capsys)("-w", workspace.root, "videos", "--json")[1])
    assert [row["error"] and row["error"]["what"] for row in shown] == [None, failures["bad"].what]
    # A recording in its place is cut, and the row forgets the fault.
    write_wav(workspace.absolute(str(video(workspace, "bad").path)), babble(2))
    assert cut(workspace)[1] == {}
    assert (video(workspace, "bad").media_fault, len(rows(workspace, "bad"))) == (None, 1)


# -- half a file, no file


@pytest.mark.parametrize("suffix", [".mp4", ".mp3"])  # one of which ffmpeg complains of, the other not
def test_of_a_file_that_was_cut_off_everything_readable_is_cut_and_the_row_says_what_is_missing(
    workspace: Workspace, suffix: str
) -> None:
    noise = ("-f", "lavfi", "-i", "anoisesrc=d=60:a=0.1:r=16000")
    media = place(workspace, "talk", suffix, *noise, "-b:a", "64k", "-movflags", "+faststart")
    whole = media.read_bytes()
    os.truncate(media, len(whole) // 2)
    result, failures, _ = cut(workspace)
    assert result["failed"] == 1
    readable = len(ffmpegs_own(media)) // 16
    assert 20_000 < readable < 40_000
    cut_rows = rows(workspace, "talk")
    assert (cut_rows[0].start_ms, cut_rows[-1].end_ms) == (0, readable)
    assert "talk ends early: sound for 0:" in failures["talk"].what
    assert f"of 1:00, 0:{round((60_000 - readable) / 1000)} missing" in failures["talk"].what
    assert video(workspace, "talk").media_fault == failures["talk"].as_dict()
    # It is cut as far as it goes: nothing is due, and another run finds nothing to do, and no new failure.
    assert next_stage(workspace) != "segment"
    again, failures, _ = cut(workspace)
    assert (again["new"], again["found"], failures) == (0, len(cut_rows), {})
    assert video(workspace, "talk").media_fault is not None
    # The whole file in its place is another recording.
    media.write_bytes(whole)
    result, failures, _ = cut(workspace)
    assert (result["segments"], failures) == (8, {})
    assert video(workspace, "talk").media_fault is None


def test_a_file_that_disappears_is_said_to_be_gone_and_the_others_are_cut(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    media, _ = fetched(workspace, "gone", 3), fetched(workspace, "good", 3, seed=2)
    real = segment.RecordingSegmenter.run

    def run(self: Any) -> None:
        media.unlink(missing_ok=True)  # after it was chosen, before it is opened
        real(self)

    monkeypatch.setattr(segment.RecordingSegmenter, "run", run)
    result, failures, _ = cut(workspace)
    assert (result["failed"], result["videos"]) == (1, 1)
    assert failures["gone"].what == "the media file of gone is gone"
    assert next_stage(workspace) != "segment"
    assert len(rows(workspace, "good")) == 1


# -- a full disk


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A disk with room for so many segments, {"room": n}; every write beyond fails as a full disk fails."""
    left, lock = {"room": 3}, threading.Lock()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        with lock:
            if os.fstat(descriptor).st_size > 100_000:  # the short last one too, which may be the first to be written
                if not left["room"]:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                left["room"] -= 1
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", fsync)
    return left


def test_a_disk_that_fills_up_leaves_whole_files_only_and_it_goes_on_when_there_is_room(
    workspace: Workspace, disk: dict[str, int]
) -> None:
    fetched(workspace, "talk", 60)
    result, failures, _ = cut(workspace)
    assert result["failed"] == 1
    assert result["new"] <= 3
    assert failures["talk"].lines() == (
        "talk could not be written",
        "why  the disk is full",
        "fix  make room on the disk, then whispersmith segment; nothing that was here is lost",
    )
    folder = workspace.segments / "talk"
    assert [path.suffix for path in folder.iterdir()] == [".wav"] * 3
    assert {path.stat().st_size for path in folder.iterdir()} <= {320_044, 128_044}  # of 10 s, of the last 4 s
    assert (video(workspace, "talk").media_fault, next_stage(workspace)) == (None, "segment")

    disk["room"] = 99
    result, failures, _ = cut(workspace)
    assert (result["found"], result["new"], failures) == (3, 5, {})
    assert len(rows(workspace, "talk")) == 8
