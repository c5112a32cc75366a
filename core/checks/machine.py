"""What several checks look at, read once and together: the bus, the driver, the cards, torch's files."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from core.gpu import Gpu, HostInfo, Survey, TorchBuild, choose, installed_torch, read_host_info, survey
from core.gpu.choice import visible_gpus

FRESH_S = 5.0
"""Checks asked within this time look at the same readings; asking again later reads anew."""


class Machine:
    """Each reading is made when it is first asked for, by whichever thread comes first; the others wait for it."""

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        read_survey: Callable[[], Survey] = survey,
        read_torch: Callable[[], TorchBuild | None] = installed_torch,
    ) -> None:
        self._read_at = time.monotonic()
        self._root = root
        self._read_survey, self._read_torch = read_survey, read_torch
        self._survey_lock, self._torch_lock = threading.Lock(), threading.Lock()
        self._survey: Survey | None = None
        self._torch: tuple[TorchBuild | None] | None = None
        self.host: HostInfo = read_host_info(root)

    @property
    def root(self) -> Path:
        return self._root

    @property
    def survey(self) -> Survey:
        with self._survey_lock:
            if self._survey is None:
                self._survey = self._read_survey()
                self._read_at = time.monotonic()
            return self._survey

    @property
    def fresh(self) -> bool:
        """Read a moment ago, or being read: a driver that hangs is waited for once, not once a check."""
        return self._survey_lock.locked() or time.monotonic() - self._read_at < FRESH_S

    @property
    def torch(self) -> TorchBuild | None:
        with self._torch_lock:
            if self._torch is None:
                self._torch = (self._read_torch(),)
            return self._torch[0]

    def cards(self, wish: str | None = None) -> list[Gpu]:
        """The cards a job may use, the one it would take first."""
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        allowed = visible_gpus(self.survey.gpus, visible)
        chosen = choose(self.survey.gpus, wish, visible)
        return sorted(allowed, key=lambda card: card is not chosen and card != chosen)


_lock = threading.Lock()
_current: Machine | None = None


def current() -> Machine:
    """The machine as it was read a moment ago, or a new reading."""
    global _current
    with _lock:
        if _current is None or not _current.fresh:
            _current = Machine()
        return _current
