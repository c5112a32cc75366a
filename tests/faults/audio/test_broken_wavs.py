"""Wavs that are not what `segment` wrote: told, and cut anew to the very same bytes where the recording is here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from core.events import ItemFailed
from core.jobs import Job
from core.media.wav import fault_of_wav
from core.segmentation.sound_check import pieces, with_whole_sound
from core.spans import Span
from core.stages import export, segment
from core.store import Segment, Store
from core.workspace import Workspace
from tests.core.media_kit import (
    events,
    fetched,
    logged,
    make_job,
    make_mp4,
    make_workspace,
    speech_like,
    with_segments,
)
from tests.fakes.stage import recorded_progress


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path / "ws")
    fetched(made, "talk", 30)
    segment.run(made, made.config(), make_job(made, "segment"))
    return made


def _rows(workspace: Workspace) -> list[Segment]:
    with Store(workspace.db_path) as store:
        return store.segments.all()


def _wavs(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in workspace.segments.rglob("*.wav")}


def _checked(workspace: Workspace) -> tuple[list[Segment], Job]:
    job = make_job(workspace, "train")
    told = recorded_progress(job)
    with Store(workspace.db_path) as store:
        found = with_whole_sound(workspace, store, job, store.segments.all())
    assert [(one.note, one.total) for one in told if "sound" in one.note] == [("checking the sound, 0 of 4", None)]
    return found, job


def _other_samples(data: bytes) -> bytes:
    return data[:-2] + bytes([data[-2] ^ 1, data[-1]])


_DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "gone": lambda data: None,
    "empty": lambda data: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "longer": lambda data: data + bytes(2),
    "zeros": lambda data: bytes(len(data)),
    "header": lambda data: b"JUNK" + data[4:],
    "one bit": _other_samples,
    "half as fast": lambda data: data[:24] + (8000).to_bytes(4, "little") + data[28:],
}


def test_whatever_is_wrong_with_a_wav_it_comes_back_as_it_was(workspace: Workspace) -> None:
    before = _wavs(workspace)
    assert len(before) == 4
    for name, damage in _DAMAGES.items():
        for row, other in zip(_rows(workspace), (damage, lambda data: data, damage, damage), strict=True):
            path = workspace.absolute(row.path)
            changed = other(path.read_bytes())
            path.unlink() if changed is None else path.write_bytes(changed)
        rows, job = _checked(workspace)
        assert [row.id for row in rows] == [row.id for row in _rows(workspace)], name
        assert _wavs(workspace) == before, name
        assert logged(job).count("was broken and is cut anew") == 3, name
        assert not events(job, ItemFailed), name


def test_without_its_recording_a_broken_wav_is_a_failed_item_and_the_others_go_on(workspace: Workspace) -> None:
    for number, row in enumerate(_rows(workspace)):
        with Store(workspace.db_path) as store:
            store.transcripts.save(row.id, f"第{number}句")
    broken = _rows(workspace)[1]
    workspace.absolute(broken.path).write_bytes(_other_samples(workspace.absolute(broken.path).read_bytes()))
    (workspace.media / "talk.mp4").unlink()
    job = make_job(workspace, "export")
    result = export.run(workspace, workspace.config(), job)
    assert result["train"] == 3
    (failed,) = events(job, ItemFailed)
    assert failed.id == broken.id
    assert "its sound is not what was written" in failed.error.why
    assert not (workspace.dataset / "train" / f"{broken.id}.wav").exists()


def test_another_recording_gives_a_broken_wav_nothing(workspace: Workspace) -> None:
    """Its text belongs to the sound that it was written for."""
    row = _rows(workspace)[0]
    workspace.absolute(row.path).write_bytes(b"")
    make_mp4(workspace.media / "talk.mp4", 30, seed=7)
    rows, job = _checked(workspace)
    assert row.id not in {one.id for one in rows}
    assert [failed.id for failed in events(job, ItemFailed)] == [row.id]
    assert "it was replaced" in events(job, ItemFailed)[0].error.why
    assert workspace.absolute(row.path).read_bytes() == b""


def test_before_digests_were_kept_length_and_header_tell(workspace: Workspace) -> None:
    with Store(workspace.db_path) as store, store.write() as db:
        db.execute("UPDATE segments SET digest = NULL")
        db.execute("UPDATE videos SET cut = json_remove(cut, '$.media')")
    before, (first, second, *_) = _wavs(workspace), _rows(workspace)
    workspace.absolute(first.path).write_bytes(before[f"{first.id}.wav"][:1000])
    rows, _ = _checked(workspace)
    assert len(rows) == 4
    assert _wavs(workspace) == before
    assert all(row.digest for row in rows)
    assert [row.digest for row in rows] == [row.digest for row in _rows(workspace)]
    workspace.absolute(second.path).write_bytes(_other_samples(before[f"{second.id}.wav"]))
    _, job = _checked(workspace)
    assert f"{second.id} was broken" in logged(job)


def test_a_digest_is_kept_of_no_broken_wav(tmp_path: Path) -> None:
    """Or what is broken would count as what was written from then on."""
    workspace = make_workspace(tmp_path / "clips")
    one, _ = with_segments(workspace, "talk", 2, {0: "一", 1: "二"})
    path = workspace.segments / "talk" / f"{one}.wav"
    path.write_bytes(path.read_bytes()[:-100])
    job = make_job(workspace, "export")
    assert export.run(workspace, workspace.config(), job)["train"] == 1
    assert [failed.id for failed in events(job, ItemFailed)] == [one]
    assert [row.digest is None for row in _rows(workspace)] == [True, False]


def test_where_every_wav_is_broken_nothing_is_exported(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "clips")
    (one,) = with_segments(workspace, "talk", 1, {0: "一"})
    (workspace.segments / "talk" / f"{one}.wav").write_bytes(b"")
    with pytest.raises(UserError, match="nothing to export"):
        export.run(workspace, workspace.config(), make_job(workspace, "export"))
    assert not workspace.dataset.exists()


def test_cutting_again_mends_a_wav_of_the_right_length(workspace: Workspace) -> None:
    """Where one piece is missing the recording is decoded, and every other one is looked at."""
    before, (first, second, *_) = _wavs(workspace), _rows(workspace)
    workspace.absolute(first.path).unlink()
    workspace.absolute(second.path).write_bytes(_other_samples(before[f"{second.id}.wav"]))
    result = segment.run(workspace, workspace.config(), make_job(workspace, "segment"))
    assert (result["new"], _wavs(workspace) == before) == (2, True)


def test_pieces_are_what_a_stream_holds_whatever_its_blocks() -> None:
    samples = speech_like(5)
    spans = [Span(0, 4000), Span(500, 1000), Span(900, 901), Span(3000, 5000), Span(4000, 6000)]
    for size in (1, 999, 16_000, len(samples)):
        if size == 1:
            continue
        blocks = (samples[begin : begin + size] for begin in range(0, len(samples), size))
        found = dict(pieces(blocks, spans))
        assert found.keys() == set(spans[:4])
        for span, piece in found.items():
            assert np.array_equal(piece, samples[span.start_ms * 16 : span.end_ms * 16])


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + bytes(16)])
def test_bytes_that_are_no_wav_are_said_to_be_none(data: bytes) -> None:
    assert fault_of_wav(data) == "its header is not that of a wav"
