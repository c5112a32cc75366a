"""The set-up checks in dependency order: which there are, what each stands on, and running them.

Each names what was found, what is wrong, and the one command that mends it. The checks are in `core.checks`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from core.checks import disk, downloads, environment, gpu, hub, models, session, terminal, torch
from core.checks.check import FAIL, OK, SKIPPED, WARN, Answer, Check, CheckSpec, Context
from core.errors import UserError

__all__ = [
    "CHECKS",
    "FAIL",
    "OK",
    "SKIPPED",
    "WARN",
    "Check",
    "CheckSpec",
    "Context",
    "as_json",
    "run_all",
    "run_check",
]

DRIVER_S = 15.0
"""For checks that may be the first to ask the driver, which has 10 s to answer."""
LANES = 3
"""Checks that run at the same time."""

CHECKS: tuple[CheckSpec, ...] = (
    CheckSpec("python", "Python", environment.check_python),
    CheckSpec("ffmpeg", "ffmpeg", environment.check_ffmpeg, timeout_s=20),
    CheckSpec("gpu-bus", "On the bus", gpu.check_bus, timeout_s=DRIVER_S),
    CheckSpec("nvml", "NVML", gpu.check_nvml, ("gpu-bus",), DRIVER_S),
    CheckSpec("devices", "NVIDIA GPU", gpu.check_devices, ("nvml",), DRIVER_S),
    CheckSpec("driver", "Driver", gpu.check_driver, ("devices",), DRIVER_S),
    CheckSpec("torch", "torch", torch.check_torch, timeout_s=DRIVER_S),
    CheckSpec("driver-wheel", "torch, driver", torch.check_driver_wheel, ("driver", "torch"), DRIVER_S),
    CheckSpec("wheel-card", "torch, card", torch.check_wheel_card, ("driver-wheel",), DRIVER_S),
    CheckSpec("gpu-add", "GPU computes", torch.check_sum, ("wheel-card",), DRIVER_S + torch.SUM_TIMEOUT_S),
    CheckSpec("precision", "Precision", gpu.check_precision, ("wheel-card",), DRIVER_S),
    CheckSpec("gpu-memory", "GPU memory", models.check_memory, ("wheel-card",), DRIVER_S),
    CheckSpec("disk", "Disk", disk.check_disk),
    CheckSpec("yt-dlp", "yt-dlp", downloads.check_ytdlp),
    CheckSpec("yt-dlp-ejs", "yt-dlp-ejs", downloads.check_ejs, ("yt-dlp",)),
    CheckSpec("javascript", "JavaScript", downloads.check_javascript, ("yt-dlp",)),
    CheckSpec("huggingface", "Hugging Face", hub.check_huggingface),
    CheckSpec("base", "Base model", models.check_base),
    CheckSpec("labeller", "Labeller", models.check_labeller),
    CheckSpec("logind", "Logging out", session.check_logind),
    CheckSpec("terminal", "Terminal", terminal.check_terminal),
)
"""In dependency order. check exits 1 if one of them fails; a warning is no failure."""


def run_check(id: str, context: Context, checks: Iterable[CheckSpec] = CHECKS) -> Check:
    """Run one check, or say which check it waits for. It never raises for what it finds, and comes back in time:
    a UserError becomes a failed check, and one that hangs is left behind."""
    specs = {spec.id: spec for spec in checks}
    spec = specs[id]
    blocker = _blocker(spec, context, specs)
    answer = Answer(SKIPPED, f"after {blocker}") if blocker else _answer(spec, context)
    return Check(spec.id, spec.title, answer.verdict, answer.found, answer.why, answer.fix, answer.detail)


def run_all(context: Context, checks: Iterable[CheckSpec] = CHECKS) -> Iterator[Check]:
    """Every check, in order; several run at the same time."""
    specs = tuple(checks)
    due: queue.SimpleQueue[CheckSpec] = queue.SimpleQueue()
    done: dict[str, queue.SimpleQueue[Check | BaseException]] = {spec.id: queue.SimpleQueue() for spec in specs}
    for spec in specs:
        due.put(spec)

    def lane() -> None:
        while True:
            try:
                spec = due.get_nowait()
            except queue.Empty:
                return
            try:
                done[spec.id].put(run_check(spec.id, context, specs))
            except BaseException as error:  # noqa: BLE001 - raised where the checks are read, below
                done[spec.id].put(error)

    for _ in range(LANES):
        threading.Thread(target=lane, name="checks", daemon=True).start()
    for spec in specs:
        found = done[spec.id].get()
        if isinstance(found, BaseException):
            raise found
        yield found


def _blocker(spec: CheckSpec, context: Context, specs: dict[str, CheckSpec]) -> str | None:
    """The first check on the way here that stops what stands on it. What the checks on that way read is read once."""
    for need in spec.needs:
        if found := _blocker(specs[need], context, specs):
            return found
        answer = _answer(specs[need], context)
        if answer.stops or answer.verdict in (FAIL, SKIPPED):
            return need
    return None


def _answer(spec: CheckSpec, context: Context) -> Answer:
    """What the check says; asked in a thread of its own, since a sick disk or driver may never let it go."""
    answers: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
    threading.Thread(target=_ask, args=(spec.function, context, answers), name=f"check {spec.id}", daemon=True).start()
    try:
        answer = answers.get(timeout=spec.timeout_s)
    except queue.Empty:
        found = f"no answer in {spec.timeout_s:g} s"
        return Answer(FAIL, found, "the disk, the driver or the network hangs", "try again; then look at: sudo dmesg")
    if isinstance(answer, UserError):
        return Answer(FAIL, answer.what, answer.why, answer.fix)
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _ask(
    function: Callable[[Context], Answer], context: Context, answers: queue.SimpleQueue[Answer | BaseException]
) -> None:
    try:
        answers.put(function(context))
    except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
        answers.put(error)


def as_json(checks: list[Check]) -> list[dict[str, Any]]:
    return [check.as_json() for check in checks]
