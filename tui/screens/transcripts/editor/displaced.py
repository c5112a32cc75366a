"""Texts that have lost their place while they were written: their segment was cut away, or another wrote there."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import UserError
from core.store import TranscriptRow
from tui.screens.transcripts.table.index import TranscriptIndex


class DisplacedTexts:
    """They are kept until the person says where they shall go, as the rows that they would be."""

    def __init__(self, log: Callable[[str], object]) -> None:
        self._log = log
        self._stranded: dict[str, TranscriptRow] = {}
        """Those whose segment is gone."""
        self._disputed: dict[str, TranscriptRow] = {}
        """Those in whose place another person's text or verdict stands."""

    def strand(self, row: TranscriptRow) -> None:
        """Keep a text whose segment was cut away, and put it in the log."""
        self._keep(row, self._stranded, "was cut away")

    def dispute(self, row: TranscriptRow) -> None:
        """Keep a text in whose place another person's text or verdict stands, and put it in the log."""
        self._keep(row, self._disputed, "was changed elsewhere, too,")

    def _keep(self, row: TranscriptRow, kept: dict[str, TranscriptRow], what: str) -> None:
        if row.text and (row.id not in kept or kept[row.id].text != row.text):
            self._log(f"{row.id} {what} while its text was written: {row.text}")
            kept[row.id] = row

    def first(self, index: TranscriptIndex) -> tuple[TranscriptRow, TranscriptRow | None] | None:
        """The first of them, and the row that lies there now."""
        for gone in self._stranded.values():
            return gone, index.lying_at(gone)
        for gone in self._disputed.values():
            return gone, index.get(gone.id)
        return None

    def drop(self, id: str) -> None:
        """It has found its place, or was let go."""
        self._stranded.pop(id, None)
        self._disputed.pop(id, None)

    def error(self, key: str) -> UserError | None:
        """What has become of them; None where there are none. key: of what places a text."""
        lost = [*self._stranded.values(), *self._disputed.values()]
        if not lost:
            return None
        first, is_gone = lost[0], bool(self._stranded)
        what = "a text has lost its segment" if is_gone else "two have changed the same row"
        return UserError(
            what if len(lost) == 1 else f"{len(lost)} texts have lost their places",
            f"{first.id} was {'cut away' if is_gone else 'changed'} elsewhere; what you wrote is kept, and in "
            f"logs/log.txt: {first.text}",
            f"in the table, {key} says where it shall go",
        )
