"""What a job's process prints, without secrets: tracebacks and libraries repeat links, headers and cookies."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import threading
from typing import TextIO

from core.redaction import redact

LONGEST_HELD = 64_000
"""Characters without an end of line, as progress bars write them, that are held back before they are written."""

_END_OF_LINE = re.compile(r"[\r\n]")


class RedactedStream(io.TextIOBase):
    """A text stream that is written line by line, each without secrets. A line waits for its end, or for `flush`."""

    def __init__(self, below: TextIO) -> None:
        self._below = below
        self._held = ""
        self._lock = threading.RLock()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._below.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._below.errors

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._below.isatty()

    def fileno(self) -> int:
        return self._below.fileno()

    def write(self, text: str, /) -> int:
        with self._lock:
            self._held += text
            ends = [found.end() for found in _END_OF_LINE.finditer(self._held)]
            whole = len(self._held) if len(self._held) > LONGEST_HELD else ends[-1] if ends else 0
            if whole:
                lines, self._held = self._held[:whole], self._held[whole:]
                self._put("".join(redact(line) for line in lines.splitlines(keepends=True)))
        return len(text)

    def flush(self) -> None:
        with self._lock:
            if self._held:
                held, self._held = self._held, ""
                self._put(redact(held))

    def _put(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a full disk shall end the job with its own reason, not with this one
            self._below.write(text)
            self._below.flush()


def redact_output() -> None:
    """From now on, for all that this process prints through Python."""
    sys.stdout, sys.stderr = RedactedStream(sys.stdout), RedactedStream(sys.stderr)


def redact_errors() -> None:
    """Where the standard output is a protocol."""
    sys.stderr = RedactedStream(sys.stderr)
