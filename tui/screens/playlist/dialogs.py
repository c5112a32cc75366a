"""What the playlist screen asks before work begins, and how it shows what could not be had."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from core.errors import UserError
from core.events import Blocked
from core.store import Video
from tui.screens.playlist.block_panel import block_parts, goes_on
from tui.widgets import cells, dialog
from tui.widgets.path_completion import complete_path


def add_prompt(given: str) -> dialog.TextPrompt:
    """given: a link or path to begin with."""
    return dialog.TextPrompt(
        "Add a source",
        given,
        check=lambda text: None if text.strip() else "paste a link, or write a path",
        text="The link of a playlist, a channel, a video or a podcast feed; or the path of a file or a folder.",
        placeholder="https://www.youtube.com/playlist?list=...",
        complete=partial(complete_path, roots=(Path.cwd(),)),
    )


def licence_question(wanted: Sequence[Video], unfree: Sequence[Video]) -> dialog.Choice:
    """Asked once a workspace. Answers: "y" all of them, "c" only the free ones."""
    unknown = sum(video.licence == "unknown" for video in unfree)
    of_unknown = f"; of {unknown} the licence is not known" if unknown else ""
    text = (
        f"{len(unfree)} of {len(wanted)} are not under a Creative Commons licence{of_unknown}. Whether you may use "
        "them is for you to know. A yes is remembered for this workspace, and not asked again: any_licence "
        "under [fetch] in whispersmith.toml."
    )
    choices = [("y", f"I may use them: download all {len(wanted)}")]
    if free := len(wanted) - len(unfree):
        choices.insert(0, ("c", "only the one that is free" if free == 1 else f"only the {free} that are free"))
    return dialog.Choice("Licence", text, choices)


def captions_question(count: int) -> dialog.Choice:
    """For so many recordings. Answers: "p" what people wrote, "a" automatic ones too."""
    text = (
        "Captions are what label takes first. Those that people wrote come with each download; this asks for "
        "what is missing. What the site's own speech recognition heard is rough, but has times."
    )
    choices = [("p", "only what people wrote"), ("a", "also automatic recognition, where people wrote nothing")]
    return dialog.Choice(f"Captions of {count} recording{'s' * (count != 1)}", text, choices)


def failure(video: Video, error: dict[str, str]) -> dialog.Message:
    """Why a recording, or its captions, could not be had, in plain words; the original ones behind a key."""
    read = UserError.from_dict(error)
    title = cells.cut(cells.harmless(video.title or video.id), 140)
    return dialog.Message(title, read.what or "It failed", read.why, read.fix, read.detail)


def block_message(block: Blocked) -> dialog.Message:
    """All that a block of the site says, to be scrolled."""
    what, *rest = [f"{label}  {text}" if label else text for label, text in block_parts(block)]
    if block.left:
        rest.append(f"{block.left} recording{'s wait' if block.left != 1 else ' waits'}")
    rest += [f"{goes_on(block)}; r goes on now, x cancels"]
    return dialog.Message("The site lets no more through", "\n\n".join((what, *rest)))
