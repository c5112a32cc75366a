"""What a run says: the trainer's callbacks as events of the job, and the job's cancel as a stop of the trainer."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.events import Evaluated, Metric, Sample, Saved
from core.gpu import read_gpus
from core.gpu.cards import machine_memory
from core.jobs import Job
from core.training import ranks
from core.training.plan import GB, Plan
from core.training.strain import LEAST_FREE, StepInterval, Strain


class Reporter(TrainerCallback):
    """Emits progress, metric, evaluated, sample and saved. relative: a path as events name it."""

    def __init__(self, job: Job, plan: Plan, relative: Callable[[Path], str]) -> None:
        self.samples: Sequence[tuple[str, str, str]] = ()
        """(segment, reference, hypothesis) of the newest evaluation, as the trainer leaves them here."""
        self._job, self._plan, self._relative = job, plan, relative
        self._last = (0, time.monotonic())
        self.waited_s = 0.0
        """For batches to be loaded, since the last figures; the trainer counts it."""
        self._peak_told = False
        self._strain = Strain(plan.loader_workers, lambda text: job.log(text, "warning"))

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._last = (state.global_step, time.monotonic())
        self._job.progress(state.global_step, self._plan.steps, "step")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._job.progress(state.global_step, self._plan.steps, "step")
        if self._plan.device == "cpu" and not self._peak_told:
            self._tell_peak()
        if ranks.from_first(lambda: self._job.cancelled):
            control.should_save = control.should_training_stop = True
            control.should_evaluate = False
        elif state.global_step >= self._plan.steps and self._plan.measured_segments:
            control.should_evaluate = True
        if control.should_save:
            # The mean loss begins anew at every checkpoint, so that a run that goes on from one tells the same losses.
            control.should_log = True

    def _tell_peak(self) -> None:
        """On the processor nothing is tried before: what the first step took is what the process itself tells."""
        self._peak_told = True
        peak, machine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, machine_memory()
        if machine is not None:
            total, free = machine
            short = free < LEAST_FREE * total
            advice = "; it will soon be killed: lower [train] batch and raise accumulation" if short else ""
            self._job.log(
                f"the first step took {peak / GB:.1f} GB of this machine's memory, {free / GB:.1f} GB are free{advice}",
                "warning" if short else "info",
            )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if not logs or "loss" not in logs:
            return
        (before, then), now = self._last, time.monotonic()
        self._last = (state.global_step, now)
        segments = (state.global_step - before) * self._plan.effective_batch
        if self._plan.device == "cuda":
            self._look(now - then, segments)
        self.waited_s = 0.0
        self._job.emit(
            Metric(
                step=state.global_step,
                total=self._plan.steps,
                epoch=round(self._plan.epochs * state.global_step / self._plan.steps, 4),
                loss=finite(logs["loss"]),
                learning_rate=finite(logs.get("learning_rate")),
                grad_norm=finite(logs.get("grad_norm")),
                samples_per_second=round(segments / max(now - then, 1e-6), 3),
            )
        )

    def _look(self, seconds: float, segments: int) -> None:
        free, total = torch.cuda.mem_get_info()
        uuid = f"GPU-{torch.cuda.get_device_properties().uuid}"
        busy = next((card.utilization for card in read_gpus() if card.uuid == uuid), None)
        self._strain.look(
            StepInterval(seconds, self.waited_s, segments, torch.cuda.memory_reserved(), free, total, busy)
        )

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        found = metrics or {}
        self._job.emit(
            Evaluated(
                step=state.global_step,
                cer=finite(found.get("eval_cer")),
                on=self._plan.measured_on,
                segments=self._plan.measured_segments,
                loss=finite(found.get("eval_loss")),
                seconds=finite(found.get("eval_runtime")),
            )
        )
        for segment, reference, hypothesis in self.samples:
            self._job.emit(Sample(state.global_step, segment, reference, hypothesis))
        self._last = (state.global_step, time.monotonic())

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        path = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        self._job.emit(Saved(state.global_step, self._relative(path)))


def finite(value: Any) -> float | None:
    """A float for JSON; None for what is missing, infinite or not a number."""
    return float(value) if value is not None and math.isfinite(float(value)) else None
