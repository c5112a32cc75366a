"""Write what a person accepted as a data set: a folder that is whole or not there, with its attribution."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.atomic_folder import check_replaceable, replace_folder
from core.config import Config
from core.dataset.leak import sharing_audio
from core.errors import UserError
from core.exchange.card import dataset_card
from core.exchange.clips import LabelledClip, write_durably
from core.exchange.formats.table import DATASET, Format, dataset_format, dataset_formats
from core.labelling.sources import heard_whole
from core.segmentation.sound_check import with_whole_sound
from core.sources import sidecar
from core.spans import Span
from core.store import Segment, Store
from core.text import plural
from core.timed_text import lines
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs import Job


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", nargs="?", type=Path, metavar="DIR", help="default: dataset, or dataset-FORMAT")
    parser.add_argument("--format", choices=dataset_formats(), default=DATASET)


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    folder = str(arguments.dir.expanduser().resolve()) if arguments.dir else None
    return {"dir": folder, "format": arguments.format}


def report(result: dict[str, Any]) -> str:
    return f"{result['train']} train and {plural(result['test'], 'test segment')} written to {result['path']}"


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse a format that is none, and a folder that holds what is not ours."""
    _, target = _format_and_target(workspace, params)
    check_replaceable(target)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Export to `params["dir"]` (default: dataset/, or dataset-<format>/) as `params["format"]` (audiofolder).

    Accepted transcripts with text, by split; all in train where nothing has been split. What the split leaves out
    stays out. A folder that holds anything else is never overwritten. Returns counts and the path.
    """
    format, target = _format_and_target(workspace, job.params)
    with Store(workspace.db_path) as store:
        accepted = [row for row in store.segments.all(review="accepted") if row.usable]
        heard = [] if format.by_split else heard_elsewhere(store, config.model.labeller, accepted)
        if not accepted and not heard:
            raise UserError(
                "there is nothing to export",
                "no transcript with text has been accepted",
                "accept some in the app, or whispersmith import PATH",
            )
        parts, left_out, split = _parts(store, accepted, format, job)
        if format.by_split:  # the others write no sound
            rows = with_whole_sound(workspace, store, job, [row for part in parts.values() for row in part])
            whole = {row.id: row for row in rows}
            parts = {part: [whole[row.id] for row in rows if row.id in whole] for part, rows in parts.items()}
        wanted = {row.video for rows in parts.values() for row in rows} | {clip.video for clip in heard}
        videos = [video for video in store.videos.all() if video.id in wanted]
    chosen = [row for rows in parts.values() for row in rows]
    if not chosen and not heard:
        raise UserError("there is nothing to export", "the sound of every segment is broken", "whispersmith segment")
    fetched = {video.id: str(sidecar.read(workspace.media, video.id).get("fetched") or "") for video in videos}
    shared = len(sharing_audio(parts.get("test", ()), parts["train"]))

    def step(count: int) -> None:
        job.check()
        job.progress(count, len(chosen) + len(heard), unit="segments")

    assert format.write_dataset is not None
    with replace_folder(target) as folder:
        clips = {part: _clips(workspace, rows) for part, rows in parts.items()}
        clips["train"] = [*clips["train"], *heard]
        written = format.write_dataset(folder, clips, step)
        card = dataset_card(workspace.name, config.project.language, format.loading, parts, videos, shared, fetched)
        write_durably(folder / "README.md", card)
    for note in written.notes:
        job.log(note, "warning")
    result = {part: len(parts.get(part, ())) for part in ("train", "test")}
    workspace.log(f"{result['train']} train and {plural(result['test'], 'test segment')} written to {target}", "export")
    return result | {
        "path": str(target),
        "format": format.name,
        "metadata": written.metadata,
        "left_out": left_out,
        "split": split,
        "leak": shared,
    }


def heard_elsewhere(store: Store, labeller: str, accepted: Sequence[Segment]) -> list[LabelledClip]:
    """What the labeller has heard where nobody has accepted a text, of recordings that it has heard whole."""
    found = []
    for video in store.videos.all():
        heard = heard_whole(store, video.id, labeller)
        if heard is None:
            continue
        taken = [Span(row.start_ms, row.end_ms) for row in accepted if row.video == video.id]
        found += [
            LabelledClip("", cue.text, Path(), video.id, cue.start_ms, cue.end_ms, "machine")
            for cue in lines(heard.pieces, taken)
        ]
    return found


def _format_and_target(workspace: Workspace, params: dict[str, Any]) -> tuple[Format, Path]:
    """The format and the folder that the params name. UserError for a format that is none."""
    format = dataset_format(str(params.get("format") or DATASET))
    name = "dataset" if format.name == DATASET else f"dataset-{format.name}"
    return format, workspace.root / Path(str(params.get("dir") or name)).expanduser()


def _parts(
    store: Store, accepted: list[Segment], format: Format, job: Job
) -> tuple[dict[str, list[Segment]], int, bool]:
    """(segments of each part, how many the split leaves out, is there a split)."""
    if not format.by_split:
        return {"train": accepted}, 0, False
    if store.segments.counts()["train"] + store.segments.counts()["test"] == 0:
        job.log("nothing has been split yet: everything goes to train", "warning")
        return {"train": accepted}, 0, False
    parts = {part: [row for row in accepted if row.part == part] for part in ("train", "test")}
    left_out = len(accepted) - sum(map(len, parts.values()))
    if left_out:
        job.log(f"left out, since in neither part of the split: {plural(left_out, 'accepted segment')}")
    return parts, left_out, True


def _clips(workspace: Workspace, rows: Sequence[Segment]) -> list[LabelledClip]:
    return [
        LabelledClip(
            row.id, row.text, workspace.absolute(row.path), row.video, row.start_ms, row.end_ms, row.origin or ""
        )
        for row in rows
    ]
