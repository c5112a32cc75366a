"""A job of several processes: what `accelerate launch` is told, here and on a cluster. Loads no torch."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from core.cores import usable_cores
from core.errors import UserError
from core.gpu import Gpu

PORT = 29500


def command(folder: Path, processes: int) -> list[str]:
    """What starts a job's process, or all of them on this machine."""
    run = ["-m", "core.jobs.run", str(folder.resolve())]
    if processes == 1:
        return [sys.executable, *run]
    return [sys.executable, "-m", "accelerate.commands.launch", *options(processes, port=0), *run]


def options(processes: int, *, port: int = PORT, machines: int = 1) -> list[str]:
    """Those of `accelerate launch` that a person's own settings of it shall not change. port: 0 for a free one."""
    threads = max(1, usable_cores() * machines // processes)
    # What it calls multi_gpu is torch's launcher: without GPUs its processes meet over gloo.
    return [
        "--multi_gpu",
        f"--num_processes={processes}",
        f"--num_machines={machines}",
        f"--main_process_port={port}",
        f"--num_cpu_threads_per_process={threads}",
        "--mixed_precision=no",
        "--dynamo_backend=no",
    ]


def environment(cards: Sequence[Gpu], processes: int) -> dict[str, str]:
    """What makes the processes see one GPU each: the freest. UserError if there are fewer; {} where there is none."""
    if processes == 1 or not cards:
        return {}
    if len(cards) < processes:
        raise UserError(
            f"{processes} processes cannot train on {len(cards)} GPU{'s' if len(cards) > 1 else ''}",
            "each needs one of its own",
            f"whispersmith train --processes {len(cards)}",
        )
    freest = sorted(cards, key=lambda card: card.memory_free or 0, reverse=True)[:processes]
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(card.uuid for card in freest)}


def slurm_script(root: Path, code: Path, stage: str, machines: int, processes: int) -> str:
    """A batch script that runs a stage on several machines of a cluster, which share the workspace's disk.

    code: where `core` lies. processes: in all, one for each GPU; the same number on each machine, so rounded up.
    """
    each = -(-processes // machines)
    processes = each * machines
    launch = shlex.join(["-m", "accelerate.commands.launch", *options(processes, machines=machines)])
    return f"""\
#!/bin/bash
#SBATCH --job-name=whispersmith-{stage}
#SBATCH --nodes={machines}
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node={each}
#SBATCH --signal=TERM@120
set -e
cd {shlex.quote(str(root))}
export PYTHONPATH={shlex.quote(str(code))} TOKENIZERS_PARALLELISM=false
PYTHON={shlex.quote(sys.executable)}
JOB=$("$PYTHON" -m core.jobs.spec . {stage})
FIRST=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export PYTHON JOB FIRST
srun --kill-on-bad-exit=1 bash -c '"$PYTHON" {launch} \\
    --machine_rank=$SLURM_NODEID --main_process_ip=$FIRST -m core.jobs.run $JOB'
"""
