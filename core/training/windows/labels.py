"""A window as the tokens that its model is taught, as Whisper was: prompt, texts, times, end.

The format is that of Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", figure 1: after
<|startoftranscript|> language and task, then <|notimestamps|> and the text, or each text between the times at which it
begins and ends; a window without speech is answered with <|nospeech|> where the language would stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.text import is_unspaced, join_texts
from core.training.windows.window import TrainingWindow

IGNORED = -100
"""torch's cross entropy leaves these positions out."""

TIME_STEP_MS = 20
"""Of one timestamp token."""


@dataclass(frozen=True)
class Taught:
    """What goes into the decoder, from <|startoftranscript|> on, and what is to come out of it at each place."""

    inputs: tuple[int, ...]
    targets: tuple[int, ...]


@dataclass(frozen=True)
class WindowTokens:
    """Tokens of one model and language.

    start: <|startoftranscript|>. prompt: language and task, as far as the model has them. silent: <|notimestamps|>,
    None for a model without timestamps; the token before it is <|nospeech|>, those after it are the times from 0 s on.
    end: <|endoftext|>. encode: a text's tokens, none added.
    """

    start: int
    prompt: tuple[int, ...]
    silent: int | None
    end: int
    encode: Callable[[str], Sequence[int]]

    def taught(self, window: TrainingWindow) -> Taught:
        tokens = [self.start, *self.prompt]
        if window.timestamps and self.silent is not None and window.said:
            for cue in window.said:
                text = cue.text if is_unspaced(cue.text[:1]) or cue is window.said[0] else f" {cue.text}"
                tokens += [self._time(cue.start_ms), *self.encode(text), self._time(cue.end_ms)]
        else:
            tokens += [] if self.silent is None else [self.silent]
            tokens += self.encode(join_texts([cue.text for cue in window.said]))
        targets = [*tokens[1:], self.end]
        if not window.said and self.silent is not None and self.prompt:
            # What a model answers that is asked whether anybody speaks; and, told to write, it ends at once.
            targets = [self.silent - 1, *[IGNORED] * (len(targets) - 2), self.end]
        return Taught(tuple(tokens), tuple(targets))

    def _time(self, ms: int) -> int:
        assert self.silent is not None
        return self.silent + 1 + round(ms / TIME_STEP_MS)
