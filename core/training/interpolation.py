"""After the last step: weights between the base's and the tuned ones, and the mean of the last checkpoints, are tried
on the validation block, and the best are kept; where there is no block, the usual share of the tuned ones is.

Weights between a model and what it was tuned to often hear better than either, and have forgotten less: Wortsman et al.
2022, "Robust fine-tuning of zero-shot models".
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from core.engines import Clip, EngineOptions
from core.engines.transformers import TransformersEngine
from core.errors import UserError
from core.files import read_json, write_text
from core.jobs import Job
from core.text import NO_ERRORS, Errors, character_errors
from core.training.methods import METHODS
from core.training.plan import Plan
from core.training.weight_trials import BASE, FILE, LESS, MEAN, TUNED, USUAL, Trials, Weights, name_of
from core.whisper.encoder_cache import EncoderCache
from core.whisper.folders import ENCODED
from core.whisper.loading import LoadedModel, load

VALIDATION = "validation"


@dataclass(frozen=True)
class Block:
    """What weights are tried on. clips: texts with their sound, read anew each time they are asked for; name: what it
    is called in the log, "test" where it may choose nothing; holds: names and texts of the clips, by which it is known
    again."""

    name: str
    holds: tuple[tuple[str, str], ...]
    clips: Callable[[], Iterator[tuple[str, Clip]]]

    @property
    def purpose(self) -> str:
        return "measured on test segments" if self.name == "test" else f"tried on the {self.name} set"


def keep_best(
    loaded: LoadedModel,
    tuned: Any,
    plan: Plan,
    block: Block | None,
    general: Block | None,
    *,
    folder: Path,
    step: int,
    job: Job,
) -> Weights:
    """Try the weights, and leave the best in `tuned`, a WhisperForConditionalGeneration.

    block: validation segments; or test segments, on which what is kept is measured, and which choose nothing. general:
    sound of another kind, on which the error rate must not rise.
    folder: the run's hidden one; what was tried is written there, so that a killed run tries nothing twice. step: of
    the checkpoint whose weights `tuned` holds. Raises core.jobs.Cancelled.
    """
    candidates = _Candidates(loaded, tuned, folder)
    hearing = dataclasses.replace(loaded, model=tuned)
    options = EngineOptions.for_job(job, plan.language, plan.batch)
    alone = METHODS[plan.method].leaves_encoder
    engine = TransformersEngine(hearing, options, EncoderCache(folder.parent / ENCODED, hearing) if alone else None)
    blocks = [one for one in (block, general) if one is not None]
    of = f"{step} {candidates.files} {[one.holds for one in blocks]}"
    trials = Trials(_read(folder, of))

    def errors(which: Block, name: str, most: int | None) -> Errors | None:
        candidates.put(name)
        found = NO_ERRORS
        references: list[str] = []

        def clips() -> Iterator[Clip]:
            for text, clip in which.clips():
                references.append(text)
                yield clip

        for batch in engine.hypotheses(clips()):
            for text, (_, hypothesis) in zip(references, batch, strict=False):
                found = found + character_errors(text, hypothesis.text)
            del references[: len(batch)]
            if most is not None and found.total > most:
                return None  # whatever the rest brings, others were better
        return found

    def measured(which: Block, name: str, most: int | None) -> Errors | None:
        job.check()
        if (known := trials.known(which.name, name)) is None:
            job.progress(plan.steps, plan.steps, "step", f"weights: {name_of(name)}, {which.purpose}")
            known = trials.note(which.name, name, errors(which, name, most))
            _write(folder, of, trials)
        return known.errors

    elsewhere = None if general is None else lambda name: measured(general, name, None)
    if block is not None and block.name == VALIDATION:
        kept = trials.best(candidates.names, lambda name, most: measured(block, name, most), elsewhere)
    else:
        kept = trials.usual(None if block is None else lambda name: measured(block, name, None), elsewhere)
    candidates.put(kept.kept)
    if not kept.chosen:
        job.log(f"{kept.said} is kept, {kept.why_unchosen}")
    for one in kept.tried:
        job.log(one.said)
    return kept


class _Candidates:
    """Puts weights into a model by name: TUNED, MEAN, or the share of the tuned ones as `0.7`."""

    def __init__(self, loaded: LoadedModel, tuned: Any, folder: Path) -> None:
        self._model, self._info = tuned, loaded.info
        self._tuned = {name: weight.detach().clone().cpu() for name, weight in tuned.state_dict().items()}
        self._base: dict[str, Tensor] | None = None
        self._files = sorted(folder.glob("checkpoint-*/model.safetensors"))
        self._at = TUNED

    @property
    def files(self) -> list[str]:
        return [path.parent.name for path in self._files]

    @property
    def names(self) -> list[str]:
        return [TUNED, USUAL, *LESS, *([MEAN] if len(self._files) > 1 else [])]

    def put(self, name: str) -> None:
        if name == self._at:
            return
        self._at = name
        other = self._mean() if name == MEAN else self._tuned
        share = 0.0 if name == BASE else 1.0 if name in (TUNED, MEAN) else float(name)
        with torch.no_grad():
            for key, weight in self._model.state_dict().items():
                found = other[key]
                if share < 1 and found.is_floating_point():
                    found = torch.lerp(self._of_base(key).float(), found.float(), share)
                weight.copy_(found)

    def _of_base(self, key: str) -> Tensor:
        base = self._base
        if base is None:
            base = self._base = load(str(self._info.path), device="cpu").model.state_dict()
        return base[key]

    def _mean(self) -> Mapping[str, Tensor]:
        """Of the checkpoints that are kept; what a file does not hold is tied to what it does."""
        states = [load_file(path) for path in self._files]
        mean = {key: torch.stack([state[key].float() for state in states]).mean(0) for key in states[0]}
        tied = "model.decoder.embed_tokens.weight"
        return {**self._tuned, **mean, **({"proj_out.weight": mean[tied]} if tied in mean else {})}


def _read(folder: Path, of: str) -> dict[str, Any]:
    try:
        data = read_json(folder / FILE, 1_000_000)
    except UserError:
        return {}
    return data.get("trials", {}) if isinstance(data, dict) and data.get("of") == _mark(of) else {}


def _write(folder: Path, of: str, trials: Trials) -> None:
    write_text(folder / FILE, json.dumps({"of": _mark(of), "trials": trials.as_json()}, indent=1))


def _mark(of: str) -> str:
    """What tells trials from those of other weights or other clips."""
    return hashlib.sha256(of.encode()).hexdigest()[:20]
