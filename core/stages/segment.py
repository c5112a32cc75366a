"""segment: cut recordings into overlapping 16 kHz wav files, several at a time."""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from core.config import Config, SegmentConfig, with_changes
from core.errors import UserError
from core.media import load_pydub
from core.media.windows import OverlappingWindows
from core.segmentation.progress import SegmentationProgress
from core.segmentation.recording import RecordingSegmenter
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


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    given = {"length_s": arguments.length, "overlap_s": arguments.overlap}
    settings = {name: value for name, value in given.items() if value is not None}
    return {"ids": arguments.ids or None, "settings": settings}


def report(result: dict[str, Any]) -> str:
    return f"{plural(result['segments'], 'segment')}, {result['new']} of them new"


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse settings that are not valid or never advance, ids that no source lists, and a workspace without audio."""
    _windows(config, params)
    with Store(workspace.db_path) as store:
        _chosen(store, params)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Cut `params["ids"]` (default: every video with a media file) with `params["settings"]` (default: the config's).

    What is there and whole is not done again. A video that cannot be cut fails alone. Returns counts.
    """
    windows = _windows(config, job.params)
    load_pydub()
    with Store(workspace.db_path) as store:
        videos = _chosen(store, job.params)
        progress = SegmentationProgress(job, sum(video.duration_ms or 0 for video in videos))

        def cut(video: Video) -> None:
            try:
                job.check()
                RecordingSegmenter(workspace, store, job, windows, progress, video).run()
            except UserError as error:
                progress.add(failed=1)
                job.item_failed(video.id, error)
            except OSError as error:
                progress.add(failed=1)
                job.item_failed(video.id, _unwritable(video.id, error))

        workers = min(2, os.cpu_count() or 1, len(videos))
        with ThreadPoolExecutor(workers, thread_name_prefix="segment") as pool:
            tasks = [pool.submit(cut, video) for video in videos]
        for task in tasks:
            task.result()
        job.check()
    return progress.counts | {"new": progress.counts["written"], "cut": windows.settings()}


def _unwritable(video: str, error: OSError) -> UserError:
    return UserError(
        f"{video} could not be written", error.strerror or str(error), "make room on the disk, then try again"
    )


def _windows(config: Config, params: dict[str, Any]) -> OverlappingWindows:
    """The cut that params, or the settings, ask for. UserError for one that is not valid or never advances."""
    asked = params.get("settings") or {}
    settings = with_changes(config.segment, asked, "segment", "--length 10 --overlap 2")
    windows = OverlappingWindows(round(settings.length_s * 1000), round(settings.overlap_s * 1000))
    windows.plan(1)
    return windows


def _chosen(store: Store, params: dict[str, Any]) -> list[Video]:
    if ids := params.get("ids"):
        return store.videos.named([str(id) for id in ids])
    videos = [video for video in store.videos.all() if video.path]
    if not videos:
        raise UserError("there is nothing to cut", "no video has been fetched yet", "whispersmith fetch --first 1")
    return videos
