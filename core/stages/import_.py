"""Bring in transcripts made elsewhere. Text a person gave here is never overwritten (law 2)."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import Config
from core.errors import UserError
from core.events import ItemState
from core.exchange.clip_import import import_clip
from core.exchange.formats.table import Format, readable, recognise
from core.exchange.matching import NameMatcher, is_copy_of, video_of_captions, without_copy_number
from core.exchange.rows import MetadataRow
from core.labelling.dealing import LONGEST_TEXT, convert_by_settings, settle
from core.labelling.sources import CUES, IMPORT, KIND
from core.review.suspicion import EditFeatures, expected_edits
from core.store import Store
from core.store.transcripts import MachineText
from core.text import clean, compression_ratio, plural
from core.timed_text import Cue, TimedText, shares
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs import Job

ORIGINS = ("human", "machine")

_BATCH = 200
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
    clips: int = 0

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
            "taken_in": self.clips,
        }


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", type=Path, help=", ".join(readable()))
    parser.add_argument("--as", dest="origin", choices=ORIGINS, default="human", help="default: human, accepted")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"path": str(arguments.path.expanduser().resolve()), "as": arguments.origin}


def report(result: dict[str, Any]) -> str:
    counts = ", ".join((f"{result['imported']} imported", f"{result['unchanged']} unchanged"))
    copies = plural(result["copies"], "copy", "copies")
    return f"{plural(result['rows'], 'row')}: {counts}, {result['kept']} kept as they are, {copies}"


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse a path that is not there, and an origin that is none."""
    _given(params)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Import `params["path"]` as `params["as"]`: "human" (the default: accepted) or "machine".

    Whatever `core.exchange.formats.table` can read: clips with their texts, or the captions of a video.
    Returns counts: rows = imported + unchanged + kept (another text of a person is here) + copies + conflicts (a name
    twice, with two texts) + unmatched + empty; variants: copies (`talk_0_10_1`) whose text differs from their
    original's, which counts; taken_in: audio that came along.
    """
    path, origin = _given(job.params)
    with Store(workspace.db_path) as store:
        importer = _Import(workspace, store, job, origin, path)
        importer.read(recognise(path))
        importer.write()
        importer.report()
        return importer.tally.as_json()


def _given(params: dict[str, Any]) -> tuple[Path, str]:
    """(path, origin) of the params; UserError if there is nothing there, or no such origin."""
    if not params.get("path"):
        raise UserError("nothing was given to import", "no path", "whispersmith import PATH")
    path, origin = Path(str(params["path"])).expanduser(), str(params.get("as") or "human")
    if origin not in ORIGINS:
        raise UserError(f"transcripts cannot be imported as {origin}", "", "--as human, or --as machine")
    if not path.exists():
        raise UserError(f"{path} is not there", "no such file or folder", "check the path")
    return path, origin


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
        self.segments = NameMatcher(store.segments.all())
        self.texts: dict[str, str] = {}
        self.written_for: set[str] = set()
        """Recordings of which a machine's texts came."""

    # -- what is read

    def read(self, files: list[tuple[Format, Path]]) -> None:
        rows: list[tuple[MetadataRow, Path | None]] = []
        for format, file in files:
            if format.read_cues:
                self._captions(file, format.read_cues(file))
            elif format.read_rows:
                table = format.read_rows(file)
                rows += [(row, table.audio_of(row)) for row in table.rows]
                for note in table.notes:
                    self.job.log(note)
        self._rows(rows)

    def _captions(self, file: Path, cues: list[Cue]) -> None:
        """Every segment of the video that the file is named after gets what is said in its time."""
        self.machine_origin = "caption"
        known = {video.id for video in self.store.videos.all()}
        video = video_of_captions(file.name, known)
        if video is None:
            ids = ", ".join(sorted(known)[:_SHOWN]) or "none"
            raise UserError(
                f"{file.name} belongs to no video here",
                f"it is not named after one; the videos are {ids}",
                f"name the file after the video's id, for example {min(known, default='talk')}{file.suffix}",
            )
        rows = self.segments.of_video(video)
        if not rows:
            raise UserError(
                f"{video} is not cut yet", "captions are given to segments", f"whispersmith segment {video}"
            )
        # Kept with its times as well: where the recording is cut anew, the new segments have their share of it.
        said = [TimedText(cue.start_ms, cue.end_ms, cue.text, 0.0, 0.0, ()) for cue in cues]
        self.store.timed_texts.put(video, f"{IMPORT}{file.name}", {KIND: CUES}, said)
        self.tally.rows += len(rows)
        for row, share in zip(rows, shares(cues, rows), strict=True):
            self._give(row.id, share.text, row.id)

    def _rows(self, rows: list[tuple[MetadataRow, Path | None]]) -> None:
        """Give each row's text to the segment it names; audio: the file it names, None if that is not there."""
        self.tally.rows += len(rows)
        exact, copies, rest = [], [], []
        for row, audio in rows:
            match = self.segments.match(row.stem)
            if match is None:
                rest.append((row, audio))
            else:
                (copies if match.is_copy else exact).append(row)
        # Rows that name a segment go first: a copy gives its text only where the original has none.
        for row in exact:
            self._give_to_match(row)
        self._import_clips([(row, audio) for row, audio in rest if audio is not None])
        for row in [*copies, *(row for row, audio in rest if audio is None)]:
            self._give_to_match(row)

    def _import_clips(self, rows: list[tuple[MetadataRow, Path]]) -> None:
        """Bring in audio that no segment here has; a copy of what has just come in only gives its text."""
        stems = {row.stem for row, _ in rows}
        ordered = sorted(rows, key=lambda pair: is_copy_of(pair[0].stem, stems))
        for number, (row, audio) in enumerate(ordered):
            self.job.check()
            if self.segments.match(row.stem) is not None:
                self._give_to_match(row)
                continue
            try:
                id = import_clip(self.workspace, self.store, audio, without_copy_number(row.stem), self.job.check)
            except UserError as error:
                self.tally.unmatched.append(row.name)
                self.job.item_failed(row.name, error)
                continue
            segment = self.store.segments.get(id)
            assert segment is not None
            self.tally.clips += 1
            self.segments.add(segment)
            self._give(id, row.text, row.name)
            self.job.progress(number + 1, len(ordered), unit="files", note="audio")

    def _give(self, segment: str, text: str, name: str, *, is_copy: bool = False) -> None:
        """Note the text of a segment; a second row for the same one is a copy, or a conflict. The first one counts."""
        text = clean(text, LONGEST_TEXT)
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

    def _give_to_match(self, row: MetadataRow) -> None:
        match = self.segments.match(row.stem)
        if match is None:
            self.tally.unmatched.append(row.name)
        else:
            self._give(match.segment, row.text, row.name, is_copy=match.is_copy)

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
        convert = convert_by_settings(self.workspace, self.workspace.config())
        for video in sorted(self.written_for):
            self.job.check()
            settle(self.store, video, convert)

    def _refuse(self) -> None:
        have = self.segments.example()
        raise UserError(
            f"none of {plural(self.tally.rows, 'row')} of {self.path.name} belongs to a segment here",
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
                self.job.item(id, ItemState.IMPORTED)

    def _write_machine(self, batch: dict[str, str]) -> None:
        rows = {id: self.store.segments.get(id) for id in batch}
        same = {id for id, row in rows.items() if row is not None and row.origin is not None and row.text == batch[id]}
        texts = []
        for id, text in batch.items():
            row = rows[id]
            if id not in same:
                seconds = 0.0 if row is None else (row.end_ms - row.start_ms) / 1000
                estimate = expected_edits(EditFeatures(text, seconds))
                texts.append(
                    MachineText(
                        segment=id,
                        text=text,
                        raw=text,
                        model=f"{IMPORT}{self.path.name}",
                        compression_ratio=round(compression_ratio(text), 3),
                        flags=estimate.flags,
                        suspicion=estimate.suspicion,
                        origin=self.machine_origin,
                    )
                )
        written = set(self.store.transcripts.write_machine(texts, who="import"))
        self.tally.unchanged += len(same)
        self.tally.imported += len(written)
        for id in (text.segment for text in texts if text.segment not in written):
            gone = self.store.segments.get(id) is None
            (self.tally.unmatched if gone else self.tally.kept).append(id)
        for id in sorted(written):
            self.job.item(id, ItemState.IMPORTED)
            row = rows[id]
            if row is not None:
                self.written_for.add(row.video)

    def report(self) -> None:
        tally = self.tally
        self.workspace.log(
            f"{self.path.name}: {plural(tally.rows, 'row')}, {tally.imported} imported, {tally.unchanged} unchanged, "
            f"{len(tally.kept)} kept as a person left them, {tally.empty} empty, {tally.clips} with audio taken in",
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
