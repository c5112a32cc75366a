"""Copying over SSH: the terminal's clipboard may refuse without a word, so the text also goes to a file."""

from __future__ import annotations

from core.files import write_private
from core.workspace import Workspace


def keep(workspace: Workspace | None, text: str) -> tuple[str, str]:
    """Write the text to logs/clipboard.txt, for its owner only: it may be the address of the listening tab.

    Returns the sentence that says where it is, and how severe that is.
    """
    if workspace is None:
        return "It is on your terminal's clipboard, if it takes one", "information"
    path = workspace.logs / "clipboard.txt"
    try:
        workspace.logs.mkdir(exist_ok=True)
        write_private(path, text + "\n")
    except OSError as error:
        return f"Sent to your terminal's clipboard; {path} could not be written: {error.strerror}", "error"
    return f"It is on your terminal's clipboard, if it takes one, and in {path}", "information"
