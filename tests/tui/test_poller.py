"""What is read again and again is passed on when it changes, an error like anything else."""

from __future__ import annotations

from core.errors import UserError
from tests.jobs.conftest import wait_for
from tui.poller import Poller


def test_a_change_is_passed_on_once_and_an_error_like_a_change():
    found: list[object] = []
    values = iter([1, 1, 2])

    def read() -> int:
        value = next(values, None)
        if value is None:
            raise UserError("the disk is away")
        return value

    poller = Poller(0.01, read, found.append, "test")
    poller.start()
    wait_for(lambda: len(found) >= 3)
    wait_for(lambda: poller.polls >= 6)
    poller.stop()
    assert found == [1, 2, UserError("the disk is away")]
