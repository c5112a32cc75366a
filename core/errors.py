"""The one exception a person ever sees."""

from __future__ import annotations

import errno
from typing import ClassVar

from core.redaction import redact

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UserError(Exception):
    """Something the person can understand and mend.

    what: what happened, in one sentence. why: the cause, as far as it is known.
    fix: what to do next, preferably a command that can be copied.
    detail: the original text of a library or program, for the log and for `enter details`.

    None of them holds a password, a token or a cookie (core/redaction.py). Two that say the same are equal: they stand
    in events and states of jobs, which are compared.
    """

    FIELDS: ClassVar[tuple[str, ...]] = ("what", "why", "fix", "detail")

    def __init__(self, what: str, why: str = "", fix: str = "", detail: str = "") -> None:
        self.what = redact(what)
        self.why = redact(why)
        self.fix = redact(fix)
        self.detail = redact(detail)
        super().__init__(self.what)

    def __str__(self) -> str:
        return "\n".join(line for line in self.lines() if line)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UserError) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.what, self.why, self.fix, self.detail))

    def lines(self) -> tuple[str, str, str]:
        """what, why and fix as three short lines; the last two may be empty."""
        why = f"why  {self.why}" if self.why else ""
        fix = f"fix  {self.fix}" if self.fix else ""
        return self.what, why, fix

    def as_dict(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.FIELDS}

    @classmethod
    def from_dict(cls, data: dict[str, str]) -> UserError:
        return cls(data.get("what", ""), data.get("why", ""), data.get("fix", ""), data.get("detail", ""))

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str, str]]:
        return type(self), (self.what, self.why, self.fix, self.detail)


def of_os_error(error: OSError, what: str, again: str = "try again") -> UserError:
    """What the system refused, in words. what: that could not be done; again: what to do once the cause is gone."""
    place = f": {error.filename}" if error.filename else ""
    if error.errno in NO_ROOM:
        full = "the limit on its size is reached" if error.errno == errno.EFBIG else "the disk is full"
        return UserError(what, f"{full}{place}", f"make room on the disk, then {again}; nothing that was here is lost")
    if error.errno == errno.EROFS:
        return UserError(what, f"the file system is mounted read-only{place}", "copy it to one of your own")
    why = f"{error.strerror or error}{place}"
    return UserError(what, why, f"look whether it is there and may be written, then {again}")
