"""How long the set-up checks take: `python -m benchmarks.checks` from the checkout, on any machine.

Each check alone with readings made anew, then all of them as `whispersmith check` runs them. Target: on a machine
without a GPU all but gpu-add within 3 s. With HF_ENDPOINT=http://127.0.0.1:9 nothing leaves the machine.
"""

from __future__ import annotations

import time

from core.checks.check import Context
from core.checks.machine import Machine
from core.checks.runner import run_all, run_check
from core.checks.table import CHECKS
from core.config import Config


def main() -> None:
    for spec in CHECKS:
        begun = time.monotonic()
        check = run_check(spec.id, Context(None, Config(), Machine()))
        print(f"{time.monotonic() - begun:6.2f} s  {check.verdict:<8} {check.id:<13} {check.found[:80]}", flush=True)
    begun = time.monotonic()
    slowest = 0.0
    for check in run_all(Context(None, Config(), Machine())):
        if check.id != "gpu-add" or check.verdict == "skipped":
            slowest = time.monotonic() - begun
    print(f"{slowest:6.2f} s  all but a sum on the GPU, {time.monotonic() - begun:.2f} s with it")


if __name__ == "__main__":
    main()
