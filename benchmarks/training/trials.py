"""The default windows against single ones in equal time, as `benchmarks.window_trials` came to it on an H200."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.report import Figure
from benchmarks.window_trials.trials import MixTrial

TRIALS = Path(__file__).parents[1] / "window_trials" / "h200.json"
BEAM, GREEDY, CLIPS = 0.95, 0.9, 1.0
"""Of single's CER at most, for whole recordings; and points more of clips."""


def kept_trials() -> dict[str, Any]:
    return json.loads(TRIALS.read_text(encoding="utf-8"))


def figures(options: argparse.Namespace) -> list[Figure]:
    """CER in percent of rows held out, means over four parts, as many windows learnt from."""
    found = {one["recipe"]: one for one in kept_trials()["recipes"]}
    default, single = (found[MixTrial(mix, part=0).recipe] for mix in ("stretch t50", "single"))
    names = {"whole_beam": "whole recordings, beam 5", "whole_greedy": "whole recordings, greedy", "clips": "clips"}
    bounds = {
        "whole_beam": BEAM * single["whole_beam"],
        "whole_greedy": GREEDY * single["whole_greedy"],
        "clips": single["clips"] + CLIPS,
    }
    return [
        Figure(f"default windows against single: {name}", "%", default[key], single[key], bounds[key])
        for key, name in names.items()
    ]


def print_trials() -> None:
    """What every mix comes to in equal time on real weights: CER in percent of rows held out."""
    names = ("whole_beam", "whole_greedy", "clips", "test_whole_beam", "test_clips")
    print("\nwhisper-base on an H200, 480 windows a model, α chosen beside the part held out; means over four parts")
    print(f"{'':50}{'n':>3}{'beam 5':>9}{'greedy':>9}{'clips':>9}{'beam 5':>9}{'clips':>9}   (last two: the test part)")
    for one in kept_trials()["recipes"]:
        shown = "".join(f"{one[name]:9.2f}" for name in names)
        print(f"{one['recipe']:50}{one['trials']:3}{shown}")
