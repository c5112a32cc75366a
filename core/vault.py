"""The secrets in links of a workspace, kept apart from the links: `secrets.jsonl`, which only its owner may read.

Whatever is stored, logged or shown of `https://me:PASS@host/feed?token=T` is
`https://hidden-3f9ab2c1@host/feed?token=hidden-77c0d1e5`. Only who asks the site turns it back (`reveal`).

    {"id": "3f9ab2c1", "secret": "me:PASS"}
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.files import append_whole, read_bytes
from core.redaction import REFERENCE, redact_links, remember

MOST_BYTES = 16_000_000
MARK = "hidden-"


class Vault:
    """`seal` takes secrets out of links, `reveal` puts them back; both leave everything else as it is.

    The file is made when there is a first secret. Several processes may write at once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._secrets: dict[str, str] = {}
        """By their ids, as far as the file has been read."""
        self._ids: dict[str, str] = {}
        self._read_to = 0

    def seal(self, value: Any) -> Any:
        """A text, or a value as JSON has them, with a reference in place of each secret in its links. OSError if a new
        secret cannot be stored."""
        return _mapped(value, lambda text: redact_links(text, self._reference) if _may_hold_link(text) else text)

    def reveal(self, value: Any) -> Any:
        """The same with the secrets in their places. From now on they are hidden in all that this process says.

        UserError if one of them is not in the file.
        """
        return _mapped(value, lambda text: REFERENCE.sub(self._secret, text) if MARK in text else text)

    def _reference(self, secret: str) -> str:
        _hide(secret)
        if secret not in self._ids:
            self._store(secret)
        return MARK + self._ids[secret]

    def _secret(self, found: re.Match[str]) -> str:
        if found[1] not in self._secrets:
            self._read()
        if (secret := self._secrets.get(found[1])) is None:
            raise UserError(
                "the password or token of this link is not known any more",
                f"{self.path.name} in the workspace does not hold {found[0]}",
                "add the whole link again: whispersmith add URL",
            )
        _hide(secret)
        return secret

    def _store(self, secret: str) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            # The same secret has one reference, whoever comes first; without locks it may have two.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._read()
            if secret not in self._ids:
                id = secrets.token_hex(4)
                # A line that a crash has torn ends here.
                torn = os.fstat(descriptor).st_size > self._read_to
                line = ("\n" if torn else "") + json.dumps({"id": id, "secret": secret}) + "\n"
                append_whole(descriptor, line.encode())
                os.fsync(descriptor)
                self._take(id, secret)
        finally:
            os.close(descriptor)

    def _read(self) -> None:
        if not self.path.exists():
            return
        data = read_bytes(self.path, MOST_BYTES)
        whole = data.rfind(b"\n") + 1
        for line in data[self._read_to : whole].splitlines():
            try:
                found = json.loads(line)
                self._take(str(found["id"]), str(found["secret"]))
            except (ValueError, KeyError, TypeError, RecursionError):
                continue  # a torn line: its link asks for its secret, and says so
        self._read_to = whole

    def _take(self, id: str, secret: str) -> None:
        self._secrets[id] = secret
        self._ids.setdefault(secret, id)


def _hide(secret: str) -> None:
    """A login as a whole, and its password alone."""
    remember([secret, secret.partition(":")[2]])


def _may_hold_link(text: str) -> bool:
    return "://" in text or "@" in text


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(one, change) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(one, change) for one in value]
    return value
