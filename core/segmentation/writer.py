"""Segments on disk and in the store: each wav whole before its row, each row with what the samples tell."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.errors import UserError
from core.files import digest_of, write_bytes
from core.media import Span, segment_id
from core.media.sound import measure, read_wav
from core.media.speech import speech_probabilities
from core.media.wav import encode_wav, is_whole_wav
from core.media.windows import Piece
from core.store import Segment, Store
from core.workspace import Workspace

_ROWS_A_WRITE = 16
"""Each commit is forced to the disk, and what is not committed is measured again."""


class SegmentWriter:
    """Takes the windows of one recording as they come. What is there and whole is not written again."""

    def __init__(self, workspace: Workspace, store: Store, video: str) -> None:
        self._workspace = workspace
        self._store = store
        self._video = video
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

    def put(self, piece: Piece) -> bool:
        """Write a segment's wav and note its row; False if a whole wav was there and is kept."""
        span = piece.span
        id, path = segment_id(self._video, *span), self.path(span)
        self.ids.add(id)
        row = self.rows.get(id)
        if self._wav_is_whole(span):
            if row is None or not row.is_measured or row.digest is None:
                self._note(piece, digest_of(path))
            return False
        data = encode_wav(piece.samples)
        write_bytes(path, data)
        self._note(piece, hashlib.sha256(data).hexdigest())
        return True

    def _note(self, piece: Piece, digest: str | None) -> None:
        id, stored = segment_id(self._video, *piece.span), self._workspace.relative(self.path(piece.span))
        measured = measure(piece.samples, piece.speech)
        self._add(Segment(id, self._video, *piece.span, stored, *measured, digest))

    def _add(self, row: Segment) -> None:
        self._pending.append(row)
        if len(self._pending) >= _ROWS_A_WRITE:
            self.flush()

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
        self.flush()

    def flush(self) -> None:
        """Rows to the store, only ever after their files are whole."""
        if self._pending:
            self._store.segments.add(self._pending)
            self._pending = []
