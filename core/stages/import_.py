"""Bring in transcripts made elsewhere. Text a person gave here is never overwritten (law 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import Config
from core.errors import UserError
from core.exchange.clip_import import import_clip, place_of, video_id
from core.exchange.formats.audiofolder import Entry, entries_of, read_audiofolder
from core.exchange.formats.captions import read_captions
from core.exchange.formats.tables import Table, read_table
from core.media import parse_segment_name
from core.store import Segment, Store
from core.store.transcripts import MachineText
from core.text import clean, compression_ratio, is_loop
from core.timed_text import shares
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs import Job

CAPTIONS = (".srt", ".vtt")
TABLES = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json")

_COPY = re.compile(r"_[1-9]$")
_BATCH = 200
_LONGEST_TEXT = 5000
_SHOWN = 5


@dataclass
class _Tally:
    """Every row is counted in exactly one of these."""

    rows: int = 0
    imported: int = 0
    unchanged: int = 0
    kept: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    variants: list[str] = field(default_factory=list)  # those of the copies whose text is another
    conflicts: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    empty: int = 0
    taken_in: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "imported": self.imported,
            "unchanged": self.unchanged,
            "kept": len(self.kept),
            "copies": len(self.copies),
            "variants": len(self.variants),
            "conflicts": len(self.conflicts),
            "unmatched": self.unmatched,
            "empty": self.empty,
            "taken_in": self.taken_in,
        }


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Import `params["path"]` as `params["as"]`: "human" (the default: accepted) or "machine".

    An audiofolder, CSV, TSV or JSON lines, or the SRT or VTT of a video (or a folder of them).
    Returns counts: rows = imported + unchanged + kept (another text of a person is here) + copies + conflicts (a name
    twice, with two texts) + unmatched + empty; variants: copies (`talk_0_10_1`) whose text differs from their
    original's, which counts; taken_in: audio that came along.
    """
    given = job.params.get("path")
    if not given:
        raise UserError("nothing was given to import", "no path", "whispersmith import PATH")
    path = Path(str(given)).expanduser()
    origin = str(job.params.get("as") or "human")
    if origin not in ("human", "machine"):
        raise UserError(f"transcripts cannot be imported as {origin}", "", "--as human, or --as machine")
    if not path.exists():
        raise UserError(f"{path} is not there", "no such file or folder", "check the path")
    with Store(workspace.db_path) as store:
        importer = _Import(workspace, store, job, origin, path)
        captions = caption_files(path)
        for file in captions:
            importer.captions(file)
        if not captions:
            importer.table()
        importer.write()
        importer.tell()
        return importer.tally.as_json()


def caption_files(path: Path) -> list[Path]:
    """The SRT or VTT itself, or those of a folder that is no audiofolder (which has its texts in metadata)."""
    if path.is_file():
        return [path] if path.suffix.lower() in CAPTIONS else []
    if any(path.glob("metadata.*")) or any(path.glob("*/metadata.*")):
        return []
    return sorted(file for file in path.iterdir() if file.suffix.lower() in CAPTIONS)


class _Import:
    """One import: rows find their segments, then all texts are written."""

    def __init__(self, workspace: Workspace, store: Store, job: Job, origin: str, path: Path) -> None:
        self.workspace = workspace
        self.store = store
        self.job = job
        self.origin = origin
        self.path = path
        self.machine_origin = "machine"
        self.tally = _Tally()
        self.segments = {row.id: row for row in store.segments.all()}
        per_video: dict[str, list[Segment]] = {}
        for row in self.segments.values():
            per_video.setdefault(row.video, []).append(row)
        # Clips that were taken in under a name of their own: a video with a single segment from its start.
        self.singles = {
            video: rows[0].id for video, rows in per_video.items() if len(rows) == 1 and rows[0].start_ms == 0
        }
        self.starts: dict[tuple[str, int], list[Segment]] = {}
        for row in self.segments.values():
            self.starts.setdefault((row.video, row.start_ms), []).append(row)
        self.texts: dict[str, str] = {}

    # -- what is read

    def captions(self, file: Path) -> None:
        """Every segment of the video that the file is named after gets what is said in its time."""
        self.machine_origin = "caption"
        cues = read_captions(file)
        video = self._video_of_captions(file)
        rows = [row for row in self.segments.values() if row.video == video]
        if not rows:
            raise UserError(
                f"{video} is not cut yet", "captions are given to segments", f"whispersmith segment {video}"
            )
        self.tally.rows += len(rows)
        for row, share in zip(rows, shares(cues, rows), strict=True):
            self._give(row.id, share.text, row.id)

    def _video_of_captions(self, file: Path) -> str:
        """`talk.srt`, `talk.zh-TW.srt` and `talk.zh-TW.mp4.srt` belong to the video `talk`."""
        known = {video.id for video in self.store.videos.all()}
        name = file.name
        while "." in name:
            name = name.rpartition(".")[0]
            if name in known:
                return name
        ids = ", ".join(sorted(known)[:_SHOWN]) or "none"
        raise UserError(
            f"{file.name} belongs to no video here",
            f"it is not named after one; the videos are {ids}",
            "name the file after the video's id, for example " + (f"{sorted(known)[0]}.srt" if known else "talk.srt"),
        )

    def table(self) -> None:
        entries, tables = self._read()
        for note in (note for table in tables for note in table.notes):
            self.job.log(note)
        self.tally.rows = len(entries)
        exact, named, rest = [], [], []
        for entry in entries:
            target = self._target(entry)
            (rest if target is None else exact if not target[1] else named).append(entry)
        # Rows that name a segment go first: a copy gives its text only where the original has none.
        for entry in exact:
            self._give_to_target(entry)
        self._take_in([entry for entry in rest if entry.audio is not None])
        for entry in named + [entry for entry in rest if entry.audio is None]:
            self._give_to_target(entry)

    def _read(self) -> tuple[list[Entry], list[Table]]:
        if self.path.is_dir():
            return read_audiofolder(self.path)
        if self.path.suffix.lower() not in TABLES:
            raise UserError(
                f"{self.path.name} is not a kind of file that can be imported",
                f"{self.path.suffix or 'no suffix'}; known are {' '.join(TABLES + CAPTIONS)} and audiofolders",
                "save it as CSV with the columns file_name and transcription",
            )
        table = read_table(self.path)
        return entries_of(table), [table]

    # -- where it belongs

    def _target(self, entry: Entry) -> tuple[str, bool] | None:
        """(segment, is it named as a copy of it), None if no segment is meant."""
        found = self._named(entry.stem)
        if found is not None:
            return found, False
        found = self._named(entry.stem[:-2]) if _COPY.search(entry.stem) else None
        return None if found is None else (found, True)

    def _named(self, stem: str) -> str | None:
        """The segment of that id, or the one that a clip of that name became when it was taken in."""
        if stem in self.segments:
            return stem
        if parse_segment_name(stem) is None:
            return self.singles.get(video_id(stem))
        place = place_of(stem, 0)
        if place.id in self.segments:
            return place.id
        # Others write the last piece of a recording in whole seconds: `talk_1600_1603` is 1600 s to 1603.57 s.
        near = self.starts.get((place.video, place.start_ms), [])
        fitting = [row.id for row in near if abs(row.end_ms - place.end_ms) < 1000]
        return fitting[0] if len(fitting) == 1 else None

    def _take_in(self, entries: list[Entry]) -> None:
        """Bring in audio that no segment here has; a copy of what has just come in only gives its text."""
        stems = {entry.stem for entry in entries}
        ordered = sorted(entries, key=lambda entry: _COPY.search(entry.stem) is not None and entry.stem[:-2] in stems)
        for number, entry in enumerate(ordered):
            self.job.check()
            if self._target(entry) is not None:
                self._give_to_target(entry)
                continue
            assert entry.audio is not None
            stem = entry.stem
            if _COPY.search(stem) and parse_segment_name(stem) is None and parse_segment_name(stem[:-2]):
                stem = stem[:-2]
            try:
                segment = import_clip(self.workspace, self.store, entry.audio, stem, self.job.check)
            except UserError as error:
                self.tally.unmatched.append(entry.name)
                self.job.item_failed(entry.name, error)
                continue
            found = self.store.segments.get(segment)
            assert found is not None
            self.tally.taken_in += 1
            self.segments[segment] = found
            if found.start_ms == 0:
                self.singles.setdefault(found.video, segment)
            self._give(segment, entry.text, entry.name)
            self.job.progress(number + 1, len(ordered), unit="files", note="audio")

    def _give(self, segment: str, text: str, name: str, *, is_copy: bool = False) -> None:
        """Note the text of a segment; a second row for the same one is a copy, or a conflict. The first one counts."""
        text = clean(text, _LONGEST_TEXT)
        before = self.texts.get(segment)
        if not text:
            self.tally.empty += 1
        elif before is None:
            self.texts[segment] = text
        elif before == text or is_copy:
            self.tally.copies.append(name)
            if before != text:
                self.tally.variants.append(name)
        else:
            self.tally.conflicts.append(name)

    def _give_to_target(self, entry: Entry) -> None:
        target = self._target(entry)
        if target is None:
            self.tally.unmatched.append(entry.name)
        else:
            self._give(target[0], entry.text, entry.name, is_copy=target[1])

    # -- what is written

    def write(self) -> None:
        if self.tally.rows and len(self.tally.unmatched) == self.tally.rows:
            self._refuse()
        items = list(self.texts.items())
        for begin in range(0, len(items), _BATCH):
            self.job.check()
            batch = dict(items[begin : begin + _BATCH])
            if self.origin == "human":
                self._write_human(batch)
            else:
                self._write_machine(batch)
            self.job.progress(begin + len(batch), len(items), unit="texts")

    def _refuse(self) -> None:
        have = next(iter(self.segments), None)
        raise UserError(
            f"none of the {self.tally.rows} rows of {self.path.name} belongs to a segment here",
            f"it names {clean(self.tally.unmatched[0], 60)}; "
            + (f"segments here are called like {have}" if have else "nothing has been cut yet"),
            "whispersmith segment" if have is None else "check that it belongs to these recordings",
        )

    def _write_human(self, batch: dict[str, str]) -> None:
        fresh: dict[str, str] = {}
        for id, text in batch.items():
            row = self.store.segments.get(id)
            if row is not None and not row.is_human and row.review == "accepted" and row.text != text:
                self.tally.kept.append(id)  # a machine's text, but a person has read and accepted it
            else:
                fresh[id] = text
        for id, outcome in self.store.transcripts.import_human(fresh).items():
            if outcome == "kept":
                self.tally.kept.append(id)
            elif outcome == "unchanged":
                self.tally.unchanged += 1
            elif outcome == "gone":
                self.tally.unmatched.append(id)
            else:
                self.tally.imported += 1
                self.job.item(id, "imported")

    def _write_machine(self, batch: dict[str, str]) -> None:
        rows = {id: self.store.segments.get(id) for id in batch}
        same = {id for id, row in rows.items() if row is not None and row.origin is not None and row.text == batch[id]}
        texts = [
            MachineText(
                segment=id,
                text=text,
                raw=text,
                model=f"import:{self.path.name}",
                compression_ratio=round(compression_ratio(text), 3),
                flags=("loop",) if is_loop(text) else (),
                suspicion=1.0 if is_loop(text) else 0.5,
                origin=self.machine_origin,
            )
            for id, text in batch.items()
            if id not in same
        ]
        written = set(self.store.transcripts.write_machine(texts, who="import"))
        self.tally.unchanged += len(same)
        self.tally.imported += len(written)
        for id in (text.segment for text in texts if text.segment not in written):
            gone = self.store.segments.get(id) is None
            (self.tally.unmatched if gone else self.tally.kept).append(id)
        for id in sorted(written):
            self.job.item(id, "imported")

    def tell(self) -> None:
        tally = self.tally
        self.workspace.log(
            f"{self.path.name}: {tally.rows} rows, {tally.imported} imported, {tally.unchanged} unchanged, "
            f"{len(tally.kept)} kept as a person left them, {tally.empty} empty, {tally.taken_in} with audio taken in",
            "import",
        )
        said = (
            (tally.copies, "copies of another row, counted once"),
            (tally.variants, "of the copies have another text than their original, whose text counts"),
            (tally.conflicts, "rows give a segment another text than an earlier row, which counts"),
            (tally.unmatched, "rows belong to no segment here"),
        )
        for names, what in said:
            if names:
                shown = ", ".join(clean(name, 60) for name in names[:_SHOWN])
                self.job.log(f"{len(names)} {what}: {shown}{' …' if len(names) > _SHOWN else ''}", "warning")
