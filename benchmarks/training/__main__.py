"""See `benchmarks.training`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Figure, report
from benchmarks.training import __doc__ as doc
from benchmarks.training import ladder, memory, rounds, speed, start, trials

PARTS: dict[str, Callable[[argparse.Namespace], list[Figure]]] = {
    "speed": speed.figures,
    "start": start.figures,
    "memory": memory.figures,
    "estimate": memory.estimates,
    "windows": trials.figures,
    "ladder": ladder.figures,
    "round": rounds.figures,
}
LONG = {"ladder": ladder.measure, "round": rounds.measure}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--model", default=os.environ.get("WHISPERSMITH_WHISPER"))
    parser.add_argument("--speech", default=os.environ.get("WHISPERSMITH_SPEECH"))
    parser.add_argument("--segments", type=int, default=24)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--accumulation", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--anew", action="store_true", help="measure ladder and round, as far as asked for")
    parser.add_argument("--work", type=Path, help="a folder for them: what it holds already is not done anew")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.anew:
        _measure_anew(parser, options)
    found = [figure for part in options.only for figure in PARTS[part](options)]
    code = report("Training", "against", found, as_json=options.json) if found else 0
    if "windows" in options.only and not options.json:
        trials.print_trials()
    return code


def _measure_anew(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if not (options.model and options.speech):
        parser.error("--anew needs a real Whisper (--model) and real speech (--speech)")
    with tempfile.TemporaryDirectory() as name:
        work = options.work or Path(name)
        for part in options.only:
            if part in LONG:
                print(f"{part}: measured anew", file=sys.stderr)
                LONG[part](options, work / part)


if __name__ == "__main__":
    raise SystemExit(main())
