"""The two lines on top of every screen, and the line of keys at its foot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual.app import RenderResult
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets import cells

HELP = "? help"


def help_hint(key: str) -> str:
    """At the right end of a line, as wide with `F1` as with `?`: ` ? help `."""
    return f"{key} help ".rjust(len(HELP) + 2)


@dataclass(frozen=True)
class JobProgress:
    """The job the status line tells of. percent: 0-100, None while unknown. left: as shown, "02:14 left"."""

    stage: str
    percent: float | None = None
    left: str = ""


@dataclass(frozen=True)
class StepTab:
    """One of the six steps. count: as shown, "145/601". short: the title where room is short."""

    key: str
    title: str
    count: str = ""
    active: bool = False
    short: str = ""


def step_line(steps: Sequence[StepTab], width: int, cursor: str = "▸", help_key: str = "?") -> list[tuple[str, bool]]:
    """The steps and the help hint in at most `width` cells, as (text, is it the active step).

    The counts are the point of the line, so titles give way first: gaps close, the other titles become short,
    then go, then the counts go. The hint stands at the right end, whatever happens.
    """
    hint = help_hint(help_key)
    room = width - len(hint)
    if room < 0:
        return [(cells.cut(HELP, width, ""), False)]
    shapes: list[tuple[int, Callable[[StepTab], str]]] = [
        (3, _whole),
        (2, _whole),
        (1, _whole),
        (2, _short),
        (1, _short),
        (1, lambda step: f"{step.key} {step.count}".rstrip()),
        (1, lambda step: step.key),
        (0, lambda step: step.key),
    ]
    line: list[tuple[str, bool]] = []
    for gap, inactive in shapes:
        # Each step begins with the cell of the mark, so the line does not move when the mark does.
        line = []
        for place, step in enumerate(steps):
            text = _whole(step) if step.active else inactive(step)
            line.append((" " * (gap - 1 if place else 0) + (cursor if step.active else " ") + text, step.active))
        if sum(cell_len(text) for text, _ in line) <= room:
            break
    used = 0
    fitted: list[tuple[str, bool]] = []
    for text, active in line:
        shown = cells.cut(text, room - used, "")
        used += cell_len(shown)
        fitted.append((shown, active))
    return [*fitted, (" " * (room - used) + hint, False)]


def _whole(step: StepTab) -> str:
    return f"{step.key} {step.title} {step.count}".rstrip()


def _short(step: StepTab) -> str:
    return f"{step.key} {step.short or step.title[:4]} {step.count}".rstrip()


class StatusBar(Widget):
    """Row 1: workspace, GPU, running job. Row 2: the six steps with their counts, the active one marked."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status-bar--place",
        "status-bar--job",
        "status-bar--steps",
        "status-bar--active",
    }
    DEFAULT_CSS = """
    StatusBar {
        height: 2;
        dock: top;
        background: $panel;
        & > .status-bar--place { text-style: bold; }
        & > .status-bar--job { color: $accent; text-style: bold; }
        & > .status-bar--active { text-style: bold underline; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._place = ""
        self._gpu = ""
        self._job: JobProgress | None = None
        self._steps: list[StepTab] = []
        self._help_key = "?"

    def update_place(self, name: str) -> None:
        """The workspace's name."""
        self._set("_place", name)

    def update_gpu(self, text: str) -> None:
        """The GPU in one text ("RTX 3070  6.1/8.0 GB  63%"); empty where there is none."""
        self._set("_gpu", text)

    def update_job(self, job: JobProgress | None) -> None:
        """The running job; None when nothing runs."""
        self._set("_job", job)

    def update_steps(self, steps: Sequence[StepTab]) -> None:
        self._set("_steps", list(steps))

    def update_help(self, key: str) -> None:
        """The key that shows help now."""
        self._set("_help_key", key)

    def _set(self, name: str, value: object) -> None:
        # Ticks come several times a second and mostly say what was said before: nothing goes over the line then.
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.refresh()

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        runs = self._first() if y == 0 else self._second() if y == 1 else []
        return cells.strip(runs, self.size.width, self.rich_style)

    def job_text(self) -> str:
        """The job as it is shown, empty if none."""
        if self._job is None:
            return ""
        percent = "" if self._job.percent is None else f"{self._job.percent:.0f}%"
        parts = [f"{cells.glyphs(self.app).running} {self._job.stage}", percent, self._job.left]
        return cells.harmless("  ".join(part for part in parts if part))

    def _first(self) -> list[cells.Piece]:
        """The job is never cut for the others; the GPU's end goes before the first 16 cells of the name."""
        width, more = self.size.width - 2, cells.glyphs(self.app).more
        job = cells.cut(self.job_text(), width, more)
        left = width - cell_len(job) - (2 if job else 0)
        name = cells.harmless(self._place)
        gpu = cells.cut(cells.harmless(self._gpu), max(0, left - min(cell_len(name[:16]), 16) - 2), more)
        place = cells.cut(name, max(0, left - cell_len(gpu) - (2 if gpu else 0)), more)
        space = max(0, width - cell_len(place) - cell_len(gpu) - cell_len(job))
        # The GPU in the middle of what is left, as far from either as can be.
        before = max(2 if gpu and place else 0, space // 2) if gpu else 0
        before = min(before, space)
        return [
            (" ", None),
            (place, self.get_component_rich_style("status-bar--place")),
            (" " * before + gpu + " " * (space - before), None),
            (job, self.get_component_rich_style("status-bar--job")),
        ]

    def _second(self) -> list[cells.Piece]:
        looks = {True: "status-bar--active", False: "status-bar--steps"}
        steps = [
            StepTab(s.key, cells.harmless(s.title), cells.harmless(s.count), s.active, cells.harmless(s.short))
            for s in self._steps
        ]
        line = step_line(steps, self.size.width, cells.glyphs(self.app).cursor, self._help_key)
        return [(text, self.get_component_rich_style(looks[active])) for text, active in line]


def key_line(keys: Sequence[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """As many (key, label) from the front as fit `width` cells beside the help hint."""
    room = width - len(HELP) - 4
    shown: list[tuple[str, str]] = []
    for key, label in keys:
        if key == "?":
            continue
        room -= cell_len(f"{key} {label}") + (3 if shown else 0)
        if room < 0:
            break
        shown.append((key, label))
    return shown


class KeyFooter(Widget):
    """The keys of the focused pane in one line; the last ones are left out where it is narrow, `? help` never."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-footer--key"}
    DEFAULT_CSS = """
    KeyFooter {
        height: 1;
        dock: bottom;
        background: $panel;
        color: $text-muted;
        & > .key-footer--key { color: $text; text-style: bold; }
    }
    """

    def __init__(
        self, keys: Sequence[tuple[str, str]] = (), *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._keys = list(keys)
        self._help_key = "?"

    def set_keys(self, keys: Sequence[tuple[str, str]], help_key: str = "?") -> None:
        """(key, label) in the order of their worth: the last are the first to go."""
        if (list(keys), help_key) != (self._keys, self._help_key):
            self._keys, self._help_key = list(keys), help_key
            self.refresh()

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        bold = self.get_component_rich_style("key-footer--key")
        runs: list[cells.Piece] = [(" ", None)]
        for place, (key, label) in enumerate(key_line(self._keys, width)):
            runs += [("   " if place else "", None), (cells.harmless(key), bold), (f" {cells.harmless(label)}", None)]
        used = sum(cell_len(text) for text, _ in runs)
        hint = help_hint(self._help_key).strip()
        runs += [(" " * max(0, width - used - len(hint) - 1), None), (self._help_key, bold), (" help ", None)]
        return cells.strip(runs, width, self.rich_style)
