"""A window as the tokens that its model is taught, as Whisper was: prompt, texts, times, end.

The format is that of Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", figure 1: after
<|startoftranscript|> language and task, then <|notimestamps|> and the text, or each text between the times at which it
begins and ends; a window without speech is answered with <|nospeech|> where the language would stand.

What a token counts in the loss is the weight of the row whose text it is of, its times included; what stands for the
whole window (language, task, <|notimestamps|>, the end, silence) counts the mean of its rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.text import is_unspaced, join_texts
from core.training.windows.window import TrainingWindow

IGNORED = -100
"""torch's cross entropy leaves these positions out."""

TIME_STEP_MS = 20
"""Of one timestamp token."""


@dataclass(frozen=True)
class Taught:
    """What goes into the decoder, from <|startoftranscript|> on, what is to come out of it at each place, and what that
    place counts in the loss, 0 where nothing is to be learnt."""

    inputs: tuple[int, ...]
    targets: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class WindowTokens:
    """Tokens of one model and language.

    start: <|startoftranscript|>. prompt: language and task, as far as the model has them. silent: <|notimestamps|>,
    None for a model without timestamps; the token before it is <|nospeech|>, those after it are the times from 0 s on.
    end: <|endoftext|>. encode: a text's tokens, none added. begins: the character at which each of them begins.
    """

    start: int
    prompt: tuple[int, ...]
    silent: int | None
    end: int
    encode: Callable[[str], Sequence[int]]
    begins: Callable[[str], Sequence[int]]

    def taught(self, window: TrainingWindow) -> Taught:
        whole = fmean(row.weight for row in window.rows)
        tokens = [self.start, *self.prompt]
        if window.timestamps and self.silent is not None and window.said:
            text, weights = self._with_times(window)
        else:
            tokens += [] if self.silent is None else [self.silent]
            text, weights = self._without_times(window)
        weights = [*[whole] * (len(tokens) - 1), *weights, whole]
        tokens += text
        targets = [*tokens[1:], self.end]
        if not window.said and self.silent is not None and self.prompt:
            # What a model answers that is asked whether anybody speaks; and, told to write, it ends at once.
            targets = [self.silent - 1, *[IGNORED] * (len(targets) - 2), self.end]
            weights = [whole, *[0.0] * (len(targets) - 2), whole]
        return Taught(tuple(tokens), tuple(targets), tuple(weights))

    def _with_times(self, window: TrainingWindow) -> tuple[list[int], list[float]]:
        tokens: list[int] = []
        weights: list[float] = []
        for cue, weight in zip(window.said, _weights(window), strict=True):
            text = cue.text if is_unspaced(cue.text[:1]) or cue is window.said[0] else f" {cue.text}"
            tokens += [self._time(cue.start_ms), *self.encode(text), self._time(cue.end_ms)]
            weights += [weight] * (len(tokens) - len(weights))
        return tokens, weights

    def _without_times(self, window: TrainingWindow) -> tuple[Sequence[int], Sequence[float]]:
        texts = [cue.text for cue in window.said]
        joined, tokens = join_texts(texts), self.encode(join_texts(texts))
        if not window.weights:
            return tokens, [1.0] * len(tokens)
        # Texts are encoded as one: a token may reach into the next, and counts as that in which it begins.
        ends = [len(join_texts(texts[: place + 1])) for place in range(len(texts))]
        last = len(ends) - 1
        return tokens, [window.weights[min(bisect_right(ends, begin), last)] for begin in self.begins(joined)]

    def _time(self, ms: int) -> int:
        assert self.silent is not None
        return self.silent + 1 + round(ms / TIME_STEP_MS)


def _weights(window: TrainingWindow) -> Sequence[float]:
    return window.weights or [1.0] * len(window.said)
