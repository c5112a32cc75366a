"""segment: cut recordings into overlapping 16 kHz wav files, several at a time."""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, get_args

from core.config import Config, SegmentConfig, with_changes
from core.cores import usable_cores
from core.errors import UserError, of_os_error
from core.labelling.first import deal_again
from core.media import find_ffmpeg
from core.media.silero import detector_problem
from core.media.stream import BadMedia
from core.media.windows import Cutter
from core.review.flags import MOVED
from core.segmentation.forecast import free_bytes, recordings, total
from core.segmentation.leftovers import remove_half_written
from core.segmentation.progress import SegmentationProgress
from core.segmentation.recording import RecordingSegmenter
from core.segmentation.settings import cutter_of
from core.segmentation.texts import Texts
from core.store import Store, Video
from core.text import plural
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs import Job


def arguments(parser: argparse.ArgumentParser) -> None:
    defaults = SegmentConfig()
    parser.add_argument("ids", nargs="*", metavar="ID", help="default: every recording that is here")
    parser.add_argument("--length", type=float, metavar="S", help=f"seconds, default {defaults.length_s:g}")
    parser.add_argument("--overlap", type=float, metavar="S", help=f"seconds, default {defaults.overlap_s:g}")
    parser.add_argument("--at-pauses", action="store_true", help="cut where nobody speaks, without overlap")
    parser.add_argument(
        "--shortest", type=float, metavar="S", help=f"at pauses: seconds, default {defaults.shortest_s:g}"
    )
    parser.add_argument(
        "--longest", type=float, metavar="S", help=f"at pauses: seconds, default {defaults.longest_s:g}"
    )
    parser.add_argument(
        "--text",
        choices=get_args(Texts),
        default="stays",
        help="cut anew: reviewed segments stay as they are (default), or their text moves to the new ones",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what it would yield and change; write nothing")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    windows = {"length_s": arguments.length, "overlap_s": arguments.overlap}
    pauses = {"shortest_s": arguments.shortest, "longest_s": arguments.longest}
    given = {name: value for name, value in (windows | pauses).items() if value is not None}
    if given.keys() & windows.keys() and (arguments.at_pauses or given.keys() & pauses.keys()):
        raise UserError(
            "windows and pauses are two ways to cut",
            "--length and --overlap are of windows, --at-pauses, --shortest and --longest are not",
            "take those of one way",
        )
    if arguments.at_pauses or given.keys() & pauses.keys():
        given["mode"] = "pauses"
    elif given:
        given["mode"] = "windows"
    return {"ids": arguments.ids or None, "settings": given, "text": arguments.text}


def report(result: dict[str, Any]) -> str:
    said = [f"{plural(result['segments'], 'segment')}, {result['new']} of them new"]
    if result["kept_human"]:
        said.append(f"{result['kept_human']} of an earlier cut stay beside them")
    if result["moved"]:
        said.append(f"the texts of {result['moved']} wait in them, marked {MOVED}")
    return "; ".join(said)


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse settings that are not valid or never advance, ids that no source lists, and a workspace without audio."""
    _cutter(config, params)
    _texts(params)
    with Store(workspace.db_path) as store:
        _chosen(store, params)


def forecast(workspace: Workspace, config: Config, params: dict[str, Any]) -> dict[str, Any]:
    """What a run with these params would yield and change. Nothing is written."""
    cutter, texts = _cutter(config, params), _texts(params)
    with Store(workspace.db_path) as store:
        found = {
            recording.video.id: recording.forecast(cutter, texts)
            for recording in recordings(store, _chosen(store, params))
        }
        free = free_bytes(workspace)
    all_of_them = total(found.values())
    said = {"yields": all_of_them.yields(free), "changes": all_of_them.changes}
    each = [{"id": id, **one.as_json()} for id, one in found.items()]
    return all_of_them.as_json() | {"free_bytes": free, "videos": each} | said


def forecast_report(found: dict[str, Any]) -> str:
    return "\n".join([found["yields"], *found["changes"]])


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Cut `params["ids"]` (default: every video with a media file) with `params["settings"]` (default: the config's).

    What is there and whole is not done again. A video that cannot be cut fails alone. Returns counts.
    """
    cutter, texts = _cutter(config, job.params), _texts(job.params)
    find_ffmpeg()
    remove_half_written(workspace)
    with Store(workspace.db_path) as store:
        videos = _chosen(store, job.params)
        progress = SegmentationProgress(job, sum(video.duration_ms or 0 for video in videos))

        def cut(video: Video) -> None:
            try:
                job.check()
                RecordingSegmenter(workspace, store, job, cutter, texts, progress, video).run()
                if dealt := deal_again(workspace, config, store, video.id):
                    job.log(f"{video.id}: {plural(dealt, 'text')} from what was heard before, nothing is heard again")
            except UserError as error:
                progress.add(failed=1)
                if isinstance(error, BadMedia):
                    store.videos.update(video.id, media_fault=error.as_dict())
                job.item_failed(video.id, error)
            except OSError as error:
                progress.add(failed=1)
                job.item_failed(video.id, _unwritable(video.id, error))

        with ThreadPoolExecutor(min(usable_cores(), len(videos)), thread_name_prefix="segment") as pool:
            tasks = [pool.submit(cut, video) for video in videos]
        for task in tasks:
            task.result()
        job.check()
    # Asked here, since loading the detector goes on beside the first decoding.
    if progress.counts["written"] and (problem := detector_problem()):
        job.log(f"speech was told by loudness alone, the detector cannot be loaded: {problem}", "warning")
    return progress.counts | {"new": progress.counts["written"], "cut": cutter.settings()}


def _unwritable(video: str, error: OSError) -> UserError:
    return of_os_error(error, f"{video} could not be written", "whispersmith segment")


def _cutter(config: Config, params: dict[str, Any]) -> Cutter:
    """The cut that params, or the settings, ask for. UserError for one that is not valid or never advances."""
    asked = params.get("settings") or {}
    settings = with_changes(config.segment, asked, "segment", "--length 10 --overlap 2")
    if conflict := settings.conflict():
        raise UserError(conflict.what, conflict.why, conflict.fix)
    return cutter_of(settings)


def _texts(params: dict[str, Any]) -> Texts:
    asked = params.get("text") or "stays"
    for texts in get_args(Texts):
        if asked == texts:
            return texts
    raise UserError(f"texts cannot be cut as {asked}", "they stay or they move", "--text stays, or --text moves")


def _chosen(store: Store, params: dict[str, Any]) -> list[Video]:
    if ids := params.get("ids"):
        return store.videos.named([str(id) for id in ids])
    videos = [video for video in store.videos.all() if video.path]
    if not videos:
        raise UserError("there is nothing to cut", "no video has been fetched yet", "whispersmith fetch --first 1")
    return videos
