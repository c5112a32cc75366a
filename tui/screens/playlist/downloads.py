"""The keys that begin, hold and stop work on the playlist screen; what goes on is in playlist_queue.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserError
from core.licences import FREE
from core.sources.failures import hopeless
from core.stage import lookup
from core.store import Video
from tui.screens.playlist import wording as work
from tui.screens.playlist.block_panel import message

if TYPE_CHECKING:
    from tui.screens.playlist.screen import PlaylistScreen


class Downloads:
    def __init__(self, screen: PlaylistScreen) -> None:
        self._screen = screen
        self._any_licence = False
        """Said yes to, before the job has written it down."""
        self._stopped: set[Path] = set()

    def has_stopped(self, folder: Path) -> bool:
        """Whether x was pressed for this job, and said so."""
        return folder in self._stopped

    def get(self) -> None:
        """Enter: why a failed row failed, what a block asks for, else the download of what is selected."""
        screen = self._screen
        video, blocked = screen.video, screen.queue.blocked
        if video is not None and video.state == "failed" and video.id not in screen.queue.busy:
            screen.host.push_screen(work.failure_of(video, video.error or {}))
            return
        if blocked is not None:
            screen.host.push_screen(message(blocked[1]))
            return
        chosen = [v for v in screen.rows.index.all() if v.selected and v.state != "fetched" and not hopeless(v.error)]
        captions = screen.rows.captions.get(video.id) if video is not None else None
        if video is not None and captions and not chosen:
            screen.host.push_screen(work.failure_of(video, captions))
            return
        self._fetch(chosen)

    def retry(self) -> None:
        """After a block: go on now. Else what has failed, where another try may help, and the row under the cursor."""
        screen = self._screen
        blocked = screen.queue.blocked
        if blocked is not None:
            screen.resume_job(blocked[0])
            screen.toast("It goes on now")
            return
        failed = [video for video in screen.rows.index.all() if video.state == "failed"]
        again = [video for video in failed if not hopeless(video.error) or video is screen.video]
        if again:
            self._fetch(again)
        elif failed:
            screen.toast("No other try mends these; with the cursor on one, r tries it all the same")
        else:
            screen.toast("Nothing failed")

    def _fetch(self, videos: Sequence[Video]) -> None:
        screen, busy = self._screen, self._screen.queue.busy
        wanted = [video for video in videos if video.id not in busy]
        if not wanted:
            said = (
                "They are being downloaded already; x cancels" if videos else "Select recordings first: space, a or c"
            )
            screen.toast(said)
            return
        unfree = [video for video in wanted if video.licence not in FREE]
        try:
            permitted = self._any_licence or screen.workspace.config().fetch.any_licence
        except UserError as error:
            screen.show_error(error)
            return
        if not unfree or permitted:
            self._start(wanted, any_licence=bool(unfree))
            return
        free = [video for video in wanted if video.licence in FREE]

        def answered(answer: str) -> None:
            self._any_licence = answer == "y"
            self._start(wanted if answer == "y" else free, any_licence=answer == "y")

        screen.open_dialog(work.licence_question(wanted, unfree), answered)

    def _start(self, videos: Sequence[Video], *, any_licence: bool) -> None:
        self._screen.show_trouble(None)
        ids = [video.id for video in videos]
        self._screen.start_job("fetch", {"ids": ids, "any_licence": any_licence, "wait": True})
        self._screen.show_lines()

    def pause(self) -> None:
        screen = self._screen
        found = [batch for batch in work.by_worth(screen.live_jobs()) if lookup(batch.stage).holdable]
        if not found:
            screen.toast("Nothing is being downloaded")
            return
        folder, stage = found[0].folder, found[0].stage
        paused = screen.queue.toggle(folder)
        (screen.pause_job if paused else screen.resume_job)(folder)
        if stage == "captions":
            screen.toast(f"Fetching captions {'is held; p lets it go on' if paused else 'goes on'}")
        if stage == "fetch":
            screen.draw(screen.queue.busy)
        screen.show_lines()

    def stop(self) -> None:
        screen = self._screen
        live = [batch for batch in work.by_worth(screen.live_jobs()) if batch.folder not in self._stopped]
        if not live:
            screen.toast("It is stopping" if screen.live_jobs() else "Nothing is being listed or downloaded")
            return
        first, *more = live
        self._stopped.add(first.folder)
        screen.stop_job(first.folder)
        if first.stage == "details":
            screen.licences.give_up()
        then = f"; x again stops {lookup(more[0].stage).activity}" if more else ""
        screen.toast(f"{lookup(first.stage).stopping}{then}")
