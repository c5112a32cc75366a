"""The model card: what a tuned model came from, what it was taught with, how it was measured. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

from core.dataset.lineage import MeasuredOn
from core.text import percent
from core.training.weight_trials import Weights


@dataclass(frozen=True)
class CardFacts:
    """What a card tells. cer, base_cer: fractions, None where not measured; on: what they were measured on, and
    eval_segments how many; weights: what was tried after the last step, None where nothing was; timestamps: share
    of the windows that were taught with their times; unreviewed_segments: of the training ones, whose text no person
    has accepted, and what a token of them counted in the loss; leak: test segments that share audio with training or
    validation ones."""

    name: str
    base: str
    language: str
    train_segments: int
    train_seconds: float
    validation_segments: int
    test_segments: int
    split: str
    leak: int
    steps: int
    best_step: int
    on: MeasuredOn | None
    eval_segments: int
    cer: float | None
    base_cer: float | None
    unreviewed_segments: int = 0
    unreviewed_weight: float = 1.0
    weights: Weights | None = None
    timestamps: float = 0.0


def model_card(facts: CardFacts) -> str:
    """Markdown with the hub's metadata on top. Unknown facts are left out."""
    lines = [
        "---",
        f"language: {facts.language}",
        "library_name: transformers",
        "pipeline_tag: automatic-speech-recognition",
        "tags: [whisper]",
    ]
    if "/" in facts.base and not facts.base.startswith(("/", ".")):
        lines.append(f"base_model: {facts.base}")
    lines += [
        "---",
        "",
        f"# {facts.name}",
        "",
        f"A Whisper fine-tuned from `{facts.base}` with whispersmith.",
        "",
        f"- training segments: {facts.train_segments} ({facts.train_seconds / 60:.1f} min of audio, "
        f"{_accepted(facts)})",
        f"- validation segments, cut out of the training part: {facts.validation_segments}",
        f"- test segments: {facts.test_segments}, split by {facts.split}, "
        f"{facts.leak} of them share audio with training or validation segments",
        f"- steps: {facts.steps}, this is the {_which(facts)}",
        "- training.json lists every segment it was trained on or chosen by",
    ]
    if facts.cer is not None:
        base = f", base model {100 * facts.base_cer:.1f} %" if facts.base_cer is not None else ""
        meaning = (
            "the checkpoint was chosen by this figure, which flatters it a little: measure it on test segments"
            if facts.on == "validation"
            else "nothing was chosen by this figure"
        )
        lines.append(
            f"- character error rate: {100 * facts.cer:.1f} %{base}, on {facts.eval_segments} {facts.on} "
            f"segments (normalised text; {meaning})"
        )
    if facts.weights is not None:
        tried = "; ".join(trial.said for trial in facts.weights.tried)
        if facts.weights.chosen:
            why = f"tried on the validation segments: {tried}"
        else:
            why = facts.weights.why_unchosen + (f"; measured: {tried}" if tried else "")
        lines.append(f"- weights kept: {facts.weights.said}, {why}")
        if facts.weights.general_base is not None:
            lines.append(f"- base model on the general set: CER {percent(facts.weights.general_base)}")
    times = f"timestamps: taught with {facts.timestamps:.0%} of the windows"
    lines += [f"- {times if facts.timestamps else 'trained without timestamps: the model writes text only'}", ""]
    return "\n".join(lines)


def _accepted(facts: CardFacts) -> str:
    if not facts.unreviewed_segments:
        return "text accepted by a person"
    return (
        f"{facts.train_segments - facts.unreviewed_segments} with a text accepted by a person, "
        f"{facts.unreviewed_segments} with a machine's, which counted {facts.unreviewed_weight:g}"
    )


def _which(facts: CardFacts) -> str:
    if facts.on == "validation":
        return f"checkpoint of step {facts.best_step}, the best on the validation segments"
    return "last checkpoint; none was chosen"
