"""The training plan: all that a run does, decided once, shown, kept in the run's folder and obeyed. Loads no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from core.config import Augment, Config, Include, TrainConfig
from core.config import Method as MethodName
from core.dataset.inclusion import IncludedRows, is_silent, is_unreviewed
from core.dataset.lineage import Lineage, MeasuredOn
from core.errors import UserError
from core.gpu import Gpu, wheels
from core.store import Segment
from core.training.memory import MemoryNeed, dividing_batch, memory_need
from core.training.methods import METHODS, Method
from core.training.windows import WindowMix, windows_an_epoch
from core.typed_json import Count, Number, Positive, Text, build
from core.whisper.info import ModelInfo

MOST_EVALUATIONS, STEPS_APART = 12, 3
"""Of few segments an evaluation takes as long as one or two steps, and after each of them tells little but chance."""
FEW_EPOCHS = 0.6
"""Of those that suit the windows: fewer are told."""
OFF_RATE = 10.0
"""A learning rate so many times too high or too low is told."""
FRAMES_PER_SECOND = 100  # Whisper's log-mel has a frame every 10 ms
FEATURE_CACHE_BYTES = 1_000_000_000
"""Features are kept in memory while they fit: the second epoch then costs no feature extraction."""
LOADER_WORKERS = 2
SINGLE_EPOCHS, MOST_EPOCHS = 6.0, 12.0
"""Windows of several segments cost less an epoch: they are heard in as many as cost six of single segments, at most in
twelve (`benchmarks/window_trials` measured them with thirteen)."""
GB = 2**30  # as everybody counts the memory of a GPU: a card of 8 GB has 8 GiB


@dataclass(frozen=True)
class DataCounts:
    """Segments a run is given. measured: how many the error rate during training is measured on, those of `on`.
    windows: how many an epoch of the training segments is, 0 for one each. silent: in how many of the training segments
    nobody speaks; unreviewed: how many of them no person has accepted; choices: what each [train] include comes to."""

    train: int
    validation: int = 0
    test: int = 0
    measured: int = 0
    on: MeasuredOn | None = None
    windows: int = 0
    silent: int = 0
    unreviewed: int = 0
    choices: tuple[IncludedRows, ...] = ()

    @classmethod
    def of(
        cls,
        lineage: Lineage,
        learn: Sequence[Segment],
        *,
        test: int,
        settings: TrainConfig,
        window_s: float,
        choices: tuple[IncludedRows, ...] = (),
    ) -> DataCounts:
        """learn: those of the lineage's segments that are still learnt from; test: the size of the test part."""
        windows = windows_an_epoch(learn, mix_of(settings), window_s, seed=settings.seed)
        return cls(
            len(learn),
            len(lineage.validated),
            test,
            len(lineage.measured),
            lineage.on,
            windows,
            sum(map(is_silent, learn)),
            sum(map(is_unreviewed, learn)),
            choices,
        )


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
    """A whole run before it starts; the trainer decides nothing that stands here.

    windows: what is heard at once, None in a run from before it could be chosen, whose segments are heard each by
    itself in an order drawn anew every epoch; epoch_windows: of the first epoch; augment: how the sound is changed.
    device: "cuda" or "cpu"; precision: of autocast, "bf16", "fp16" or "fp32"; recompute: activations are computed
    twice to save memory. batch: windows a process computes at once; processes: that train together, each on a GPU of
    its own. schedule: transformers' name of the learning rate's course; warmup, eval_every (checkpoints are saved then,
    too), log_every: optimizer steps. label_tokens: the most a label may have, prompt and end included;
    window_s: seconds of audio a segment may last. keep_features: log-mels stay in memory after the first epoch.
    measured_on: what the error rate is measured on; "validation" chooses the checkpoint, "test" is only shown.
    Memory in bytes, None where no GPU tells it. seconds: how long it will take, at the pace of the run `pace_of`; None
    where none of its kind has been measured here. include: whose texts are learnt from, unreviewed_weight: what a token
    counts that no person has accepted; unreviewed_segments and silent_segments (nobody speaks) are among `segments`;
    choices: what each include would have come to. reasons: one sentence each.
    """

    model: Text
    language: Text
    method: MethodName
    device: Literal["cuda", "cpu"]
    precision: Literal["bf16", "fp16", "fp32"]
    recompute: bool
    batch: Positive
    accumulation: Positive
    learning_rate: Number
    schedule: Literal["linear", "cosine", "constant_with_warmup"]
    weight_decay: Number
    warmup: Count
    steps: Positive
    epochs: Number
    fixed_steps: bool
    eval_every: Positive
    log_every: Positive
    patience: Count
    seed: int
    label_tokens: Positive
    window_s: Number
    keep_features: bool
    loader_workers: Count
    segments: Count
    validation_segments: Count
    test_segments: Count
    measured_on: MeasuredOn | None
    measured_segments: Count
    memory_needed_bytes: Count
    memory_free_bytes: Count | None
    checkpoint_bytes: Count
    fits: bool
    reasons: tuple[Text, ...]
    processes: Positive = 1
    windows: WindowMix | None = None
    epoch_windows: Count = 0
    augment: tuple[Augment, ...] = ()
    seconds: Number | None = None
    pace_of: str = ""
    include: Include = "reviewed"
    unreviewed_weight: Number = 0.3
    unreviewed_segments: Count = 0
    silent_segments: Count = 0
    choices: tuple[IncludedRows, ...] = ()

    @property
    def effective_batch(self) -> int:
        """Windows that a step learns from, over all processes."""
        return self.batch * self.accumulation * self.processes

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"reasons": list(self.reasons)}

    @classmethod
    def from_json(cls, data: object) -> Plan | None:
        """The plan that a run's folder keeps; None if there is none, or it lacks what a plan needs today."""
        try:
            return build(cls, data) if isinstance(data, dict) else None
        except (UserError, ValueError):
            return None


def mix_of(settings: TrainConfig) -> WindowMix:
    return WindowMix.of(settings.windows, settings.timestamps, settings.silence)


def make_plan(
    config: Config,
    counts: DataCounts,
    model: ModelInfo,
    card: Gpu | None,
    *,
    steps: int | None = None,
    processes: int | None = None,
) -> Plan:
    """The plan of a new run. card: the GPU it would start on, None for the processor. steps, processes: asked for by
    the person, instead of the settings' own."""
    settings, method = config.train, METHODS[config.train.method]
    rate = settings.learning_rate or method.learning_rate(model.shape)
    processes = processes or settings.processes
    batch, accumulation = dealt(settings.batch * settings.accumulation, settings.batch, processes)
    windows = max(counts.windows or counts.train, 1)
    suited = min(MOST_EPOCHS, SINGLE_EPOCHS * max(counts.train, 1) / windows)
    # What a step really learns from is a little more where the processes do not divide it.
    parted = {"epochs": settings.epochs or suited, "batch": batch, "accumulation": accumulation * processes}
    course = schedule(settings.model_copy(update=parted), windows, steps)
    mix = mix_of(settings)
    need, here = _on_card(
        method.name, batch, model, card, _kept(mix, counts.train, course.steps * batch * accumulation)
    )
    return Plan(
        model=config.model.base,
        language=config.project.language,
        method=settings.method,
        batch=batch,
        accumulation=accumulation,
        processes=processes,
        learning_rate=rate,
        schedule=settings.schedule,
        weight_decay=settings.weight_decay,
        warmup=course.warmup,
        steps=course.steps,
        epochs=course.steps * batch * accumulation * processes / windows,
        fixed_steps=bool(steps or settings.steps),
        eval_every=course.eval_every,
        log_every=course.log_every,
        patience=settings.patience,
        seed=settings.seed,
        label_tokens=model.max_target_positions,
        window_s=model.window_s,
        windows=mix,
        epoch_windows=windows,
        augment=() if method.leaves_encoder else tuple(settings.augment),
        include=settings.include,
        unreviewed_weight=settings.unreviewed_weight,
        choices=counts.choices,
        checkpoint_bytes=method.checkpoint(model.shape),
        reasons=(
            *_method_reasons(method, settings, rate, model),
            *_short(settings, suited),
            *_reasons(counts, card, need, here["precision"]),
        ),
        **_data(counts),
        **here,
    )


def dealt(effective: int, most: int, processes: int) -> tuple[int, int]:
    """(batch, accumulation) of each process that together learn from `effective` segments a step, at most `most` of
    them at once; a few more where that does not divide."""
    share = math.ceil(effective / processes)
    batch = min(most, share)
    return batch, math.ceil(share / batch)


def resumed_plan(
    stored: Plan,
    counts: DataCounts,
    model: ModelInfo,
    card: Gpu | None,
    steps: int | None = None,
    processes: int | None = None,
) -> Plan:
    """The plan a run goes on with: its own, and the steps and processes that are asked for now (None: its own, too).

    The card need not be the one it began on: device, precision, memory and loader are those of this one; activations
    that were recomputed still are. counts: what is left of its segments.
    """
    if processes and processes != stored.processes:
        batch, accumulation = dealt(stored.effective_batch, stored.batch, processes)
        stored = replace(stored, batch=batch, accumulation=accumulation, processes=processes)
    heard = _kept(stored.windows, counts.train, (steps or stored.steps) * stored.effective_batch)
    need, here = _on_card(stored.method, stored.batch, model, card, heard)
    plan = replace(stored, **_data(counts), **here, reasons=tuple(_reasons(counts, card, need, here["precision"])))
    if stored.recompute and not plan.recompute:
        needed = METHODS[plan.method].memory(model.shape, plan.batch, recompute=True)
        plan = replace(plan, recompute=True, memory_needed_bytes=needed)
    if steps is None:
        return plan
    epochs = steps * plan.effective_batch / max(plan.epoch_windows or counts.train, 1)
    return replace(plan, steps=steps, epochs=epochs, fixed_steps=True)


def smaller_plan(plan: Plan) -> Plan | None:
    """What to try when memory has run out all the same: recomputed activations, then the largest batch of at most half
    that leaves the effective batch as it is. None if nothing is left to save."""
    if not plan.recompute:
        return replace(plan, recompute=True)
    if plan.batch == 1:
        return None
    share = plan.batch * plan.accumulation
    batch = dividing_batch(share, plan.batch // 2)
    return replace(plan, batch=batch, accumulation=share // batch)


def _data(counts: DataCounts) -> dict[str, Any]:
    return {
        "segments": counts.train,
        "unreviewed_segments": counts.unreviewed,
        "silent_segments": counts.silent,
        "validation_segments": counts.validation,
        "test_segments": counts.test,
        "measured_on": counts.on,
        "measured_segments": counts.measured,
    }


def _on_card(
    method: str, batch: int, model: ModelInfo, card: Gpu | None, kept: int
) -> tuple[MemoryNeed, dict[str, Any]]:
    """What follows from the machine, as fields of a plan. kept: windows whose features would be kept."""
    free = card.memory_free if card else None
    need = memory_need(method, model.shape, batch, free)
    features = 4 * model.mel_bins * round(model.window_s * FRAMES_PER_SECOND)
    keep = kept * features <= FEATURE_CACHE_BYTES and not METHODS[method].leaves_encoder
    return need, {
        "device": "cuda" if card else "cpu",
        "precision": wheels.precision(card.capability)[0] if card else "fp32",
        "recompute": need.recompute,
        "keep_features": keep,
        # Where features are kept, or computed on the same cores as the step, loader processes gain nothing.
        "loader_workers": LOADER_WORKERS if card and not keep and not METHODS[method].leaves_encoder else 0,
        "memory_needed_bytes": need.needed,
        "memory_free_bytes": free,
        "fits": need.fits,
    }


def _short(settings: TrainConfig, suited: float) -> list[str]:
    """What is said where a setting from before windows of several segments makes a run much shorter."""
    if not settings.epochs or settings.steps or settings.epochs > FEW_EPOCHS * suited:
        return []
    return [f"{settings.epochs:g} epochs of these windows are few: epochs = 0 takes {suited:.0f}, as they were tried"]


def _kept(windows: WindowMix | None, segments: int, heard: int) -> int:
    """Of how many windows the features would be kept. heard: windows of the whole run."""
    return segments if windows is None or windows.single == 1 else heard


def _method_reasons(method: Method, settings: TrainConfig, rate: float, model: ModelInfo) -> list[str]:
    found = [f"{method.name} cannot be had here: {method.missing}"] if method.missing else []
    share = method.work(model.shape) / METHODS["full"].work(model.shape)
    if share < 0.99:
        found.append(f"{method.name} learns from a window with {share:.0%} of the arithmetic of full")
    if settings.augment and method.leaves_encoder:
        found.append(f"{method.name} hears every window once, as it was recorded: [train] augment changes nothing")
    usual = method.learning_rate(model.shape)
    if rate > OFF_RATE * usual or rate < usual / OFF_RATE:
        found.append(f"the learning rate {rate:g} is far from what suits {method.name}, {usual:g}: 0 takes that")
    return found


def _reasons(counts: DataCounts, card: Gpu | None, need: MemoryNeed, precision: str) -> list[str]:
    found = []
    if counts.train == 0:
        found.append("no accepted segment is in the train part yet: whispersmith split")
    if card is None:
        found.append("there is no GPU that torch can use: training runs on the processor, in fp32")
        return found
    found.append(f"{card.name} computes {precision} natively")
    if not need.fits:
        found.append("it does not fit: lower [train] batch and raise accumulation, or choose a smaller model")
    elif need.recompute:
        found.append("activations are recomputed to save memory: about a fifth slower")
    return found


def schedule(settings: TrainConfig, windows: int, steps: int | None = None) -> Schedule:
    """Steps, warm-up and intervals for so many windows an epoch. steps: asked for by the person."""
    effective = settings.batch * settings.accumulation
    per_epoch = math.ceil(windows / effective)
    total = steps or settings.steps or max(1, round(settings.epochs * windows / effective))
    return Schedule(
        steps=total,
        per_epoch=per_epoch,
        warmup=math.ceil(settings.warmup * total),
        eval_every=settings.eval_every or min(total, max(STEPS_APART, per_epoch // 2, total // MOST_EVALUATIONS)),
        log_every=max(1, min(10, total // 100)),
    )
