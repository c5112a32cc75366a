"""Seq2SeqTrainer set up for Whisper, speaking through a job: events out, cancel in."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import text as texts
from core.config import TrainConfig
from core.dataset.lineage import On
from core.engines.decoding import token_limit
from core.errors import UserError
from core.training.dataset import Collator, Example, SegmentDataset
from core.training.plan import Schedule, memory_needed
from core.training.runs import set_intervals
from core.whisper.loading import LoadedModel, pick_device

SAMPLES = 3


@dataclass(frozen=True)
class Outcome:
    """What a run came to. cer and base_cer are fractions, None where nothing was measured."""

    steps: int
    best_step: int
    cer: float | None
    base_cer: float | None
    loss: float | None
    seconds: float


def train(
    loaded: LoadedModel,
    data: list[Example],
    held: list[Example],
    settings: TrainConfig,
    plan: Schedule,
    *,
    folder: Path,
    language: str,
    job: Any,
    resume: Path | None = None,
    relative: Callable[[Path], str] = str,
    on: On = "validation",
) -> Outcome:
    """Train `loaded.model` in place; on return it holds the checkpoint with the lowest CER on `held`.

    on: what `held` is. Test segments are only watched: nothing is chosen by them, the last step is kept.
    Checkpoints go to `folder`. Events: metric, evaluated, sample, saved, progress. When the job is cancelled the
    trainer saves at the end of the step and this raises core.jobs.Cancelled. held may be empty: nothing is
    measured then and the last step is kept. UserError when memory runs out.
    """
    import torch
    from transformers import Seq2SeqTrainingArguments, set_seed

    set_seed(settings.seed)
    model = loaded.model
    _prepare(model, language)
    rows = SegmentDataset(loaded.extractor, data)
    choosing = bool(held) and on == "validation"
    arguments = Seq2SeqTrainingArguments(
        **_arguments(loaded, settings, plan, folder, bool(held), resume is None, rows.in_memory),
        **_choosing(choosing),
    )
    if arguments.n_gpu > 1:
        # With several cards in sight the trainer would fall back to DataParallel, which is slower than one card.
        arguments._n_gpu = 1
    voice = Reporter(job, plan, settings, held, relative, on)
    trainer = _trainer_class()(
        job=job,
        limit=_evaluation_limit(loaded, held),
        model=model,
        args=arguments,
        train_dataset=rows,
        eval_dataset=SegmentDataset(loaded.extractor, held) if held else None,
        data_collator=Collator(model.config.decoder_start_token_id),
        compute_metrics=voice.measure(loaded.tokenizer),
        processing_class=loaded.extractor,
        callbacks=_callbacks(voice, settings, choosing),
    )
    started = time.monotonic()
    if resume:
        set_intervals(resume, log_every=plan.log_every, eval_every=plan.eval_every)
    try:
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    except torch.OutOfMemoryError as error:
        raise UserError(
            "the GPU's memory ran out",
            f"a batch of {settings.batch} did not fit beside the model's training state",
            f"set batch = {max(1, settings.batch // 2)} and accumulation = {settings.accumulation * 2} "
            "under [train] in whispersmith.toml, then: whispersmith train --resume",
            str(error),
        ) from error
    job.check()
    model.eval()
    state = trainer.state
    return Outcome(
        steps=state.global_step,
        best_step=state.best_global_step or state.global_step,
        cer=number(state.best_metric) if choosing else voice.last_cer(state.log_history, state.global_step),
        base_cer=voice.base_cer(state.log_history),
        loss=next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), None),
        seconds=round(time.monotonic() - started, 2),
    )


def _prepare(model: Any, language: str) -> None:
    """What Trainer and Whisper disagree about, settled before they meet."""
    # Trainer sees **kwargs in Whisper's forward and takes it to scale its loss by the accumulated items; it does
    # not, and the loss would come out multiplied by the accumulation.
    model.accepts_loss_kwargs = False
    settings = model.generation_config
    settings.forced_decoder_ids = None
    if getattr(settings, "lang_to_id", None):
        settings.language, settings.task = language, "transcribe"


def _arguments(
    loaded: LoadedModel,
    settings: TrainConfig,
    plan: Schedule,
    folder: Path,
    measured: bool,
    fresh: bool,
    in_memory: bool,
) -> dict[str, Any]:
    """Keyword arguments of Seq2SeqTrainingArguments; names that changed within transformers 5 are looked up."""
    import torch
    from transformers import Seq2SeqTrainingArguments

    on_gpu = loaded.device == "cuda"
    precision = pick_device().precision if on_gpu else "fp32"
    names = {field.name for field in dataclasses.fields(Seq2SeqTrainingArguments)}
    checkpointing = "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"
    tight = False
    if on_gpu:
        free, _ = torch.cuda.mem_get_info()
        tight = memory_needed(loaded.info.parameters, settings.batch, loaded.info.window_s) > free
        # The decoder's cache and recomputed activations exclude each other; generation asks for its cache itself.
        loaded.model.config.use_cache = not tight
    workers = 0 if in_memory or not on_gpu else 2
    return {
        "output_dir": str(folder),
        "max_steps": plan.steps,
        "per_device_train_batch_size": settings.batch,
        "per_device_eval_batch_size": settings.batch,
        "gradient_accumulation_steps": settings.accumulation,
        "learning_rate": settings.learning_rate,
        "warmup_steps": plan.warmup,
        "lr_scheduler_type": settings.schedule,
        "weight_decay": settings.weight_decay,
        "seed": settings.seed,
        "data_seed": settings.seed,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": not on_gpu,
        checkpointing: tight,
        "logging_steps": plan.log_every,
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps" if measured else "no",
        "eval_steps": plan.eval_every,
        "eval_on_start": measured and fresh,
        "save_strategy": "steps",
        "save_steps": plan.eval_every,
        "save_total_limit": 2,
        "predict_with_generate": measured,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "dataloader_num_workers": workers,
        "dataloader_persistent_workers": workers > 0,
        "dataloader_pin_memory": on_gpu,
        "report_to": "none",
        "disable_tqdm": True,
    }


def _choosing(chosen: bool) -> dict[str, Any]:
    """Arguments of a run whose checkpoint is chosen by the CER; without them the last one stays."""
    return (
        {"load_best_model_at_end": True, "metric_for_best_model": "cer", "greater_is_better": False} if chosen else {}
    )


def _evaluation_limit(loaded: LoadedModel, held: list[Example]) -> int:
    """Tokens a hypothesis may have in an evaluation: bounded by the window, and by twice the longest reference."""
    prompt = 4
    cap = token_limit(loaded.info.window_s, prompt, loaded.info.max_target_positions)
    longest = max((len(example.labels) for example in held), default=0)
    return min(cap, max(2 * longest, 16))


def _callbacks(voice: Reporter, settings: TrainConfig, choosing: bool) -> list[Any]:
    from transformers import EarlyStoppingCallback

    found = [voice.callback()]
    if choosing and settings.patience:  # to stop by the test segments would be to choose by them
        found.append(EarlyStoppingCallback(early_stopping_patience=settings.patience))
    return found


def _trainer_class() -> Any:
    """Seq2SeqTrainer whose evaluations can be broken off: generation is where a cancel would wait for minutes."""
    import torch
    from transformers import Seq2SeqTrainer, StoppingCriteria, StoppingCriteriaList

    class BrokenOff(Exception):
        pass

    class Stop(StoppingCriteria):
        def __init__(self, job: Any) -> None:
            self.job = job

        def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
            return torch.full((input_ids.shape[0],), self.job.cancelled, dtype=torch.bool, device=input_ids.device)

    class JobTrainer(Seq2SeqTrainer):
        def __init__(self, job: Any, limit: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self._job, self._limit = job, limit

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            try:
                return super().evaluate(*args, max_new_tokens=self._limit, **kwargs)
            except BrokenOff:
                # The loop that asked wants a figure; the worst there is leaves the best checkpoint as it is.
                return {"eval_cer": math.inf}

        def prediction_step(self, *args: Any, **kwargs: Any) -> Any:
            kwargs.setdefault("stopping_criteria", StoppingCriteriaList([Stop(self._job)]))
            kwargs.setdefault("max_new_tokens", self._limit)
            found = super().prediction_step(*args, **kwargs)
            if self._job.cancelled:
                raise BrokenOff
            return found

    return JobTrainer


class Reporter:
    """What the run says: turns the trainer's callbacks into the job's events."""

    def __init__(
        self,
        job: Any,
        plan: Schedule,
        settings: TrainConfig,
        held: list[Example],
        relative: Callable[[Path], str],
        on: On,
    ) -> None:
        self._job, self._plan, self._held, self._relative, self._on = job, plan, held, relative, on
        self._per_step = settings.batch * settings.accumulation
        self._samples: list[tuple[str, str, str]] = []
        self._last = (0, time.monotonic())

    def measure(self, tokenizer: Any) -> Callable[[Any], dict[str, float]]:
        """compute_metrics: the CER over all held segments, on normalised text."""

        def cer(prediction: Any) -> dict[str, float]:
            # -100 joins batches of different lengths; a tokenizer need not have a pad token, but it has an end.
            guesses = np.where(prediction.predictions < 0, tokenizer.eos_token_id, prediction.predictions)
            heard = [text.strip() for text in tokenizer.batch_decode(guesses, skip_special_tokens=True)]
            pairs = [(example.row.text, text) for example, text in zip(self._held, heard, strict=True)]
            self._samples = [
                (example.row.segment, *pair) for example, pair in zip(self._held[:SAMPLES], pairs, strict=False)
            ]
            value = texts.corpus_cer(pairs)
            return {"cer": math.inf if value is None else value}

        return cer

    @staticmethod
    def base_cer(history: list[dict[str, Any]]) -> float | None:
        """The CER before the first step, from the trainer's own log (it survives a resume)."""
        return next((entry["eval_cer"] for entry in history if entry.get("step") == 0 and "eval_cer" in entry), None)

    @staticmethod
    def last_cer(history: list[dict[str, Any]], step: int) -> float | None:
        """The CER of the step itself: what a run that chooses nothing ends with."""
        found = [entry["eval_cer"] for entry in history if entry.get("step") == step and "eval_cer" in entry]
        return number(found[-1]) if found else None

    def callback(self) -> Any:
        from transformers import TrainerCallback

        voice, job, plan = self, self._job, self._plan

        class Events(TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                voice._last = (state.global_step, time.monotonic())
                job.progress(state.global_step, plan.steps, "step", "training")

            def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                # After a broken-off evaluation at the start there is nothing worth a step.
                if job.cancelled and state.global_step == 0:
                    control.should_training_stop = True

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                job.progress(state.global_step, plan.steps, "step", "training")
                if job.cancelled:
                    control.should_save = control.should_training_stop = True
                    control.should_evaluate = False
                elif state.global_step >= plan.steps and voice._held:
                    control.should_evaluate = True

            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
                if logs and "loss" in logs:
                    voice.metric(state, logs)

            def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
                voice.evaluated(state.global_step, metrics or {})

            def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
                job.emit("saved", step=state.global_step, path=voice._relative(path))

        return Events()

    def metric(self, state: Any, logs: dict[str, Any]) -> None:
        step, now = state.global_step, time.monotonic()
        before, then = self._last
        self._last = (step, now)
        speed = (step - before) * self._per_step / max(now - then, 1e-6)
        self._job.emit(
            "metric",
            step=step,
            total=self._plan.steps,
            epoch=round(state.epoch or 0.0, 4),
            loss=number(logs["loss"]),
            learning_rate=number(logs.get("learning_rate")),
            grad_norm=number(logs.get("grad_norm")),
            samples_per_second=round(speed, 3),
        )

    def evaluated(self, step: int, metrics: dict[str, Any]) -> None:
        self._job.emit(
            "evaluated",
            step=step,
            cer=number(metrics.get("eval_cer")),
            on=self._on,
            loss=number(metrics.get("eval_loss")),
            seconds=number(metrics.get("eval_runtime")),
        )
        for segment, reference, hypothesis in self._samples:
            self._job.emit("sample", step=step, segment=segment, reference=reference, hypothesis=hypothesis)
        self._last = (step, time.monotonic())


def number(value: Any) -> float | None:
    """A finite float for JSON; None for what is missing, infinite or not a number."""
    return float(value) if value is not None and math.isfinite(float(value)) else None
