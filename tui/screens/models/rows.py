"""How a model is shown in the picker: its row, and what is told of it below the table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from core.errors import UserError
from core.events import JobState
from core.models.listing import ModelRow
from tui.bridge import JobBatch
from tui.status.jobs import clock
from tui.widgets import marks
from tui.widgets.columns import Column
from tui.widgets.rows import Cell

PARTIAL = ("◐", "%")
"""The sign of what has come in part, and that for `--ascii`."""

FEW = 4
"""Languages up to this many are named, more are counted."""

COLUMNS = [
    Column("state", "", 10),
    Column("role", "used as", 8),
    Column("name", "model", None, least=31),
    Column("size", "size", 7, "right"),
    Column("memory", "label/train", 12, "right"),
    Column("languages", "languages", 13, drop=1),
]


@dataclass(frozen=True)
class ModelEntry:
    """A line of the picker. row: None for an id that was asked for and is on no list. job: the live download that
    brings it. error: how the last attempt to get or use it ended."""

    id: str
    row: ModelRow | None
    job: JobBatch | None = None
    error: UserError | None = None

    @property
    def broken(self) -> bool:
        """Something of it lies here, and it cannot be used."""
        row = self.row
        return row is not None and row.error is not None and row.path is not None and not row.partial_bytes

    def trouble(self) -> UserError | None:
        if self.error is not None:
            return self.error
        return UserError.from_dict(self.row.error) if self.broken and self.row and self.row.error else None

    def cells(self, ascii_only: bool) -> Sequence[Cell]:
        sign, word, style = self._state(ascii_only)
        row = self.row
        state = Text(f"{sign} {word}", style)
        if row is None:
            return [state, "", self.id, "", "", ""]
        size = row.bytes if row.here else row.download_bytes or row.bytes
        dim = "" if row.here or self.job else "dim"
        languages = Text(", ".join(row.tuned_for) or languages_text(row.languages), dim)
        memory = Text(memory_text(row, ascii_only), dim)
        return [state, roles_text(row.roles), Text(row.id, dim), Text(marks.megabytes(size), dim), memory, languages]

    def _state(self, ascii_only: bool) -> tuple[str, str, str]:
        """Sign, word and colour."""
        if self.job is not None:
            if self.job.view.state == JobState.WAITING:
                return marks.mark("waiting", ascii_only), "waits", "dim"
            share = self.job.view.share
            return marks.mark("running", ascii_only), "starts" if share is None else f"{share:.0%}", "bold"
        if self.error is not None:
            return marks.mark("failed", ascii_only), "failed", marks.style("failed")
        if self.row is None:
            return marks.mark("not", ascii_only), "not here", "dim"
        if self.broken:
            return marks.mark("failed", ascii_only), "broken", marks.style("failed")
        if self.row.here:
            return marks.mark("ok", ascii_only), "here", marks.style("ok")
        if self.row.partial_bytes:
            return PARTIAL[ascii_only], "partial", ""
        # What was chosen is missed; what is only suggested is not.
        return marks.mark("not", ascii_only), "not here", "bold" if self.row.error else "dim"

    def about(self, language: str, ascii_only: bool) -> list[Text]:
        """What is told of it below the table, a paragraph each."""
        lines = [self._head(), *self._facts(language), self._place()]
        if self.job is not None:
            lines.append(Text(self.transfer(ascii_only), "bold"))
        error = self.trouble()
        if error is not None and self.job is None:
            lines.append(Text(f"{marks.mark('failed', ascii_only)} {error.what}", marks.style("failed")))
            for label, text in (("why", error.why), ("fix", error.fix)):
                lines += [Text(f"{label}  ", "bold").append(text, "not bold")] if text else []
        return [line for line in lines if line.plain]

    def _head(self) -> Text:
        row, facts = self.row, []
        if row is not None:
            millions = (row.parameters or 0) / 1e6
            facts = [row.note, f"{millions:.0f} M parameters" if millions >= 1 else ""]
            facts += [{"folder": "a folder", "tuned": "tuned in this workspace"}.get(row.kind, "")]
        text = Text(self.id, "bold")
        return text.append("".join(f", {fact}" for fact in facts if fact), "not bold")

    def _facts(self, language: str) -> list[Text]:
        row = self.row
        if row is None:
            return []
        known = f"knows {languages_text(row.languages)}" if row.languages else ""
        unknown = row.languages and language not in ("auto", "", *row.languages)
        window = f"hears {row.window_s:g} s at once" if row.window_s else ""
        tuned = f"tuned for {', '.join(row.tuned_for)}" if row.tuned_for else ""
        needs = [
            f"{size / 2**30:.1f} GB to {word}"
            for size, word in ((row.memory_label_bytes, "label"), (row.memory_train_bytes, "train"))
            if size is not None
        ]
        memory = f"GPU memory: about {', '.join(needs)}" if needs else ""
        facts = Text("; ".join(part for part in (tuned, known, window, memory) if part))
        return [facts.append(f"; does not know {language}", "bold")] if unknown else [facts]

    def _place(self) -> Text:
        row = self.row
        if row is None or self.job is not None:
            return Text("")
        if row.here or self.broken:
            return Text(f"{row.path or ''}  {marks.megabytes(row.bytes) if row.bytes else ''}".strip(), "dim")
        size = f"about {marks.megabytes(row.download_bytes)}" if row.download_bytes else ""
        if row.partial_bytes:
            of = f" of {size}" if size else ""
            return Text(f"{marks.megabytes(row.partial_bytes)}{of} are here; enter fetches the rest")
        said = "chosen, but not here" if row.roles else "not here"
        return Text(", ".join(part for part in (f"{said}; enter fetches it", size) if part))

    def transfer(self, ascii_only: bool) -> str:
        """`● 400.0 MB of 967.0 MB, 1.8 MB/s, 02:14 left   x stop`"""
        if self.job is None:
            return ""
        if self.job.view.state == JobState.WAITING:
            return f"{marks.mark('waiting', ascii_only)} waits until another download is done   x stop"
        left = self.job.left_s
        said = self.job.view.note or "looks what there is"
        more = f", {clock(left)} left" if left is not None else ""
        return f"{marks.mark('running', ascii_only)} {said}{more}   x stop"


def roles_text(roles: Sequence[str]) -> str:
    """What it is used as."""
    if "base" in roles and "labeller" in roles:
        return "both"
    return next((role for role in ("base", "labeller", "tuned") if role in roles), "")


def memory_text(row: ModelRow, ascii_only: bool = False) -> str:
    """`2.1/6.9 GB`: what labelling and training need of a GPU."""
    dash = marks.mark("unknown", ascii_only)
    sizes = (row.memory_label_bytes, row.memory_train_bytes)
    if sizes == (None, None):
        return dash
    return "/".join(dash if size is None else f"{size / 2**30:.1f}" for size in sizes) + " GB"


def languages_text(languages: Sequence[str]) -> str:
    """`zh, en`, or `99 languages`; "" for none."""
    if len(languages) > FEW:
        return f"{len(languages)} languages"
    return ", ".join(languages)
