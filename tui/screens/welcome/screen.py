"""The first screen in a folder that is no workspace yet: four ways to begin. Nothing is written before a choice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from core.errors import UserError
from core.text import plural
from core.workspace import Workspace, create
from tui import keymap
from tui.background import BackgroundTasks, TaskResult
from tui.host import Host, StageStart, host_of
from tui.widgets import dialog
from tui.widgets.columns import Column
from tui.widgets.path_completion import complete_path
from tui.widgets.segment_table import Rows, RowTable
from tui.widgets.status_bar import KeyFooter
from tui.widgets.text_line import Headline, TextLine

CHOICES = (
    ("demo", "d", "The demo", "made-up speech and a toy Whisper: all six steps work at once, without network or GPU"),
    ("link", "y", "A YouTube link", "a playlist, a channel or a video; also podcasts and most other sites"),
    ("files", "f", "Audio files here", "what lies in this folder or another one, as it is"),
    ("dataset", "i", "An existing dataset", "metadata.csv or .jsonl with wavs, a CSV or TSV, subtitles beside a video"),
)

SOUNDS = frozenset((".mp3", ".m4a", ".mp4", ".wav", ".flac", ".ogg", ".opus", ".webm", ".mkv", ".mov", ".aac", ".wma"))


class WelcomeScreen(Screen[None]):
    PANE = "welcome"
    CSS_PATH = "welcome.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("welcome")

    def __init__(self) -> None:
        super().__init__()
        self._tasks = BackgroundTasks(self.post_message)
        self._busy = False

    def compose(self) -> ComposeResult:
        yield Headline("whispersmith", id="name")
        yield TextLine(id="folder")
        yield RowTable(
            [Column("key", "", 1), Column("title", "begin with", 19), Column("text", "", None)],
            Rows([(id, list(row)) for id, *row in CHOICES]),
        )
        yield Static("", id="about", markup=False)
        yield TextLine(id="busy")
        yield KeyFooter(keymap.footer(self.PANE))

    def on_mount(self) -> None:
        self.query_one("#folder", TextLine).show(
            f"{self.host.folder.resolve()} is no workspace yet. It becomes one when you choose:"
        )
        self.query_one(Headline).show_next(("choose what to begin with (enter)", "enter begin"))
        self.query_one(RowTable).focus()

    @property
    def host(self) -> Host:
        return host_of(self)

    # -- choosing

    @on(RowTable.Highlighted)
    def _describe(self, event: RowTable.Highlighted) -> None:
        # In a narrow terminal the table cuts the sentence; here it stands whole.
        text = next(text for id, _, _, text in CHOICES if id == event.key)
        self.query_one("#about", Static).update(dialog.plain(text))

    @on(RowTable.Chosen)
    def _chosen(self, event: RowTable.Chosen) -> None:
        if not self._busy:
            getattr(self, f"action_{event.key}")()

    def action_demo(self) -> None:
        from core.demo import create_demo

        self._begin(partial(create_demo, self.host.folder), None, None, "making the demo")

    def action_link(self) -> None:
        self._prompt(
            "A YouTube link",
            "The link of a playlist, a channel or a video. It is only listed; you choose what is downloaded.",
            lambda text: None if "://" in text or text.startswith("www.") else "a link begins with https://",
            lambda text: self._begin_with("add", {"what": [text]}, "playlist"),
            is_path=False,
        )

    def action_files(self) -> None:
        folder = self.host.folder
        here = sum(1 for path in folder.iterdir() if path.suffix.lower() in SOUNDS) if folder.is_dir() else 0
        said = f"{plural(here, 'recording')} in this folder." if here else "No recording lies in this folder."
        self._prompt(
            "Audio files",
            f"{said} The path of a file or a folder; they are taken as they are, and stay where they are.",
            lambda text: None if self._path(text).exists() else "there is no such file or folder",
            lambda text: self._begin_with("add", {"what": [str(self._path(text))]}, "playlist"),
            str(folder.resolve()) if here else "",
        )

    def action_dataset(self) -> None:
        self._prompt(
            "An existing dataset",
            "The folder or the file: metadata.csv or .jsonl with its wavs, a CSV or TSV, or SRT/VTT subtitles.",
            lambda text: None if self._path(text).exists() else "there is no such file or folder",
            lambda text: self._begin_with("import", {"path": str(self._path(text)), "as": "human"}, "transcripts"),
        )

    def _path(self, text: str) -> Path:
        path = Path(text.strip()).expanduser()
        return path if path.is_absolute() else (self.host.folder / path).resolve()

    def _prompt(
        self,
        title: str,
        text: str,
        check: Callable[[str], str | None],
        then: Callable[[str], object],
        value: str = "",
        *,
        is_path: bool = True,
    ) -> None:
        def complaint(answer: str) -> str | None:
            if not answer.strip():
                return "write something, or esc to go back"
            try:
                return check(answer.strip())
            except (OSError, ValueError):  # too long for a name, or with a NUL inside
                return "that is no path"

        def closed(answer: str | None) -> None:
            if answer is not None:
                then(answer.strip())

        complete = partial(complete_path, roots=(self.host.folder,)) if is_path else None

        self.host.push_screen(dialog.TextPrompt(title, value, complaint, text=text, complete=complete), closed)

    # -- doing it

    def _begin_with(self, stage: str, params: dict[str, Any], screen: str) -> None:
        self._begin(partial(create, self.host.folder), screen, (stage, params), "making the workspace")

    def _begin(self, make: Callable[[], Workspace], screen: str | None, job: StageStart | None, said: str) -> None:
        if self._busy:
            return
        self._busy = True
        self.query_one("#busy", TextLine).show(f"● {said}" if not self.host.ascii else f"* {said}")
        self._tasks.run(
            make, lambda found: self.app.call_later(self.host.open_folder, found, screen, job), self._failed, "make"
        )

    def _failed(self, error: UserError) -> None:
        self._busy = False
        self.query_one("#busy", TextLine).show("")
        self.host.show_error(error)

    @on(TaskResult)
    def _on_result(self, message: TaskResult) -> None:
        message.stop()
        message.deliver()
