"""Greedy batched decoding with the numbers the review queue needs: log-probability, no-speech, loops."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core import text as texts
from core.errors import UserError
from core.whisper.features import log_mel
from core.whisper.loading import LoadedModel

TOKENS_PER_SECOND = 16  # people speak at most 6.7 tokens a second in the reference run; only loops need more
NO_REPEAT = 6  # tokens that may not come twice in the retry of a loop: two to six Han characters
HAN_PER_SECOND = 10.0  # Mandarin runs at 4-6 characters a second, 8 when hurried
LETTERS_PER_SECOND = 30.0


class DecodingCancelled(Exception):
    """The job was asked to stop while a batch was decoded; nothing of that batch is kept."""


@dataclass(frozen=True)
class Hypothesis:
    """What the model heard. tokens: without prompt and end; avg_logprob: mean natural log-probability of the tokens
    and the end; no_speech_prob: 0-1 from the first step; compression_ratio: zlib over the text."""

    text: str
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    flags: tuple[str, ...] = ()


def never() -> bool:
    return False


def decode(
    loaded: LoadedModel,
    audio: Sequence[np.ndarray],
    *,
    language: str | None,
    task: str = "transcribe",
    durations_s: Sequence[float] | None = None,
    cancelled: Callable[[], bool] = never,
    names: Sequence[str] = (),
) -> list[Hypothesis]:
    """Decode one batch of segments, each at most one window long, mono at 16 kHz, int16 or float.

    language: Whisper's code, or None (or "auto") to let the model tell for each segment. durations_s: the true
    lengths, which bound the number of tokens; by default the lengths of the arrays. Texts that repeat themselves
    are decoded once more with repetition forbidden, and the better one is kept. Raises DecodingCancelled,
    UserError for an unknown language, and torch's OutOfMemoryError untouched.
    """
    if not audio:
        return []
    import torch

    durations = list(durations_s or [len(piece) / loaded.extractor.sampling_rate for piece in audio])
    model = loaded.model
    with torch.inference_mode():
        mel = torch.from_numpy(log_mel(loaded.extractor, audio, names)).to(loaded.device, model.dtype)
        encoded = model.model.encoder(mel).last_hidden_state
        first = _first_step(loaded, encoded)
        prompts = _prompts(loaded, first, language, task)
        rows = _generate(loaded, encoded, prompts, durations, cancelled)
        found = _score(loaded, encoded, prompts, rows, first, durations)
        again = [index for index, hypothesis in enumerate(found) if "loop" in hypothesis.flags]
        if again:
            fewer = [prompts[index] for index in again], [durations[index] for index in again]
            rows = _generate(loaded, encoded[again], *fewer, cancelled, no_repeat_ngram_size=NO_REPEAT)
            retried = _score(loaded, encoded[again], fewer[0], rows, first[again], fewer[1])
            for index, hypothesis in zip(again, retried, strict=True):
                found[index] = better(found[index], hypothesis)
    return found


def better(one: Hypothesis, other: Hypothesis) -> Hypothesis:
    """Of a loop and its retry, the one that repeats itself less; an empty retry is no improvement."""
    if not other.text:
        return one
    return other if other.compression_ratio < one.compression_ratio else one


def token_limit(seconds: float, prompt: int, max_target_positions: int) -> int:
    """How many tokens a segment of that length may have: 16 a second, within the decoder's positions."""
    return max(1, min(math.ceil(TOKENS_PER_SECOND * seconds), max_target_positions - prompt))


def flags_of(text: str, seconds: float) -> tuple[str, ...]:
    """The marks a text earns by itself: empty, loop, fast (more characters a second than people speak)."""
    bare = texts.normalise(text)
    found = ["loop"] if texts.is_loop(text) else []
    if not bare:
        return (*found, "empty")
    han = sum(1 for character in bare if ord(character) > 0x2E7F)
    limit = HAN_PER_SECOND if han * 2 >= len(bare) else LETTERS_PER_SECOND
    if len(bare) / max(seconds, 0.1) > limit:
        found.append("fast")
    return tuple(found)


def suspicion(hypothesis: Hypothesis, seconds: float) -> float:
    """0 (surely right) to 1 (surely wrong): what the review queue sorts by.

    A loop is 1. Otherwise independent doubts are joined as 1 - (1 - a)(1 - b)...: low mean log-probability (the
    threshold of the published decoder is -1), a text where the model hears no speech, and an odd character rate.
    """
    if "loop" in hypothesis.flags:
        return 1.0
    rate = len(texts.normalise(hypothesis.text)) / max(seconds, 0.1)
    doubts = [
        0.9 * _ramp(-hypothesis.avg_logprob, 0.1, 1.2),
        (0.6 if hypothesis.text else 0.1) * min(max(hypothesis.no_speech_prob, 0.0), 1.0),
        0.7 if "fast" in hypothesis.flags else 0.3 * _ramp(1.0 - rate, 0.0, 1.0),
        0.4 * (1.0 - min(max(hypothesis.no_speech_prob, 0.0), 1.0)) if "empty" in hypothesis.flags else 0.0,
    ]
    return round(1.0 - math.prod(1.0 - doubt for doubt in doubts), 4)


def _ramp(value: float, low: float, high: float) -> float:
    if math.isnan(value):
        return 1.0
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _first_step(loaded: LoadedModel, encoded: Any) -> Any:
    """Probabilities over the vocabulary after <|startoftranscript|>, float32 (batch, vocabulary)."""
    import torch

    model = loaded.model
    start = torch.full((encoded.shape[0], 1), model.config.decoder_start_token_id, device=encoded.device)
    hidden = model.model.decoder(input_ids=start, encoder_hidden_states=encoded, use_cache=False).last_hidden_state
    return torch.softmax(model.proj_out(hidden[:, -1]).float(), dim=-1)


def language_token(loaded: LoadedModel, language: str) -> int:
    """The id of a language's token. UserError names what the model knows if it is not there."""
    known: dict[str, int] = getattr(loaded.model.generation_config, "lang_to_id", None) or {}
    token = known.get(f"<|{language}|>")
    if token is None:
        codes = ", ".join(sorted(code.strip("<|>") for code in known))
        raise UserError(
            f"{loaded.info.id} does not know the language {language!r}",
            f"it knows {codes}"[:300],
            'set language in whispersmith.toml under [project], for example "zh" or "auto"',
        )
    return token


def _prompts(loaded: LoadedModel, first: Any, language: str | None, task: str) -> list[list[int]]:
    """What the decoder starts from, for each segment: start, language, task, no timestamps, as far as it has them."""
    settings = loaded.model.generation_config
    start = [loaded.model.config.decoder_start_token_id]
    end = [settings.no_timestamps_token_id] if getattr(settings, "no_timestamps_token_id", None) else []
    known: dict[str, int] = getattr(settings, "lang_to_id", None) or {}
    if not known:
        return [start + end for _ in range(first.shape[0])]
    tasks: dict[str, int] = getattr(settings, "task_to_id", None) or {}
    middle = [tasks[task]] if task in tasks else []
    if language and language != "auto":
        spoken = [language_token(loaded, language)] * first.shape[0]
    else:
        ids = sorted(known.values())
        spoken = [ids[best] for best in first[:, ids].argmax(dim=-1).tolist()]
    return [[*start, code, *middle, *end] for code in spoken]


def _generate(
    loaded: LoadedModel,
    encoded: Any,
    prompts: list[list[int]],
    durations: list[float],
    cancelled: Callable[[], bool],
    **extra: Any,
) -> list[list[int]]:
    """Greedy search from the encoder's output; the tokens of each row, ending with the end token if it was reached.

    transformers' plain generation is called, not Whisper's own wrapper: the windows are short, prompts are made
    here, and the wrapper refuses checkpoints with old generation settings.
    """
    import torch
    from transformers import GenerationConfig, GenerationMixin, StoppingCriteria, StoppingCriteriaList
    from transformers.modeling_outputs import BaseModelOutput

    class Stop(StoppingCriteria):
        def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
            return torch.full((input_ids.shape[0],), cancelled(), dtype=torch.bool, device=input_ids.device)

    known, config = loaded.model.generation_config, loaded.model.config
    length = len(prompts[0])
    settings = GenerationConfig(
        max_new_tokens=token_limit(max(durations), length, config.max_target_positions),
        do_sample=False,
        num_beams=1,
        decoder_start_token_id=config.decoder_start_token_id,
        eos_token_id=known.eos_token_id,
        pad_token_id=known.pad_token_id,
        suppress_tokens=_suppressed(loaded),
        begin_suppress_tokens=known.begin_suppress_tokens,
        **extra,
    )
    start = torch.tensor(prompts, device=encoded.device)
    original, loaded.model.generation_config = known, settings
    try:
        plain: Any = GenerationMixin
        out = plain.generate(
            loaded.model,
            generation_config=settings,
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            decoder_input_ids=start,
            attention_mask=torch.ones(encoded.shape[:2], dtype=torch.long, device=encoded.device),
            decoder_attention_mask=torch.ones_like(start),
            stopping_criteria=StoppingCriteriaList([Stop()]),
        )
    finally:
        loaded.model.generation_config = original
    if cancelled():
        raise DecodingCancelled
    ends = _ends(loaded)
    rows = []
    for row, seconds in zip(out[:, length:].tolist(), durations, strict=True):
        row = row[: token_limit(seconds, length, config.max_target_positions)]
        stop = next((index for index, token in enumerate(row) if token in ends), None)
        rows.append(row if stop is None else row[: stop + 1])
    return rows


def _ends(loaded: LoadedModel) -> list[int]:
    end = loaded.model.generation_config.eos_token_id
    return end if isinstance(end, list) else [end]


def _suppressed(loaded: LoadedModel) -> list[int]:
    """The model's own list and every timestamp: texts are asked for without times."""
    settings = loaded.model.generation_config
    mine = set(settings.suppress_tokens or [])
    first = getattr(settings, "no_timestamps_token_id", None)
    if first is not None:
        mine.update(range(first + 1, loaded.model.config.vocab_size))
    return sorted(mine)


def _score(
    loaded: LoadedModel,
    encoded: Any,
    prompts: list[list[int]],
    rows: list[list[int]],
    first: Any,
    durations: list[float],
) -> list[Hypothesis]:
    """Texts with their mean log-probability, from one pass over the tokens that were chosen.

    Keeping the scores of the search would need steps x batch x vocabulary floats; here one segment's are held.
    """
    import torch

    model, settings = loaded.model, loaded.model.generation_config
    longest = max(len(prompt) + len(row) for prompt, row in zip(prompts, rows, strict=True))
    whole = torch.full((len(rows), longest), settings.pad_token_id, device=encoded.device)
    for index, (prompt, row) in enumerate(zip(prompts, rows, strict=True)):
        whole[index, : len(prompt) + len(row)] = torch.tensor(prompt + row, device=encoded.device)
    hidden = model.model.decoder(
        input_ids=whole[:, :-1], encoder_hidden_states=encoded, use_cache=False
    ).last_hidden_state
    ends = _ends(loaded)
    silent = getattr(settings, "no_timestamps_token_id", None)
    silences = first[:, silent - 1].tolist() if silent else [0.0] * len(rows)
    found = []
    for index, (prompt, row) in enumerate(zip(prompts, rows, strict=True)):
        span = slice(len(prompt) - 1, len(prompt) - 1 + len(row))
        chances = torch.log_softmax(model.proj_out(hidden[index, span]).float(), dim=-1)
        target = torch.tensor(row, device=encoded.device)
        mean = chances.gather(1, target[:, None]).mean().item() if row else 0.0
        text = loaded.tokenizer.decode(row, skip_special_tokens=True).strip()
        plain = Hypothesis(
            text=text,
            tokens=tuple(token for token in row if token not in ends),
            avg_logprob=round(mean, 5),
            no_speech_prob=round(silences[index], 5),
            compression_ratio=round(texts.compression_ratio(text), 3),
        )
        found.append(dataclasses.replace(plain, flags=flags_of(text, durations[index])))
    return found
