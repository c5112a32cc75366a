"""What a check is: what it found, the word for it, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from core.checks.machine import Machine, current
from core.config import Config
from core.workspace import Workspace

OK, WARN, FAIL, SKIPPED = "ok", "warn", "fail", "skipped"


@dataclass(frozen=True)
class Check:
    """One line of the set-up. found, why and fix are one line each; detail may be several: what a good check knows
    beyond its line (UUIDs, programs on a card)."""

    id: str
    title: str
    verdict: str
    found: str
    why: str = ""
    fix: str = ""
    detail: str = ""
    blocked_by: str = ""
    """Of a check that is skipped: the id of the one that stopped it."""
    repeats: str = ""
    """The id of a check above that found the very same: its why and fix mend this one, too."""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Answer:
    """What a check's function returns. stops: the checks that stand on this one make no sense now; a failed check
    always stops them. repeats: as in `Check`."""

    verdict: str
    found: str
    why: str = ""
    fix: str = ""
    detail: str = ""
    stops: bool = False
    repeats: str = ""


def ok(found: str, detail: str = "") -> Answer:
    return Answer(OK, found, detail=detail)


def warn(
    found: str, why: str = "", fix: str = "", *, detail: str = "", stops: bool = False, repeats: str = ""
) -> Answer:
    return Answer(WARN, found, why, fix, detail, stops, repeats)


def fail(found: str, why: str = "", fix: str = "", *, repeats: str = "") -> Answer:
    return Answer(FAIL, found, why, fix, stops=True, repeats=repeats)


@dataclass(frozen=True)
class Context:
    """What the checks are made for. Without a workspace the folder checks look at the current one.

    machine: what was read of driver and torch, shared by the checks that need it. ambiguous_width: how many cells the
    terminal gives to characters like "─", 1 or 2, None where nobody has asked it.
    """

    workspace: Workspace | None
    config: Config
    machine: Machine = field(default_factory=current)
    ambiguous_width: int | None = None


@dataclass(frozen=True)
class CheckSpec:
    """needs: ids of the checks this one stands on. timeout_s: after which it is given up."""

    id: str
    title: str
    function: Callable[[Context], Answer]
    needs: tuple[str, ...] = ()
    timeout_s: float = 10.0


def skipped(spec: CheckSpec, blocker: str) -> Check:
    """The check that was not made because `blocker` (an id) stopped it."""
    return Check(spec.id, spec.title, SKIPPED, f"after {blocker}", blocked_by=blocker)
