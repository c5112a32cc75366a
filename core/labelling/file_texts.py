"""Texts in files that a person brings, by the segments and recordings here that they are of: one path, whether they are
imported as a person's, as a machine's, or as a second opinion."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.exchange.encodings import read_text, shown
from core.exchange.formats.table import Format, read_cues
from core.exchange.matching import NameMatcher, is_copy_of, video_of_captions, without_copy_number
from core.exchange.rows import MetadataRow, base_name, stem_of
from core.store import Segment
from core.text import LONGEST_TEXT, clean, plural
from core.timed_text import Cue, shares

_SHOWN = 5

TakeIn = Callable[[Path, str], Segment | None]
"""Makes a segment of the audio that a row names, under a stem; None where that cannot be done, and was told."""


@dataclass
class FileTexts:
    """What files say of the segments here. texts: by segment. cues: by recording, where a file tells when it is said;
    its segments have their shares among the texts, too. captions: those of the recordings whose cues are captions, and
    not a table's.

    rows = texts, of the first row that gives one + copies + conflicts (a name twice, with two texts) + unmatched +
    empty. variants: those of the copies (`talk_0_10_1`) whose text is another than their original's, which counts.
    taken_in: audio that came along. For captions a row is a segment of their recording.
    """

    rows: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    cues: dict[str, list[Cue]] = field(default_factory=dict)
    captions: set[str] = field(default_factory=set)
    copies: list[str] = field(default_factory=list)
    variants: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    empty: int = 0
    taken_in: int = 0

    def give(self, segment: str, text: str, name: str, *, is_copy: bool = False) -> None:
        """Note the text of a segment; a second row for the same one is a copy, or a conflict. The first one counts."""
        text = clean(text, LONGEST_TEXT)
        before = self.texts.get(segment)
        if not text:
            self.empty += 1
        elif before is None:
            self.texts[segment] = text
        elif before == text or is_copy:
            self.copies.append(name)
            if before != text:
                self.variants.append(name)
        else:
            self.conflicts.append(name)

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "copies": len(self.copies),
            "variants": len(self.variants),
            "conflicts": len(self.conflicts),
            "conflict_rows": self.conflicts,
            "unmatched": self.unmatched,
            "empty": self.empty,
            "taken_in": self.taken_in,
        }

    def remarks(self) -> list[tuple[list[str], str]]:
        """What a person should know of it: the names, and what is the matter with them."""
        return [
            (self.copies, "copies of another row, counted once"),
            (self.variants, "of the copies have another text than their original, whose text counts"),
            (self.conflicts, "rows give a segment another text than an earlier row, which counts"),
            (self.unmatched, "rows belong to no segment here"),
        ]


class FileTextsReader:
    """Matches what files hold to the segments and recordings here. log: is told how each file was read.

    take_in: None where audio that no segment has is not brought in.
    """

    def __init__(
        self,
        segments: Iterable[Segment],
        videos: Collection[str],
        log: Callable[[str], object],
        take_in: TakeIn | None = None,
    ) -> None:
        self.found = FileTexts()
        self._segments = NameMatcher(segments)
        self._videos, self._log, self._take_in = videos, log, take_in

    def read(self, files: Sequence[tuple[Format, Path]]) -> FileTexts:
        """UserError where a file cannot be read, or nothing in any of them belongs here."""
        rows: list[tuple[MetadataRow, Path | None]] = []
        for format, file in files:
            if format.read_cues:
                cues = read_cues(file)
                self._log(f"{file.name} is read as {shown(read_text(file)[1])}; {plural(len(cues), 'caption')}")
                video = self._captions(file.name, cues, alone=len(files) == 1)
                self.found.captions |= {video} if video is not None else set()
            elif format.read_rows:
                table = format.read_rows(file)
                for note in filter(None, (table.taken, *table.notes)):
                    self._log(note)
                rows += [(row, table.audio_of(row)) for row in table.rows]
                for name, cues in table.cues.items():
                    self._captions(name, cues, alone=len(table.cues) == 1)
        self._rows(rows)
        if not self.found.rows:
            names = ", ".join(file.name for _, file in files[:_SHOWN])
            raise UserError(f"{names} holds no row", "there is nothing to import", "check that it is the right file")
        if self.found.rows and len(self.found.unmatched) == self.found.rows:
            self._refuse(files)
        return self.found

    def _captions(self, name: str, cues: list[Cue], *, alone: bool) -> str | None:
        """Every segment of the video that the file is named after gets what is said in its time. Returns the video.

        alone: there is nothing else, so that it is an error where it belongs to no video.
        """
        # A table names recordings as it names clips: audio/talk.wav.
        stem = next((stem for stem in (name, stem_of(name)) if stem in self._videos), None)
        video = stem or video_of_captions(base_name(name), self._videos)
        if video is None and not alone:
            self.found.rows += 1
            self.found.unmatched.append(name)
            return None
        if video is None:
            ids = ", ".join(sorted(self._videos)[:_SHOWN]) or "none"
            suffix = Path(name).suffix
            raise UserError(
                f"{name} belongs to no video here",
                f"it is not named after one; the videos are {ids}",
                f"name the file after the video's id, for example {min(self._videos, default='talk')}{suffix}",
            )
        rows = self._segments.of_video(video)
        if not rows:
            raise UserError(
                f"{video} is not cut yet", "captions are given to segments", f"whispersmith segment {video}"
            )
        self.found.cues.setdefault(video, cues)  # of two files the first one's, as with the texts
        self.found.rows += len(rows)
        for row, share in zip(rows, shares(cues, rows), strict=True):
            self.found.give(row.id, share.text, row.id)
        return video

    def _rows(self, rows: list[tuple[MetadataRow, Path | None]]) -> None:
        """Give each row's text to the segment it names; audio: the file it names, None if that is not there."""
        self.found.rows += len(rows)
        exact, copies, rest = [], [], []
        for row, audio in rows:
            match = self._segments.match(row.stem)
            if match is None:
                rest.append((row, audio if self._take_in is not None else None))
            else:
                (copies if match.is_copy else exact).append(row)
        # Rows that name a segment go first: a copy gives its text only where the original has none.
        for row in exact:
            self._give_to_match(row)
        self._clips([(row, audio) for row, audio in rest if audio is not None])
        for row in [*copies, *(row for row, audio in rest if audio is None)]:
            self._give_to_match(row)

    def _clips(self, rows: list[tuple[MetadataRow, Path]]) -> None:
        """Bring in audio that no segment here has; a copy of what has just come in only gives its text."""
        stems = {row.stem for row, _ in rows}
        for row, audio in sorted(rows, key=lambda pair: is_copy_of(pair[0].stem, stems)):
            if self._segments.match(row.stem) is not None:
                self._give_to_match(row)
                continue
            assert self._take_in is not None
            segment = self._take_in(audio, without_copy_number(row.stem))
            if segment is None:
                self.found.unmatched.append(row.name)
                continue
            self.found.taken_in += 1
            self._segments.add(segment)
            self.found.give(segment.id, row.text, row.name)

    def _give_to_match(self, row: MetadataRow) -> None:
        match = self._segments.match(row.stem)
        if match is None:
            self.found.unmatched.append(row.name)
        else:
            self.found.give(match.segment, row.text, row.name, is_copy=match.is_copy)

    def _refuse(self, files: Sequence[tuple[Format, Path]]) -> None:
        have, names = self._segments.example(), ", ".join(file.name for _, file in files[:_SHOWN])
        raise UserError(
            f"none of {plural(self.found.rows, 'row')} of {names} belongs to a segment here",
            f"it names {clean(self.found.unmatched[0], 60)}; "
            + (f"segments here are called like {have}" if have else "nothing has been cut yet"),
            "whispersmith segment" if have is None else "check that it belongs to these recordings",
        )
