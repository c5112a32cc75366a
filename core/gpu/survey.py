"""The driver and the cards, asked in a process of its own: a driver that hangs can be left behind."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from core.gpu.cards import Gpu, read_gpus
from core.gpu.child import TimedOut, run
from core.gpu.nvml import OTHER, TIMEOUT, Driver, driver

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Survey:
    driver: Driver
    gpus: tuple[Gpu, ...] = ()


def survey(timeout_s: float = TIMEOUT_S) -> Survey:
    """Everything NVML tells. It never raises and takes `timeout_s` at most."""
    try:
        done = run(["-m", "core.gpu"], timeout_s=timeout_s)
    except TimedOut:
        return Survey(Driver(state=TIMEOUT, error=f"NVML gave no answer in {timeout_s:g} s"))
    try:
        data = json.loads(done.stdout)
        return Survey(Driver.from_dict(data["driver"]), tuple(Gpu.from_dict(row) for row in data["gpus"]))
    except (ValueError, KeyError, TypeError):
        # Also a library that crashes: then the process ends with a signal and says nothing.
        return Survey(Driver(state=OTHER, error=done.last_line or f"the question ended with code {done.code}"))


def print_survey() -> None:
    json.dump({"driver": driver().as_dict(), "gpus": [gpu.as_dict() for gpu in read_gpus()]}, sys.stdout)
