"""Clips to listen to, and a server that is closed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from core.errors import UserError
from core.listen.clips import EncodedClips, SegmentClip
from core.listen.server import ListenServer
from core.media import RATE

IDS = ("talk_0_10", "talk_8_18", "千千_16_26")


def tone(seconds: float, hertz: float = 440.0) -> np.ndarray:
    """A quiet sine, int16 mono at 16 kHz."""
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.int16)


def noise(seconds: float, seed: int) -> np.ndarray:
    """Something no encoder can make small: white noise that comes and goes as syllables do, int16 mono at 16 kHz."""
    count = round(seconds * RATE)
    syllables = np.abs(np.sin(2 * np.pi * 2.5 * np.arange(count) / RATE))
    return (4000 * syllables * np.random.default_rng(seed).standard_normal(count)).clip(-32768, 32767).astype(np.int16)


def load(id: str, around: bool) -> SegmentClip:
    if id not in IDS:
        raise UserError(f"there is no segment {id}")
    lead = 1500 if around else 0
    return SegmentClip(id, tone(10 + 2 * lead / 1000), id, "大家好 <b>我是</b>", lead, 10_000)


@contextmanager
def serving(port: int = 0, **more: object) -> Iterator[ListenServer]:
    server = ListenServer(EncodedClips(load), port=port, **more)  # type: ignore[arg-type]
    server.start()
    try:
        yield server
    finally:
        server.close()
