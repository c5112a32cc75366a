"""Seq2SeqTrainer set up for Whisper as a plan says, measuring with the engine's own decoding."""

from __future__ import annotations

import dataclasses
import gc
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import SequentialSampler
from transformers import EarlyStoppingCallback, Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerState, set_seed

from core.config import Tracker
from core.engines import Clip, EngineOptions
from core.engines.transformers import TransformersEngine
from core.files import write_text
from core.jobs import Cancelled, Job
from core.text import corpus_cer
from core.training import checkpoints, ranks, trackers
from core.training.checkpoint_state import STATE, read_state
from core.training.checkpoints import Checkpoint
from core.training.dataset import Collator, Example, Row, SegmentDataset, examples
from core.training.loss import batch_loss
from core.training.methods import METHODS, Prepared
from core.training.plan import GB, Plan
from core.training.probe import Peak, fitting, measured_peak
from core.training.reporter import Reporter, finite
from core.training.resume import has_ended
from core.training.run_examples import RunExamples, heard_in_run
from core.training.trainer_arguments import trainer_arguments
from core.training.windows import Augmentation
from core.whisper.features import read_segment
from core.whisper.folders import ENCODED
from core.whisper.loading import LoadedModel

SAMPLES = 3


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
    report_to: Sequence[Tracker] = (),
    on_plan: Callable[[Plan], object] = lambda plan: None,
) -> tuple[Any, TrainingOutcome]:
    """Train as the plan says; returns the tuned model, WhisperForConditionalGeneration, and what the run came to.

    The model is that of the checkpoint with the lowest CER on `measured` where those are validation segments; test
    segments are only watched, and the last step is kept. Checkpoints go to `folder`, curves to `report_to`. Events:
    metric, evaluated, sample, saved, progress. When the job is cancelled the trainer saves at the end of the step and
    this raises core.jobs.Cancelled. Before the first step on a GPU the largest batch is tried; where it needs too much,
    on_plan is told the plan that fits, which is then obeyed. Raises TrainingOutOfMemory when none does, or the memory
    runs out all the same.
    """
    set_seed(plan.seed)
    method = METHODS[plan.method]
    prepared = method.prepare(loaded, folder.parent / ENCODED)
    ended = has_ended(plan, resume)
    if plan.device == "cuda" and not ended:
        plan = _fitted(loaded, prepared, plan, data, folder, job, on_plan)
    _settle(loaded, prepared, plan)
    trainer = WhisperTrainer(loaded, prepared, plan, data, measured, folder, job, relative, resume, report_to)
    started = time.monotonic()
    if resume is not None and ended:
        outcome = trainer.take_up(resume)
    else:
        try:
            trainer.train(resume_from_checkpoint=str(resume.path) if resume else None)
        except torch.OutOfMemoryError as error:
            raise TrainingOutOfMemory(str(error)) from error
        if ranks.from_first(lambda: job.cancelled):
            raise Cancelled
        outcome = trainer.outcome(round(time.monotonic() - started, 2))
    tuned = method.finish(prepared.module)
    tuned.config.use_cache = True
    tuned.eval()
    return tuned, outcome


def _fitted(
    loaded: LoadedModel,
    prepared: Prepared,
    plan: Plan,
    data: Sequence[Example],
    folder: Path,
    job: Job,
    on_plan: Callable[[Plan], object],
) -> Plan:
    """The plan as it fits all GPUs that train together."""
    heard = heard_in_run(loaded, plan, data)
    longest = sorted(
        heard.epoch(0) if isinstance(heard, RunExamples) else heard,
        key=lambda example: len(example.labels),
        reverse=True,
    )

    def measure(tried: Plan) -> Peak:
        job.progress(0, None, "step", "trying the largest batch")
        _settle(loaded, prepared, tried)
        rows = SegmentDataset(longest[: tried.batch], prepared.input_name, prepared.inputs, keep=False)
        batch = Collator(loaded.model.config.pad_token_id)([rows[place] for place in range(len(rows))])
        arguments = Seq2SeqTrainingArguments(**trainer_arguments(tried, folder))
        mine = measured_peak(prepared.module, tried, batch, arguments)
        return max(ranks.gathered([mine]), key=lambda peak: peak.share)

    found, peak = fitting(plan, measure, lambda text: job.log(text, "warning"))
    if found is None:
        raise TrainingOutOfMemory(f"{peak.free / GB:.1f} GB are free")
    if found != plan:
        on_plan(found)
    job.log(f"the largest batch takes {(peak.needed or 0) / GB:.1f} of {peak.free / GB:.1f} GB that are free")
    return found


def _settle(loaded: LoadedModel, prepared: Prepared, plan: Plan) -> None:
    """What Trainer and Whisper disagree about, settled before they meet."""
    # Trainer then asks what the labels of the whole effective batch weigh; `compute_loss` divides by it, Whisper does
    # not.
    prepared.module.accepts_loss_kwargs = True
    # The decoder's cache and recomputed activations exclude each other; decoding asks for its cache itself.
    loaded.model.config.use_cache = not plan.recompute
    # A base's own masks would hit all 30 s, sound or not, and unasked: `augment` in the plan says what is masked.
    loaded.model.config.apply_spec_augment = False
    settings = loaded.model.generation_config
    settings.forced_decoder_ids = None
    if getattr(settings, "lang_to_id", None):
        settings.language, settings.task = plan.language, "transcribe"


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
        resume: Checkpoint | None,
        report_to: Sequence[Tracker],
    ) -> None:
        heard = heard_in_run(loaded, plan, data)
        learn = SegmentDataset(
            heard,
            prepared.input_name,
            prepared.inputs,
            keep=plan.keep_features,
            tokens=heard.tokens if isinstance(heard, RunExamples) else None,
            augmentation=Augmentation.of(plan.augment),
            window_s=plan.window_s,
            seed=plan.seed,
        )

        measure_first = measure_missing(plan, resume)
        arguments = Seq2SeqTrainingArguments(**trainer_arguments(plan, folder, measure_first=measure_first))
        arguments.report_to = trackers.services(report_to)
        if arguments.n_gpu > 1:
            # With several cards in sight the trainer would fall back to DataParallel, which is slower than one card.
            arguments._n_gpu = 1
        self._plan, self._measured, self._job = plan, measured, job
        self._missing = measure_first and resume is not None
        self._held_loss = torch.zeros(2, dtype=torch.float64)  # of an evaluation: nats, tokens
        options = EngineOptions.for_job(job, plan.language, plan.batch)
        options = dataclasses.replace(options, check=self._check)
        self._engine = TransformersEngine(loaded, options, prepared.encoder)
        self._folder = folder
        self._reporter = Reporter(job, plan, relative)
        held, _ = examples(loaded, measured, plan.language, plan.label_tokens)
        patience = (
            plan.patience if plan.measured_on == "validation" else 0
        )  # to stop by test segments would be to choose
        super().__init__(
            model=prepared.module,
            args=arguments,
            train_dataset=learn,
            eval_dataset=SegmentDataset(held, prepared.input_name, prepared.inputs, keep=plan.keep_features)
            if plan.measured_segments
            else None,
            data_collator=Collator(loaded.model.config.pad_token_id),
            processing_class=loaded.extractor,
            callbacks=[
                self._reporter,
                *([] if ranks.number() else trackers.callbacks(report_to, job.dir)),
                *([EarlyStoppingCallback(patience)] if patience else []),
            ],
        )

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Windows of a run stand in the order they are learnt from: one that goes on then finds its place."""
        if self._plan.windows is None:
            return super()._get_train_sampler(train_dataset)
        return SequentialSampler(range(self._plan.steps * self._plan.effective_batch))

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """transformers' own course, a step further on: there the first step of a warm-up has the rate 0 and learns
        nothing, which in a round is one step of ten."""
        if self.lr_scheduler is not None or not self._plan.warmup:
            return super().create_scheduler(num_training_steps, optimizer)
        made: Any = super().create_scheduler(num_training_steps + 1, optimizer)
        later = [lambda step, course=course: course(step + 1) for course in made.lr_lambdas]
        self.lr_scheduler = LambdaLR(made.optimizer, later)
        return self.lr_scheduler

    # -- the loss

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The sum over a batch's tokens, divided by what the tokens of the whole effective batch weigh
        (`num_items_in_batch`). In an evaluation by those of this batch, and both are added up."""
        total, weight, outputs = batch_loss(model, inputs)
        if model.training and num_items_in_batch is not None:
            # Processes average their gradients, and so does the log; here they are to be added up.
            loss = total / num_items_in_batch * self.accelerator.num_processes
        else:
            self._held_loss += torch.stack((total.detach(), weight)).double().cpu()
            loss = total / weight.clamp(min=1)
        return (loss, outputs) if return_outputs else loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Any:
        """What the tokens of an effective batch weigh: of its accumulated parts, and of all processes."""
        if not batch_samples:
            return None
        weight = torch.stack([batch["label_weights"].sum() for batch in batch_samples]).sum()
        everybody: Any = self.accelerator.gather(weight.to(device))
        return everybody.sum()

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        try:
            return super().get_batch_samples(*args, **kwargs)
        finally:
            self._reporter.waited_s += time.monotonic() - began

    # -- measuring

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure; what training draws by chance afterwards does not depend on it. A cancel breaks it off: the step is
        kept without its figure, which is made up for when the run goes on."""
        devices = [torch.cuda.current_device()] if self._plan.device == "cuda" else []
        try:
            with torch.random.fork_rng(devices):
                found = super().evaluate(*args, **kwargs)
        except Cancelled:
            if not self._missing and self.state.global_step:
                self._save_checkpoint(self.model, None)
                self.callback_handler.on_save(self.args, self.state, self.control)
            raise
        if self._missing:
            self._missing = False
            self._add_measure(found)
        return found

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        self._held_loss.zero_()
        found = super().evaluation_loop(*args, **kwargs)
        pairs = [(row.text, text) for row, text in zip(self._measured, self._decode(), strict=True)]
        self._reporter.samples = [
            (row.segment, *pair) for row, pair in zip(self._measured[:SAMPLES], pairs, strict=False)
        ]
        total, tokens = ranks.summed(self._held_loss).tolist()
        cer = corpus_cer(pairs)
        figures = {"eval_loss": total / max(tokens, 1)} | ({} if cer is None else {"eval_cer": cer})
        return found._replace(metrics={**(found.metrics or {}), **figures})

    def prediction_step(self, *args: Any, **kwargs: Any) -> Any:
        self._check()
        return super().prediction_step(*args, **kwargs)

    def _decode(self) -> list[str]:
        """What the model hears in each measured segment, in their order. Every process hears its share."""
        mine = self._measured[ranks.number() :: ranks.count()]
        clips = (Clip(row.segment, read_segment(row.path)) for row in mine)
        return ranks.gathered([found.text for batch in self._engine.hypotheses(clips) for _, found in batch])

    def _check(self) -> None:
        """Break off where the job is cancelled; several processes end what they have begun, as none can leave alone."""
        if ranks.count() == 1:
            self._job.check()

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        # Where no measured text has a character there is no error rate, and nothing to choose by.
        return "eval_cer" in metrics and super()._determine_best_metric(metrics, trial)

    def _add_measure(self, found: dict[str, float]) -> None:
        """Write the figure that was missing into the checkpoint it is of."""
        path = self._folder / f"checkpoint-{self.state.global_step}"
        if self._determine_best_metric(found, None):
            self.state.best_model_checkpoint = str(path)
        if not ranks.number():
            write_text(path / STATE, json.dumps(dataclasses.asdict(self.state), sort_keys=True))

    # -- what is kept

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if ranks.number():
            super()._save_checkpoint(model, trial)
            ranks.meet()
            return
        with checkpoints.being_written(self._folder / f"checkpoint-{self.state.global_step}"):
            super()._save_checkpoint(model, trial)
            ranks.meet()
        checkpoints.rotate(self._folder, self.state.best_model_checkpoint)

    def outcome(self, seconds: float) -> TrainingOutcome:
        """What the run that has just ended came to."""
        state, chosen = self.state, self._plan.measured_on == "validation"
        return TrainingOutcome(
            steps=state.global_step,
            best_step=(state.best_global_step if chosen else None) or state.global_step,
            cer=finite(state.best_metric) if chosen else _cer_at(state.log_history, state.global_step),
            base_cer=_cer_at(state.log_history, 0),
            loss=next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), None),
            seconds=seconds,
        )

    def take_up(self, last: Checkpoint) -> TrainingOutcome:
        """Nothing was left to learn when the run was stopped: what it had not measured yet is measured, and the weights
        it ends with are loaded."""
        self._load_from_checkpoint(str(last.path))
        self.state = TrainerState.load_from_json(str(last.path / STATE))
        if self._missing:
            self.evaluate()
        if self._plan.measured_on == "validation" and self.state.best_model_checkpoint:
            self._load_from_checkpoint(self.state.best_model_checkpoint)
        return self.outcome(0.0)


def measure_missing(plan: Plan, resume: Checkpoint | None) -> bool:
    """Whether a run begins with a measurement: of the base model; or of the step it goes on from, where that should
    have been measured and a stop came in between."""
    if not plan.measured_segments or resume is None:
        return plan.measured_segments > 0
    state = read_state(resume.path)
    due = resume.step % plan.eval_every == 0 or resume.step >= plan.steps
    return due and _cer_at(state.log_history if state else (), resume.step) is None


def free_memory() -> None:
    """Give back what a run that ended in an error held."""
    gc.collect()
    torch.cuda.empty_cache()


def _cer_at(history: Sequence[dict[str, Any]], step: int) -> float | None:
    """The newest CER of a step in the trainer's own log, which survives a resume; step 0 is the base model."""
    found = [entry["eval_cer"] for entry in history if entry.get("step") == step and "eval_cer" in entry]
    return finite(found[-1]) if found else None
