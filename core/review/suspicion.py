"""How many edits a text will need, and why: what the review is ordered by. One function, `expected_edits`.

The figure is a number of characters, since that is what a person types and what CER counts; a mean confidence is none:
it puts a row of three doubtful characters before one of thirty. `benchmarks/review_order.py` measures what it finds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from core.review.chinese_script import Script, foreign_to
from core.review.differences import Difference, differing
from core.review.invented_phrases import invented_in
from core.text import is_loop, normalise
from core.timed_text import ScoredWord

FLAGS = {
    "loop": "it repeats itself without end",
    "no-speech": "text where nobody is heard to speak",
    "phrase": "words that models invent on music and silence",
    "empty": "no text where somebody speaks",
    "slow": "less text than this recording has in such a time",
    "fast": "more text than anybody says in such a time",
    "differs": "the second opinion reads much of it otherwise",
    "cut": "an edge of the segment goes through it",
    "script": "characters of the other Chinese script",
}
"""What a text earns by itself, the gravest first; `core.review.flags` has all that there are."""

HAN_PER_SECOND = 10.0  # Mandarin runs at 4-6 characters a second, 8 when hurried
LETTERS_PER_SECOND = 30.0

WORD_EDITS = 2.0
"""The most that a word counts of which only the mean is known: -ln p grows without bound, its edits do not."""

OF_DIFFERING = 0.4
"""Edits for each character in which two labellers differ: at most of these places the second one is wrong."""

DISPUTED, AGREED = 1.5, 0.7
"""How much the doubt in a word counts where a second labeller reads otherwise, and where it reads the same. What
differs may as well be the second one's error: of a tuned model's errors, whisper-base being the second, the first fifth
of the rows holds 41 % so, and 22 % in the order of what differs alone; of whisper-base's, with the tuned one, 34 and
32 %."""

USUAL_SHARE = 0.8
"""Of the text that its speech would have at the recording's own rate: with less something is missing."""

TOO_SLOW = 0.4
"""With less than this share it is flagged."""

TOO_FAST = 2.0
"""With so many times as much it is flagged, and the rest is taken for invented."""

NO_SPEECH = 0.05
"""Share of a segment's time; with less speech than that there is none."""

LEAST_SIZE = 10
"""Characters: of so short a text no rate is told."""

LEAST_SPEECH_S = 3.0
"""A segment with less speech tells nothing of the rate."""

MUCH_DIFFERS = 0.5
"""Share of the characters in which the second opinion differs, from which on it is flagged."""

CUT_EDITS = 1.5
"""Where an edge of the segment goes through a cue: a character or two may be the neighbour's."""

SCALE = 12.0
"""So many expected edits are a suspicion of 1 - 1/e = 0.63."""

PRIOR = 0.15
"""Edits a character of a text of which nothing else is known."""


CONFIDENT = 0.1
"""Expected edits a character, at most, of a text that may be learnt from though no person has seen it."""

RETYPED = 0.3
"""Share of a text that may be wrong before typing it anew is quicker than mending it: people who mend a machine's text
gain nothing above some 30 % of word errors (Gaur, Lasecki, Metze, Bigham: The Effects of ASR Quality on Human
Transcription Latency, W4A 2016)."""


@dataclass(frozen=True)
class EditFeatures:
    """What is known of a text and its segment; None or empty where nobody has told.

    words: its words, or tokens, with their log-probabilities. places: where a second labeller reads otherwise.
    speech_s: how long somebody is heard to speak. rate: characters a second of speech, as `usual_rate` has it for the
    recording. script: what the other texts are written in. prior: edits a character of texts of this kind, PRIOR for a
    labeller's. flags: what cannot be seen from here, "cut".
    """

    text: str
    seconds: float
    words: Sequence[ScoredWord] = ()
    places: Sequence[Difference] | None = None
    speech_s: float | None = None
    rate: float | None = None
    script: Script | None = None
    prior: float = PRIOR
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class EditEstimate:
    """edits: how many characters a person will have to type or delete, expected. flags: see FLAGS."""

    edits: float
    flags: tuple[str, ...]

    @property
    def suspicion(self) -> float:
        """0-1 and in the same order as `edits`: 1 - exp(-edits / 12), so that 1 edit is 0.08, 12 are 0.63, 40 0.96."""
        return round(1.0 - math.exp(-self.edits / SCALE), 4)


def expected_edits(features: EditFeatures) -> EditEstimate:
    """How many edits the text will need, and what it is flagged with.

    The sum of
    - what is wrong with the words: 1 - p of each, and as much again for a neighbour that is surely wrong, since errors
      come in runs, times the root of its length, since in a wrong word some characters are right; 1.5 times that where
      a second labeller reads otherwise, 0.7 times where it reads the same. Where no word's own p is known: 0.4 for each
      character in which the second one differs, less of a text that is trusted more than a labeller's; without one -ln
      p, at most 2, p being the mean of many words; without any, the `prior`;
    - what is missing: characters below 0.8 of what so much speech has at the recording's own rate;
    - what is invented: phrases that models learn from films; all of a text where nobody speaks; what exceeds twice the
      recording's own rate, or what any tongue can say;
    - what an edge of the segment cuts: 1.5.
    Nothing costs more than typing it anew: as many characters as the recording has in such a time, or as stand there. A
    loop counts so, and as quick speech at least.
    """
    size, usual = letters(features.text), _usual(features)
    limit = _longest(features.text, features.seconds)
    flags = _flags(features, size, usual)
    if "loop" in flags:
        edits = max(usual or 0.0, limit / 2)
    else:
        edits = _wrong(features, size) + _invented(features, size, usual) + CUT_EDITS * ("cut" in features.flags)
        if usual is not None:
            edits += max(0.0, USUAL_SHARE * usual - size)
        edits = min(edits, max(size, limit / 2 if usual is None else usual))
    return EditEstimate(round(edits, 3), tuple(flag for flag in FLAGS if flag in flags))


def edits_of(suspicion: float) -> float:
    """The expected edits that a stored suspicion stands for, to within its four digits; at most 110."""
    return -SCALE * math.log(1.0 - min(max(suspicion, 0.0), 0.9999))


def is_confident(text: str, suspicion: float | None) -> bool:
    """Whether few errors are expected in a text that nobody has reviewed: at most one edit for ten characters. What
    loops, was invented, or misses much of the speech expects many more."""
    size = letters(text)
    return suspicion is not None and size > 0 and edits_of(suspicion) <= CONFIDENT * size


def needs_retyping(text: str, seconds: float, suspicion: float) -> bool:
    """Whether more of a text is expected to be wrong than mending is worth. What can be said in the time is what a loop
    is measured by."""
    size = min(letters(text), _longest(text, seconds) / 2)
    return size > 0 and edits_of(suspicion) > RETYPED * size


def _usual(features: EditFeatures) -> float | None:
    """Characters that its speech has at the recording's own rate."""
    if features.rate is None or features.speech_s is None:
        return None
    return features.rate * features.speech_s


def _longest(text: str, seconds: float) -> float:
    """Characters that can be said in that time."""
    bare = normalise(text)
    han = sum(1 for character in bare if ord(character) > 0x2E7F)
    return (HAN_PER_SECOND if han * 2 >= len(bare) else LETTERS_PER_SECOND) * max(seconds, 0.1)


def _wrong(features: EditFeatures, size: int) -> float:
    if features.places is not None and (not features.words or any(word.is_mean for word in features.words)):
        return OF_DIFFERING * _differing(features) * features.prior / PRIOR
    if features.words:
        return _wrong_words(features)
    return features.prior * size


def _wrong_words(features: EditFeatures) -> float:
    """Neighbours count because errors come in runs. Of the errors in whisper-base's own labels of 99 rows (the mean of
    eight places where windows may begin) the first fifth of the rows holds 32.4 %; it is 30.6 % without neighbours, and
    30.9 % by -ln p of each word. Where a tenth to a half of the characters are expected to be wrong, so many are.
    """
    sizes = [letters(word.text) for word in features.words]
    doubts = [0.0, *_doubts(features, sizes), 0.0]
    edits = 0.0
    for place, (word, size) in enumerate(zip(features.words, sizes, strict=True)):
        before, doubt, behind = doubts[place : place + 3]
        wrong = min(WORD_EDITS, -word.logprob) if word.is_mean else doubt * (1.0 + before + behind)
        edits += wrong * math.sqrt(max(1, size))
    return edits


def _doubts(features: EditFeatures, sizes: Sequence[int]) -> list[float]:
    """Of each word how likely it is wrong, 0-1. sizes: their letters. Words and places are laid beside each other by
    the letters before them, since the text may be in the other script than its words."""
    if features.places is None:
        return [_doubt(word.logprob) for word in features.words]
    ends = [(letters(features.text[: one.start]), letters(features.text[: one.end])) for one in features.places]
    found, behind = [], 0
    for word, size in zip(features.words, sizes, strict=True):
        start, behind = behind, behind + size
        # A place that lacks something is between two words, and is held against both.
        disputed = any((a < behind and start < b) or (a == b and start <= a <= behind) for a, b in ends)
        found.append(min(1.0, _doubt(word.logprob) * (DISPUTED if disputed else AGREED)))
    return found


def _doubt(logprob: float) -> float:
    """1 - p; all of it where a labeller gave no number."""
    return 1.0 if math.isnan(logprob) else -math.expm1(min(0.0, logprob))


def _differing(features: EditFeatures) -> int:
    return differing(features.text, features.places or ())


def _invented(features: EditFeatures, size: int, usual: float | None) -> float:
    if _is_unheard(features, size):
        return size
    most = _longest(features.text, features.seconds)
    if usual is not None:
        most = min(most, max(TOO_FAST * usual, LEAST_SIZE))
    return max(letters(invented_in(features.text)), size - most, 0.0)


def _is_unheard(features: EditFeatures, size: int) -> bool:
    return bool(size) and features.speech_s is not None and features.speech_s < NO_SPEECH * features.seconds


def _flags(features: EditFeatures, size: int, usual: float | None) -> set[str]:
    found = {*features.flags, *flags_of(features.text, features.seconds)}
    if usual is not None and usual < LEAST_SIZE:
        found.discard("empty")  # nothing, or next to it, is said
    if size and usual is not None:
        found |= {"slow"} if size < TOO_SLOW * usual else set()
        found |= {"fast"} if size > max(TOO_FAST * usual, LEAST_SIZE) else set()
    told = {
        "no-speech": _is_unheard(features, size),
        "differs": _differing(features) > MUCH_DIFFERS * max(size, LEAST_SIZE),
        "script": foreign_to(features.script, features.text) > 0,
    }
    found |= {flag for flag, holds in told.items() if holds}
    # Either says more than that it is too much.
    return found - {"fast"} if found & {"loop", "no-speech"} else found


def letters(text: str) -> int:
    """Characters that CER counts: without punctuation and spaces."""
    return len(normalise(text).replace(" ", ""))


def flags_of(text: str, seconds: float) -> tuple[str, ...]:
    """What a text tells by itself, in so many seconds: loop, phrase, empty, fast."""
    size = letters(text)
    found = {
        "loop": is_loop(text),
        "phrase": invented_in(text) != "",
        "empty": not size,
        "fast": size > _longest(text, seconds) and not is_loop(text),  # which says it already
    }
    return tuple(flag for flag in FLAGS if found.get(flag))


def usual_rate(rows: Iterable[tuple[str, float | None]]) -> float | None:
    """The median of characters a second of speech over a recording's (text, seconds of speech); None where no row
    tells: with less than 3 s of speech, without text, or looping."""
    rates = [
        letters(text) / speech_s
        for text, speech_s in rows
        if speech_s is not None and speech_s >= LEAST_SPEECH_S and text.strip() and not is_loop(text)
    ]
    return median(rates) if rates else None
