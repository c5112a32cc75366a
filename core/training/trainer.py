"""Seq2SeqTrainer set up for Whisper as a plan says, measuring with the engine's own decoding."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import EarlyStoppingCallback, Seq2SeqTrainer, Seq2SeqTrainingArguments, set_seed

from core.engines import Clip, EngineOptions
from core.engines.transformers import TransformersEngine
from core.jobs import Cancelled, Job
from core.text import corpus_cer
from core.training.checkpoints import Checkpoint, best_checkpoint, read_state
from core.training.dataset import Collator, Example, Row, SegmentDataset, examples
from core.training.methods import METHODS, Prepared
from core.training.plan import Plan
from core.training.reporter import Reporter, finite
from core.whisper.encoder_cache import FOLDER as ENCODED
from core.whisper.features import read_segment
from core.whisper.loading import LoadedModel

SAMPLES = 3
CHECKPOINTING = next(  # its name has changed within transformers 5
    name
    for name in ("activation_checkpointing", "gradient_checkpointing")
    if name in {field.name for field in dataclasses.fields(Seq2SeqTrainingArguments)}
)


@dataclass(frozen=True)
class TrainingOutcome:
    """What a run came to. cer and base_cer are fractions, None where nothing was measured."""

    steps: int
    best_step: int
    cer: float | None
    base_cer: float | None
    loss: float | None
    seconds: float


class TrainingOutOfMemory(Exception):
    """The GPU's memory ran out in spite of the plan; the newest checkpoint is whole."""


def train(
    loaded: LoadedModel,
    plan: Plan,
    data: Sequence[Example],
    measured: Sequence[Row],
    *,
    folder: Path,
    job: Job,
    resume: Checkpoint | None = None,
    relative: Callable[[Path], str] = str,
) -> tuple[Any, TrainingOutcome]:
    """Train as the plan says; returns the tuned model, WhisperForConditionalGeneration, and what the run came to.

    The model is that of the checkpoint with the lowest CER on `measured` where those are validation segments; test
    segments are only watched, and the last step is kept. Checkpoints go to `folder`. Events: metric, evaluated,
    sample, saved, progress. When the job is cancelled the trainer saves at the end of the step and this raises
    core.jobs.Cancelled. Raises OutOfMemory when the GPU's memory runs out.
    """
    set_seed(plan.seed)
    method = METHODS[plan.method]
    prepared = method.prepare(loaded, folder.parent / ENCODED)
    _settle(loaded, prepared, plan)
    trainer = WhisperTrainer(loaded, prepared, plan, data, measured, folder, job, relative, fresh=resume is None)
    started = time.monotonic()
    if resume is not None and resume.step >= plan.steps:
        outcome = trainer.take_up(resume)
    else:
        try:
            trainer.train(resume_from_checkpoint=str(resume.path) if resume else None)
        except torch.OutOfMemoryError as error:
            raise TrainingOutOfMemory(str(error)) from error
        job.check()
        outcome = trainer.outcome(round(time.monotonic() - started, 2))
    tuned = method.finish(prepared.module)
    tuned.config.use_cache = True
    tuned.eval()
    return tuned, outcome


def _settle(loaded: LoadedModel, prepared: Prepared, plan: Plan) -> None:
    """What Trainer and Whisper disagree about, settled before they meet."""
    # Trainer sees **kwargs in Whisper's forward and takes it to scale its loss by the accumulated items; it does
    # not, and the loss would come out multiplied by the accumulation.
    prepared.module.accepts_loss_kwargs = False
    # The decoder's cache and recomputed activations exclude each other; decoding asks for its cache itself.
    loaded.model.config.use_cache = not plan.recompute
    settings = loaded.model.generation_config
    settings.forced_decoder_ids = None
    if getattr(settings, "lang_to_id", None):
        settings.language, settings.task = plan.language, "transcribe"


def trainer_arguments(plan: Plan, folder: Path, *, fresh: bool = True) -> dict[str, Any]:
    """The plan as keyword arguments of Seq2SeqTrainingArguments. fresh: the run begins, so the base is measured."""
    measured, chosen = plan.measured_segments > 0, plan.measured_on == "validation"
    return {
        "output_dir": str(folder),
        "max_steps": plan.steps,
        "per_device_train_batch_size": plan.batch,
        "per_device_eval_batch_size": plan.batch,
        "gradient_accumulation_steps": plan.accumulation,
        "optim": METHODS[plan.method].optimizer,
        "learning_rate": plan.learning_rate,
        "lr_scheduler_type": plan.schedule,
        "warmup_steps": plan.warmup,
        "weight_decay": plan.weight_decay,
        "seed": plan.seed,
        "data_seed": plan.seed,
        "bf16": plan.precision == "bf16",
        "fp16": plan.precision == "fp16",
        "use_cpu": plan.device == "cpu",
        CHECKPOINTING: plan.recompute,
        "logging_steps": plan.log_every,
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps" if measured else "no",
        "eval_steps": plan.eval_every,
        "eval_on_start": measured and fresh,
        "save_strategy": "steps",
        "save_steps": plan.eval_every,
        "save_total_limit": 2,
        "load_best_model_at_end": chosen,
        "metric_for_best_model": "cer" if chosen else None,
        "greater_is_better": False if chosen else None,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "dataloader_num_workers": plan.loader_workers,
        "dataloader_persistent_workers": plan.loader_workers > 0,
        "dataloader_pin_memory": plan.device == "cuda",
        "report_to": "none",
        "disable_tqdm": True,
    }


class WhisperTrainer(Seq2SeqTrainer):
    """The trainer of one run. An evaluation is the loss over the labels and the CER of what the engine hears, the
    same decoding as everywhere; a cancelled job breaks it off."""

    def __init__(
        self,
        loaded: LoadedModel,
        prepared: Prepared,
        plan: Plan,
        data: Sequence[Example],
        measured: Sequence[Row],
        folder: Path,
        job: Job,
        relative: Callable[[Path], str],
        *,
        fresh: bool,
    ) -> None:
        def dataset(rows: Sequence[Example]) -> SegmentDataset:
            return SegmentDataset(rows, prepared.input_name, prepared.inputs, keep=plan.keep_features)

        arguments = Seq2SeqTrainingArguments(**trainer_arguments(plan, folder, fresh=fresh))
        if arguments.n_gpu > 1:
            # With several cards in sight the trainer would fall back to DataParallel, which is slower than one card.
            arguments._n_gpu = 1
        self._plan, self._measured, self._job = plan, measured, job
        self._engine = TransformersEngine(loaded, EngineOptions.for_job(job, plan.language, plan.batch))
        self._folder = folder
        self._reporter = Reporter(job, plan, relative)
        held, _ = examples(loaded, measured, plan.language, plan.label_tokens)
        patience = (
            plan.patience if plan.measured_on == "validation" else 0
        )  # to stop by test segments would be to choose
        super().__init__(
            model=prepared.module,
            args=arguments,
            train_dataset=dataset(data),
            eval_dataset=dataset(held) if plan.measured_segments else None,
            data_collator=Collator(loaded.model.config.decoder_start_token_id),
            processing_class=loaded.extractor,
            callbacks=[self._reporter, *([EarlyStoppingCallback(patience)] if patience else [])],
        )

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        try:
            return super().evaluate(*args, **kwargs)
        except Cancelled:
            # The loop that asked wants a figure; the worst there is leaves the best checkpoint as it is.
            return {"eval_cer": math.inf}

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        found = super().evaluation_loop(*args, **kwargs)
        pairs = [(row.text, text) for row, text in zip(self._measured, self._decode(), strict=True)]
        self._reporter.samples = [
            (row.segment, *pair) for row, pair in zip(self._measured[:SAMPLES], pairs, strict=False)
        ]
        cer = corpus_cer(pairs)
        return found._replace(metrics={**(found.metrics or {}), "eval_cer": math.inf if cer is None else cer})

    def prediction_step(self, *args: Any, **kwargs: Any) -> Any:
        self._job.check()
        return super().prediction_step(*args, **kwargs)

    def _decode(self) -> list[str]:
        """What the model hears in each measured segment, in their order."""
        clips = (Clip(row.segment, read_segment(row.path)) for row in self._measured)
        return [hypothesis.text for batch in self._engine.hypotheses(clips) for _, hypothesis in batch]

    def outcome(self, seconds: float) -> TrainingOutcome:
        """What the run that has just ended came to."""
        state, chosen = self.state, self._plan.measured_on == "validation"
        return TrainingOutcome(
            steps=state.global_step,
            best_step=state.best_global_step or state.global_step,
            cer=finite(state.best_metric) if chosen else _cer_at(state.log_history, state.global_step),
            base_cer=_cer_at(state.log_history, 0),
            loss=next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), None),
            seconds=seconds,
        )

    def take_up(self, last: Checkpoint) -> TrainingOutcome:
        """All steps had been made when the run was stopped: only the weights it ends with are loaded."""
        chosen = self._plan.measured_on == "validation"
        best = (best_checkpoint(self._folder) if chosen else None) or last
        self._load_from_checkpoint(str(best.path))
        state = read_state(last.path) or {}
        history = state.get("log_history", [])
        return TrainingOutcome(
            steps=last.step,
            best_step=best.step,
            cer=finite(state.get("best_metric")) if chosen else _cer_at(history, last.step),
            base_cer=_cer_at(history, 0),
            loss=next((entry["loss"] for entry in reversed(history) if "loss" in entry), None),
            seconds=0.0,
        )


def _cer_at(history: Sequence[dict[str, Any]], step: int) -> float | None:
    """The newest CER of a step in the trainer's own log, which survives a resume; step 0 is the base model."""
    found = [entry["eval_cer"] for entry in history if entry.get("step") == step and "eval_cer" in entry]
    return finite(found[-1]) if found else None
