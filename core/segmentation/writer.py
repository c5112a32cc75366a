"""Segments on disk and in the store: each wav whole before its row, each row with what the samples tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from core.errors import UserError
from core.files import digest_of, write_bytes
from core.media import Span, segment_id
from core.media.sound import measure, read_wav
from core.media.speech import speech_probabilities
from core.media.wav import digest_of_wav, encode_wav, is_whole_wav
from core.media.windows import Piece
from core.store import Segment, Store
from core.workspace import Workspace

_AT_ONCE = 4
"""Files that are written side by side: most of the time each waits for the disk to have it."""

_ROWS_A_WRITE = 16
"""Each commit is forced to the disk, and what is not committed is measured again."""


class SegmentWriter:
    """Takes the windows of one recording as they come. What is there and whole is not written again."""

    def __init__(self, workspace: Workspace, store: Store, video: str, count: Callable[..., None]) -> None:
        """count: told of each segment that is whole, as `written=1` or `found=1`."""
        self._workspace = workspace
        self._store = store
        self._video = video
        self._count = count
        self._files = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="write")
        self._writing: deque[Future[Segment]] = deque()
        self._pending: list[Segment] = []
        self.folder = workspace.segments / video
        self.rows = {row.id: row for row in store.segments.all(video=video)}
        """The recording's segments as they were before."""
        self.ids: set[str] = set()
        """Those that have come."""

    def path(self, span: Span) -> Path:
        return self.folder / f"{segment_id(self._video, *span)}.wav"

    def is_whole(self, span: Span) -> bool:
        """True if this span has its row, and a wav of its length."""
        return segment_id(self._video, *span) in self.rows and self._wav_is_whole(span)

    def _wav_is_whole(self, span: Span) -> bool:
        return is_whole_wav(self.path(span), span.end_ms - span.start_ms)

    def put(self, piece: Piece) -> None:
        """Write a segment's wav and note its row; a whole wav that is there is kept. OSError also for those before."""
        span = piece.span
        id, path = segment_id(self._video, *span), self.path(span)
        self.ids.add(id)
        row = self.rows.get(id)
        if self._wav_is_whole(span):
            # A row tells what its wav is; of one that a killed run has left without, only the samples do.
            digest = (row and row.digest) or digest_of_wav(encode_wav(piece.samples))
            if digest_of(path) == digest:
                if row is None or not row.is_measured or row.digest is None:
                    self._add(self._row(piece, digest))
                self._count(found=1)
                return
        self._writing.append(self._files.submit(self._write, piece))
        if len(self._writing) > _AT_ONCE:
            self._take_written()

    def _write(self, piece: Piece) -> Segment:
        data = encode_wav(piece.samples)
        write_bytes(self.path(piece.span), data)
        return self._row(piece, digest_of_wav(data))

    def _take_written(self) -> None:
        self._add(self._writing.popleft().result())
        self._count(written=1)

    def _row(self, piece: Piece, digest: str) -> Segment:
        id, stored = segment_id(self._video, *piece.span), self._workspace.relative(self.path(piece.span))
        return Segment(id, self._video, *piece.span, stored, *measure(piece.samples, piece.speech), digest)

    def _add(self, row: Segment) -> None:
        self._pending.append(row)
        if len(self._pending) >= _ROWS_A_WRITE:
            self._store_rows()

    def measure_earlier(self, check: Callable[[], object]) -> None:
        """What older programs did not measure, from the wavs of all segments that the recording has now.

        check: asked before each; it may raise.
        """
        for row in self._store.segments.all(video=self._video):
            if row.is_measured and row.digest is not None:
                continue
            check()
            path = self._workspace.absolute(row.path)
            if not row.is_measured:
                try:
                    samples, _ = read_wav(path)
                except UserError:
                    continue  # one that stays for its text alone
                row = replace(row, **measure(samples, speech_probabilities([samples]))._asdict())
            self._add(replace(row, digest=row.digest or digest_of(path)))
        self._store_rows()

    def flush(self) -> None:
        """Wait for the files, then their rows to the store."""
        while self._writing:
            self._take_written()
        self._store_rows()

    def close(self) -> None:
        """End the writing, whatever came of it: of each file all or nothing is there."""
        self._files.shutdown(cancel_futures=True)

    def _store_rows(self) -> None:
        if self._pending:
            self._store.segments.add(self._pending)
            self._pending = []
