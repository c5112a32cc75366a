"""What screens, their parts and dialogs need of the app they are shown in. `WhispersmithApp` is that app; nobody here
below imports it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from textual.dom import DOMNode
from textual.screen import Screen

from core.errors import UserError
from core.store import Store
from core.workspace import Workspace
from tui.bridge import JobBatch
from tui.listening import Listening
from tui.status.monitor import Status

if TYPE_CHECKING:
    from core.cli import AppOptions

Result = TypeVar("Result")

StageStart = tuple[str, dict[str, Any]]
"""A stage and its params."""


class Host(Protocol):
    """The app, as a screen sees it. Everything here is called on the UI thread."""

    @property
    def folder(self) -> Path:
        """The folder the app was opened in: the workspace's root once it is one."""
        ...

    @property
    def workspace(self) -> Workspace | None:
        """None while `folder` is no workspace yet."""
        ...

    @property
    def store(self) -> Store | None:
        """The workspace's store; in the UI thread for what takes less than 10 ms."""
        ...

    @property
    def options(self) -> AppOptions: ...

    @property
    def ascii(self) -> bool:
        """Whether only signs that no terminal draws two cells wide may be used."""
        ...

    @property
    def resizes(self) -> int:
        """How often the terminal has got another size."""
        ...

    @property
    def live(self) -> Mapping[Path, JobBatch]:
        """The last batch of each live job, by its folder, oldest job first; without its events."""
        ...

    @property
    def status(self) -> Status:
        """What every status bar shows now."""
        ...

    @property
    def listening(self) -> Listening | None:
        """Through which segments are heard; None outside a workspace."""
        ...

    def push_screen(
        self,
        screen: Screen[Result],
        callback: Callable[[Result | None], None] | Callable[[Result | None], Awaitable[None]] | None = None,
    ) -> object:
        """Show a dialog; `callback(result)` when it closes, with None where it was closed without one."""
        ...

    def call_later(self, callback: Callable[..., object], *args: Any) -> bool:
        """Call it, or await it where it is a coroutine function, once this message has been handled."""
        ...

    def show_error(self, error: UserError, title: str = "That did not work") -> None:
        """A dialog with what went wrong, why, and what mends it."""
        ...

    def toast(self, text: str, severity: Any = "information") -> None:
        """A few lines that go away by themselves; never parsed as markup."""
        ...

    def copy_to_clipboard(self, text: str, *, quiet: bool = False) -> None:
        """To the terminal's clipboard and to a file; a toast says where it is. quiet: the one who copies says it."""
        ...

    def print_on_leaving(self, line: str) -> None:
        """On the terminal, once the app is left: for what a person wrote, and no file takes."""
        ...

    def recount(self) -> None:
        """Something changed that the counts in the status bar may not see by themselves."""
        ...

    def open_folder(
        self, workspace: Workspace, start: str | None = None, job: StageStart | None = None
    ) -> Awaitable[None]:
        """`folder` has become a workspace: go on in it, on the screen `start`, with a stage begun."""
        ...


def host_of(node: DOMNode) -> Host:
    """The app in which a screen or widget is mounted."""
    return cast("Host", node.app)
