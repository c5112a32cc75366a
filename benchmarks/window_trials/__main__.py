"""See `benchmarks.window_trials`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # processes share the cores, and forked ones no pool of threads
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # looking for a GPU then begins no CUDA before the fork


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.window_trials")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, wanted in (
        ("prepare", ("model", "speech", "bundle")),
        ("run", ("bundle", "out")),
        ("score", ("speech", "out")),
    ):
        command = commands.add_parser(name)
        for folder in wanted:
            command.add_argument(f"--{folder}", type=Path, required=True)
        if name == "score":
            command.add_argument("--json", type=Path, default=None, help="a file for the table")
        if name == "run":
            command.add_argument("--seconds", type=float, default=420)
            command.add_argument("--workers", type=int, default=12)
            command.add_argument("--most", type=int, default=None, help="trials")
            command.add_argument("--mini", action="store_true", help="a few steps, to see that all is there")
    options = parser.parse_args()
    if options.command == "prepare":
        from benchmarks.window_trials.bundle import prepare

        prepare(options.model, options.speech, options.bundle)
    elif options.command == "run":
        from benchmarks.window_trials.run import run

        run(options)
    else:
        from benchmarks.window_trials.score import score

        score(options.speech, options.out, options.json)


if __name__ == "__main__":
    main()
