"""Hearing segments from any screen: one player for the app, opened at the first sound, and what is shown of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from core.errors import UserError
from core.listen.browser import BrowserPlayer
from core.listen.opening import open_player
from core.listen.player import SLOW, Playback, Player, PlayerState
from core.store import Store
from core.workspace import Workspace
from tui.background import BackgroundTasks, TaskResult
from tui.widgets import marks

AHEAD = 3
"""So many rows that come next are sent ahead."""


class Listening:
    """What the keys of listening do. changed: called on the UI thread with what is heard now, whenever it is another.

    no_listener: called when something was asked for that nobody can hear yet, with the player that waits for a page.
    """

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        tasks: BackgroundTasks,
        post: Callable[[TaskResult], object],
        changed: Callable[[Playback], object],
        no_listener: Callable[[BrowserPlayer], object],
        failed: Callable[[UserError], object],
    ) -> None:
        self.playback = Playback(PlayerState.ABSENT)
        self._workspace, self._store, self._tasks, self._post = workspace, store, tasks, post
        self._changed, self._no_listener, self._failed = changed, no_listener, failed
        self._player: Player | None = None
        self._opening = False

    @property
    def player(self) -> Player | None:
        return self._player

    def toggle(self, id: str, ahead: Sequence[str]) -> None:
        """Play this segment; if it is the one that is heard, hold it, or let it go on. ahead: what may come next."""
        player, now = self._player, self.playback
        if player is None:
            self._open(partial(self.play, id, ahead))
        elif now.clip == id and now.state is PlayerState.PLAYING:
            player.pause()
        elif now.clip == id and now.state is PlayerState.PAUSED:
            player.resume()
        else:
            self.play(id, ahead)

    def play(self, id: str, ahead: Sequence[str], *, around: bool = False) -> None:
        """From its beginning. around: with a moment of what lies before and after it."""
        player = self._player
        if player is None:
            self._open(partial(self.play, id, ahead, around=around))
            return
        player.play(id, around=around)
        player.prepare(list(ahead)[:AHEAD])
        if isinstance(player, BrowserPlayer) and not player.playback.can_play:
            self._no_listener(player)

    def seek(self, by_s: float) -> None:
        if self._player is not None:
            self._player.seek(by_s)

    def toggle_rate(self) -> None:
        """Slower, and back; the pitch stays."""
        if self._player is not None:
            player, rate = self._player, 1.0 if self.playback.rate != 1.0 else SLOW
            # A local player computes the slower sound.
            self._tasks.run(lambda: player.set_rate(rate), lambda _: None, self._failed, "listen rate")

    def show_address(self) -> None:
        """The page's address and the way to it, where there is a page."""
        if self._player is None:
            self._open(self.show_address)
        elif isinstance(self._player, BrowserPlayer):
            self._no_listener(self._player)

    def close(self) -> None:
        if self._player is not None:
            self._player.close()

    def _open(self, then: Callable[[], object]) -> None:
        if self._opening:
            return
        self._opening = True
        work = partial(open_player, self._workspace, self._store, self._receive)
        self._tasks.run(work, partial(self._opened, then), self._not_opened, "listen")

    def _opened(self, then: Callable[[], object], player: Player) -> None:
        self._opening, self._player = False, player
        self._show(player.playback)
        then()

    def _not_opened(self, error: UserError) -> None:
        self._opening = False
        self._failed(error)

    def _receive(self, playback: Playback) -> None:
        """In a thread of the player's."""
        self._post(TaskResult(partial(self._show, playback)))

    def _show(self, playback: Playback) -> None:
        self.playback = playback
        self._changed(playback)

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
        PlayerState.FAILED: marks.mark("failed", ascii_only),
    }
    sign = signs.get(playback.state)
    if sign is None:
        return ""
    rate = "" if playback.rate == 1.0 else f"  {'x' if ascii_only else '×'}{playback.rate:g}"
    if playback.state is PlayerState.FAILED:
        return f"{sign} it cannot be played"
    return f"{sign} {playback.at_s:.1f} s{rate}"
