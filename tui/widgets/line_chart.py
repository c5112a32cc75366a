"""LineChart: several series over steps, in braille, with labels. It draws only what is seen and has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.strip import Strip

from tui.raster.plot import ASCII_MARKS, Bounds, bounds_of, cell_of, plot
from tui.raster.ticks import column_of, log_ticks, rounded_out, ticks, top_without_spikes, x_axis
from tui.widgets import cells
from tui.widgets.picture import Picture

# Shapes of one cell everywhere; with the name in the legend they tell the lines apart without colour.
_SHAPES = "✕▴✚✦◂✶"
_COLOURS = 6
AXES_WIDTH, AXES_HEIGHT = 30, 10
"""Cells from which on there is room for axes."""
ROWS_A_TICK = 4


def number(value: float) -> str:
    """A value in at most seven characters: three digits, as on an axis."""
    return f"{value:.3g}"


class Points:
    """A growing series (amortised doubling) that keeps its bounds as it grows."""

    def __init__(self, xs: npt.ArrayLike = (), ys: npt.ArrayLike = ()) -> None:
        self._x = np.array(xs, dtype=np.float64)
        self._y = np.array(ys, dtype=np.float64)
        if self._x.shape != self._y.shape or self._x.ndim != 1:
            raise ValueError(f"x {self._x.shape} and y {self._y.shape} are not two rows of the same length")
        self._count = len(self._x)
        self.bounds = bounds_of(self._x, self._y)
        self.log_bounds = bounds_of(self._x, self._y, log_y=True)

    @property
    def xs(self) -> npt.NDArray[np.float64]:
        return self._x[: self._count]

    @property
    def ys(self) -> npt.NDArray[np.float64]:
        return self._y[: self._count]

    @property
    def last(self) -> tuple[float, float] | None:
        """The newest finite point."""
        for index in range(self._count - 1, -1, -1):
            if np.isfinite(self._y[index]) and np.isfinite(self._x[index]):
                return float(self._x[index]), float(self._y[index])
        return None

    def append(self, x: float, y: float) -> None:
        if self._count == len(self._x):
            room = max(64, self._count)
            self._x = np.concatenate([self.xs, np.empty(room)])
            self._y = np.concatenate([self.ys, np.empty(room)])
        self._x[self._count], self._y[self._count] = x, y
        self._count += 1
        self.bounds = _grown(self.bounds, bounds_of([x], [y]))
        self.log_bounds = _grown(self.log_bounds, bounds_of([x], [y], log_y=True))

    def same(self, xs: npt.ArrayLike, ys: npt.ArrayLike) -> bool:
        return np.array_equal(self.xs, np.asarray(xs, dtype=np.float64), equal_nan=True) and np.array_equal(
            self.ys, np.asarray(ys, dtype=np.float64), equal_nan=True
        )


def _grown(old: Bounds | None, new: Bounds | None) -> Bounds | None:
    return old if new is None else new if old is None else old.widen(new)


class LineChart(Picture, can_focus=True):
    """Title and legend above; round values beside and below, with a dotted line at each; where there is little room the
    greatest, least and last value beside, and the first and last step below.

    The legend gives each series a shape, its name and its last value; the shape stands at the line's end.
    `y` turns the logarithmic scale on and off. Non-finite values are gaps. cuts_spikes: a few values of the first
    series that lie far above all others run out of the picture, and its title says how high they are.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-chart--title",
        "line-chart--axis",
        *(f"line-chart--series-{n}" for n in range(_COLOURS)),
    }
    DEFAULT_CSS = """
    LineChart {
        width: 1fr;
        height: 1fr;
        min-height: 4;
        padding: 0 1 0 0;
        & > .line-chart--title { text-style: bold; }
        & > .line-chart--axis { color: $text-muted; }
        & > .line-chart--series-0 { color: $accent; }
        & > .line-chart--series-1 { color: $success; }
        & > .line-chart--series-2 { color: $warning; }
        & > .line-chart--series-3 { color: $secondary; }
        & > .line-chart--series-4 { color: $error; }
        & > .line-chart--series-5 { color: $foreground; }
        &:focus > .line-chart--title { text-style: bold underline; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "log_scale", "log scale")]

    def __init__(
        self,
        title: str,
        *,
        x_label: str = "step",
        log_y: bool = False,
        cuts_spikes: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._title = title
        self._cuts_spikes = cuts_spikes
        self._x_label = x_label
        self._log_y = log_y
        self._series: dict[str, Points] = {}
        self._marks: list[float] = []

    # -- what a screen calls

    @property
    def title(self) -> str:
        return self._title

    @title.setter
    def title(self, text: str) -> None:
        if text != self._title:
            self._title = text
            self.changed()

    @property
    def log_y(self) -> bool:
        return self._log_y

    @log_y.setter
    def log_y(self, on: bool) -> None:
        if on != self._log_y:
            self._log_y = on
            self.changed()

    @property
    def series_names(self) -> list[str]:
        return list(self._series)

    def set_series(self, name: str, xs: Sequence[float], ys: Sequence[float]) -> None:
        """Replace a series, or add it; nothing is drawn again if it is what it was."""
        old = self._series.get(name)
        if old is None or not old.same(xs, ys):
            self._series[name] = Points(xs, ys)
            self.changed()

    def append(self, name: str, x: float, y: float) -> None:
        """One more point. Calls between two frames cost one drawing."""
        self._series.setdefault(name, Points()).append(x, y)
        self.changed()

    def mark(self, x: float) -> None:
        """A mark on the step axis: an evaluation, a checkpoint."""
        self._marks.append(x)
        self.changed()

    def clear(self) -> None:
        self._series.clear()
        self._marks.clear()
        self.changed()

    def action_log_scale(self) -> None:
        self.log_y = not self.log_y

    # -- drawing

    def on_focus(self) -> None:
        self.changed()

    def on_blur(self) -> None:
        self.changed()

    def draw(self, width: int, height: int, ascii: bool) -> list[Strip]:
        base = self.rich_style
        return [cells.strip(row, width, base) for row in self._picture(width, height, ascii)]

    def _picture(self, width: int, height: int, ascii: bool) -> list[list[cells.Piece]]:
        whole: Bounds | None = None
        for points in self._series.values():
            whole = _grown(whole, points.log_bounds if self._log_y else points.bounds)
        bounds = self._without_spikes(whole)
        above = f" (up to {number(whole.y1)})" if whole is not None and whole != bounds else ""
        lines = [self._title_line(width, ascii, above)]
        if bounds is None or height < 4:
            below = self._log_y and any(points.bounds for points in self._series.values())
            nothing = "no values above 0" if below else "no values yet"
            return [*lines, [("" if bounds else nothing, self._style("axis"))]][:height]
        if width >= AXES_WIDTH and height >= AXES_HEIGHT:
            return [*lines, *self._with_axes(bounds, width, height - 1, ascii)]
        labels = self._y_labels(bounds, height - 2)
        left = max(map(cell_len, labels)) + 1
        for label, row in zip(labels, self._rows(bounds, width - left, height - 2, ascii), strict=True):
            lines.append([(label.rjust(left - 1) + " ", self._style("axis")), *row])
        return [*lines, self._x_line(bounds, left, width - left)]

    def _without_spikes(self, bounds: Bounds | None) -> Bounds | None:
        first = next(iter(self._series.values()), None)
        if bounds is None or first is None or not self._cuts_spikes or self._log_y:
            return bounds
        top = top_without_spikes(first.ys.tolist())
        return bounds if top is None else bounds._replace(y1=max(top, bounds.y0))

    def _with_axes(self, bounds: Bounds, width: int, height: int, ascii: bool) -> list[list[cells.Piece]]:
        """The picture between its axes: `height` lines, the last two of them for the steps."""
        rows, most = height - 2, max(2, (height - 2) // ROWS_A_TICK)
        if not self._log_y:
            bounds = bounds._replace(y0=(edges := rounded_out(bounds.y0, bounds.y1, most))[0], y1=edges[1])
        values = (log_ticks if self._log_y else ticks)(bounds.y0, bounds.y1, most)
        left = max((len(number(value)) for value in values), default=0)
        across = width - left - 2
        labels: dict[int, str] = {}
        for value in values:
            if at := cell_of(bounds.x0, value, across, rows, bounds, self._log_y, ascii):
                labels[at[0]] = number(value)
        side, tick, corner, dot = "|++." if ascii else "│┤└·"
        lines = []
        for y, row in enumerate(self._rows(bounds, across, rows, ascii)):
            edge = f"{labels.get(y, '').rjust(left)} {tick if y in labels else side}"
            grid = [(text.replace(" ", dot), style or self._style("axis")) for text, style in row]
            lines.append([(edge, self._style("axis")), *(grid if y in labels else row)])
        name = cells.harmless(self._x_label)
        rule, under = x_axis(bounds.x0, bounds.x1, across, number_of_steps, name, ascii, least=1.0)
        rule = list(rule)
        for x in self._marks:
            rule[column_of(x, bounds.x0, bounds.x1, across)] = cells.glyphs(self.app).mark
        lines.append([(f"{'':{left}} {corner}{''.join(rule)}", self._style("axis"))])
        return [*lines, [(f"{'':{left}}  {under}", self._style("axis"))]]

    def _title_line(self, width: int, ascii: bool, above: str) -> list[cells.Piece]:
        more = cells.glyphs(self.app).more
        title = cells.harmless(self._title) + (" (log)" if self._log_y else "") + above
        legend = []
        for place, (name, points) in enumerate(self._series.items()):
            last = "" if points.last is None else f" {number(points.last[1])}"
            legend.append(f"{self._shape(place, ascii)} {cells.harmless(name)}{last}")
        # The gaps give way before a name is cut.
        gap = next((gap for gap in (3, 2) if sum(gap + cell_len(text) for text in (title, *legend)) - gap <= width), 1)
        line: list[cells.Piece] = [(title, self._style("title"))]
        for place, text in enumerate(legend):
            line += [(" " * gap, None), (text, self._style(f"series-{place % _COLOURS}"))]
        return cells.fit_pieces(line, width, more=more)

    def _y_labels(self, bounds: Bounds, rows: int) -> list[str]:
        labels = [""] * rows
        first = next(iter(self._series.values())).last
        if first is not None and (at := cell_of(*first, 1, rows, bounds, self._log_y)):
            labels[at[0]] = number(first[1])
        if bounds.y0 == bounds.y1:
            return labels
        labels[0], labels[-1] = number(bounds.y1), number(bounds.y0)
        return labels

    def _rows(self, bounds: Bounds, width: int, height: int, ascii: bool) -> list[list[cells.Piece]]:
        series = [(p.xs, p.ys) for p in self._series.values()]
        picture = plot(series, width, height, self._log_y, bounds, ascii)
        rows = [list(line) for line in picture.lines]
        owner = picture.owner
        for place, points in enumerate(self._series.values()):
            at = cell_of(*points.last, width, height, bounds, self._log_y, ascii) if points.last else None
            if at and len(self._series) > 1:
                rows[at[0]][at[1]] = self._shape(place, ascii)
                owner[at] = place

        def style_of(place: int) -> Style | None:
            return self._style(f"series-{place % _COLOURS}") if place >= 0 else None

        return [cells.grouped("".join(row), owner[y].tolist(), style_of) for y, row in enumerate(rows)]

    def _x_line(self, bounds: Bounds, left: int, width: int) -> list[cells.Piece]:
        line = [" "] * max(0, width)
        for x in self._marks:
            at = cell_of(x, 1.0, width, 1, bounds._replace(y0=1.0, y1=1.0))
            if at:
                line[at[1]] = cells.glyphs(self.app).mark
        start, end = number_of_steps(bounds.x0), f"{cells.harmless(self._x_label)} {number_of_steps(bounds.x1)}"
        text = "".join(line)
        if len(start) + cell_len(end) + 2 <= width:
            middle = text[len(start) + 1 : width - cell_len(end) - 1]
            text = f"{start} {middle} {end}"
        return [(" " * left, None), (text, self._style("axis"))]

    def _shape(self, place: int, ascii: bool) -> str:
        return ASCII_MARKS[place % 6] if ascii else _SHAPES[place % len(_SHAPES)]

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"line-chart--{name}")


def number_of_steps(x: float) -> str:
    """A step as people write it: whole where it is whole."""
    return str(int(x)) if float(x).is_integer() and abs(x) < 1e15 else number(x)
