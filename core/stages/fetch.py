"""Stage "fetch": the chosen videos become audio in `media/`, one at a time; then their captions.

params: ids (or None), all, first (a count), any_licence, wait. Without any of the first three: what is selected.
wait: a queue that the site has blocked waits and goes on by itself.
result: fetched, skipped, failed (counts), passed (rows that are never tried by themselves and were not named),
stopped ("" or why the rest was not tried), captions (counts of the captions pass, {} where there was none).

What is asked for is `selected` in the store before the first request: that is the queue on disk. A fetch that is
killed is taken up by the next one without a word of what it was about.
"""

from __future__ import annotations

import argparse
import traceback
from typing import TYPE_CHECKING, Any

from core.config import Config, set_value
from core.downloads.queue import DownloadQueue
from core.errors import UserError
from core.events import ItemState
from core.sources import sidecar
from core.sources.failures import Failure, is_permanent
from core.store import Store, Video
from core.text import clean, plural
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs.handle import Job


def arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("ids", nargs="*", metavar="ID", default=[])
    which.add_argument("--all", action="store_true", help="every video listed")
    which.add_argument("--first", type="positive", metavar="N", help="the first N videos")
    parser.add_argument("--any-licence", action="store_true", help="also what is not Creative Commons")
    parser.add_argument("--wait", action="store_true", help="wait while the site blocks, and go on by itself")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "ids": arguments.ids or None,
        "all": arguments.all,
        "first": arguments.first,
        "any_licence": arguments.any_licence,
        "wait": arguments.wait,
    }


def report(result: dict[str, Any]) -> str:
    found = result["captions"].get("found")
    captions = f", captions of {found}" if found else ""
    stopped = f"; stopped: {result['stopped']}" if result["stopped"] else ""
    fetched = f"{plural(result['fetched'], 'video')} fetched, {result['skipped']} here already"
    return f"{fetched}, {result['failed']} failed{captions}{stopped}"


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse ids that no source lists."""
    if params.get("ids"):
        with Store(workspace.db_path) as store:
            _choose(store, params)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Fetch the chosen videos. What is on disk is not asked for again; a failure never stops the rest,
    except one that says that going on makes it worse."""
    free = _may_take_any(workspace, config, job)
    with Store(workspace.db_path) as store:
        chosen = _choose(store, job.params)
        missing, skipped = _note_on_disk(chosen, workspace, job, store)
        named = bool(job.params.get("ids"))
        wanted = [video for video in missing if named or not is_permanent(video.error)]
        _put_on_disk(wanted, store)
        if passed := len(missing) - len(wanted):
            job.log(f"passed over, since trying again is no use: {passed}; name one to try it")
        queue = DownloadQueue(workspace, config, job, store, free=free)
        queue.run([video for video in wanted if _may_be_asked_for(queue, video)])
        captions = {} if queue.stopped else _captions(workspace, queue.config, job, store, chosen)
    return {
        "fetched": queue.fetched,
        "skipped": skipped,
        "failed": queue.failed,
        "passed": passed,
        "stopped": queue.stopped,
        "captions": captions,
    }


def _may_take_any(workspace: Workspace, config: Config, job: Job) -> bool:
    """Whether any licence will do. Somebody who has said so once is not asked again in this workspace."""
    if config.fetch.any_licence:
        return True
    if not job.params.get("any_licence"):
        return False
    try:
        set_value(workspace.config_path, "fetch", "any_licence", True)
    except UserError as error:
        job.log(f"any_licence could not be noted: {error.what}: {error.why}", level="warning")
    return True


def _choose(store: Store, params: dict[str, Any]) -> list[Video]:
    ids = params.get("ids")
    if ids:
        return store.videos.named([str(id) for id in ids])
    videos = store.videos.all()
    if params.get("all"):
        return videos
    if first := int(params.get("first") or 0):
        return [video for video in videos if not is_permanent(video.error)][:first]
    chosen = [video for video in videos if video.selected or video.path]
    if not chosen:
        raise UserError(
            "no video is selected" if videos else "there are no videos yet",
            "nothing says what to fetch" if videos else "no source has been added",
            "whispersmith fetch --first 1" if videos else "whispersmith add URL_OR_PATH",
        )
    return chosen


def _note_on_disk(videos: list[Video], workspace: Workspace, job: Job, store: Store) -> tuple[list[Video], int]:
    """(those that are not on disk, how many are). The disk is the truth: the rows follow it."""
    missing = []
    recordings = sidecar.all_on_disk(workspace.media)
    for video in videos:
        job.check()
        lying = recordings.get(video.id)
        if lying is None:
            missing.append(video)
            continue
        path, size = workspace.relative(lying), lying.stat().st_size
        if (video.state, video.path, video.bytes) != ("fetched", path, size):
            learnt = _learnt(video, sidecar.read(workspace.media, video.id))
            store.videos.update(
                video.id, **learnt, state="fetched", path=path, bytes=size, error=None, media_fault=None
            )
        job.item(video.id, ItemState.SKIPPED)
    return missing, len(videos) - len(missing)


def _learnt(video: Video, said: dict[str, Any]) -> dict[str, Any]:
    """What the row does not know and the sidecar does, after a kill between the recording's name and its row."""
    # A channel without an address, and the words for a licence without any, are the sidecar's own.
    kept = ["upload_date", *(["channel", "channel_url"] if said.get("channel_url") else [])]
    kept += ["licence_text"] if said.get("licence") == "cc-by" else []
    found = {name: clean(str(said.get(name) or ""), 500) for name in kept}
    learnt: dict[str, Any] = {name: text for name, text in found.items() if text and not getattr(video, name)}
    length, licence = said.get("duration_ms"), said.get("licence")
    if video.duration_ms is None and isinstance(length, int):
        learnt["duration_ms"] = length
    if video.licence == "unknown" and licence in ("cc-by", "standard", "own"):
        learnt["licence"] = licence
    return learnt


def _put_on_disk(wanted: list[Video], store: Store) -> None:
    """The queue, before anything is asked for. A row that is tried because it was named stays due until it was."""
    store.videos.select([video.id for video in wanted if not video.selected])
    for video in wanted:
        if video.error is not None and is_permanent(video.error):
            store.videos.update(video.id, error={**video.error, "retry": "later"})


def _may_be_asked_for(queue: DownloadQueue, video: Video) -> bool:
    """False, and the row says why, where there is nowhere to ask or the licence does not permit it."""
    refusal = queue.refusal(video) if video.url else _LOST
    if refusal is not None:
        queue.fail(video, refusal)
    return refusal is None


def _captions(workspace: Workspace, config: Config, job: Job, store: Store, chosen: list[Video]) -> dict[str, Any]:
    """What people wrote as captions of the recordings that are here now. Audio is worth more than its captions:
    whatever goes wrong here is told, and the fetch is as good as it was."""
    if not config.captions.fetch:
        return {}
    from core.jobs.handle import Cancelled

    ids = {video.id for video in chosen}
    here = [video for video in store.videos.all() if video.id in ids and video.path]
    try:
        from core.stages.captions import fetch_for

        return dict(fetch_for(workspace, config, job, store, here) or {})
    except Cancelled:
        raise
    except UserError as error:
        job.log(f"captions: {' - '.join(line for line in error.lines() if line)}", level="warning")
    except Exception as error:  # noqa: BLE001 - no failure of the captions may cost the audio its good end
        traceback.print_exc()
        job.log(f"captions were not fetched: {type(error).__name__}: {clean(str(error), 300)}", level="warning")
    return {}


_LOST = Failure(
    "lost",
    "the file of this recording is no longer in media/",
    "it was added from this machine, so it cannot be fetched from anywhere",
    "whispersmith add PATH, with the path of the original file",
)
