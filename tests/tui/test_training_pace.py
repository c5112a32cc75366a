"""What is told of a run beside its curves."""

import math

import pytest

from core.events import Metric
from tui.raster.bars import BLOCKS
from tui.screens.training.pace import pace_of, smoothed


def test_a_smooth_loss_is_the_mean_of_what_came_before_and_keeps_its_gaps() -> None:
    noisy = [1.0 + (0.5 if step % 2 else -0.5) for step in range(100)]
    noisy[50] = math.nan
    found = smoothed(noisy)
    assert found[0] == 0.5
    assert math.isnan(found[50])
    assert all(abs(value - 1.0) < 0.2 for value in [*found[20:50], *found[51:]])
    assert smoothed([2.0] * 30) == pytest.approx([2.0] * 30)


def test_the_pace_tells_only_what_the_steps_have_told() -> None:
    metrics = [Metric(step, learning_rate=1e-5 * step, grad_norm=math.inf) for step in range(1, 5)]
    assert pace_of(metrics, BLOCKS) == ["rate 4e-05 ▃▅▆█"]
    metrics.append(Metric(5, grad_norm=1.5, samples_per_second=16.0))
    assert pace_of(metrics, "_#") == ["rate 4e-05 -=+#", "gradient norm 1.5 #", "16 segments/s #"]
    assert pace_of([], BLOCKS) == []
