"""Where a stream is cut: as planned, around what stays, and at pauses in the quietest moment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from core.media.windows import FRAME, OverlappingWindows, PauseCuts, Piece, ScoredBlock
from core.spans import Span, gaps, plan_spans

MS = 16
"""Samples."""


def blocks(samples: np.ndarray, speech: np.ndarray, rng: random.Random) -> Iterator[ScoredBlock]:
    """A stream in blocks of any number of frames."""
    frame = 0
    while frame * FRAME < len(samples):
        more = rng.randrange(1, 90)
        yield ScoredBlock(samples[frame * FRAME : (frame + more) * FRAME], speech[frame : frame + more])
        frame += more


def recording(rng: random.Random, ms: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise whose loudness changes, and stretches of speech with pauses between them: (samples, speech)."""
    made = np.random.default_rng(rng.randrange(1 << 30))
    frames = -(-ms * MS // FRAME)
    speech = np.zeros(frames, np.float32)
    place = 0
    while place < frames:
        talk, pause = rng.randrange(10, 300), rng.randrange(1, 40)
        speech[place : place + talk] = made.uniform(0.5, 1, len(speech[place : place + talk]))
        speech[place + talk : place + talk + pause] = made.uniform(0, 0.3)
        place += talk + pause
    loud = np.repeat(made.uniform(0.01, 1, frames), FRAME)[: ms * MS]
    return (made.uniform(-9000, 9000, ms * MS) * loud).astype(np.int16), speech


def kept_of(rng: random.Random, ms: int) -> list[Span]:
    """Pieces that stay, in any order; some overlap, one may end behind the recording."""
    starts = [rng.randrange(0, ms) for _ in range(rng.randrange(0, 6))]
    return [Span(start, start + rng.randrange(300, 12_000)) for start in starts]


def fresh(kept: list[Span], ms: int) -> list[Span]:
    return [Span(gap.start_ms, gap.end_ms) for gap in gaps(kept, 0, ms)]


def test_gaps_are_what_no_kept_piece_holds() -> None:
    rng = random.Random(3)
    for _ in range(200):
        ms = rng.randrange(1, 60_000)
        kept = kept_of(rng, ms)
        free = np.ones(ms, bool)
        for span in kept:
            free[span.start_ms : span.end_ms] = False
        mine = np.zeros(ms, bool)
        found = list(gaps(kept, 2000, ms))
        for gap in found:
            assert gap.first_ms <= gap.start_ms < gap.end_ms <= gap.last_ms <= ms
            mine[gap.start_ms : gap.end_ms] = True
        assert np.array_equal(mine, free)
        assert all(one.last_ms <= two.first_ms for one, two in pairwise(found))


@pytest.mark.parametrize("seed", range(40))
def test_windows_come_as_planned_around_what_stays(seed: int) -> None:
    rng = random.Random(seed)
    ms = rng.randrange(1, 60_000)
    samples, speech = recording(rng, ms)
    kept = kept_of(rng, ms) if seed else []
    windows = OverlappingWindows(rng.randrange(600, 11_000), rng.randrange(0, 500))
    made = list(windows.cut(blocks(samples, speech, rng), kept))
    spans = [piece.span for piece in made]
    assert spans == windows.plan(ms, kept)
    assert windows.estimate(ms, kept) == (len(spans), len(spans), sum(span.end_ms - span.start_ms for span in spans))
    covered = np.zeros(ms, bool)
    for piece in made:
        assert np.array_equal(piece.samples, samples[piece.span.start_ms * MS : piece.span.end_ms * MS])
        assert np.array_equal(piece.speech, speech[frames_of(piece.span)])
        assert piece.span.end_ms - piece.span.start_ms <= windows.length_ms
        covered[piece.span.start_ms : piece.span.end_ms] = True
    assert all(covered[gap.start_ms : gap.end_ms].all() for gap in fresh(kept, ms))


def frames_of(span: Span) -> list[int]:
    """Frames whose middle lies in the span."""
    middles = (FRAME * frame + FRAME // 2 for frame in range(span.end_ms * MS // FRAME + 2))
    return [frame for frame, middle in enumerate(middles) if span.start_ms * MS <= middle < span.end_ms * MS]


def test_the_windows_of_one_cut_stay_those_of_it_around_some_of_them() -> None:
    """Reviewed ones stay and the rest is cut the same way again: nothing has moved."""
    windows, all_of_them = OverlappingWindows(10_000, 2_000), plan_spans(96_500, 10_000, 2_000)
    for kept in ([all_of_them[0]], [all_of_them[-1]], all_of_them[2:5], all_of_them[1::2], all_of_them):
        assert sorted([*windows.plan(96_500, kept), *kept]) == all_of_them


@pytest.mark.parametrize("seed", range(40))
def test_cuts_at_pauses_tile_the_recording(seed: int) -> None:
    rng = random.Random(seed)
    ms = rng.randrange(1, 90_000)
    samples, speech = recording(rng, ms)
    kept = kept_of(rng, ms) if seed % 2 else []
    cuts = PauseCuts(rng.randrange(1000, 4000), rng.randrange(8000, 12_000))
    made = list(cuts.cut(blocks(samples, speech, rng), kept))
    for gap in fresh(kept, ms):
        inside = [piece for piece in made if gap.start_ms <= piece.span.start_ms < gap.end_ms]
        assert [piece.span.start_ms for piece in inside] == [gap.start_ms, *(p.span.end_ms for p in inside[:-1])]
        assert inside[-1].span.end_ms == gap.end_ms
        for piece in inside:
            length = piece.span.end_ms - piece.span.start_ms
            assert length <= cuts.longest_ms
            assert length >= min(cuts.shortest_ms, gap.end_ms - gap.start_ms)
            assert np.array_equal(piece.samples, samples[piece.span.start_ms * MS : piece.span.end_ms * MS])
        for one, two in pairwise(inside):
            check_moment(cuts, one, two, gap, samples, speech)
    assert len(made) == sum(sum(g.start_ms <= p.span.start_ms < g.end_ms for p in made) for g in fresh(kept, ms))
    least, most, sound = cuts.estimate(ms, kept)
    assert least <= most
    assert sound == sum(piece.span.end_ms - piece.span.start_ms for piece in made)


def check_moment(cuts: PauseCuts, one: Piece, two: Piece, gap: Span, samples: np.ndarray, speech: np.ndarray) -> None:
    """Of all moments that the first could have ended at none is farther from speech, nor as far and quieter."""
    first = one.span.start_ms + cuts.shortest_ms
    last = min(one.span.start_ms + cuts.longest_ms, gap.end_ms - cuts.shortest_ms)
    moments = [f for f in range(len(speech)) if first <= (f * FRAME + FRAME // 2) / MS <= last]
    assert moments
    talks = np.flatnonzero(speech >= 0.35)

    def merit(frame: int) -> tuple[int, float]:
        away = min(10, int(np.abs(talks - frame).min()) if len(talks) else 10)
        return away, -float(np.square(samples[frame * FRAME : (frame + 1) * FRAME], dtype=np.float64).sum())

    chosen = one.span.end_ms * MS // FRAME
    assert one.span.end_ms * MS == chosen * FRAME + FRAME // 2
    assert merit(chosen) == max(merit(frame) for frame in moments)
    assert two.span.start_ms == one.span.end_ms


def test_a_word_is_not_halved_where_there_is_a_pause() -> None:
    """Talk of 5.5 s and pauses of 0.5 s: every cut lies in one, in its middle."""
    speech = np.tile(np.repeat(np.array([0.9, 0.05], np.float32), [172, 16]), 12)
    samples = np.random.default_rng(5).normal(0, 800, len(speech) * FRAME).astype(np.int16)
    ends = [piece.span.end_ms for piece in PauseCuts(4000, 12_000).cut([ScoredBlock(samples, speech)])]
    assert len(ends) > 5
    for end in ends[:-1]:
        frame = end * MS // FRAME
        assert 172 + 7 <= frame % 188 <= 172 + 8


def test_memory_stays_flat_however_long_the_stream() -> None:
    """The pieces hold views of a buffer: it never has more than what a cut looks at, also where all is kept."""

    def endless(minutes: int) -> Iterator[ScoredBlock]:
        for _ in range(minutes * 60):
            yield ScoredBlock(np.zeros(31 * FRAME, np.int16), np.zeros(31, np.float32))

    kept = [Span(60_000, 8 * 60_000)]
    for cutter in (OverlappingWindows(10_000, 2000), PauseCuts(4000, 12_000)):
        sizes = []
        for piece in cutter.cut(endless(10), kept):
            base = piece.samples
            while isinstance(base.base, np.ndarray):
                base = base.base
            sizes.append(len(base) / 16_000)
        assert max(sizes) < 30
