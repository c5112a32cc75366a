"""Running the set-up checks: each after those it stands on, several at a time, and none for longer than it has."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator

from core.checks.check import FAIL, Answer, Check, CheckSpec, Context, skipped
from core.checks.table import CHECKS
from core.errors import UserError
from core.redaction import redact

LANES = 3
"""Checks that run at the same time: the slow ones must not hold up the rest, nor all of them the machine."""


def run_check(id: str, context: Context, checks: Iterable[CheckSpec] = CHECKS) -> Check:
    """Run one check, or say which check it waits for. It never raises for what it finds, and comes back in time:
    a UserError becomes a failed check, and one that hangs is left behind."""
    specs = {spec.id: spec for spec in checks}
    spec = specs[id]
    blocker = _blocker(spec, context, specs)
    if blocker is not None:
        return skipped(spec, blocker)
    answer = _answer(spec, context)
    found, why, fix, detail = (redact(text) for text in (answer.found, answer.why, answer.fix, answer.detail))
    return Check(spec.id, spec.title, answer.verdict, found, why, fix, detail, repeats=answer.repeats)


def run_all(context: Context, checks: Iterable[CheckSpec] = CHECKS) -> Iterator[Check]:
    """Every check, in order; several run at the same time."""
    specs = tuple(checks)
    due: queue.SimpleQueue[CheckSpec] = queue.SimpleQueue()
    done: dict[str, queue.SimpleQueue[Check | BaseException]] = {spec.id: queue.SimpleQueue() for spec in specs}
    for spec in specs:
        due.put(spec)

    def lane() -> None:
        while True:
            try:
                spec = due.get_nowait()
            except queue.Empty:
                return
            try:
                done[spec.id].put(run_check(spec.id, context, specs))
            except BaseException as error:  # noqa: BLE001 - raised where the checks are read, below
                done[spec.id].put(error)

    for _ in range(LANES):
        threading.Thread(target=lane, name="checks", daemon=True).start()
    for spec in specs:
        found = done[spec.id].get()
        if isinstance(found, BaseException):
            raise found
        yield found


def _blocker(spec: CheckSpec, context: Context, specs: dict[str, CheckSpec]) -> str | None:
    """The first check on the way here that stops what stands on it. What the checks on that way read is read once."""
    for need in spec.needs:
        if found := _blocker(specs[need], context, specs):
            return found
        answer = _answer(specs[need], context)
        if answer.stops or answer.verdict == FAIL:
            return need
    return None


def _answer(spec: CheckSpec, context: Context) -> Answer:
    """What the check says; asked in a thread of its own, since a sick disk or driver may never let it go."""
    answers: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
    threading.Thread(target=_ask, args=(spec.function, context, answers), name=f"check {spec.id}", daemon=True).start()
    try:
        answer = answers.get(timeout=spec.timeout_s)
    except queue.Empty:
        found = f"no answer in {spec.timeout_s:g} s"
        return Answer(FAIL, found, "the disk, the driver or the network hangs", "try again; then look at: sudo dmesg")
    if isinstance(answer, UserError):
        return Answer(FAIL, answer.what, answer.why, answer.fix)
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _ask(
    function: Callable[[Context], Answer], context: Context, answers: queue.SimpleQueue[Answer | BaseException]
) -> None:
    try:
        answers.put(function(context))
    except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
        answers.put(error)
