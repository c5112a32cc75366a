"""An argument parser whose complaints look like all other errors, and the ids that look like options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from core.errors import UserError

# The id of a video, or of a segment of one: what begins with a dash like an option, and is none.
_DASHED = re.compile(r"-[A-Za-z0-9_-]{10}(?:_\d+(?:ms)?_\d+(?:ms)?)?(?:\.wav)?")
_SHIELD = "\x00"
"""Stands before such an id while argparse looks: no argument of a program can hold it."""


class UsageError(UserError):
    """Wrong usage: exit code 2."""


class Parser(argparse.ArgumentParser):
    """argparse, with UsageError for a complaint, usage in one line, and the type "positive" (a whole number)."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, formatter_class=_OneLineUsage, **more)
        self.register("type", "positive", _positive)

    def error(self, message: str) -> NoReturn:
        command = self.prog.partition(" ")[2]
        what = f"{command}: {message}" if command else message
        raise UsageError(what.replace(_SHIELD, ""), " ".join(self.format_usage().split()), f"{self.prog} --help")


class _OneLineUsage(argparse.HelpFormatter):
    def add_usage(self, usage: str | None, actions: Any, groups: Any, prefix: str | None = None) -> None:
        """The general options are left out: they are the same everywhere, and the help lists them."""
        shown = [action for action in actions if action.dest not in ("help", "workspace")]
        super().add_usage(usage, shown, groups, prefix)


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 on")
    return number


def shield_ids(argv: Iterable[str], options: Iterable[str]) -> list[str]:
    """The arguments, with ids that begin with a dash marked, so that argparse takes them for no options of its own.

    options: those of the command. `unshield` takes the marks off what argparse has found.
    """
    known = list(options)
    return [_SHIELD + word if _is_id(word, known) else word for word in argv]


def unshield(arguments: argparse.Namespace) -> argparse.Namespace:
    for name, value in vars(arguments).items():
        if isinstance(value, str):
            setattr(arguments, name, value.removeprefix(_SHIELD))
        elif isinstance(value, list):
            setattr(arguments, name, [v.removeprefix(_SHIELD) if isinstance(v, str) else v for v in value])
    return arguments


def _is_id(word: str, options: list[str]) -> bool:
    """Whether a word is an id that begins with a dash. The options of 11 letters, and `-wfolder`, are none."""
    if not _DASHED.fullmatch(word) or (word.startswith("-w") and Path(word[2:]).is_dir()):
        return False
    return not (word.startswith("--") and any(option.startswith(word) for option in options))
