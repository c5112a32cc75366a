"""The checks from the bus to the card's memory, asked in processes of their own, whose children find the stand-in.

This one has imported the checks, and forks for each request: a line of JSON with `environment`, `path`, to be searched
first, and `arguments`, of `main`. It answers with the line that `main` prints, or the traceback as JSON, and one with
the exit code.
"""

import json
import os
import sys
import traceback
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
    print(json.dumps([run_check(id, context).as_json() for id in ids or CHAIN]), flush=True)


def answer(environment: dict[str, str], path: list[str], arguments: list[str]) -> int:
    """Fork, ask there, and wait for the exit code."""
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:0] = path
        main(*arguments)
        code = 0
    except BaseException:  # noqa: BLE001 - SystemExit too: this process is the child, which goes on with nothing
        print(json.dumps({"traceback": traceback.format_exc()}), flush=True)
    finally:
        os._exit(code)


if __name__ == "__main__":
    assert "torch" not in sys.modules
    for line in sys.stdin:
        print(answer(**json.loads(line)), flush=True)
