"""Bring in transcripts made elsewhere. Text a person gave here is never overwritten (law 2)."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import Config
from core.errors import UserError
from core.events import ItemState
from core.exchange.clip_import import import_clip
from core.exchange.formats.table import Format, readable, recognise
from core.labelling.dealing import convert_by_settings, settle
from core.labelling.file_texts import FileTexts, FileTextsReader
from core.labelling.second import compare, store_cues, take_second
from core.labelling.sources import IMPORT
from core.review.script_conversion import Convert
from core.review.suspicion import EditFeatures, expected_edits
from core.segmentation.leftovers import remove_half_written
from core.store import Segment, Store
from core.store.transcripts import MachineText
from core.text import clean, compression_ratio, plural
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs import Job

ORIGINS = ("human", "machine", "second")

HELP = "a person's, accepted (default); a machine's, to be reviewed; a second opinion: what differs is marked"

_BATCH = 200
_SHOWN = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", type=Path, help=", ".join(readable()))
    parser.add_argument("--as", dest="origin", choices=ORIGINS, default="human", help=HELP)


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"path": str(arguments.path.expanduser().resolve()), "as": arguments.origin}


def report(result: dict[str, Any]) -> str:
    rows, copies = plural(result["rows"], "row"), plural(result["copies"], "copy", "copies")
    counts = f"{result['imported']} imported, {result['unchanged']} unchanged, {result['kept']} kept as they are"
    said = [f"{rows}: {counts}, {copies}"]
    if "compared" in result:
        read = f"{plural(result['imported'], 'text')} of {rows} taken as a second opinion"
        said = [f"{read}: {plural(result['compared'], 'segment')} compared, {result['differing']} read otherwise"]
    if unmatched := result["unmatched"]:
        more = " … (--json lists all)" if len(unmatched) > _SHOWN else ""
        said += [
            f"{len(unmatched)} belong to no segment here:",
            *(f"  {clean(name, 100)}" for name in unmatched[:_SHOWN]),
        ]
        said[-1] += more
    return "\n".join(said)


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse a path that is not there, and an origin that is none."""
    _given(params)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Import `params["path"]` as `params["as"]`: "human" (the default: accepted), "machine", or "second".

    Whatever `core.exchange.formats.table` can read: clips with their texts, or what is said when in a video.
    Returns counts, of which rows = imported + unchanged + kept (a person has written, accepted or rejected what is
    here) + copies + conflicts + unmatched + empty; for these see `core.labelling.file_texts.FileTexts`. As a second
    opinion also "compared" (how many of its segments have a second reading now) and "differing" (of those: otherwise).
    """
    path, origin = _given(job.params)
    # Of a glossary that cannot be read before anything is stored.
    convert = str if origin == "human" else convert_by_settings(workspace, config)
    remove_half_written(workspace)
    with Store(workspace.db_path) as store:
        importer = _Import(workspace, store, job, path, convert)
        found = importer.read(recognise(path), origin)
        {"human": importer.write_human, "machine": importer.write_machine, "second": importer.write_second}[origin]()
        importer.report(found)
        return found.as_json() | importer.result()


def _given(params: dict[str, Any]) -> tuple[Path, str]:
    """(path, origin) of the params; UserError if there is nothing there, or no such origin."""
    if not params.get("path"):
        raise UserError("nothing was given to import", "no path", "whispersmith import PATH")
    path, origin = Path(str(params["path"])).expanduser(), str(params.get("as") or "human")
    if origin not in ORIGINS:
        raise UserError(f"transcripts cannot be imported as {origin}", "", f"--as {', or --as '.join(ORIGINS)}")
    if not path.exists():
        raise UserError(f"{path} is not there", "no such file or folder", "check the path")
    return path, origin


class _Import:
    """One import: rows find their segments, then all texts are written."""

    def __init__(self, workspace: Workspace, store: Store, job: Job, path: Path, convert: Convert) -> None:
        self.workspace, self.store, self.job, self.path = workspace, store, job, path
        self.convert = convert
        self.source = f"{IMPORT}{path.name}"
        self.found = FileTexts()
        self.imported = self.unchanged = 0
        self.kept: list[str] = []
        self.comparison: dict[str, int] = {}

    def read(self, files: list[tuple[Format, Path]], origin: str) -> FileTexts:
        videos = {video.id for video in self.store.videos.all()}
        take_in = self._take_in if origin != "second" else None
        reader = FileTextsReader(self.store.segments.all(), videos, self.job.log, take_in)
        self.found = reader.found
        reader.read(files)
        if origin != "second":
            store_cues(self.store, self.found, self.source, by_machine=origin == "machine")
        return self.found

    def _take_in(self, audio: Path, stem: str) -> Segment | None:
        self.job.check()
        try:
            id = import_clip(self.workspace, self.store, audio, stem, self.job.check)
        except UserError as error:
            self.job.item_failed(audio.name, error)
            return None
        self.job.progress(self.found.taken_in + 1, None, unit="files", note="audio")
        return self.store.segments.get(id)

    # -- what is written

    def _batches(self) -> Iterator[dict[str, str]]:
        items = list(self.found.texts.items())
        for begin in range(0, len(items), _BATCH):
            self.job.check()
            batch = dict(items[begin : begin + _BATCH])
            yield batch
            self.job.progress(begin + len(batch), len(items), unit="texts")

    def write_second(self) -> None:
        """Beside the texts that are here; none of them changes."""
        take_second(self.store, self.found, self.source)
        rows = [row for id in self.found.texts if (row := self.store.segments.get(id)) is not None]
        self.kept = [row.id for row in rows if row.is_reviewed]
        self.imported = len(rows) - len(self.kept)
        readings = compare(self.store, self.job, {row.video for row in rows}, self.convert)
        own = [readings[row.id] for row in rows if row.id in readings and not row.is_reviewed]
        self.comparison = {"compared": len(own), "differing": sum(bool(reading.places) for reading in own)}

    def write_human(self) -> None:
        texts, by_outcome = self.found.texts, defaultdict[str, list[str]](list)
        done = 0

        def count(outcome: Mapping[str, str]) -> None:
            nonlocal done
            for id, what in outcome.items():
                by_outcome[what].append(id)
                if what == "imported":
                    self.job.item(id, ItemState.IMPORTED)
            done += len(outcome)
            self.job.progress(done, len(texts), unit="texts")
            self.job.check()

        self.job.check()
        self.store.transcripts.import_human(texts, clean(self.path.name, 60), count)
        self.kept = by_outcome["kept"]
        self.found.unmatched += by_outcome["gone"]
        self.imported, self.unchanged = len(by_outcome["imported"]), len(by_outcome["unchanged"])

    def write_machine(self) -> None:
        videos: set[str] = set()
        for batch in self._batches():
            videos |= self._write_machine({id: (text, self.store.segments.get(id)) for id, text in batch.items()})
        for video in sorted(videos):
            self.job.check()
            settle(self.store, video, self.convert)

    def _write_machine(self, batch: dict[str, tuple[str, Segment | None]]) -> set[str]:
        """Returns the recordings of which texts were written."""
        texts = []
        for id, (text, row) in batch.items():
            machine = self._machine_text(id, text, row)
            if row is not None and row.origin is not None and row.text == machine.text:
                self.unchanged += 1
            else:
                texts.append(machine)
        written = set(self.store.transcripts.write_machine(texts, who="import"))
        self.imported += len(written)
        for id in (text.segment for text in texts if text.segment not in written):
            gone = self.store.segments.get(id) is None
            (self.found.unmatched if gone else self.kept).append(id)
        for id in sorted(written):
            self.job.item(id, ItemState.IMPORTED)
        return {row.video for id in written if (row := batch[id][1]) is not None}

    def _machine_text(self, id: str, text: str, row: Segment | None) -> MachineText:
        seconds = 0.0 if row is None else (row.end_ms - row.start_ms) / 1000
        estimate = expected_edits(EditFeatures(text, seconds))
        return MachineText(
            segment=id,
            text=self.convert(text),
            raw=text,
            model=self.source,
            compression_ratio=round(compression_ratio(text), 3),
            flags=estimate.flags,
            suspicion=estimate.suspicion,
            origin="caption" if row is not None and row.video in self.found.captions else "machine",
        )

    # -- what is told

    def result(self) -> dict[str, Any]:
        counts = {"imported": self.imported, "unchanged": self.unchanged, "kept": len(self.kept)}
        return counts | {"kept_segments": self.kept} | self.comparison

    def report(self, found: FileTexts) -> None:
        self.workspace.log(
            f"{self.path.name}: {plural(found.rows, 'row')}, {self.imported} imported, {self.unchanged} unchanged, "
            f"{len(self.kept)} kept as a person left them, {found.empty} empty, {found.taken_in} with audio taken in",
            "import",
        )
        for names, what in found.remarks():
            if names:
                shown = ", ".join(clean(name, 60) for name in names[:_SHOWN])
                self.job.log(f"{len(names)} {what}: {shown}{' …' if len(names) > _SHOWN else ''}", "warning")
