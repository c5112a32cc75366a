"""The metrics of a run for its curve, as many as a chart can show, however long the run is."""

from __future__ import annotations

import math

from core.events import Metric

MOST = 4000
"""Points of a curve that are kept: more than the columns of any terminal, each of two dots."""


class MetricCurve:
    """Metrics in order. Of very many, those of some neighbouring steps are one point: that of their greatest loss, so
    that no spike is lost."""

    def __init__(self) -> None:
        self.points: list[Metric] = []
        self.newest: Metric | None = None
        self._steps_a_point, self._in_last = 1, 0

    def append(self, metric: Metric) -> None:
        self.newest = metric
        if 0 < self._in_last < self._steps_a_point:
            self.points[-1] = _greater(self.points[-1], metric)
            self._in_last += 1
            return
        if len(self.points) >= MOST:
            points = self.points
            self.points = [_greater(*points[at : at + 2]) for at in range(0, len(points), 2)]
            self._steps_a_point *= 2
        self.points.append(metric)
        self._in_last = 1

    def with_newest(self) -> list[Metric]:
        """The points, and behind them the newest metric where none of them is that."""
        newest = [] if self.newest is None or (self.points and self.points[-1] is self.newest) else [self.newest]
        return self.points + newest

    def put_before(self, earlier: list[Metric]) -> None:
        """What another job of the same run said, of steps before all of these."""
        self.points = earlier + self.points


def _greater(first: Metric, *rest: Metric) -> Metric:
    """Of neighbours the one with the greater loss; one that is no number is the greatest."""
    return max((first, *rest), key=lambda metric: math.inf if _is_nan(metric) else metric.loss or 0.0)


def _is_nan(metric: Metric) -> bool:
    return metric.loss is not None and math.isnan(metric.loss)
