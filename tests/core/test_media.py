"""Spans and names, streaming, probing, loudness, waveform and log-mel."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from core.media import (
    RATE,
    Span,
    StreamStopped,
    dbfs,
    parse_segment_name,
    plan_spans,
    probe,
    read_wav,
    segment_id,
    segment_name,
    stream_pcm,
)
from core.media import stream as streaming
from core.media.sound import clipped_share, peak_dbfs
from tests.core.media_kit import ffmpeg, make_mp4, speech_like, write_wav

# -- spans


@pytest.mark.parametrize(
    ("duration", "count"),
    [(800_000, 100), (1_603_570, 201), (10_000, 1), (10_001, 2), (3_000, 1), (18_000, 2), (18_001, 3), (0, 0)],
)
def test_ten_seconds_with_two_of_overlap(duration: int, count: int) -> None:
    spans = plan_spans(duration, 10_000, 2_000)
    assert len(spans) == count
    if spans:
        assert spans[-1].end_ms == duration


def test_the_last_piece_of_the_reference_run_is_what_is_left() -> None:
    assert plan_spans(1_603_570, 10_000, 2_000)[-2:] == [Span(1_592_000, 1_602_000), Span(1_600_000, 1_603_570)]


def test_every_plan_covers_the_recording_and_makes_no_piece_inside_another() -> None:
    durations = [1, 7, 999, 1000, 5_500, 9_999, 10_000, 10_500, 17_999, 18_000, 18_001, 60_000, 123_457]
    shapes = [(10_000, 2_000), (10_000, 0), (30_000, 5_000), (1_500, 1_000), (700, 699)]
    for duration, (length, overlap) in itertools.product(durations, shapes):
        spans = plan_spans(duration, length, overlap)
        assert spans[0].start_ms == 0
        assert spans[-1].end_ms == duration
        for before, after in itertools.pairwise(spans):
            assert after.start_ms - before.start_ms == length - overlap
            assert before.end_ms - before.start_ms == length
            assert before.end_ms < after.end_ms <= after.start_ms + length
            assert after.start_ms <= before.end_ms


def test_settings_that_never_advance_are_refused() -> None:
    for length, overlap in [(10_000, 10_000), (2_000, 3_000), (0, 0), (10_000, -1)]:
        with pytest.raises(UserError, match="never advance"):
            plan_spans(60_000, length, overlap)


# -- names


def test_names_as_the_reference_run_writes_them() -> None:
    assert segment_name("HvugeIKJ9ok", 8_000, 18_000) == "HvugeIKJ9ok_8_18.wav"
    assert segment_name("HvugeIKJ9ok", 8_500, 18_500) == "HvugeIKJ9ok_8500ms_18500ms.wav"
    assert segment_name("a", 1_600_000, 1_603_570) == "a_1600000ms_1603570ms.wav"


def test_parsing_is_the_exact_inverse() -> None:
    videos = ["HvugeIKJ9ok", "_-_a_b-", "talk_8_18", "x_1ms_2ms", "a.b", "5", "--"]
    spans = [(0, 10_000), (8_000, 18_000), (8_500, 18_500), (1_600_000, 1_603_570), (0, 1), (999, 1000)]
    for video, (start, end) in itertools.product(videos, spans):
        assert parse_segment_name(segment_name(video, start, end)) == (video, start, end)
        assert parse_segment_name(segment_id(video, start, end)) == (video, start, end)


@pytest.mark.parametrize(
    "name",
    ["", "a.wav", "a_1.wav", "a_18_8.wav", "a_8_8", "a_08_18", "a_8000ms_18000ms", "a_8_18500ms", "_1_2", "a_１_２"],
)
def test_names_that_would_not_have_been_written_are_none(name: str) -> None:
    assert parse_segment_name(name) is None


def test_a_copy_of_a_segment_is_no_segment_of_its_own() -> None:
    assert parse_segment_name("HvugeIKJ9ok_256_266_1.wav") is None


# -- probing


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_mp4(tmp_path_factory.mktemp("media") / "talk.mp4", 12.5)


def test_probe_reads_an_mp4(mp4: Path) -> None:
    info = probe(mp4)
    assert (info.has_audio, info.codec, info.rate, info.channels) == (True, "aac", 44_100, 2)
    assert abs(info.duration_ms - 12_500) <= 50
    assert "mp4" in info.container


def test_probe_decodes_where_the_container_does_not_tell(mp4: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.aac"
    ffmpeg("-i", mp4, "-c:a", "copy", bare)
    assert abs(probe(bare).duration_ms - 12_500) < 120  # ffmpeg's own guess from the bit rate is off by seconds


def test_a_title_cannot_pass_for_the_length(mp4: Path, tmp_path: Path) -> None:
    titled = tmp_path / "titled.mp4"
    title = "x\n  Duration: 09:09:09.00, start"
    ffmpeg("-i", mp4, "-c", "copy", "-metadata", f"title={title}", titled)
    assert abs(probe(titled).duration_ms - 12_500) <= 50


def test_what_probe_refuses_says_why(mp4: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    text = tmp_path / "text.mp4"
    text.write_text("this is no film\n" * 100)
    silent = tmp_path / "silent.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=32x32:d=1", silent)
    for path, said in [
        (tmp_path / "none.mp4", "not there"),
        (tmp_path, "is a folder"),
        (empty, "is empty"),
        (text, "is not a recording"),
        (silent, "has no sound"),
    ]:
        with pytest.raises(UserError, match=said):
            probe(path)
    assert probe(silent, need_sound=False).has_audio is False


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", speech_like(1))
    path.chmod(0)
    with pytest.raises(UserError, match="cannot be read"):
        probe(path)


def test_a_playlist_that_calls_itself_mp4_reaches_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        path = tmp_path / "list.mp4"
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n")
        with pytest.raises(UserError):
            probe(path)
        with pytest.raises(BlockingIOError):
            server.accept()


# -- streaming


def test_streaming_gives_mono_blocks_of_a_second(mp4: Path) -> None:
    blocks = list(stream_pcm(mp4))
    assert all(block.dtype == np.int16 and block.ndim == 1 for block in blocks)
    assert max(map(len, blocks)) < 4 * RATE
    heard = np.concatenate(blocks)
    assert abs(len(heard) - 12.5 * RATE) < 0.05 * RATE
    wanted = speech_like(12.5)
    alike = np.corrcoef(heard[: 10 * RATE], wanted[: 10 * RATE])[0, 1]
    assert alike > 0.95


def test_ffmpeg_resamples_without_folding(tmp_path: Path) -> None:
    times = np.arange(44_100 * 2) / 44_100
    path = write_wav(tmp_path / "high.wav", (0.5 * np.sin(2 * np.pi * 10_000 * times) * 32767), 44_100)
    heard = np.concatenate(list(stream_pcm(path)))
    assert dbfs(heard) < -55  # -9 dBFS went in; without a low-pass it would come back at 6 kHz


def _children() -> set[str]:
    return {pid for thread in Path("/proc/self/task").iterdir() for pid in (thread / "children").read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_a_closed_generator_leaves_no_process(mp4: Path) -> None:
    before = _children()
    stream = stream_pcm(mp4)
    next(stream)
    assert _children() - before
    stream.close()
    assert not _children() - before


def test_a_cancel_ends_the_stream_with_an_exception(mp4: Path) -> None:
    before = _children()
    flag = threading.Event()
    stream = stream_pcm(mp4, cancelled=flag.is_set)
    next(stream)
    flag.set()
    with pytest.raises(StreamStopped):
        list(stream)
    assert not _children() - before


def test_the_asked_may_raise_itself(mp4: Path) -> None:
    def stop() -> None:
        raise KeyError("stop")

    with pytest.raises(KeyError):
        list(stream_pcm(mp4, cancelled=stop))


def test_a_failing_ffmpeg_is_told_with_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no film")
    with pytest.raises(UserError, match="could not be decoded") as caught:
        list(stream_pcm(path))
    assert "Invalid data" in caught.value.why


def test_an_ffmpeg_that_dies_midway_is_an_error(tmp_path: Path) -> None:
    fake = tmp_path / "ffmpeg"
    fake.write_text("#!/bin/sh\nhead -c 64000 /dev/zero\necho '[aac @ 0x5] it broke' >&2\nexit 3\n")
    fake.chmod(0o755)
    path = write_wav(tmp_path / "a.wav", speech_like(1))
    stream = stream_pcm(path, ffmpeg=str(fake))
    assert len(next(stream)) >= RATE
    with pytest.raises(UserError) as caught:
        list(stream)
    assert caught.value.why == "it broke"


def test_a_talkative_ffmpeg_fills_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "ffmpeg"
    line = "x" * 1000
    fake.write_text(
        f"#!/bin/sh\nfor i in $(seq 40); do for j in $(seq 20); do echo {line} >&2; done; "
        "head -c 32000 /dev/zero; done\necho the end >&2\n"
    )
    fake.chmod(0o755)
    path = write_wav(tmp_path / "a.wav", speech_like(1))
    monkeypatch.setattr(streaming, "_STDERR_LIMIT", 50_000)
    sizes: list[int] = []
    real = os.ftruncate
    monkeypatch.setattr(os, "ftruncate", lambda fd, size: (sizes.append(os.fstat(fd).st_size), real(fd, size))[1])
    said: list[str] = []
    assert sum(map(len, stream_pcm(path, ffmpeg=str(fake), on_warning=said.append))) == 40 * RATE
    assert sizes
    assert said == ["the end"]


def test_what_is_read_ahead_comes_in_order_and_its_error_in_its_place() -> None:
    threads: set[int] = set()

    def numbers() -> Generator[int, None, None]:
        for number in range(10):
            threads.add(threading.get_ident())
            yield number
        raise UserError("the end is missing")

    ahead = streaming.read_ahead(numbers())
    assert [next(ahead) for _ in range(10)] == list(range(10))
    with pytest.raises(UserError, match="the end is missing"):
        next(ahead)
    assert threading.get_ident() not in threads


def test_closing_what_is_read_ahead_closes_its_source() -> None:
    made: list[int] = []
    closed = threading.Event()

    def numbers() -> Generator[int, None, None]:
        try:
            for number in itertools.count():
                made.append(number)
                yield number
        finally:
            closed.set()

    ahead = streaming.read_ahead(numbers(), most=3)
    assert next(ahead) == 0
    ahead.close()
    assert closed.is_set()
    assert len(made) <= 4


# -- sound


def test_loudness() -> None:
    full = (np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 32767).astype(np.int16)
    assert dbfs(full) == pytest.approx(-3.01, abs=0.01)
    assert dbfs(full // 10) == pytest.approx(-23.0, abs=0.1)
    assert dbfs(np.zeros(100, np.int16)) == -100
    assert dbfs(np.zeros(0, np.int16)) == -100


def test_the_highest_sample_and_those_at_full_scale() -> None:
    samples = np.zeros(1000, np.int16)
    assert (peak_dbfs(samples), clipped_share(samples)) == (-100, 0)
    samples[3] = -16384
    assert peak_dbfs(samples) == pytest.approx(-6.02, abs=0.01)
    assert clipped_share(samples) == 0
    samples[10:14] = (32767, -32768, -32767, 32766)
    assert peak_dbfs(samples) == 0
    assert clipped_share(samples) == 0.003
    assert (peak_dbfs(samples[:0]), clipped_share(samples[:0])) == (-100, 0)


def test_read_wav_refuses_what_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not there"):
        read_wav(tmp_path / "none.wav")
    (tmp_path / "half.wav").write_bytes(b"RIFF\x00\x00")
    with pytest.raises(UserError, match="not a 16-bit wav"):
        read_wav(tmp_path / "half.wav")
