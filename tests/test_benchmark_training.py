"""What `python -m benchmarks.training` concludes from what it has measured."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from benchmarks.training import ladder, real, rounds, trials
from core.spans import Span


def test_weights_are_blended_and_a_share_of_the_tuned_ones_leads_back_to_them(tmp_path: Path) -> None:
    base, tuned = np.array([1.0, -2.0], np.float32), np.array([3.0, 0.5], np.float32)
    for name, weights in (("base", base), ("kept", np.float32(0.7) * base + np.float32(0.3) * tuned)):
        (tmp_path / name).mkdir()
        save_file({"w": weights}, tmp_path / name / "model.safetensors")
    (tmp_path / "kept" / "config.json").write_text("{}")
    for share in (0.5, 1.0):
        found = ladder.blend(tmp_path / "base", tmp_path / "kept", share / 0.3, tmp_path / "blended")
        wanted = (1 - share) * base + share * tuned
        assert load_file(found / "model.safetensors")["w"] == pytest.approx(wanted, rel=1e-5)
    assert (found / "config.json").is_file(), "a model that can be loaded"


def test_untouched_rows_share_no_sound_with_accepted_ones() -> None:
    spans = [Span(8000 * place, 8000 * place + 10_000) for place in range(8)]
    accepted, untouched = rounds.parted(spans[::-1], 4)
    assert accepted == spans[:4]
    assert untouched == spans[5:], "the fifth begins within the fourth"


def test_a_bound_is_judged_by_the_best_of_the_ladder_and_by_clips_as_they_were_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real, "MEASURED", tmp_path / "measured.json")
    asked = argparse.Namespace()
    assert ladder.figures(asked) == rounds.figures(asked) == [], "nothing is told that was not measured"
    base = {"clips": 31.0, "clips_silent": 42.0, "greedy": 30.0, "beam": 28.0}
    better = {name: 0.8 * rate for name, rate in base.items()}
    real.keep("ladder", {"models": {"base": base, "full": better | {"share": 0.7}, "light": base}})
    last = ladder.figures(asked)[-1]
    assert (last.ours, last.against, last.holds) == (better["beam"], base["beam"], True)
    worse_asked_now = base | {"clips_silent": 0.7 * 42.0, "beam": 0.95 * 28.0}
    real.keep("round", {"accepted": 60, "wall_s": 100, "rows": 38, "before": base, "after": worse_asked_now})
    bounds = {one.name: one.holds for one in rounds.figures(asked) if one.bound is not None}
    assert list(bounds.values()) == [True, False], "clips before silence hold, whole recordings do not"
    assert set(json.loads(real.MEASURED.read_text())) == {"ladder", "round"}, "one does not forget the other"


def test_the_default_windows_are_told_against_single_ones() -> None:
    found = trials.figures(argparse.Namespace())
    assert [round(one.ratio or 0, 2) for one in found] == [0.99, 0.99, 1.01]
