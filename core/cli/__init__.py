"""The command line: everything the screens do, and the same jobs behind it.

parser.py     the commands, their options, and README's table of them
arguments.py  an argument parser that complains like everything else here
commands.py   commands that answer at once, from the store
stages.py     commands that run a stage as a job and follow it
jobs.py       the jobs themselves: list, follow, hold, stop
recovery.py   repair and backup
follow.py     a job's events on a terminal
show.py       tables, progress bars and errors on a terminal
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError, of_os_error

DONE, ITEM_FAILED, USAGE, CANNOT = 0, 1, 2, 3


@dataclass(frozen=True)
class AppOptions:
    """How the full-screen app is opened. ascii: no glyphs of ambiguous width. no_mouse: native selection works.

    ambiguous_width: how many cells the terminal gives such glyphs, None where it has not been asked.
    """

    ascii: bool = False
    no_mouse: bool = False
    ambiguous_width: int | None = None


OpenApp = Callable[[Path, AppOptions], int]


def main(argv: list[str], open_app: OpenApp) -> int:
    """Run one command and return its exit code; `open_app` is called for the full-screen app."""
    from core.cli import parser, show
    from core.cli.arguments import UsageError

    try:
        arguments = parser.parse(argv)
        return int(arguments.function(arguments, open_app))
    except UserError as error:
        show.error(error)
        return USAGE if isinstance(error, UsageError) else CANNOT
    except BrokenPipeError:
        # The reader of a pipe has gone (`whispersmith segments | head`): that is its right.
        sys.stderr.close()
        return DONE
    except OSError as error:
        show.error(of_os_error(error, "the command could not be carried out"))
        return CANNOT
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return CANNOT
