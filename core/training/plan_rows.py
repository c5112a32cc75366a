"""The plan in words: one fact a row, with its reason and the setting that changes it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from core.clock import duration
from core.jobs import launch
from core.text import plural
from core.training.checkpoints import AT_ONCE
from core.training.methods import METHODS
from core.training.plan import GB, Plan
from core.training.resume import StoppedRun
from core.training.weight_trials import USUAL, name_of
from core.training.windows.augment import GAIN_DB, NOISE_DB, SPEED

PRECISIONS = {
    "bf16": "the GPU computes it by itself; numbers as large as in fp32, and half the memory",
    "fp16": "the GPU has no bf16 of its own; losses are scaled up so that small gradients are not lost",
    "fp32": "what computes here has nothing shorter of its own",
}
NO_STEP = "no step: nothing to train on"


@dataclass(frozen=True)
class PlanRow:
    """A line of the plan. setting: (table, key) in whispersmith.toml where the person may change it."""

    key: str
    title: str
    value: str
    reason: str = ""
    setting: tuple[str, str] | None = None


def plan_rows(plan: Plan) -> list[PlanRow]:
    """The plan for people."""
    disk_bytes = AT_ONCE * plan.checkpoint_bytes
    free = f"{plan.memory_free_bytes / GB:.1f} GB free" if plan.memory_free_bytes is not None else "no GPU"
    return [
        PlanRow("model", "Base model", plan.model, "what is fine-tuned", ("model", "base")),
        PlanRow("data", "Data", _data(plan), _choices(plan), ("train", "include")),
        PlanRow("method", "Method", plan.method, _trained(plan), ("train", "method")),
        PlanRow(
            "precision",
            "Precision",
            f"{plan.precision}, activations {'recomputed' if plan.recompute else 'kept'}",
            f"{PRECISIONS[plan.precision]}; activations that do not fit are computed again, about a fifth slower",
        ),
        PlanRow("windows", "Windows", _windows(plan), _why_windows(plan), ("train", "windows")),
        PlanRow("batch", "Batch", str(plan.batch), "windows computed at once", ("train", "batch")),
        PlanRow(
            "accumulation",
            "Accumulation",
            _shared(plan),
            "batches summed before the weights move; how they are parted changes neither loss nor gradient",
            ("train", "accumulation"),
        ),
        PlanRow("processes", "Processes", str(plan.processes), _launched(plan), ("train", "processes")),
        PlanRow(
            "rate",
            "Learning rate",
            f"{plan.learning_rate:g}, {plan.schedule.replace('_', ' ')}",
            "small steps keep what the model knows; 0 takes what suits method and size",
            ("train", "learning_rate"),
        ),
        PlanRow(
            "warmup",
            "Warm-up",
            plural(plan.warmup, "step") if plan.segments else NO_STEP,
            "a share of the steps in which the rate rises: Adam has seen too little yet to know how large steps may be",
            ("train", "warmup"),
        ),
        PlanRow(
            "epochs",
            "Epochs",
            f"{plan.epochs:.1f} = {plural(plan.steps, 'step')}" if plan.segments else NO_STEP,
            "how often every segment is heard; 0 takes what suits the windows, few data want few epochs",
            ("train", "steps" if plan.fixed_steps else "epochs"),
        ),
        PlanRow(
            "rhythm",
            "Measured",
            f"every {plan.eval_every}" if plan.segments else NO_STEP,
            _rhythm(plan),
            ("train", "eval_every"),
        ),
        PlanRow(
            "memory",
            "Memory",
            f"{plan.memory_needed_bytes / GB:.1f} GB needed, {free}; disk {disk_bytes / 1e9:.1f} GB",
            "an estimate; the largest batch is tried once before the first step, and made smaller if it does not fit. "
            "On disk: the newest checkpoint, the best, and the one that is being written",
        ),
        PlanRow("time", "Time", _time(plan), _measured(plan)),
    ]


def plan_lines(plan: Plan, stopped: StoppedRun | None = None) -> list[str]:
    """The plan on a plain terminal, and what becomes of the run that was interrupted."""
    lines = [f"{row.title:<14} {row.value}" for row in plan_rows(plan)]
    lines += [f"{'':<14} {reason}" for reason in plan.reasons]
    return lines if stopped is None else [*lines, f"{'Stopped run':<14} {stopped.told}"]


def _rhythm(plan: Plan) -> str:
    saved = "a checkpoint is saved then, too; 0 is twice an epoch, at most a dozen times and every third step"
    if not plan.measured_on:
        return f"there is nothing to measure on; {saved}"
    chosen = "the best checkpoint is kept" if plan.measured_on == "validation" else "which are only shown"
    return f"the error rate of {plural(plan.measured_segments, f'{plan.measured_on} segment')}: {chosen}; {saved}"


WINDOW_REASONS = {
    "single": "each segment by itself, padded to what the model hears at once",
    "stretch": (
        "segments that touch are heard together, as the recording's own sound: in equal time whole recordings are "
        "heard as well as after single segments, the speech goes by two to three times as fast, and times stay taught"
    ),
    "packed": "segments from anywhere put together to full windows, their times between them",
}
"""Of stretches it is measured: `benchmarks/window_trials/h200.json`."""

AUGMENT_REASONS = {
    "masks": "SpecAugment: bands and moments of the log-mel are masked",
    "speed": f"speed: up to {SPEED:.0%} faster or slower, times with it",
    "gain": f"gain: up to {GAIN_DB:g} dB louder or softer",
    "noise": f"noise: white, {NOISE_DB[0]:g} to {NOISE_DB[1]:g} dB below the speech",
}


def _windows(plan: Plan) -> str:
    """`stretch, 37 an epoch, 50% with times`."""
    if plan.windows is None:
        return "single"
    times = f", {plan.windows.timestamps:.0%} with times" if plan.windows.timestamps else ""
    changed = f", {' and '.join(plan.augment)}" if plan.augment else ""
    count = f", {plan.epoch_windows} an epoch" if plan.segments else ""
    return f"{plan.windows.kinds}{count}{times}{changed}"


def _why_windows(plan: Plan) -> str:
    kinds = plan.windows.kinds if plan.windows else "single"
    changed = (
        f"[train] augment changes nothing: {plan.method} hears every window once, as it was recorded"
        if METHODS[plan.method].leaves_encoder
        else "; ".join(AUGMENT_REASONS[name] for name in plan.augment) or "[train] augment is off: heard as recorded"
    )
    return "; ".join([*(WINDOW_REASONS[kind] for kind in kinds.split("+")), changed])


def _shared(plan: Plan) -> str:
    """`2 (x 8 = 16 a step)`; with several processes `1 (x 8 x 2 processes = 16 a step)`."""
    processes = f" x {plan.processes} processes" if plan.processes > 1 else ""
    return f"{plan.accumulation} (x {plan.batch}{processes} = {plan.effective_batch} a step)"


def _launched(plan: Plan) -> str:
    line = shlex.join(["accelerate", "launch", *launch.options(max(plan.processes, 2)), "-m", "core.jobs.run", "JOB"])
    return (
        f"each trains on a GPU of its own, and all learn from one batch; started by: {line}; on a cluster, here on two "
        "machines: whispersmith plan --slurm 2 > train.sh && sbatch train.sh"
    )


def _time(plan: Plan) -> str:
    return "known after the first steps" if plan.seconds is None else f"about {duration(round(1000 * plan.seconds))}"


def _measured(plan: Plan) -> str:
    if plan.seconds is None:
        return "no run of this kind has been measured here yet; while it runs the time left is that of its own steps"
    return f"at the pace of {plan.pace_of}; while it runs the time left is that of its own steps"


def _trained(plan: Plan) -> str:
    """What the method trains, and which others can be had here."""
    others = [name for name, method in METHODS.items() if name != plan.method and not method.missing]
    return f"{METHODS[plan.method].reason}; also here: {', '.join(others)}"


INCLUDED = {
    "reviewed": "accepted by a person",
    "confident": "also machine texts with at most one edit expected in ten characters",
    "all": "all but rejected ones",
}


def _choices(plan: Plan) -> str:
    """What each choice comes to, and how what nobody has accepted is held down."""
    sizes = {one.include: f" ({plural(one.rows, 'row')}, {one.seconds / 3600:.1f} h)" for one in plan.choices}
    told = "; ".join(f"{name}{sizes.get(name, '')}: {what}" for name, what in INCLUDED.items())
    share = plan.windows.silence if plan.windows else 1.0
    by = "Checkpoints are chosen by accepted rows of the train part, never by test"
    if plan.segments and not plan.validation_segments:
        by = (
            f"Nothing is held back to choose by: what is kept is the last checkpoint, as {name_of(USUAL)} unless "
            "between = false"
        )
    return (
        f"{told}. {by}. A token that nobody has accepted counts unreviewed_weight = {plan.unreviewed_weight:g}. "
        f"Accepted without a text: taught as silence, in at most silence = {share:g} of the windows"
    )


def _data(plan: Plan) -> str:
    """`confident: 812 train (667 count 0.3, 5 silent), 12 to choose by, 31 test`: what teaches, what chooses the
    checkpoint, what is held back."""
    some = [f"{plan.unreviewed_segments} count {plan.unreviewed_weight:g}"] if plan.unreviewed_segments else []
    some += [f"{plan.silent_segments} silent"] if plan.silent_segments else []
    among = f" ({', '.join(some)})" if some else ""
    chosen = f"{plan.validation_segments} to choose by" if plan.validation_segments else "none to choose by"
    return f"{plan.include}: {plan.segments} train{among}, {chosen}, {plan.test_segments} test"
