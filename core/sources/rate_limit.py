"""How fast a site may be asked: short pauses for a few, then so many an hour. Pure: the caller brings the clock."""

from __future__ import annotations

from dataclasses import dataclass

BURST = 100
"""Requests of one run with the short pause only: a playlist of usual length is through in two minutes. Guests are
let in some 300 times an hour (yt-dlp's wiki), which a long list would soon exceed at that speed."""

_HOUR_S = 3600.0


@dataclass
class RateLimiter:
    """pause_s: between any two requests. per_hour: how many an hour after the first `burst`, 0 for no limit."""

    pause_s: float
    per_hour: int = 0
    burst: int = BURST
    begun: int = 0
    last: float | None = None

    def wait_s(self, now: float) -> float:
        """Seconds from `now` (a monotonic clock) until the next request may begin; 0 for at once."""
        if self.last is None:
            return 0.0
        return max(0.0, self.last + self.gap_s - now)

    @property
    def gap_s(self) -> float:
        """Between the beginning of the last request and that of the next."""
        slow = _HOUR_S / self.per_hour if self.per_hour and self.begun >= self.burst else 0.0
        return max(self.pause_s, slow)

    def begin(self, now: float) -> None:
        """A request begins now."""
        self.last = now
        self.begun += 1
