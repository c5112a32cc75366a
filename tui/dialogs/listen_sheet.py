"""The sheet that brings the listening page to the person's own machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from core.listen.browser import BrowserPlayer
from core.listen.player import Playback, PlayerState, is_remote
from core.listen.tunnel import Tunnel, tunnel
from tui.host import host_of
from tui.widgets import cells, marks
from tui.widgets.dialog import Body, Dialog, plain

STATE_S = 0.2


class ListenSheet(Dialog):
    """The tunnel's line, already copied, the page's address, and whether the page is there; it goes away once that
    can be heard."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q,L", "answer(None)", "close", show=False),
        Binding("c", "copy", "copy the line", show=False),
        Binding("a", "copy_address", "copy the address", show=False),
    ]
    KEYS = "c copy the line again   a copy the address   esc close"

    def __init__(self, address: str, tunnel: Tunnel | None, playback: Callable[[], Playback]) -> None:
        """tunnel: None on the person's own machine. playback: what is heard now."""
        super().__init__("Listen in a browser; logs/listen.txt tells the way too")
        self._address, self._tunnel, self._playback = address, tunnel, playback
        self._state = Static("", markup=False, classes="dialog--text")

    @classmethod
    def of(cls, player: BrowserPlayer) -> ListenSheet:
        return cls(player.server.address, tunnel(player.server.port) if is_remote() else None, lambda: player.playback)

    @property
    def notes(self) -> str:
        """What it says, for a file."""
        return self._address + "\n" if self._tunnel is None else self._tunnel.notes(self._address)

    def body(self) -> Iterable[Widget]:
        text = Text()
        if self._tunnel is not None:
            text.append("1  on your own machine, in a second terminal; it is copied:\n", "bold")
            text.append(f"{self._tunnel.command}\n")
            text.append("   through a jump host:\n", "dim").append(f"{self._tunnel.jump}\n")
            text.append("   or in ~/.ssh/config, under this host:\n", "dim").append(f"{self._tunnel.config}\n\n")
            text.append("2  then open this page there, and leave it open:\n", "bold")
        else:
            text.append("open this page (its address is copied), and leave it open:\n", "bold")
        text.append(self._address, Style(link=self._address, underline=True))
        yield Body(Static(text), classes="dialog--text")
        yield self._state

    def on_mount(self) -> None:
        host_of(self).copy_to_clipboard(self._line, quiet=True)
        self.set_interval(STATE_S, self._show)
        self._show()

    def _show(self) -> None:
        state, ascii_only = self._playback().state, cells.is_ascii(self.app)
        if state is PlayerState.ABSENT:
            said = f"{marks.mark('waiting', ascii_only)} waiting for the browser"
        elif state is PlayerState.LOCKED:
            said = f"{marks.mark('ok', ascii_only)} browser connected; click `Enable sound` there once"
        else:
            said = f"{marks.mark('ok', ascii_only)} browser connected"
            self.set_timer(1.0, lambda: self.action_answer(None))
        self._state.update(plain(said))

    @property
    def _line(self) -> str:
        return self._tunnel.command if self._tunnel is not None else self._address

    def action_copy(self) -> None:
        host_of(self).copy_to_clipboard(self._line)

    def action_copy_address(self) -> None:
        host_of(self).copy_to_clipboard(self._address)
