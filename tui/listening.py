"""Hearing segments from any screen: one player for the app, opened at the first sound, and what is shown of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from core.errors import UserError
from core.listen.browser import BrowserPlayer
from core.listen.file import FilePlayer
from core.listen.opening import CLIP_FILE, open_player
from core.listen.player import SLOW, Playback, Player, PlayerState
from core.store import Store
from core.workspace import Workspace
from tui.background import BackgroundTasks, TaskResult
from tui.widgets import marks

AHEAD = 3
"""So many rows that come next are sent ahead."""

TAB_BACK_S = 2.5
"""A tab that an earlier app left open comes back within this time (core.listen.server.RETRY_MS); only then is asked for
one."""


@dataclass(frozen=True)
class ListeningReports:
    """What the app does with what is found; called on the UI thread.

    changed: what is heard is another, or how far it is. no_listener: something was asked for that nobody can hear yet,
    with the player that waits for a page. say: a sentence for the person. failed: no player can be opened.
    """

    changed: Callable[[Playback], object]
    no_listener: Callable[[BrowserPlayer], object]
    say: Callable[[str], object]
    failed: Callable[[UserError], object]


class Listening:
    """What the keys of listening do. Everything here is called on the UI thread, and waits for nothing."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        tasks: BackgroundTasks,
        post: Callable[[TaskResult], object],
        reports: ListeningReports,
    ) -> None:
        """post: brings what a player says to the UI thread."""
        self.playback = Playback(PlayerState.ABSENT)
        self._workspace, self._store, self._tasks, self._post = workspace, store, tasks, post
        self._reports = reports
        self._player: Player | None = None
        self._opening = False
        self._was_heard = False
        """Somebody could hear it once: what interrupts that mends itself, and is no reason for a dialog."""
        self._told = False
        """That nobody listens."""

    @property
    def player(self) -> Player | None:
        return self._player

    # -- what is asked for

    def toggle(self, id: str, ahead: Sequence[str]) -> None:
        """Play this segment; if it is the one that is heard, hold it, or let it go on. ahead: what may come next."""
        player, now = self._player, self.playback
        if player is not None and now.clip == id and now.state is PlayerState.PLAYING:
            player.pause()
        elif player is not None and now.clip == id and now.state is PlayerState.PAUSED:
            player.resume()
        else:
            self.play(id, ahead)

    def play(self, id: str, ahead: Sequence[str], *, around: bool = False) -> None:
        """From its beginning. around: with a moment of what lies before and after it."""
        self._play(id, ahead, around=around, then=self._ask_for_listener)

    def play_on_arrival(self, id: str, ahead: Sequence[str]) -> None:
        """From its beginning; where nobody can hear it, whoever types is told so once, and never kept from it."""
        self._play(id, ahead, around=False, then=self._tell_once)

    def follow(self, id: str, ahead: Sequence[str]) -> None:
        """The cursor has come to rest on a segment."""
        if self._player is not None:
            self._player.follow(id, list(ahead)[:AHEAD])

    def seek(self, by_s: float) -> None:
        player = self._player
        if player is not None and player.steers:
            player.seek(by_s)
        elif player is not None:
            self._reports.say(f"What plays logs/{CLIP_FILE} is not steered from here: hold it and move in it there")

    def toggle_rate(self) -> None:
        """Slower, and back; the pitch stays."""
        if self._player is not None:
            player, rate = self._player, 1.0 if self.playback.rate != 1.0 else SLOW
            # A local player computes the slower sound.
            self._tasks.run(lambda: player.set_rate(rate), lambda _: None, self._reports.failed, "listen rate")

    def prepare(self) -> None:
        """Open the player, and ask for somebody who listens."""
        self._with_player(self._ask_for_listener)

    def show_address(self) -> None:
        """Where it is heard: the page's address and the way to it, where there is a page."""
        self._with_player(self._show_address)

    def close(self) -> None:
        if self._player is not None:
            self._player.close()
            self._player = None

    # -- players and listeners

    def _play(self, id: str, ahead: Sequence[str], *, around: bool, then: Callable[[], object]) -> None:
        def play() -> None:
            assert self._player is not None
            self._player.play(id, around=around, ahead=list(ahead)[:AHEAD])
            then()

        self._with_player(play)

    def _with_player(self, then: Callable[[], object]) -> None:
        """`then` once a player is open; while one is being opened, the last key is the one that counts least."""
        if self._player is not None:
            then()
        elif not self._opening:
            self._opening = True
            work = partial(open_player, self._workspace, self._store, self._receive)
            self._tasks.run(work, partial(self._opened, then), self._not_opened, "listen")

    def _opened(self, then: Callable[[], object], player: Player) -> None:
        self._opening, self._player = False, player
        self._take(player.playback)
        if isinstance(player, FilePlayer):
            self._show_address()
        then()

    def _not_opened(self, error: UserError) -> None:
        self._opening = False
        self._reports.failed(error)

    def _ask_for_listener(self) -> None:
        """If nobody can hear it: how to listen. Once somebody could, a line on what it waits for."""
        if not self._was_heard:
            self._await_listener(self._reports.no_listener)
        elif not self.playback.can_play:
            locked = self.playback.state is PlayerState.LOCKED
            self._reports.say(
                "The page in the browser waits for a click on `Enable sound`"
                if locked
                else "The browser is not there; it plays as soon as the page is back. L shows its address"
            )

    def _tell_once(self) -> None:
        if not self._told and not self._was_heard:
            self._told = True
            self._await_listener(lambda _: self._reports.say("No row is heard, as nobody listens yet: L tells how to"))

    def _await_listener(self, nobody: Callable[[BrowserPlayer], object]) -> None:
        """A page, where one is needed, is open; or a tab of an earlier app is on its way; or there is nobody."""
        player = self._player

        def awaited(_: bool) -> None:
            if isinstance(player, BrowserPlayer) and not player.playback.can_play:
                nobody(player)

        if isinstance(player, BrowserPlayer) and player.was_open:
            self._tasks.run(lambda: player.await_page(TAB_BACK_S), awaited, self._reports.failed, "listen tab")
        else:
            awaited(False)

    def _show_address(self) -> None:
        player = self._player
        if isinstance(player, BrowserPlayer):
            self._reports.no_listener(player)
        elif isinstance(player, FilePlayer):
            self._reports.say(f"What is to be heard is written to {player.path}, for a player that plays it from there")
        else:
            self._reports.say("Segments are heard from this machine's loudspeaker")

    # -- what is heard

    def _receive(self, playback: Playback) -> None:
        """In a thread of the player's. What it is by the time it is shown counts."""
        self._post(TaskResult(self._show))

    def _show(self) -> None:
        if self._player is not None and self.playback != self._player.playback:
            self._take(self._player.playback)

    def _take(self, playback: Playback) -> None:
        self.playback = playback
        self._was_heard = self._was_heard or playback.can_play
        self._reports.changed(playback)

    def sign(self, ascii_only: bool) -> str:
        """For the status line: where it is heard, filled while somebody can hear it; "" before the first sound."""
        if self._player is None:
            return ""
        name = "running" if self.playback.can_play else "waiting"
        return f"{marks.mark(name, ascii_only)} {self._player.name}"


def playhead(playback: Playback, id: str | None, ascii_only: bool) -> str:
    """`▶ 3.2 s  ×0.75` for the segment that is heard now; "" for any other."""
    if id is None or playback.clip != id:
        return ""
    signs = {
        PlayerState.PLAYING: ">" if ascii_only else "▶",
        PlayerState.PAUSED: "||",
        PlayerState.LOADING: marks.mark("waiting", ascii_only),
    }
    rate = "" if playback.rate == 1.0 else f"  {'x' if ascii_only else '×'}{playback.rate:g}"
    if playback.state in signs:
        return f"{signs[playback.state]} {playback.at_s:.1f} s{rate}"
    if playback.state is PlayerState.WRITTEN:
        return f"{marks.mark('ok', ascii_only)} in logs/{CLIP_FILE}{rate}"
    if playback.state is PlayerState.FAILED:
        why = f": {playback.why}" if playback.why else ""
        return f"{marks.mark('failed', ascii_only)} it cannot be played{why}"
    return ""
