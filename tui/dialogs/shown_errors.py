"""Which error a dialog is showing, so that the same one is shown once."""

from __future__ import annotations

import time

from core.errors import UserError

AGAIN_S = 1.0
"""Coming back from the dialog makes a screen read anew; meeting the same fault then is no news."""


class ShownErrors:
    def __init__(self) -> None:
        self._shown: tuple[str, str] | None = None
        self._closed: dict[tuple[str, str], float] = {}

    def begin(self, error: UserError) -> bool:
        """True if it is to be shown now; False while it is, or has just been."""
        met = (error.what, error.why)
        if self._shown == met or time.monotonic() < self._closed.get(met, float("-inf")) + AGAIN_S:
            return False
        self._shown = met
        return True

    def end(self, error: UserError) -> None:
        """Its dialog was closed."""
        self._shown = None
        self._closed[error.what, error.why] = time.monotonic()
