"""An app that is left open while a job says more and more holds no more than before."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest

from core.cli import AppOptions
from core.events import Metric
from core.store import Store
from core.workspace import create
from tests.core.store_kit import fill
from tests.tui.long_training import Held, LongTraining
from tests.tui.wait import screen_text, wait_until
from tui.app import WhispersmithApp
from tui.screens.training import curve, run
from tui.screens.training.curve import MetricCurve
from tui.screens.training.screen import TrainingScreen

MOST = 64


def test_a_curve_keeps_its_spikes_its_ends_and_a_bound():
    found = MetricCurve()
    for step in range(1, 100_001):
        loss = 9.0 if step == 777 else math.nan if step == 50_001 else 1 / step
        found.append(Metric(step, loss=loss))
    steps = [metric.step for metric in found.points]
    assert len(steps) <= curve.MOST
    assert steps == sorted(steps)
    assert (steps[0], 777 in steps, 50_001 in steps) == (1, True, True)
    assert steps[-1] > 99_900
    assert max(after - before for before, after in pairwise(steps)) < 200
    assert found.newest == Metric(100_000, loss=1e-5)


async def test_an_app_that_watches_a_training_for_hours_holds_no_more_than_after_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(curve, "MOST", MOST)
    monkeypatch.setattr(run, "LOG_LINES", 4)
    workspace = create(tmp_path / "w")
    with Store(workspace.db_path) as store:
        fill(store)
    training = LongTraining(workspace, 10_000, monkeypatch)
    app = WhispersmithApp(workspace, AppOptions(), start="transcripts")
    async with app.run_test(size=(100, 30)) as pilot:

        async def watch(seconds: int) -> None:
            training.advance(seconds)
            await wait_until(pilot, lambda: f"step {training.step}/10000" in screen_text(app))

        await wait_until(pilot, lambda: app.current_mode == "transcripts" and app.screen.is_running)
        await pilot.press("5")
        await wait_until(pilot, lambda: isinstance(app.screen, TrainingScreen) and app.screen.is_running)

        async def held_after(minutes: int) -> Held:
            for _ in range(minutes // 10):
                await watch(600)
            # The last of what was told is still at hand, however much that was.
            await watch(1)
            return Held.by(app)

        # What is made once, such as a scroll bar when a list first overflows, is made in the first minutes.
        await held_after(20)
        before, after = await held_after(20), await held_after(60)
        assert after.widgets == before.widgets
        assert after.threads <= before.threads
        assert after.files <= before.files
        grown = {name: count - before.objects[name] for name, count in (after.objects - before.objects).items()}
        assert sum(after.objects.values()) <= sum(before.objects.values()) + MOST, grown
    training.job.die()
