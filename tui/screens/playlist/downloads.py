"""The keys that begin, hold and stop work on the playlist screen: what each of them has to do. What goes on is in
tracker.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from core.errors import UserError
from core.events import Blocked, ItemFailed, JobState
from core.licences import FREE
from core.sources.failures import is_permanent
from core.stage import STAGES, lookup
from core.store import Video
from tui import keymap
from tui.bridge import JobBatch
from tui.effects import Effect, OpenDialog, PauseJob, ResumeJob, ShowError, StartJob, StopJob, Toast
from tui.screens.playlist import dialogs
from tui.screens.playlist.rows import VideoRows
from tui.screens.playlist.tracker import DownloadTracker


class Downloads:
    """rows, tracker: read, never changed, but for a pause that is shown before the job has heard of it.

    any_licence: whether the settings allow what is not free; UserError where they cannot be read.
    """

    def __init__(self, rows: VideoRows, tracker: DownloadTracker, any_licence: Callable[[], bool]) -> None:
        self._rows, self._tracker, self._any_licence = rows, tracker, any_licence
        self._permitted = False
        """Said yes to, before the job has written it down."""
        self._stopped: set[Path] = set()

    def was_stopped(self, folder: Path) -> bool:
        """Whether `stop` was asked for this job."""
        return folder in self._stopped

    def get(self, video: Video | None) -> list[Effect]:
        """Enter: why the row under the cursor failed, what a block asks for, else the download of what is selected."""
        if video is not None and video.state == "failed" and video.id not in self._tracker.busy:
            return [OpenDialog(dialogs.failure(video, video.error or {}))]
        if (blocked := self._tracker.blocked) is not None:
            return [OpenDialog(dialogs.block_message(blocked[1]))]
        chosen = [
            v for v in self._rows.index.all() if v.selected and v.state != "fetched" and not is_permanent(v.error)
        ]
        captions = self._rows.captions.get(video.id) if video is not None else None
        if video is not None and captions and not chosen:
            return [OpenDialog(dialogs.failure(video, captions))]
        totals = self._rows.index.totals
        if totals.here == totals.count:
            return [Toast("Everything is here already" if totals.count else "There is nothing yet; + adds a source")]
        return self._fetch(chosen)

    def retry(self, video: Video | None) -> list[Effect]:
        """After a block: go on now. Else what has failed, where another try may help, and the row under the cursor."""
        if (blocked := self._tracker.blocked) is not None:
            return [ResumeJob(blocked[0]), Toast("It goes on now")]
        failed = [v for v in self._rows.index.all() if v.state == "failed"]
        if again := [v for v in failed if not is_permanent(v.error) or v is video]:
            return self._fetch(again)
        if failed:
            return [Toast("No other try mends these; with the cursor on one, r tries it all the same")]
        return [Toast("Nothing failed")]

    def _fetch(self, videos: Sequence[Video]) -> list[Effect]:
        busy = self._tracker.busy
        wanted = [video for video in videos if video.id not in busy]
        if not wanted:
            return [
                Toast(
                    "They are being downloaded already; x cancels"
                    if videos
                    else "Select recordings first: space, a or c"
                )
            ]
        unfree = [video for video in wanted if video.licence not in FREE]
        try:
            permitted = self._permitted or self._any_licence()
        except UserError as error:
            return [ShowError(error)]
        if not unfree or permitted:
            return [fetch(wanted, any_licence=bool(unfree))]

        def answered(answer: str) -> list[Effect]:
            self._permitted = answer == "y"
            chosen = wanted if self._permitted else [video for video in wanted if video.licence in FREE]
            return [fetch(chosen, any_licence=self._permitted)]

        return [OpenDialog(dialogs.licence_question(wanted, unfree), answered)]

    def captions(self, live: Iterable[JobBatch]) -> list[Effect]:
        """Fetch the captions of the recordings that are here; whether those of machines too is asked."""
        offered = [video for video in self._rows.index.all() if video.state == "fetched" and video.url]
        if any(batch.stage == "captions" for batch in live):
            return [Toast("Captions are being fetched already; x cancels")]
        if not offered:
            return [Toast("No recording of a site is here yet; its captions come with the download")]
        question = dialogs.captions_question(len(offered))
        return [OpenDialog(question, lambda answer: [StartJob("captions", {"automatic": answer == "a"})])]

    def pause(self, live: Iterable[JobBatch]) -> list[Effect]:
        """Hold what can be held, or let it go on."""
        found = [batch for batch in by_worth(live) if lookup(batch.stage).holdable]
        if not found:
            return [Toast("Nothing is being downloaded")]
        folder = found[0].folder
        paused = self._tracker.toggle(folder)
        effects: list[Effect] = [PauseJob(folder) if paused else ResumeJob(folder)]
        if found[0].stage == "captions":
            effects.append(Toast(f"Fetching captions {'is held; p lets it go on' if paused else 'goes on'}"))
        return effects

    def stop(self, live: Iterable[JobBatch]) -> list[Effect]:
        """The one job that a person means, and what another press would stop."""
        live = list(live)
        running = [batch for batch in by_worth(live) if batch.folder not in self._stopped]
        if not running:
            return [Toast("It is stopping" if live else "Nothing is being listed or downloaded")]
        first, *more = running
        self._stopped.add(first.folder)
        then = f"; x again stops {lookup(more[0].stage).activity}" if more else ""
        return [StopJob(first.folder), Toast(f"{lookup(first.stage).stopping}{then}")]


def fetch(videos: Iterable[Video], *, any_licence: bool) -> StartJob:
    """The download of these, waiting for another one where one runs."""
    return StartJob("fetch", {"ids": [video.id for video in videos], "any_licence": any_licence, "wait": True})


def by_worth(live: Iterable[JobBatch]) -> list[JobBatch]:
    """What a person means who stops or holds something: what runs before what waits, then the later
    step of the work; what goes on quietly comes last."""
    order = list(reversed(STAGES))

    def worth(batch: JobBatch) -> tuple[bool, bool, int]:
        return batch.view.state == JobState.WAITING, STAGES[batch.stage].quiet, order.index(batch.stage)

    return sorted(live, key=worth)


def error_after(batch: JobBatch, block: Blocked | None) -> UserError | None:
    """What stands under the rows after a job: why it failed or stopped early. A row's own failure stands in the row.

    block: what the site had said last, which a result has in one line only.
    """
    if batch.view.state == JobState.CANCELLED:
        return None
    if batch.view.error is not None:
        return batch.view.error
    if batch.view.stopped and batch.stage == "details":
        fix = f"in an hour or so press {keymap.key('playlist.licences')}: it asks for those that are missing"
        return UserError(batch.view.stopped, "licences are asked for one by one, and the site wants a rest", fix)
    if batch.view.stopped:
        return UserError(block.what, block.why, block.fix) if block is not None else UserError(batch.view.stopped)
    if batch.stage == "add":
        # A source that could not be listed has no row to say it in.
        return next((item.error for item in batch.of(ItemFailed)), None)
    return None
