"""Write what a person accepted as a data set: a folder that is whole or not there, with its attribution."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import Config
from core.errors import UserError
from core.exchange.atomic_folder import replaced_folder
from core.exchange.card import dataset_card
from core.exchange.formats.audiofolder import Clip, link_or_copy, write_audiofolder, write_durably
from core.exchange.formats.captions import write_srt
from core.sources import sidecar
from core.stages.split import leak, same_audio
from core.store import Segment, Store
from core.timed_text import Cue, merge_overlaps
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs import Job

FORMATS = ("audiofolder", "jsonl", "parquet", "nemo", "srt")

_ROWS_A_GROUP = 100
"""Clips in one row group of a parquet file: 32 MB of audio at 10 s each, as much as is held at once."""


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Export to `params["dir"]` (default: dataset/, or dataset-<format>/) as `params["format"]` (audiofolder).

    Accepted transcripts with text, by split; all in train where nothing has been split. What the split leaves out
    stays out. A folder that holds anything else is never overwritten. Returns counts and the path.
    """
    form = str(job.params.get("format") or "audiofolder")
    if form not in FORMATS:
        raise UserError(f"there is no format {form}", f"the formats are {', '.join(FORMATS)}", "--format audiofolder")
    name = "dataset" if form == "audiofolder" else f"dataset-{form}"
    target = Path(str(job.params.get("dir") or workspace.root / name)).expanduser()
    if not target.is_absolute():
        target = workspace.root / target
    with Store(workspace.db_path) as store:
        accepted = [row for row in store.segments.all(review="accepted") if row.usable]
        if not accepted:
            raise UserError(
                "there is nothing to export",
                "no transcript with text has been accepted",
                "accept some in the app, or whispersmith import PATH",
            )
        parts, left_out, split = _parts(store, accepted, form, job)
        parts = {part: _with_audio(workspace, rows, job) for part, rows in parts.items()}
        wanted = {row.video for rows in parts.values() for row in rows}
        videos = [video for video in store.videos.all() if video.id in wanted]
    chosen = [row for rows in parts.values() for row in rows]
    if not chosen:
        raise UserError("there is nothing to export", "the audio of every segment is missing", "whispersmith segment")
    fetched = {video.id: str(sidecar.read(workspace.media, video.id).get("fetched") or "") for video in videos}
    digests = same_audio({row.id: workspace.absolute(row.path) for row in chosen}, job) if split else {}
    shared = leak(chosen, {row.id: part for part, rows in parts.items() for row in rows}, digests)
    with replaced_folder(target) as folder:
        written = _write(workspace, folder, form, parts, job)
        card = dataset_card(workspace.name, config.project.language, form, parts, videos, shared, fetched)
        write_durably(folder / "README.md", card)
    result = {part: len(parts.get(part, ())) for part in ("train", "test")}
    workspace.log(f"{result['train']} train and {result['test']} test segments written to {target}", "export")
    return result | {
        "path": str(target),
        "format": form,
        "metadata": written,
        "left_out": left_out,
        "split": split,
        "leak": shared,
    }


def _parts(store: Store, accepted: list[Segment], form: str, job: Job) -> tuple[dict[str, list[Segment]], int, bool]:
    """(segments of each part, how many the split leaves out, is there a split)."""
    if form == "srt":
        return {"train": accepted}, 0, False
    if store.segments.counts()["train"] + store.segments.counts()["test"] == 0:
        job.log("nothing has been split yet: everything goes to train", "warning")
        return {"train": accepted}, 0, False
    parts = {part: [row for row in accepted if row.part == part] for part in ("train", "test")}
    left_out = len(accepted) - sum(map(len, parts.values()))
    if left_out:
        job.log(f"{left_out} accepted segments are in neither part of the split and stay out")
    return parts, left_out, True


def _with_audio(workspace: Workspace, rows: Sequence[Segment], job: Job) -> list[Segment]:
    found = []
    for row in rows:
        if workspace.absolute(row.path).is_file():
            found.append(row)
        else:
            job.item_failed(
                row.id,
                UserError(
                    f"the audio of {row.id} is gone", f"{row.path} is not there", f"whispersmith segment {row.video}"
                ),
            )
    return found


def _write(workspace: Workspace, folder: Path, form: str, parts: dict[str, list[Segment]], job: Job) -> str:
    """Write the parts in one of the formats; returns what the metadata is written as."""
    if form == "audiofolder":
        clips = {part: [_clip(workspace, row) for row in rows] for part, rows in parts.items()}
        total = sum(map(len, clips.values()))

        def step(count: int) -> None:
            job.check()
            job.progress(count, total, unit="segments")

        done = write_audiofolder(folder, clips, step)
        if done == "jsonl":
            job.log("metadata.jsonl instead of .csv: a text like NA, or only numbers, would not survive CSV", "warning")
        return done
    if form == "srt":
        _write_srt(folder, parts["train"])
    elif form == "parquet":
        for part, rows in parts.items():
            _write_parquet(workspace, folder, part, rows, job)
    else:
        (folder / "audio").mkdir()
        for part, rows in parts.items():
            if rows:
                _write_lines(workspace, folder, part, rows, form, job)
    return form


def _clip(workspace: Workspace, row: Segment) -> Clip:
    return Clip(f"{row.id}.wav", row.text, workspace.absolute(row.path))


def _write_lines(workspace: Workspace, folder: Path, part: str, rows: list[Segment], form: str, job: Job) -> None:
    """JSON lines beside audio/: plain ones, or the manifest that NVIDIA NeMo reads (paths relative to it)."""
    lines = []
    for number, row in enumerate(rows, start=1):
        job.check()
        name = f"audio/{row.id}.wav"
        link_or_copy(workspace.absolute(row.path), folder / name)
        seconds = (row.end_ms - row.start_ms) / 1000
        if form == "nemo":
            item: dict[str, Any] = {"audio_filepath": name, "duration": seconds, "text": row.text}
        else:
            item = {"audio": name, "text": row.text, "duration": seconds, "id": row.id, "video": row.video}
            item |= {"start_ms": row.start_ms, "end_ms": row.end_ms, "origin": row.origin}
        lines.append(json.dumps(item, ensure_ascii=False))
        job.progress(number, len(rows), unit="segments", note=part)
    name = f"{part}_manifest.json" if form == "nemo" else f"{part}.jsonl"
    write_durably(folder / name, "".join(line + "\n" for line in lines))


def _write_parquet(workspace: Workspace, folder: Path, part: str, rows: list[Segment], job: Job) -> None:
    """data/<part>-00000-of-00001.parquet with the wav's bytes inside, as the hub lays data sets out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not rows:
        return
    (folder / "data").mkdir(exist_ok=True)
    audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("audio", audio), ("transcription", pa.string()), ("id", pa.string()), ("video", pa.string())])
    with pq.ParquetWriter(folder / "data" / f"{part}-00000-of-00001.parquet", schema) as writer:
        for begin in range(0, len(rows), _ROWS_A_GROUP):
            job.check()
            group = rows[begin : begin + _ROWS_A_GROUP]
            sounds = [{"bytes": workspace.absolute(row.path).read_bytes(), "path": f"{row.id}.wav"} for row in group]
            columns = {
                "audio": sounds,
                "transcription": [row.text for row in group],
                "id": [row.id for row in group],
                "video": [row.video for row in group],
            }
            writer.write_table(pa.table(columns, schema=schema))
            job.progress(begin + len(group), len(rows), unit="segments", note=part)


def _write_srt(folder: Path, rows: list[Segment]) -> None:
    """One file a video."""
    videos: dict[str, list[Segment]] = {}
    for row in rows:
        videos.setdefault(row.video, []).append(row)
    for video, found in videos.items():
        write_durably(
            folder / f"{video}.srt", write_srt(merge_overlaps(Cue(row.start_ms, row.end_ms, row.text) for row in found))
        )
