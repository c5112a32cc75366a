"""Run in a process of its own, whose loader finds the stand-in: prints the checks from the bus to the card's memory."""

import json
import sys
from pathlib import Path

from core.checks import gpu, torch
from core.checks.check import Context
from core.checks.machine import Machine
from core.checks.runner import run_check
from core.checks.table import CHECKS
from core.config import Config

CHAIN = (
    "gpu-bus",
    "nvml",
    "devices",
    "driver",
    "torch",
    "driver-wheel",
    "wheel-card",
    "gpu-add",
    "precision",
    "gpu-memory",
)


def main(root: str, *ids: str) -> None:
    # What pip is called depends on the environment the tests run in; the rest of the line does not.
    gpu.pip_install = torch.pip_install = lambda: "pip install"
    config = Config()
    config.model.base = "openai/whisper-small"
    context = Context(None, config, Machine(Path(root)))
    assert set(CHAIN) <= {spec.id for spec in CHECKS}
    print(json.dumps([run_check(id, context).as_json() for id in ids or CHAIN]))


main(*sys.argv[1:])
