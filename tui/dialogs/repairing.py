"""A database that is damaged or gone: the app offers to repair the workspace, does it, and says what came back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from core.cli import CANNOT
from core.errors import UserError
from core.recovery.repair import Repair, repair
from core.store import DamagedStore
from core.workspace import Workspace
from tui.background import BackgroundTasks
from tui.host import Host
from tui.widgets.dialog import Choice, Message

REPAIR = "r"


class Repairing:
    """The question, the repair while nothing has the workspace open, and what came of it.

    leave: ends the app, with this exit code. wanted: the workspace is to be repaired; where it is open, once the app
    is left, by who started it.
    """

    def __init__(self, host: Host, tasks: BackgroundTasks, leave: Callable[[int], None], *, wanted: bool) -> None:
        self.wanted = wanted
        self._host, self._tasks, self._leave = host, tasks, leave

    def ask(self, error: DamagedStore, closed: Callable[[], object]) -> None:
        """Whether it shall be repaired; closed: the question was answered or left."""

        def answered(answer: str | None) -> None:
            closed()
            is_open = self._host.workspace is not None
            if answer == REPAIR and not is_open:
                self.begin()
            elif answer == REPAIR or not is_open:
                # What is open here is to be closed first: who started the app starts it again, to repair.
                self.wanted = answer == REPAIR
                self._leave(0 if self.wanted else CANNOT)

        self._host.push_screen(question(error, is_open=self._host.workspace is not None), answered)

    def begin(self) -> None:
        """In a thread, while nothing is open; then the workspace is opened."""
        self.wanted = False
        self._host.toast("repairing the workspace…")
        workspace = Workspace(self._host.folder)

        async def repaired(made: Repair) -> None:
            await self._host.open_folder(workspace)
            self._host.push_screen(told(made))

        def failed(error: UserError) -> None:
            self._host.push_screen(Message.of(error, "It could not be repaired"), lambda _: self._leave(CANNOT))

        self._tasks.run(partial(repair, workspace), partial(self._host.call_later, repaired), failed, "repair")


def question(error: DamagedStore, *, is_open: bool) -> Choice:
    """The dialog; it answers REPAIR. is_open: the rest of the app is there to go back to."""
    text = "\n".join(line for line in error.lines()[1:] if line)
    back = "go on without" if is_open else "leave"
    choices = [(REPAIR, "repair it: nothing is deleted, the damaged file is kept"), ("l", back)]
    return Choice(error.what, text, choices)


def told(made: Repair) -> Message:
    return Message("Repaired" if made.fault else "Nothing to repair", "\n".join(made.lines()))
