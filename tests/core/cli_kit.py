"""The command line, called in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.cli import main

Run = Callable[..., tuple[int, str, str]]


def caller(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: exit code, stdout, stderr."""

    def call(*argv: object) -> tuple[int, str, str]:
        try:
            code = main([str(word) for word in argv], lambda folder, options: 0)
        except SystemExit as error:
            code = int(error.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
