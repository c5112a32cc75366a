"""The training plan: what a run would do, how long it is, and whether it fits the GPU. Loads no torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from core.config import Config, TrainConfig
from core.dataset.selection import cut_validation
from core.gpu import Gpu, for_job, wheels
from core.store import Store
from core.whisper.info import describe
from core.workspace import Workspace

MOST_EVALUATIONS = 12
GB = 2**30  # as everybody counts the memory of a GPU: a card of 8 GB has 8 GiB


@dataclass(frozen=True)
class PlanRow:
    """A line of the plan on the screen. setting: (table, key) in whispersmith.toml where the person may change it."""

    key: str
    title: str
    value: str
    reason: str = ""
    setting: tuple[str, str] | None = None


@dataclass(frozen=True)
class Schedule:
    """When things happen, in optimizer steps."""

    steps: int
    per_epoch: int
    warmup: int
    eval_every: int
    log_every: int


@dataclass(frozen=True)
class Plan:
    """A run before it starts. Memory in bytes, None where no GPU tells it. reasons: one sentence each."""

    model: str
    method: str
    batch: int
    accumulation: int
    precision: str
    learning_rate: float
    steps: int
    epochs: float
    segments: int
    warmup: int
    eval_every: int
    memory_needed_bytes: int
    memory_free_bytes: int | None
    fits: bool
    reasons: tuple[str, ...]
    validation_segments: int = 0
    test_segments: int = 0
    fixed_steps: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"reasons": list(self.reasons)}

    def rows(self) -> list[PlanRow]:
        """The plan for people, one fact a row."""
        free = f"{self.memory_free_bytes / GB:.1f} GB free" if self.memory_free_bytes is not None else "no GPU"
        effective = self.batch * self.accumulation
        return [
            PlanRow("model", "Base model", self.model, "what is fine-tuned", ("model", "base")),
            PlanRow(
                "data",
                "Data",
                f"{self.segments} train, {self.validation_segments} to choose by, {self.test_segments} test",
                "accepted segments, as split; the best checkpoint is chosen on some of the train part, never on test",
            ),
            PlanRow("method", "Method", f"{self.method}, {self.precision}", "every weight is trained"),
            PlanRow("batch", "Batch", str(self.batch), "segments computed at once", ("train", "batch")),
            PlanRow(
                "accumulation",
                "Accumulation",
                f"{self.accumulation} (x {self.batch} = {effective} a step)",
                "batches summed before the weights move",
                ("train", "accumulation"),
            ),
            PlanRow(
                "rate",
                "Learning rate",
                f"{self.learning_rate:g}, warm-up {self.warmup} steps",
                "small steps keep what the model knows; 1.25e-5 suits a small Whisper",
                ("train", "learning_rate"),
            ),
            PlanRow(
                "epochs",
                "Epochs",
                f"{self.epochs:.1f} = {self.steps} steps, measured every {self.eval_every}",
                "how often every segment is seen; few data want few epochs",
                ("train", "steps" if self.fixed_steps else "epochs"),
            ),
            PlanRow("memory", "Memory", f"{self.memory_needed_bytes / GB:.1f} GB needed, {free}", "an estimate"),
        ]

    def lines(self) -> list[str]:
        """The plan on a plain terminal."""
        return [*(f"{row.title:<14} {row.value}" for row in self.rows()), *(f"{'':<14} {r}" for r in self.reasons)]


def make_plan(workspace: Workspace, config: Config, store: Store) -> Plan:
    """The plan for what is accepted and in the train part now. UserError if the base model is not here."""
    info = describe(config.model.base, workspace.root)
    usable = [segment for segment in store.segments.all(part="train") if segment.usable]
    learn, validation = cut_validation(usable, config)
    rows = len(learn)
    steps = schedule(config.train, max(rows, 1))
    gpu = for_job(config.model.gpu)
    precision = wheels.precision(gpu.capability if gpu else None)[0]
    need = memory_needed(info.parameters, config.train.batch, info.window_s)
    slim = memory_needed(info.parameters, config.train.batch, info.window_s, checkpointing=True)
    free = gpu.memory_free if gpu else None
    return Plan(
        model=config.model.base,
        method="full",
        batch=config.train.batch,
        accumulation=config.train.accumulation,
        precision=precision,
        learning_rate=config.train.learning_rate,
        steps=steps.steps,
        epochs=steps.steps / steps.per_epoch,
        segments=rows,
        warmup=steps.warmup,
        eval_every=steps.eval_every,
        memory_needed_bytes=need if free is None or need <= free else slim,
        memory_free_bytes=free,
        fits=free is None or slim <= free,
        reasons=tuple(_reasons(rows, gpu, need, slim, precision)),
        validation_segments=len(validation),
        test_segments=store.segments.counts()["test"],
        fixed_steps=bool(config.train.steps),
    )


def _reasons(rows: int, gpu: Gpu | None, need: int, slim: int, precision: str) -> list[str]:
    found = []
    if rows == 0:
        found.append("no accepted segment is in the train part yet: whispersmith split")
    if gpu is None:
        found.append("no GPU answers: training runs on the processor, in fp32")
    else:
        found.append(f"{gpu.name} computes {precision} natively")
        free = gpu.memory_free
        if free is not None and slim > free:
            found.append("it does not fit: lower [train] batch and raise accumulation, or choose a smaller model")
        elif free is not None and need > free:
            found.append("activations are recomputed to save memory: about a fifth slower")
    return found


def schedule(settings: TrainConfig, rows: int, steps: int | None = None) -> Schedule:
    """Steps, warm-up and evaluation interval for a number of training segments. steps: asked for by the person."""
    per_epoch = math.ceil(math.ceil(rows / settings.batch) / settings.accumulation)
    total = steps or settings.steps or max(1, round(settings.epochs * per_epoch))
    every = settings.eval_every or max(1, per_epoch // 2, total // MOST_EVALUATIONS)
    return Schedule(
        steps=total,
        per_epoch=per_epoch,
        warmup=math.ceil(settings.warmup * total),
        eval_every=min(every, total),
        log_every=max(1, min(10, total // 100)),
    )


def memory_needed(parameters: int, batch: int, window_s: float, *, checkpointing: bool = False) -> int:
    """Bytes a full fine-tuning step needs on a GPU, an estimate.

    18 bytes a weight (weight, gradient, two Adam moments, the half-precision copy); activations of the published
    shapes grow with weights to the power 3/4 from 789 MiB a 30 s segment at 242 M weights, or 239 MiB to the power
    1/2 when they are recomputed (activation checkpointing); 1 GiB of context; 7 % reserve.
    """
    size = parameters / 242e6
    activations = 239 * size**0.5 if checkpointing else 789 * size**0.75
    return int(1.07 * (18 * parameters + batch * activations * 2**20 * window_s / 30 + 2**30))
