"""The cut that a workspace's settings mean."""

from __future__ import annotations

from core.config import SegmentConfig
from core.media.windows import Cutter, OverlappingWindows, PauseCuts


def cutter_of(settings: SegmentConfig) -> Cutter:
    """settings: without a `conflict`."""
    if settings.mode == "pauses":
        return PauseCuts(_ms(settings.shortest_s), _ms(settings.longest_s))
    return OverlappingWindows(_ms(settings.length_s), _ms(settings.overlap_s))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
