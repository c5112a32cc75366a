"""For every test of the screens."""

from __future__ import annotations

import pytest
import textual.app
import textual.pilot

from tests.tui.wait import settled
from tui.status import monitor


@pytest.fixture(autouse=True)
def no_time_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is done when what it sent has been handled; what another process writes is seen at once."""
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", settled)
    monkeypatch.setattr(monitor, "COUNTS_S", 0.1)
