"""Whether segments sound as they did when they were cut. What does not is cut anew where its recording is here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.cores import usable_cores
from core.errors import UserError
from core.files import read_bytes, write_bytes
from core.jobs import Job
from core.media import stream_pcm
from core.media.wav import MOST_BYTES, digest_of_wav, encode_wav, fault_of_wav
from core.media.windows import SAMPLES_PER_MS
from core.segmentation.media_file import is_same, media_digest
from core.spans import Span
from core.store import Segment, Store, Video
from core.workspace import Workspace

_AT_ONCE = 64
"""Files that are read between two looks at whether the job is to stop."""


@dataclass(frozen=True)
class _Wav:
    """digest: of what is there; None where nothing can be read. fault: what is wrong with it, "" where nothing is."""

    row: Segment
    digest: str | None
    fault: str


def with_whole_sound(workspace: Workspace, store: Store, job: Job, rows: Sequence[Segment]) -> list[Segment]:
    """Those of the segments whose wav is what `segment` or `import` wrote, in their order.

    What is not is cut anew from its recording, and the log says so; where that cannot be, the segment is a failed item.
    Every wav is read once. One from before digests were kept has to be a whole wav, and is given its digest.
    """
    wavs = list(_read(workspace, job, rows))
    new = {wav.row.id: wav.digest for wav in wavs if wav.digest and not wav.row.digest}
    store.segments.set_digests(new)
    broken: dict[str, list[_Wav]] = {}
    for wav in wavs:
        if wav.fault:
            broken.setdefault(wav.row.video, []).append(wav)
    mended = {
        row.id: row
        for video, found in broken.items()
        for row in _mend(workspace, store, job, store.videos.get(video), found)
    }
    lost = {wav.row.id for wav in wavs if wav.fault} - mended.keys()
    return [
        mended.get(row.id) or (replace(row, digest=new[row.id]) if row.id in new else row)
        for row in rows
        if row.id not in lost
    ]


def _read(workspace: Workspace, job: Job, rows: Sequence[Segment]) -> Iterator[_Wav]:
    def look(row: Segment) -> _Wav:
        try:
            data = read_bytes(workspace.absolute(row.path), MOST_BYTES)
        except UserError as error:
            return _Wav(row, None, error.why)
        digest = digest_of_wav(data)
        if row.digest == digest:
            return _Wav(row, digest, "")
        fault = fault_of_wav(data) or ("its sound is not what was written" if row.digest else "")
        return _Wav(row, digest if not fault else None, fault)

    with ThreadPoolExecutor(min(4, usable_cores()), thread_name_prefix="sound") as pool:
        for begin in range(0, len(rows), _AT_ONCE):
            # In the note: what is done of this is no share of the stage that asked for it.
            job.progress(0, None, unit="files", note=f"checking the sound, {begin} of {len(rows)}")
            job.check()
            yield from pool.map(look, rows[begin : begin + _AT_ONCE])


def _mend(workspace: Workspace, store: Store, job: Job, video: Video | None, broken: Sequence[_Wav]) -> list[Segment]:
    """Cut these pieces of a recording anew; returns those that could be."""
    # One that is gone meanwhile, because its recording was cut anew, is nobody's any more.
    left = {wav.row.id: wav for wav in broken if store.segments.get(wav.row.id) is not None}
    mended: list[Segment] = []
    media = workspace.absolute(video.path) if video is not None and video.path else None
    why, fix = "its recording is not here: import it again with its sound", "whispersmith import PATH"
    if media is not None and video is not None and media.is_file():
        why = "its recording gives another sound: it was replaced"
        fix = f"put the recording back, or whispersmith segment {video.id}"
        try:
            for row in _cut_anew(workspace, job, media, video.cut or {}, [wav.row for wav in left.values()]):
                store.segments.add([row])
                mended.append(row)
                job.log(f"{row.id} was broken and is cut anew: {left.pop(row.id).fault}", "warning")
        except UserError as error:
            why, fix = f"{error.what}: {error.why}", error.fix
    for wav in left.values():
        job.item_failed(wav.row.id, UserError(f"the sound of {wav.row.id} is broken", f"{wav.fault}; {why}", fix))
    return mended


def _cut_anew(
    workspace: Workspace, job: Job, media: Path, cut: dict[str, object], rows: Sequence[Segment]
) -> Iterator[Segment]:
    """Write the wavs of segments as their recording has them; those that come out as they were, or of what surely is
    the recording that they were cut from: another ffmpeg may round otherwise."""
    same = bool(cut.get("media")) and is_same(cut, media.stat().st_size, media_digest(media))
    unknown = "media" not in cut and cut.get("bytes") == media.stat().st_size
    wanted = {Span(row.start_ms, row.end_ms): row for row in rows}
    with closing(stream_pcm(media, cancelled=job.check)) as blocks:
        for span, samples in pieces(blocks, wanted):
            row, data = wanted[span], encode_wav(samples)
            digest = digest_of_wav(data)
            if same or digest == row.digest or (unknown and row.digest is None):
                write_bytes(workspace.absolute(row.path), data)
                yield replace(row, digest=digest)


def pieces(blocks: Iterable[np.ndarray], spans: Iterable[Span]) -> Iterator[tuple[Span, np.ndarray]]:
    """What a stream of samples, int16 (n,), holds between start and end of each span, as soon as it has come.

    A span that ends behind the stream is left out. Nothing is read behind the last one, and what lies between is not
    kept.
    """
    waiting = sorted(spans)
    held, start = np.zeros(0, np.int16), 0
    for block in blocks:
        held = np.concatenate([held, block])
        while waiting and (end := waiting[0].end_ms * SAMPLES_PER_MS) <= start + len(held):
            span = waiting.pop(0)
            yield span, held[span.start_ms * SAMPLES_PER_MS - start : end - start]
        if not waiting:
            return
        unneeded = min(max(0, waiting[0].start_ms * SAMPLES_PER_MS - start), len(held))
        held, start = held[unneeded:], start + unneeded
