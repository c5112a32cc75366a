"""Greedy batched decoding of log-mel features with the model as it is: the same for labelling, evaluating, transcribing
and the evaluations of a training run, so that figures can be laid beside each other."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import GenerationConfig, GenerationMixin, StoppingCriteria, StoppingCriteriaList
from transformers.modeling_outputs import BaseModelOutput

from core.engines.engine import Hypothesis
from core.suspicion import flags_of
from core.text import compression_ratio
from core.whisper.loading import DTYPES, LoadedModel, pick_device
from core.whisper.tokens import end_tokens, language_token, language_tokens, prompt_tokens, suppressed_tokens

TOKENS_PER_SECOND = 16  # people speak at most 6.7 tokens a second in the reference run; only loops need more
NO_REPEAT = 6  # tokens that may not come twice in the retry of a loop: two to six Han characters


def decode(
    loaded: LoadedModel,
    features: np.ndarray,
    seconds: Sequence[float],
    *,
    language: str,
    check: Callable[[], object] = lambda: None,
) -> list[Hypothesis]:
    """Decode one batch. features: log-mel, float32 (batch, mel bins, frames of the model's window).

    seconds: lengths of the sounds, which bound the number of tokens. language: Whisper's code, or "auto" to let the
    model tell for each row. check: called between two tokens; what it raises passes through. Texts that repeat
    themselves are decoded once more with repetition forbidden, and the better one is kept.

    The model may be in training: it is put into evaluation mode and back, float32 weights on a GPU compute as they do
    in training (autocast), and its own generation settings are left alone. UserError for a language it does not know;
    torch's OutOfMemoryError passes through.
    """
    if not len(features):
        return []
    with torch.inference_mode(), _evaluating(loaded.model), _autocast(loaded):
        batch = _encode(loaded, features, list(seconds), language)
        found = _score(loaded, batch, _generate(loaded, batch, check))
        loops = [index for index, hypothesis in enumerate(found) if "loop" in hypothesis.flags]
        if loops:
            again = batch.rows(loops)
            retried = _score(loaded, again, _generate(loaded, again, check, no_repeat_ngram_size=NO_REPEAT))
            for index, hypothesis in zip(loops, retried, strict=True):
                found[index] = better(found[index], hypothesis)
    return found


def better(one: Hypothesis, other: Hypothesis) -> Hypothesis:
    """Of a loop and its retry, the one that repeats itself less; an empty retry is no improvement."""
    if not other.text:
        return one
    return other if other.compression_ratio < one.compression_ratio else one


def token_limit(seconds: float, prompt: int, max_target_positions: int) -> int:
    """How many tokens a text of that length may have: 16 a second, within the decoder's positions."""
    return max(1, min(math.ceil(TOKENS_PER_SECOND * seconds), max_target_positions - prompt))


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _autocast(loaded: LoadedModel) -> AbstractContextManager[Any]:
    """Half precision for float32 weights on a GPU that computes it natively; nothing elsewhere."""
    dtype = DTYPES[pick_device().precision]
    if loaded.device != "cuda" or loaded.model.dtype != torch.float32 or dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast("cuda", dtype)


@dataclass(frozen=True)
class _Batch:
    """Rows that went through the encoder. states: its output (rows, positions, width); first: probabilities over the
    vocabulary after <|startoftranscript|>, float32 (rows, vocabulary); prompts: what the decoder starts from."""

    states: Tensor
    first: Tensor
    prompts: list[list[int]]
    seconds: list[float]

    def rows(self, indices: list[int]) -> _Batch:
        return _Batch(
            self.states[indices],
            self.first[indices],
            [self.prompts[index] for index in indices],
            [self.seconds[index] for index in indices],
        )


def _encode(loaded: LoadedModel, features: np.ndarray, seconds: list[float], language: str) -> _Batch:
    model = loaded.model
    states = model.model.encoder(torch.from_numpy(features).to(loaded.device, model.dtype)).last_hidden_state
    start = torch.full((len(seconds), 1), model.config.decoder_start_token_id, device=states.device)
    hidden = model.model.decoder(input_ids=start, encoder_hidden_states=states, use_cache=False).last_hidden_state
    first = torch.softmax(model.proj_out(hidden[:, -1]).float(), dim=-1)
    return _Batch(states, first, _prompts(loaded, first, language), seconds)


def _prompts(loaded: LoadedModel, first: Tensor, language: str) -> list[list[int]]:
    """The tokens before the text of each row; "auto" takes the language that is likeliest after the start token."""
    start = loaded.model.config.decoder_start_token_id
    known = language_tokens(loaded)
    spoken: list[int | None]
    if not known:
        spoken = [None] * len(first)
    elif language == "auto":
        ids = sorted(known.values())
        spoken = [ids[best] for best in first[:, ids].argmax(dim=-1).tolist()]
    else:
        spoken = [language_token(loaded, language)] * len(first)
    return [[start, *prompt_tokens(loaded, token)] for token in spoken]


class _Check(StoppingCriteria):
    """Calls `check` after every token; stops nothing by itself."""

    def __init__(self, check: Callable[[], object]) -> None:
        self._check = check

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        self._check()
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


def _generate(loaded: LoadedModel, batch: _Batch, check: Callable[[], object], **extra: Any) -> list[list[int]]:
    """Greedy search from the encoder's output; the tokens of each row, ending with the end token if it was reached.

    transformers' plain generation is called, not Whisper's own wrapper: the windows are short, prompts are made
    here, and the wrapper refuses checkpoints with old generation settings.
    """
    known, config = loaded.model.generation_config, loaded.model.config
    length, ends = len(batch.prompts[0]), end_tokens(loaded)
    settings = GenerationConfig(
        max_new_tokens=token_limit(max(batch.seconds), length, config.max_target_positions),
        do_sample=False,
        num_beams=1,
        use_cache=True,
        decoder_start_token_id=config.decoder_start_token_id,
        eos_token_id=known.eos_token_id,
        pad_token_id=known.pad_token_id,
        suppress_tokens=suppressed_tokens(loaded),
        begin_suppress_tokens=known.begin_suppress_tokens,
        **extra,
    )
    start = torch.tensor(batch.prompts, device=batch.states.device)
    # Whatever the settings above leave open, generation would take from the model's own.
    loaded.model.generation_config = settings
    try:
        plain: Any = GenerationMixin
        out = plain.generate(
            loaded.model,
            generation_config=settings,
            encoder_outputs=BaseModelOutput(last_hidden_state=batch.states),  # type: ignore[arg-type]
            decoder_input_ids=start,
            attention_mask=torch.ones(batch.states.shape[:2], dtype=torch.long, device=batch.states.device),
            decoder_attention_mask=torch.ones_like(start),
            stopping_criteria=StoppingCriteriaList([_Check(check)]),
        )
    finally:
        loaded.model.generation_config = known
    check()
    rows = []
    for row, seconds in zip(out[:, length:].tolist(), batch.seconds, strict=True):
        row = row[: token_limit(seconds, length, config.max_target_positions)]
        stop = next((index for index, token in enumerate(row) if token in ends), None)
        rows.append(row if stop is None else row[: stop + 1])
    return rows


def _score(loaded: LoadedModel, batch: _Batch, rows: list[list[int]]) -> list[Hypothesis]:
    """Texts with their mean log-probability, from one pass over the tokens that were chosen.

    Keeping the scores of the search would need steps x batch x vocabulary floats; here one segment's are held.
    """
    model, settings = loaded.model, loaded.model.generation_config
    longest = max(len(prompt) + len(row) for prompt, row in zip(batch.prompts, rows, strict=True))
    whole = torch.full((len(rows), longest), settings.pad_token_id, device=batch.states.device)
    for index, (prompt, row) in enumerate(zip(batch.prompts, rows, strict=True)):
        whole[index, : len(prompt) + len(row)] = torch.tensor(prompt + row, device=batch.states.device)
    hidden = model.model.decoder(
        input_ids=whole[:, :-1], encoder_hidden_states=batch.states, use_cache=False
    ).last_hidden_state
    ends = end_tokens(loaded)
    silent = getattr(settings, "no_timestamps_token_id", None)
    silences = batch.first[:, silent - 1].tolist() if silent else [0.0] * len(rows)
    found = []
    for index, (prompt, row) in enumerate(zip(batch.prompts, rows, strict=True)):
        span = slice(len(prompt) - 1, len(prompt) - 1 + len(row))
        chances = torch.log_softmax(model.proj_out(hidden[index, span]).float(), dim=-1)
        target = torch.tensor(row, device=batch.states.device)
        mean = chances.gather(1, target[:, None]).mean().item() if row else 0.0
        text = loaded.tokenizer.decode(row, skip_special_tokens=True).strip()
        found.append(
            Hypothesis(
                text=text,
                tokens=tuple(token for token in row if token not in ends),
                avg_logprob=round(mean, 5),
                no_speech_prob=round(silences[index], 5),
                compression_ratio=round(compression_ratio(text), 3),
                flags=flags_of(text, batch.seconds[index]),
            )
        )
    return found
