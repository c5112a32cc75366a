"""The models, a screen over Setup: what is here, what there is; choosing one fetches it where it is not here.

The list is read in a thread and asks no network. Downloads are `model` jobs: they go on without this screen, and
their errors stand at the model they were for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from core import jobs
from core.config import set_value
from core.errors import UserError
from core.events import JobState
from core.models.listing import ModelRow, listing
from core.workspace import Workspace
from tui import keymap
from tui.bridge import JobBatch
from tui.screens.models.rows import COLUMNS, ModelEntry
from tui.screens.pipeline import PipelineScreen, StepTable
from tui.widgets import cells, dialog
from tui.widgets.path_completion import complete_path
from tui.widgets.segment_table import Rows, RowTable
from tui.widgets.text_line import Headline

ROLES = ("base", "labeller")


@dataclass(frozen=True)
class ModelsSnapshot:
    """The list, the models the settings name, and the language of the workspace."""

    rows: tuple[ModelRow, ...] = ()
    chosen: tuple[str, ...] = ()
    language: str = "auto"


def read(workspace: Workspace) -> ModelsSnapshot:
    config = workspace.config()
    chosen = (config.model.base, config.model.labeller)
    return ModelsSnapshot(tuple(listing(workspace, config)), chosen, config.project.language)


def choose(workspace: Workspace, id: str, roles: Sequence[str]) -> dict[str, str]:
    """Write a model that is here into the settings, once it has been looked at. Returns role: what it was before.

    UserError if it cannot be used. The same as the job `model` does, without queuing behind a download.
    """
    from core.models.inspect import inspect

    config = workspace.config()
    inspect(id, workspace.root, config.project.language)
    before = {role: getattr(config.model, role) for role in roles}
    for role in roles:
        if before[role] != id:
            set_value(workspace.config_path, "model", role, id)
    return before


def named(text: str, workspace: Workspace) -> str:
    """The id or folder that a person has typed or pasted, as the job writes it into the settings."""
    from core.stages.model import plain_id, portable

    return portable(plain_id(text.strip()), workspace, os.getcwd())


@dataclass(frozen=True)
class ModelParams:
    """What a download was asked for: an id, or what the settings name for a role."""

    id: str | None = None
    role: str | None = None


class ModelsScreen(PipelineScreen):
    PANE = "models"
    STEP = "setup"
    CSS_PATH = "models.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("models")

    def __init__(self) -> None:
        super().__init__()
        self._list = ModelsSnapshot()
        self._jobs: dict[Path, JobBatch] = {}
        self._errors: dict[str, UserError] = {}
        self._entries: dict[str, ModelEntry] = {}
        self._begun: list[str] = []
        """Asked for here and not yet heard of as a job."""
        self._ended: list[str] = []
        """Brought by a job that has ended, and on no list that was read since: the row stays where it is."""
        self._go_to: str | None = None

    def content(self) -> Iterable[Widget]:
        yield Headline("Models", "size on disk or to fetch; GPU memory to label and to train")
        yield StepTable(COLUMNS, empty_text="\nLooking what is here")
        yield Static("", id="about", markup=False)

    def on_mount(self) -> None:
        self._read()

    def store_changed(self) -> None:
        # A tuned model may have come, or another shell may have chosen one.
        self._read()

    @property
    def stages(self) -> frozenset[str]:
        return frozenset({"model"})

    # -- the list

    def _read(self) -> None:
        workspace = self.workspace
        self.in_thread(lambda: read(workspace), self._take, group="models")

    def _take(self, reading: ModelsSnapshot) -> None:
        self._list = reading
        self._ended.clear()
        self._show()

    def _ids_of(self, batch: JobBatch) -> tuple[str, ...]:
        """What a job brings: the id it was given, else what the settings name for its role."""
        params = batch.view.params_as(ModelParams)
        if params.id:
            return (params.id,)
        chosen = dict(zip(ROLES, self._list.chosen, strict=False))
        return (chosen[params.role],) if params.role in chosen else tuple(chosen.values())

    def _show(self) -> None:
        if not self.is_mounted:
            return
        live = {id: batch for batch in self._jobs.values() for id in self._ids_of(batch)}
        listed = {row.id: row for row in self._list.rows}
        extra = [id for id in (*live, *self._errors, *self._begun, *self._ended) if id not in listed]
        self._entries = {
            id: ModelEntry(
                id,
                listed.get(id),
                live.get(id),
                self._errors.get(id),
            )
            for id in dict.fromkeys((*listed, *extra))
        }
        plain = self.host.ascii
        self.table.set_source(Rows([(id, entry.cells(plain)) for id, entry in self._entries.items()]))
        if self._go_to in self._entries and self.table.go_to_key(self._go_to or ""):
            self._go_to = None
        self._tell()

    @on(RowTable.Highlighted)
    def _tell(self) -> None:
        """Below the table: all of the model under the cursor."""
        entry = self.entry
        lines = entry.about(self._list.language, self.host.ascii) if entry else []
        console = self.app.console
        told = [Text.assemble(*((text, style or "") for text, style in cells.pieces(line, console))) for line in lines]
        self.query_one("#about", Static).update(Text("\n").join(told))

    @property
    def entry(self) -> ModelEntry | None:
        return self._entries.get(self.table.cursor_key or "")

    # -- jobs

    def reports(self, batch: JobBatch) -> bool:
        """An error is read here if its model is under the cursor; else a toast says it too."""
        failed = batch.stage in self.stages and batch.view.state in (JobState.FAILED, JobState.CRASHED)
        return failed and self.table.cursor_key in self._ids_of(batch)

    def job_events(self, batch: JobBatch) -> None:
        if batch.history and batch.ended:
            return
        ids = self._ids_of(batch)
        self._begun = [id for id in self._begun if id not in ids]
        if not batch.ended:
            self._jobs[batch.folder] = batch
            for id in ids:
                self._errors.pop(id, None)
            self._show()
            return
        self._jobs.pop(batch.folder, None)
        self._ended += ids
        if batch.view.state in (JobState.FAILED, JobState.CRASHED):
            # Of several the job fetched, the one it stopped at is not told apart: the one that is missing is meant.
            missing = [id for id in ids if not (entry := self._entries.get(id)) or not entry.row or not entry.row.here]
            self._errors |= dict.fromkeys(missing or ids, batch.view.error or UserError("it failed"))
        self._show()
        self._read()

    # -- keys

    def _use(self, id: str, roles: Sequence[str]) -> None:
        entry = self._entries.get(id)
        if entry is not None and entry.job is not None:
            self.toast(f"{id} is on its way; it can be chosen again when it is here")
        elif entry is not None and entry.row is not None and entry.row.here:
            workspace = self.workspace
            work = partial(choose, workspace, id, tuple(roles))
            self.in_thread(work, partial(self._chosen, id), "choose", partial(self._not_chosen, id))
        elif id not in self._begun:
            self._errors.pop(id, None)
            self._begun.append(id)
            self._go_to = id
            params = {"id": id} | ({"role": roles[0]} if len(roles) == 1 else {})
            spawn = partial(jobs.spawn, self.workspace, "model", params)
            self.in_thread(spawn, lambda _: None, f"model {id}", partial(self._not_chosen, id))
            self._show()

    def _chosen(self, id: str, before: dict[str, str]) -> None:
        self._errors.pop(id, None)
        words = {"base": "base model", "labeller": "labeller"}
        changed = [f"{words[role]} (was {old})" for role, old in before.items() if old != id]
        self.toast(f"{id} is now the {' and the '.join(changed)}" if changed else f"{id} is that already")
        self.host.recount()
        self._read()

    def _not_chosen(self, id: str, error: UserError) -> None:
        self._begun = [other for other in self._begun if other != id]
        self._errors[id] = error
        self._go_to = id
        self._show()

    @on(RowTable.Chosen)
    def action_both(self) -> None:
        self._use_here(ROLES)

    def action_base(self) -> None:
        self._use_here(ROLES[:1])

    def action_labeller(self) -> None:
        self._use_here(ROLES[1:])

    def _use_here(self, roles: Sequence[str]) -> None:
        if self.entry is not None:
            self._use(self.entry.id, roles)

    def action_other(self) -> None:
        question = dialog.TextPrompt(
            "Another model",
            check=lambda text: None if text.strip() else "an id or a folder is needed",
            text="An id of Hugging Face, the address of its page, or a folder with config.json and model.safetensors.",
            placeholder="openai/whisper-small",
            complete=partial(complete_path, roots=(Path.cwd(), self.workspace.root)),
        )
        self.open_dialog(question, self._other_named)

    def _other_named(self, text: str) -> None:
        workspace = self.workspace
        self.in_thread(lambda: named(text, workspace), self._other_known, group="named")

    def _other_known(self, id: str) -> None:
        choices = [("e", "both: train from it and label with it"), ("b", "base model only"), ("l", "labeller only")]
        roles = {"e": ROLES, "b": ROLES[:1], "l": ROLES[1:]}
        self.open_dialog(dialog.Choice(id, "What is it for?", choices), lambda answer: self._use(id, roles[answer]))

    def action_stop(self) -> None:
        """Stop the download under the cursor; if there is only one, that one."""
        entry = self.entry
        batch = entry.job if entry and entry.job else next(iter(self._jobs.values()), None)
        if batch is None or (len(self._jobs) > 1 and not (entry and entry.job)):
            self.toast("Put the cursor on the one to stop" if batch else "Nothing is being downloaded")
            return
        self.stop_job(batch.folder)
        self.toast("Stopping; what has come is kept, and choosing it again goes on there")

    def action_copy_fix(self) -> None:
        entry = self.entry
        error = entry.trouble() if entry else None
        text = error.fix if error else (entry.row.path if entry and entry.row else None)
        if not text:
            self.toast("There is nothing to copy in this line")
            return
        self.app.copy_to_clipboard(text)

    def action_close(self) -> None:
        if self.is_current:
            self.dismiss()
