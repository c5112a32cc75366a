"""How many cores this process may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Those that the scheduler gives it (taskset, a cluster's queue); of the whole machine where nobody can tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def model_threads() -> int:
    """Threads for a model's arithmetic: the cores, less one for ffmpeg and the app where there are more than two;
    OMP_NUM_THREADS decides if it is set."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    cores = usable_cores()
    return cores - 1 if cores > 2 else cores
