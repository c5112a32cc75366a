"""A file in the editor that the person has chosen with $VISUAL or $EDITOR; the app must be suspended meanwhile."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from core.errors import UserError

FALLBACKS = ("nano", "vim", "vi")


def editor_command() -> list[str]:
    """$VISUAL, else $EDITOR, else what is here. UserError if there is none, or it is not found."""
    for name in ("VISUAL", "EDITOR"):
        value = os.environ.get(name, "").strip()
        if not value:
            continue
        try:
            command = shlex.split(value)
        except ValueError as error:
            raise UserError(f"${name} cannot be read", f"{value}: {error}", f"export {name}=nano") from error
        if shutil.which(command[0]) is None:
            raise UserError(f"${name} is not found here", f"there is no program {command[0]}", f"export {name}=nano")
        return command
    found = next(filter(shutil.which, FALLBACKS), None)
    if found is None:
        raise UserError(
            "there is no editor", f"no $EDITOR is set, and no {', '.join(FALLBACKS)} is here", "export EDITOR="
        )
    return [found]


def edit(command: list[str], path: Path) -> None:
    """Wait until the person has closed the file. UserError if the editor ends with an error."""
    try:
        code = subprocess.run([*command, str(path)], check=False).returncode
    except OSError as error:
        raise UserError(f"{command[0]} does not start", error.strerror or str(error), "export EDITOR=nano") from error
    if code:
        raise UserError(f"{command[0]} ended with {code}", "nothing was taken over", f"what was written is in {path}")
