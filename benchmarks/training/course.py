"""Hugging Face's audio course, chapter 5, as published: its feature pass, and its steps.

Log-mels of 30 s are computed for every clip before the first step and kept on disk; activations are recomputed; the
loss of a step is the mean of its batches' mean losses. Sound is read by `core.media`, since the course's own reader
wants FFmpeg's libraries; what it does afterwards is what is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.training.rows import MULTILINGUAL
from core.training.windows import Row, single
from core.whisper.features import as_float, read_segment


def feature_pass(rows: Sequence[Row], extractor: Any, folder: Path) -> Any:
    """`prepare_dataset` mapped over the clips: a datasets.Dataset of input_features and labels, its Arrow file in
    `folder`."""
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()

    def prepare_dataset(example: dict[str, Any]) -> dict[str, Any]:
        samples = as_float(read_segment(Path(example["path"])))
        features = extractor(samples, sampling_rate=extractor.sampling_rate).input_features[0]
        return {"input_features": features, "labels": labels[example["path"]], "input_length": len(samples)}

    # With the second <|startoftranscript|> that the course's collator means to strip and does not.
    labels = {str(row.path): list(MULTILINGUAL.taught(window).inputs) for row in rows for window in single([row])}
    dataset = Dataset.from_dict({"path": [str(row.path) for row in rows]})
    return dataset.map(prepare_dataset, remove_columns=["path"], cache_file_name=str(folder / "features.arrow"))


def batch_of(items: Sequence[dict[str, Any]], extractor: Any, pad: int) -> dict[str, Any]:
    """As DataCollatorSpeechSeq2SeqWithPadding makes it."""
    import torch

    features = extractor.pad([{"input_features": one["input_features"]} for one in items], return_tensors="pt")
    longest = max(len(one["labels"]) for one in items)
    labels = [one["labels"] + [MULTILINGUAL.end] for one in items]
    padded = torch.tensor([one + [-100] * (longest + 1 - len(one)) for one in labels])
    return {"input_features": features["input_features"], "labels": padded}


def recompute_activations(model: Any) -> None:
    """gradient_checkpointing, as the course sets it."""
    model.config.use_cache = False
    (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()
