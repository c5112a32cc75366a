"""Text with its times: what captions, a model or a person say about a recording. Pure functions, nothing is read here.

Captions are cues of some seconds; a model's text comes in stretches of up to half a minute, each with its words.
Segments are windows on either: what one says is its share by time, so that cutting anew costs no new labelling.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from typing import NamedTuple, Protocol

from core.spans import Span, merged
from core.text import UNSPACED, is_unspaced, join_texts

# Not after a letter or closing bracket: in `list[i]` nothing is a note.
_NOTE = re.compile(r"(?<![A-Za-z0-9_\])])\[[^\[\]\d]{1,30}\]|［[^［］\d]{1,30}］|【[^【】\d]{1,30}】|[♪♫♬♩]+|^\s*>>+")

_WORDS = re.compile(rf"[{UNSPACED}] *|[^ {UNSPACED}]+ *| +")

_LONGEST_EDGE = 300
"""Letters that are aligned at most; nobody says more of them in the time that two segments share."""
_LONGEST_REPEAT = 1000
"""Letters that are looked for as they stand, which costs the square of them: thirty seconds hold half as many."""

_TOLERANCE_MS = 300
"""By so much the times of careful captions miss what is said."""


class Timed(Protocol):
    """Anything that lasts from start_ms to end_ms (not part of it) of a recording: a segment, a span, a cue."""

    @property
    def start_ms(self) -> int: ...
    @property
    def end_ms(self) -> int: ...


class Cue(NamedTuple):
    """A piece of text and when it is said: milliseconds, the end not part of it; the text on one line, without tags."""

    start_ms: int
    end_ms: int
    text: str


class Word(NamedTuple):
    """A word and when it is said. text: without space around it; `core.text.join_texts` makes the words of a stretch
    its text. logprob: natural, of the mean probability of its tokens."""

    start_ms: int
    end_ms: int
    text: str
    logprob: float


@dataclass(frozen=True)
class TimedText:
    """A stretch of a recording and what is said in it, on one line. Times are of the recording.

    words: its text with times; empty where nothing is said, or where nobody has told when each word is. avg_logprob:
    natural, the mean over tokens. flags: what is odd about the whole stretch, see `core.review.suspicion`.
    """

    start_ms: int
    end_ms: int
    text: str
    avg_logprob: float
    no_speech_prob: float
    words: tuple[Word, ...]
    flags: tuple[str, ...] = ()


class ScoredWord(NamedTuple):
    """logprob: natural. is_mean: nobody has told the word's own; it is the mean of the stretch that it stands in."""

    text: str
    logprob: float
    is_mean: bool = False


@dataclass(frozen=True)
class Share:
    """What one window holds. cut: through how many of its cues an edge goes, so that its part of them is a guess.

    words: its words with their log-probabilities; empty where nobody has told any, as of captions. no_speech_prob: the
    mean over its time.
    """

    text: str
    cut: int
    words: tuple[ScoredWord, ...] = ()
    no_speech_prob: float | None = None

    @property
    def logprobs(self) -> tuple[float, ...]:
        return tuple(word.logprob for word in self.words)


def shares(pieces: Iterable[Cue | TimedText], windows: Iterable[Timed]) -> list[Share]:
    """What each window holds; overlapping windows both get what lies in their overlap.

    A word belongs to the windows in which its middle lies. A cue wholly inside a window gives it all its text; one that
    an edge cuts is taken as spoken evenly: its words (single characters in scripts without spaces) get shares of its
    time by their length. Such a cut is a guess: nobody speaks evenly, and captions stand a moment before and after what
    is said, so that a word or a few characters at the edge may be missing, or be the neighbour's.

    Timed text that lies exactly where a window does was written for it, and alone tells what it holds.
    """
    ordered = [_Dealt(piece) for piece in sorted(pieces, key=lambda piece: (piece.start_ms, piece.end_ms))]
    spans = list(windows)
    result: list[Share | None] = [None] * len(spans)
    # Those that have begun and are not over: a long piece is near many windows, but makes no other one near to them.
    near: list[_Dealt] = []
    following = 0
    for number in sorted(range(len(spans)), key=lambda number: spans[number].start_ms):
        window = spans[number]
        begun = following
        while begun < len(ordered) and ordered[begun].piece.start_ms < window.end_ms:
            begun += 1
        near = [dealt for dealt in near if dealt.piece.end_ms > window.start_ms]
        near += (dealt for dealt in ordered[following:begun] if dealt.piece.end_ms > window.start_ms)
        following = begun
        inside = [dealt for dealt in near if dealt.piece.start_ms < window.end_ms]
        own = [one for one in inside if isinstance(one.piece, TimedText) and _is_same_time(one.piece, window)]
        result[number] = _share([_part(dealt, window) for dealt in own or inside], window)
    return [share for share in result if share is not None]


class _Part(NamedTuple):
    """What a window gets of one piece."""

    piece: Cue | TimedText
    text: str
    cut: int
    words: Sequence[ScoredWord]


def _share(parts: Sequence[_Part], window: Timed) -> Share:
    weights = [
        (_overlap(part.piece, window), part.piece.no_speech_prob) for part in parts if isinstance(part.piece, TimedText)
    ]
    total = sum(weight for weight, _ in weights)
    return Share(
        join_texts([part.text for part in parts if part.text]),
        sum(part.cut for part in parts),
        tuple(chain.from_iterable(part.words for part in parts)),
        sum(weight * value for weight, value in weights) / total if total else None,
    )


def _is_same_time(piece: Timed, window: Timed) -> bool:
    return (piece.start_ms, piece.end_ms) == (window.start_ms, window.end_ms)


def _overlap(piece: Timed, window: Timed) -> int:
    return min(piece.end_ms, window.end_ms) - max(piece.start_ms, window.start_ms)


class _Dealt:
    """A piece that may be cut by many windows: its words are found once."""

    def __init__(self, piece: Cue | TimedText) -> None:
        self.piece = piece

    @cached_property
    def letters(self) -> int:
        return len(self.piece.text.strip())

    @cached_property
    def _evenly(self) -> tuple[list[str], list[float]]:
        """Its words, and the middle of each in milliseconds where all letters take the same time."""
        words = _words(self.piece.text)
        sizes = [len(word.strip()) for word in words]
        letters, length = max(sum(sizes), 1), self.piece.end_ms - self.piece.start_ms
        middles = (end - size / 2 for end, size in zip(accumulate(sizes), sizes, strict=True))
        return words, [self.piece.start_ms + middle * length / letters for middle in middles]

    def said_in(self, window: Timed) -> str:
        if window.start_ms <= self.piece.start_ms and self.piece.end_ms <= window.end_ms:
            return self.piece.text
        words, middles = self._evenly
        first, behind = bisect_left(middles, window.start_ms), bisect_left(middles, window.end_ms)
        return "".join(words[first:behind]).strip()


def _part(dealt: _Dealt, window: Timed) -> _Part:
    piece = dealt.piece
    if isinstance(piece, TimedText) and piece.words:
        words = [word for word in piece.words if window.start_ms <= (word.start_ms + word.end_ms) / 2 < window.end_ms]
        # Each is dealt whole, by its own times: nothing is guessed.
        scored = [ScoredWord(word.text, word.logprob) for word in words]
        return _Part(piece, join_texts([word.text for word in words]), 0, scored)
    text = dealt.said_in(window)
    scored = []
    if isinstance(piece, TimedText):
        scored = [ScoredWord(word.strip(), piece.avg_logprob, is_mean=True) for word in _words(text)]
    is_cut = 0 < len(text) < dealt.letters or _is_halved(piece, window)
    return _Part(piece, text, int(is_cut), scored)


def _is_halved(piece: Timed, window: Timed) -> bool:
    """Whether the window holds a part of the time, and lacks one, by more than captions are off anyway."""
    return _TOLERANCE_MS < _overlap(piece, window) < piece.end_ms - piece.start_ms - _TOLERANCE_MS


def _words(text: str) -> list[str]:
    """Words with the space behind them, and single characters of scripts without spaces; joined they are `text`."""
    return _WORDS.findall(text)


LINE_MS, LINE_GAP_MS, LINE_LETTERS = 6000, 700, 20
"""A caption of words ends at a pause, or before it lasts longer or holds more (twice as many letters as Han)."""


def lines(pieces: Iterable[Cue | TimedText], taken: Iterable[Span] = ()) -> list[Cue]:
    """Captions to be read while one listens, out of words; what has no words' times stays as it is.

    taken: where something else stands: words whose middle lies there are left out, and no caption reaches into it.
    """
    occupied = list(merged(taken))
    found: list[list[Word]] = []
    for word in chain.from_iterable(_timed_words(piece) for piece in pieces):
        if _span_at(occupied, (word.start_ms + word.end_ms) // 2) is not None:
            continue
        if not found or not _goes_on(found[-1], word, occupied):
            found.append([])
        found[-1].append(word)
    return [_caption(line, occupied) for line in found]


def _timed_words(piece: Cue | TimedText) -> Sequence[Word]:
    if isinstance(piece, TimedText) and piece.words:
        return piece.words
    return [Word(piece.start_ms, piece.end_ms, piece.text, 0.0)] if piece.text else []


def _goes_on(line: Sequence[Word], word: Word, occupied: Sequence[Span]) -> bool:
    size = sum(2 if is_unspaced(one.text[:1]) else 1 for one in [*line, word] for _ in one.text)
    return (
        word.start_ms - line[-1].end_ms <= LINE_GAP_MS
        and word.end_ms - line[0].start_ms <= LINE_MS
        and size <= 2 * LINE_LETTERS
        # Nothing else begins between the two.
        and bisect_left(occupied, (line[-1].start_ms,)) == bisect_left(occupied, (word.start_ms,))
    )


def _caption(line: Sequence[Word], occupied: Sequence[Span]) -> Cue:
    start, end = line[0].start_ms, line[-1].end_ms
    if (before := _span_at(occupied, start)) is not None:
        start = before.end_ms
    if (after := _span_at(occupied, end - 1)) is not None:
        end = after.start_ms
    return Cue(start, max(end, start + 1), join_texts([word.text for word in line]))


def _span_at(spans: Sequence[Span], ms: int) -> Span | None:
    """The one of these spans, which are in order and apart, that holds a moment."""
    place = bisect_right(spans, ms, key=lambda span: span.start_ms) - 1
    return spans[place] if place >= 0 and ms < spans[place].end_ms else None


def speech(cues: Iterable[Cue]) -> list[Cue]:
    """The cues with only what is spoken; those that held nothing else are left out.

    What stands in square brackets ([音樂], [Applause], 【笑聲】) describes a sound, ♪ marks song and >> another
    speaker. Nobody says them, and a model that is trained with them learns to write [音樂] where it should write
    nothing. Round brackets stay: people put words that were spoken in them. So do brackets with figures in them.
    """
    kept = []
    for cue in cues:
        pieces = [piece for piece in _NOTE.split(cue.text) if piece.strip()]
        if pieces:
            whole = len(pieces) == 1 and pieces[0] == cue.text
            kept.append(cue if whole else cue._replace(text=join_texts(pieces)))
    return kept


def said_once(cues: Iterable[Cue]) -> list[Cue]:
    """Cues out of the texts of overlapping segments, each word in one of them, and one cue after the other.

    The text that an overlap holds ends one segment and begins the next. The longest such piece of two characters or
    more, also one that was not written quite the same, is dropped from the second, which then begins where the first
    ends. Where no text agrees nobody is heard twice: the first then ends, and the second begins, in the middle of what
    both hold. Cues that nothing is left of are left out.
    """
    return [left for _, left in said_once_by_place(cues)]


def said_once_by_place(cues: Iterable[Cue]) -> list[tuple[int, Cue]]:
    """As `said_once`, each with the place of the cue it is left of, in the order of start and end."""
    kept: list[tuple[int, Cue]] = []
    for place, (cue, before, repeated) in enumerate(_pairs(cues)):
        start = cue.start_ms
        if before is not None:
            start = before.end_ms if repeated else (cue.start_ms + before.end_ms) // 2
            if kept and kept[-1][1].end_ms > start:
                last, ahead = kept[-1]
                kept[-1] = last, ahead._replace(end_ms=max(start, ahead.start_ms + 1))
        if left := _left_of(cue, start, repeated):
            kept.append((place, left))
    return kept


def merge_overlaps(cues: Iterable[Cue]) -> list[Cue]:
    """As `said_once`, for reading along: each cue is shown to its end, the one after it from there on."""
    found = (
        _left_of(cue, cue.start_ms if before is None else before.end_ms, repeated)
        for cue, before, repeated in _pairs(cues)
    )
    return [cue for cue in found if cue]


def _pairs(cues: Iterable[Cue]) -> Iterator[tuple[Cue, Cue | None, int]]:
    """Each cue in order, the one ahead if it overlaps, and how much of the text that one says, too."""
    before: Cue | None = None
    for cue in sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms)):
        if before is not None and before.end_ms <= cue.start_ms:
            before = None
        yield cue, before, _repeated(before, cue) if before is not None else 0
        before = cue


def _left_of(cue: Cue, start_ms: int, repeated: int) -> Cue | None:
    """A cue without what was said before it, from a moment on; None if nothing is left."""
    start = min(start_ms, cue.end_ms - 1)
    text = " ".join(cue.text[repeated:].split())
    return Cue(start, cue.end_ms, text) if text and cue.end_ms > start else None


def _repeated(before: Cue, cue: Cue) -> int:
    """How many letters of a cue's beginning say what the end of the cue ahead does; 0 for a single one.

    Two people, or one on two days, write the same words a little differently: where the two do not agree letter for
    letter their edges are aligned, a letter that both have counting one, every difference one less. Below three in all
    there is no agreement. No word is parted.
    """
    first, second = before.text, cue.text
    for size in range(min(len(first), len(second), _LONGEST_REPEAT), 1, -1):
        if first.endswith(second[:size]):
            return size
    ending = [letter.lower() for letter in first[-_edge(before, before.end_ms - cue.start_ms) :]]
    ends = list(accumulate(len(word) for word in _words(second)))
    beginning = [letter.lower() for letter in second[: _edge(cue, before.end_ms - cue.start_ms)]]
    # Of the ending so far, from anywhere in it, aligned with the first n letters of the beginning.
    scores = [-n for n in range(len(beginning) + 1)]
    for letter in ending:
        above, scores[0] = scores[0], 0
        for n, other in enumerate(beginning, 1):
            matched = above + (1 if letter == other else -1)
            above = scores[n]
            scores[n] = max(matched, above - 1, scores[n - 1] - 1)
    best = max((end for end in ends if end < len(scores)), key=lambda end: scores[end], default=0)
    return best if best and scores[best] >= 3 else 0


def _edge(cue: Cue, shared_ms: int) -> int:
    """Letters of a cue that may be said in the time it shares with another: of uneven talk up to thrice its share."""
    share = min(1.0, 3 * shared_ms / (cue.end_ms - cue.start_ms))
    return min(_LONGEST_EDGE, math.ceil(len(cue.text) * share))
