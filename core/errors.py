"""The one exception a person ever sees."""

from __future__ import annotations


class UserError(Exception):
    """Something the person can understand and mend.

    what: what happened, in one sentence. why: the cause, as far as it is known.
    fix: what to do next, preferably a command that can be copied.
    detail: the original text of a library or program, for the log and for `enter details`.
    """

    def __init__(self, what: str, why: str = "", fix: str = "", detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        self.detail = detail

    def __str__(self) -> str:
        return "\n".join(line for line in self.lines() if line)

    def lines(self) -> tuple[str, str, str]:
        """what, why and fix as three short lines; the last two may be empty."""
        why = f"why  {self.why}" if self.why else ""
        fix = f"fix  {self.fix}" if self.fix else ""
        return self.what, why, fix

    def as_dict(self) -> dict[str, str]:
        return {"what": self.what, "why": self.why, "fix": self.fix, "detail": self.detail}

    @classmethod
    def from_dict(cls, data: dict[str, str]) -> UserError:
        return cls(data.get("what", ""), data.get("why", ""), data.get("fix", ""), data.get("detail", ""))

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str, str]]:
        return type(self), (self.what, self.why, self.fix, self.detail)
