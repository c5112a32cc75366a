"""Where a text goes whose segment was cut away, or in whose place somebody else has written."""

from __future__ import annotations

from tui.effects import Effect, OpenDialog, Toast
from tui.host import host_of
from tui.screens.transcripts import dialogs
from tui.screens.transcripts.editor.editor import Notice
from tui.screens.transcripts.panes import ReviewPanes
from tui.screens.transcripts.session import ReviewSession


def place_text(session: ReviewSession, panes: ReviewPanes) -> list[Effect]:
    """Ask it of the first text that has lost its place, and do what is answered."""
    found = session.displaced.first(session.index)
    if found is None:
        return [Toast("No text has lost its place")]
    gone, there = found
    host = host_of(panes)

    def answered(answer: str) -> list[Effect]:
        if answer == "p" and there is not None:
            session.place(gone, there)
            panes.notify_at(Notice(there.id, f"{panes.time_of(there.id)} saved", there.id, "undoes"))
            panes.show_edited(there.id)
            panes.table.go_to_key(there.id)
        else:
            if answer == "c":
                host.copy_to_clipboard(gone.text)
            session.place(gone, None)
        panes.show_unsaved()
        panes.show_row()
        return []

    return [OpenDialog(dialogs.place_text(gone, there, host.ascii), answered)]
