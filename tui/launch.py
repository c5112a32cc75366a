"""The entry point `whispersmith`: the command line, and the full-screen app when no command is given."""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserError

if TYPE_CHECKING:
    from core.cli import AppOptions

# Read by Textual once, at import. Over SSH every frame is bytes on a line: nothing slides, nothing fades.
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")


def main() -> None:
    """Run one command, or the app; ends the process with its exit code."""
    from core import cli

    sys.exit(cli.main(sys.argv[1:], open_app=open_app))


def open_app(folder: Path, options: AppOptions) -> int:
    """Show the app for a folder, a workspace or not yet one, until it is left. Returns the exit code.

    UserError where there is no terminal, or the workspace cannot be opened.
    """
    if not (sys.stdin.isatty() and sys.__stderr__ is not None and sys.__stderr__.isatty()):
        raise UserError(
            "the full-screen app needs a terminal",
            "input or output is a file or a pipe (nohup does that too)",
            "whispersmith --help lists the commands that need none; a running job goes on without the app anyway",
        )
    from core.checks.terminal import ask_ambiguous_width
    from core.text import LONGEST_TEXT, clean
    from core.workspace import is_workspace, open_workspace
    from tui.app import WhispersmithApp
    from tui.terminal import alt_keys

    alt_keys.read_as_one_key()
    workspace = open_workspace(folder) if is_workspace(folder) else None
    # Where lines and blocks take two cells, tables would shift: plain signs are used then without being asked for.
    width = ask_ambiguous_width()
    options = replace(options, ascii=options.ascii or width == 2, ambiguous_width=width)
    app = WhispersmithApp(workspace, options, folder=folder)
    # What is loaded by now stays. The collector would look through it again and again, 60 ms without a key each.
    gc.freeze()
    while True:
        app.run(mouse=not options.no_mouse)
        for line in app.left_over:
            print(clean(line, 2 * LONGEST_TEXT), file=sys.stderr)
        if not app.wants_repair:
            return app.return_code or 0
        app = WhispersmithApp(workspace, options, folder=folder, repair=True)


if __name__ == "__main__":
    main()
