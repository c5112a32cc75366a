"""torch's build against driver and card, from its files; and the proof, a sum on the GPU in a process of its own."""

from __future__ import annotations

import re
import time

from core.checks.check import Answer, Context, fail, ok, warn
from core.checks.gpu import advice, build_line, cards
from core.checks.installing import pip_install
from core.gpu import Gpu, environment_for
from core.gpu.advice import DRIVER_WHEEL, TORCH, WHEEL_CARD, command
from core.gpu.child import ChildResult, TimedOut, run
from core.gpu.wheels import best

SUM_TIMEOUT_S = 60.0
SUM = "import torch\nprint('sum', (torch.ones(2, device='cuda') + 1).sum().item())"


def check_torch(context: Context) -> Answer:
    verdict = advice(context)
    if verdict.layer == TORCH:
        return fail(verdict.found, verdict.why, verdict.fix)
    build = context.machine.torch
    if build is None:  # the driver is broken: what torch to install is known once it works
        return fail("torch is not installed", "it is what labels and trains", f'{pip_install()} "torch>=2.6"')
    return ok(build_line(build))


def check_driver_wheel(context: Context) -> Answer:
    verdict = advice(context)
    if verdict.layer == DRIVER_WHEEL:
        return fail(verdict.found, verdict.why, verdict.fix)
    driver, build = context.machine.survey.driver, context.machine.torch
    wheel = f"{build.cuda[0]}.{build.cuda[1]}" if build and build.cuda else ""
    return ok(f"driver {driver.version} (CUDA {driver.cuda_version}) runs a build for CUDA {wheel}")


def check_wheel_card(context: Context) -> Answer:
    verdict = advice(context)
    if verdict.layer == WHEEL_CARD:
        if verdict.verdict == "fail":
            return fail(verdict.found, verdict.why, verdict.fix)
        # Nothing can be mended (a card before Maxwell): stop. Newer than the table: the sum shall tell.
        return warn(verdict.found, verdict.why, verdict.fix, stops=not verdict.fix)
    return ok(verdict.found)


def check_sum(context: Context, timeout_s: float = SUM_TIMEOUT_S) -> Answer:
    """Two numbers added on the card: what no reading can promise (a dead uvm module, exclusive mode, no kernel)."""
    card = cards(context)[0]
    begun = time.monotonic()
    try:
        done = run(["-c", SUM], timeout_s=timeout_s, environment=environment_for(card))
    except TimedOut:
        return fail(f"no answer in {timeout_s:g} s", "importing torch, or asking the GPU, hangs", "sudo reboot")
    if done.code == 0 and "sum 4.0" in done.stdout:
        return ok(f"1 + 1 = 2 on {card.short}, in {time.monotonic() - begun:.1f} s with the start of torch")
    return explain_sum(done, card, context)


_REASONS: tuple[tuple[str, str, str], ...] = (
    (r"no kernel image|kernel image is invalid", "this torch has no code for the card", ""),
    (r"out of memory", "the card's memory is in use", "nvidia-smi"),
    (
        r"busy or unavailable",
        "another program has the card to itself (exclusive mode)",
        "sudo nvidia-smi -c DEFAULT",
    ),
    (r"driver.*(too old|insufficient)", "the driver is too old for this torch", ""),
    (r"not compiled with CUDA", "this torch has no CUDA", ""),
    (
        r"unknown error|initializ|no CUDA.capable|No CUDA GPUs|not.*(ready|permitted)",
        "CUDA does not start, though the driver answers: the module nvidia-uvm is missing, or stale after suspend",
        "sudo rmmod nvidia_uvm; sudo modprobe nvidia_uvm",
    ),
)
"""What torch says, what it means, and what mends it; "": the torch that fits."""


def explain_sum(done: ChildResult, card: Gpu, context: Context) -> Answer:
    # The last line that names an error; notes about environment variables follow it.
    lines = [line.strip() for line in done.stderr.splitlines() if re.match(r"\w[\w.]*(Error|Exception)\b", line)]
    said = lines[-1] if lines else done.last_line or f"it ended with code {done.code}"
    for pattern, meaning, fix in _REASONS:
        if re.search(pattern, done.stderr, re.IGNORECASE):
            if "nvidia_uvm" in fix and not (context.machine.root / "dev/nvidia-uvm").exists():
                fix = "sudo nvidia-modprobe -u"
            return fail(f"{card.short} does not compute", f"{meaning} ({said})", fix or _reinstall(card, context))
    return fail(f"{card.short} does not compute", said, _reinstall(card, context))


def _reinstall(card: Gpu, context: Context) -> str:
    """The torch that fits. If it is the very one that is here, its files are damaged."""
    cuda = context.machine.survey.driver.cuda
    wheel = best(cuda, [card.capability], context.machine.host.arch) if cuda and card.capability else None
    if wheel is None:
        return f'{pip_install()} --force-reinstall "torch>=2.6"'
    build = context.machine.torch
    again = " --force-reinstall" if build is not None and build.version == wheel.name else ""
    return command(wheel, pip_install() + again)
