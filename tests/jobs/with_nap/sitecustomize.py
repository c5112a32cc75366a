"""Put on PYTHONPATH by the job tests: gives every job process one more stage, `nap`, that only counts and waits."""

import os
import subprocess
import sys
import time
import types
from pathlib import Path

from core.errors import UserError
from core.stage import STAGES, Stage

STAGES["nap"] = Stage("nap", resource="gpu")
STAGES["doze"] = Stage("doze", resource="disk")


def check_params(workspace, config, params):
    """params: refuse."""
    if params.get("refuse"):
        raise UserError("that cannot be", "it is refused", "ask for something else")


def run(workspace, config, job):
    """params: steps, each (seconds), mark (a file that gets a line a step), fail, broken, items, stubborn, child."""
    params = job.params
    if params.get("child"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        Path(params["child"]).write_text(str(child.pid))
    if params.get("fail"):
        raise UserError("it failed", "because", "do that")
    if params.get("broken"):
        raise ZeroDivisionError("a bug")
    for id in params.get("items", []):
        job.item_failed(id, UserError(f"{id} failed", "its own why", "its own fix"))
    done = []
    mark = workspace.root / "mark.txt"
    had = len(mark.read_text().splitlines()) if mark.exists() else 0
    for step in range(had, params.get("steps", 1)):
        if params.get("stubborn"):
            time.sleep(params.get("each", 0))
        else:
            job.wait(params.get("each", 0))
        with mark.open("a") as file:
            file.write(f"{step} {os.getpid()}\n")
        job.progress(step + 1, params.get("steps", 1), "step")
        done.append(step)
    cuda = " ".join(os.environ.get(name, "") for name in ("CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES"))
    return {"done": done, "resumed": had, "cuda": cuda.strip()}


for name in ("nap", "doze"):
    module = types.ModuleType(f"core.stages.{name}")
    module.run, module.check_params = run, check_params
    sys.modules[module.__name__] = module
