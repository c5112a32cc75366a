"""Which checks may run now: each after those it stands on, a few at a time, none for longer than it has. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.checks.check import FAIL, SKIPPED, Check, CheckSpec, skipped
from core.checks.runner import LANES

GRACE_S = 5.0
"""A check gives itself up after its own time; this much later nobody waits for it any more."""


@dataclass(frozen=True)
class RunningCheck:
    """A check under way. number: which asking it belongs to; since: by the clock of the round."""

    number: int
    since: float


class CheckRound:
    """Where every check stands. `ask`, then start what `begin` names; say what came of it with `answer`, and call
    `expire` now and then. What stands on a failed check is skipped without being asked."""

    def __init__(
        self, specs: Iterable[CheckSpec], lanes: int = LANES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._specs = {spec.id: spec for spec in specs}
        self._lanes, self._clock = lanes, clock
        self._due: set[str] = set()
        self._running: dict[str, RunningCheck] = {}
        self._asked = 0
        self.answers: dict[str, Check] = {}

    def ask(self, ids: Iterable[str]) -> None:
        """Ask these anew, and all that stand on them. One that is running already goes on: its answer will be new."""
        wanted = set(ids)
        for spec in self._specs.values():
            if spec.id in wanted or not wanted.isdisjoint(spec.needs):
                wanted.add(spec.id)
                self.answers.pop(spec.id, None)
                if spec.id not in self._running:
                    self._due.add(spec.id)

    def begin(self) -> list[tuple[str, int]]:
        """(id, number) of the checks to start now."""
        found = []
        for spec in self._specs.values():
            if spec.id not in self._due or not all(need in self.answers for need in spec.needs):
                continue
            blocker = self._blocker(spec)
            if blocker is not None:
                self._due.discard(spec.id)
                self.answers[spec.id] = skipped(spec, blocker)
            elif len(self._running) < self._lanes:
                self._due.discard(spec.id)
                self._asked += 1
                self._running[spec.id] = RunningCheck(self._asked, self._clock())
                found.append((spec.id, self._asked))
        return found

    def _blocker(self, spec: CheckSpec) -> str | None:
        for need in spec.needs:
            answer = self.answers[need]
            if answer.verdict == FAIL:
                return need
            if answer.verdict == SKIPPED:
                return answer.blocked_by
        return None

    def answer(self, number: int, check: Check) -> bool:
        """What check number `number` found; False if it is not waited for any more."""
        run = self._running.get(check.id)
        if run is None or run.number != number:
            return False
        del self._running[check.id]
        self.answers[check.id] = check
        return True

    def expire(self) -> bool:
        """Give up what has not come back in its time; whether there was any. The rest goes on."""
        late = [id for id, run in self._running.items() if self._clock() - run.since >= self._limit(id)]
        for id in late:
            del self._running[id]
            found = f"no answer in {self._limit(id):g} s"
            why = "the disk, the driver or the network hangs, and this check with it; the others went on"
            self.answers[id] = Check(id, self._specs[id].title, FAIL, found, why, "sudo dmesg | tail -50")
        return bool(late)

    def _limit(self, id: str) -> float:
        return self._specs[id].timeout_s + GRACE_S

    def running_s(self, id: str) -> float | None:
        """For how long it has been running; None if it does not."""
        run = self._running.get(id)
        return None if run is None else self._clock() - run.since

    def waits_for(self, id: str) -> str | None:
        """The id of the first check that it stands on and that has no answer yet."""
        return next((need for need in self._specs[id].needs if need not in self.answers), None)

    def blocker_of(self, id: str) -> str:
        """The id of the check that stops this one, or its own."""
        check = self.answers.get(id)
        return check.blocked_by if check is not None and check.blocked_by in self._specs else id

    @property
    def busy(self) -> bool:
        return bool(self._running or self._due)

    @property
    def running(self) -> list[str]:
        return list(self._running)
