"""Batched decoding of log-mel features by transformers, with the model as it is.

Clips are decoded greedily: the same for labelling, evaluating and the evaluations of a training run, so that figures
can be laid beside each other. Windows of a recording are searched with a beam, and their words get times.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import GenerationConfig, GenerationMixin, StoppingCriteria, StoppingCriteriaList
from transformers.modeling_outputs import BaseModelOutput

from core.engines.alignment import STEP_S, token_times, watched_attention
from core.engines.engine import Hypothesis
from core.engines.hearing import HeardWord, WindowText
from core.engines.loops import NO_REPEAT, without_loops
from core.engines.words import joined, pieces
from core.review.suspicion import flags_of
from core.text import compression_ratio
from core.whisper.loading import DTYPES, LoadedModel, pick_device
from core.whisper.tokens import end_tokens, language_token, language_tokens, prompt_tokens, suppressed_tokens

TOKENS_PER_SECOND = 16  # people speak at most 6.7 tokens a second in the reference run; only loops need more


def decode(
    loaded: LoadedModel,
    features: np.ndarray,
    seconds: Sequence[float],
    *,
    language: str,
    prompt: Sequence[int] = (),
    encoded: bool = False,
    check: Callable[[], object] = lambda: None,
) -> list[Hypothesis]:
    """Decode one batch. features: log-mel, float32 (batch, mel bins, frames of the model's window); encoded: what the
    model's encoder makes of it instead, float32 (batch, positions, width).

    seconds: lengths of the sounds, which bound the number of tokens. language: Whisper's code, or "auto" to let the
    model tell for each row. prompt: tokens of a text that stands before, <|startofprev|> first. check: called between
    two tokens; what it raises passes through. Texts that repeat themselves are decoded once more with repetition
    forbidden and without the prompt, which may be what they repeat, and the better one is kept.

    The model may be in training: it is put into evaluation mode and back, float32 weights on a GPU compute as they do
    in training (autocast), and its own generation settings are left alone. UserError for a language it does not know;
    torch's OutOfMemoryError passes through.
    """
    if not len(features):
        return []
    with torch.inference_mode(), _evaluating(loaded.model), _autocast(loaded):
        batch = _encode(loaded, features, list(seconds), language, encoded)
        prompted = batch.behind(prompt)
        found = _score(loaded, prompted, _generate(loaded, prompted, check))

        def again(loops: list[int]) -> list[Hypothesis]:
            rows = batch.rows(loops)
            return _score(loaded, rows, _generate(loaded, rows, check, no_repeat_ngram_size=NO_REPEAT))

        return without_loops(found, again)


def search(
    loaded: LoadedModel,
    features: np.ndarray,
    seconds: Sequence[float],
    *,
    language: str,
    beam: int,
    heads: Sequence[tuple[int, int]],
    no_repeat: int = 0,
    prompt: Sequence[int] = (),
    check: Callable[[], object] = lambda: None,
) -> list[WindowText]:
    """Search the texts of a batch of windows with so many hypotheses each, and when their words are spoken.

    heads: (layer, head) of the decoder whose attention follows the sound. no_repeat: tokens that may not come twice in
    a row of that length; 0: all may. All else as for `decode`.
    """
    if not len(features):
        return []
    with torch.inference_mode(), _evaluating(loaded.model), _autocast(loaded):
        batch = _encode(loaded, features, list(seconds), language).behind(prompt)
        # Ended as OpenAI's and CTranslate2's searches are: with as many whole texts as hypotheses. What transformers
        # does by itself, going on while a better text is conceivable, takes every window to its last token.
        ended = {"early_stopping": True} if beam > 1 else {}
        rows = _generate(loaded, batch, check, num_beams=beam, no_repeat_ngram_size=no_repeat, **ended)
        return _align(loaded, batch, rows, heads)


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

    def behind(self, prompt: Sequence[int]) -> _Batch:
        """The same with a text before; how likely there is no speech is told without it."""
        return replace(self, prompts=[[*prompt, *own] for own in self.prompts])


def _encode(
    loaded: LoadedModel, features: np.ndarray, seconds: list[float], language: str, encoded: bool = False
) -> _Batch:
    model = loaded.model
    given = torch.from_numpy(features).to(loaded.device, model.dtype)
    states = given if encoded else model.model.encoder(given).last_hidden_state
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
    """Search from the encoder's output, greedy unless `extra` settings say otherwise; the tokens of each row, ending
    with the end token if it was reached.

    transformers' plain generation is called, not Whisper's own wrapper: the windows are short, prompts are made
    here, and the wrapper refuses checkpoints with old generation settings.
    """
    known, config = loaded.model.generation_config, loaded.model.config
    length, ends = len(batch.prompts[0]), end_tokens(loaded)
    settings = GenerationConfig(
        max_new_tokens=token_limit(max(batch.seconds), length, config.max_target_positions),
        do_sample=False,
        use_cache=True,
        decoder_start_token_id=config.decoder_start_token_id,
        eos_token_id=known.eos_token_id,
        pad_token_id=known.pad_token_id,
        suppress_tokens=suppressed_tokens(loaded),
        begin_suppress_tokens=known.begin_suppress_tokens,
        **{"num_beams": 1, **extra},
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
    """Texts with their mean log-probability."""
    ends = end_tokens(loaded)
    found = []
    scored = zip(rows, _logprobs(loaded, batch, rows), batch.seconds, _silences(loaded, batch), strict=True)
    for row, logprobs, seconds, silence in scored:
        text = loaded.tokenizer.decode(row, skip_special_tokens=True).strip()
        found.append(
            Hypothesis(
                text=text,
                tokens=tuple(token for token in row if token not in ends),
                avg_logprob=_mean(logprobs),
                no_speech_prob=silence,
                compression_ratio=round(compression_ratio(text), 3),
                flags=flags_of(text, seconds),
            )
        )
    return found


def _align(
    loaded: LoadedModel, batch: _Batch, rows: list[list[int]], heads: Sequence[tuple[int, int]]
) -> list[WindowText]:
    """Texts with the times of their words."""
    ends = end_tokens(loaded)
    with watched_attention(loaded.model, heads) as attention:
        scored = _logprobs(loaded, batch, rows)
    found = []
    for index, (row, logprobs, silence) in enumerate(zip(rows, scored, _silences(loaded, batch), strict=True)):
        tokens = [token for token in row if token not in ends]
        words: tuple[HeardWord, ...] = ()
        if tokens:
            begin, positions = len(batch.prompts[index]) - 1, math.ceil(batch.seconds[index] / STEP_S)
            heard = torch.stack([head[index, begin : begin + len(row), :positions] for head in attention])
            times = [*token_times(heard).tolist(), batch.seconds[index]]
            words = joined(pieces(tokens, times, logprobs.exp().tolist(), loaded.tokenizer.decode))
        found.append(WindowText(words, _mean(logprobs), silence))
    return found


def _mean(logprobs: Tensor) -> float:
    return round(logprobs.mean().item(), 5) if len(logprobs) else 0.0


def _silences(loaded: LoadedModel, batch: _Batch) -> list[float]:
    """How likely each row is without speech; 0 for a model that has no token for it."""
    silent = getattr(loaded.model.generation_config, "no_timestamps_token_id", None)
    return [round(one, 5) for one in batch.first[:, silent - 1].tolist()] if silent else [0.0] * len(batch.seconds)


def _logprobs(loaded: LoadedModel, batch: _Batch, rows: list[list[int]]) -> list[Tensor]:
    """The log-probability of each token of each row, from one pass over the tokens that were chosen.

    Keeping the scores of the search would need steps x batch x vocabulary floats; here one row's are held.
    """
    model = loaded.model
    longest = max(len(prompt) + len(row) for prompt, row in zip(batch.prompts, rows, strict=True))
    whole = torch.full((len(rows), longest), model.generation_config.pad_token_id, device=batch.states.device)
    for index, (prompt, row) in enumerate(zip(batch.prompts, rows, strict=True)):
        whole[index, : len(prompt) + len(row)] = torch.tensor(prompt + row, device=batch.states.device)
    hidden = model.model.decoder(
        input_ids=whole[:, :-1], encoder_hidden_states=batch.states, use_cache=False
    ).last_hidden_state
    found = []
    for index, (prompt, row) in enumerate(zip(batch.prompts, rows, strict=True)):
        span = slice(len(prompt) - 1, len(prompt) - 1 + len(row))
        chances = torch.log_softmax(model.proj_out(hidden[index, span]).float(), dim=-1)
        target = torch.tensor(row, dtype=torch.long, device=batch.states.device)
        found.append(chances.gather(1, target[:, None])[:, 0])
    return found
