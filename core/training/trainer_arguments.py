"""A plan as the arguments of transformers' Seq2SeqTrainer."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from transformers import Seq2SeqTrainingArguments

from core.training.methods import METHODS
from core.training.plan import Plan

CHECKPOINTING = next(  # its name has changed within transformers 5
    name
    for name in ("activation_checkpointing", "gradient_checkpointing")
    if name in {field.name for field in dataclasses.fields(Seq2SeqTrainingArguments)}
)


def trainer_arguments(plan: Plan, folder: Path, *, measure_first: bool = True) -> dict[str, Any]:
    """The plan as keyword arguments of Seq2SeqTrainingArguments. measure_first: before the first step."""
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
        "ddp_backend": "gloo" if plan.device == "cpu" and plan.processes > 1 else None,
        CHECKPOINTING: plan.recompute,
        "logging_steps": plan.log_every,
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps" if measured else "no",
        "eval_steps": plan.eval_every,
        "eval_on_start": measured and measure_first,
        "save_strategy": "steps",
        "save_steps": plan.eval_every,
        "save_total_limit": None,  # `checkpoints.rotate` removes what is not needed, once the new one is whole
        "restore_callback_states_from_checkpoint": True,  # how often in a row it did not get better
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
