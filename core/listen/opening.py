"""Which player fits here: this machine's loudspeaker where somebody sits in front of it, else a browser tab, else a
file; or the one that is set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

from core.errors import UserError
from core.listen.clips import EncodedClips
from core.listen.player import Changed, Player, is_remote
from core.listen.segment_clips import load_clip
from core.store import Store
from core.workspace import Workspace

REMEMBERED = "listen.json"
"""In the workspace's logs: port and token of the tab, for the next app."""

CLIP_FILE = "listen.wav"
"""In the workspace's logs: what was asked for last, for other players."""


def open_player(
    workspace: Workspace, store: Store, changed: Changed, environment: Mapping[str, str] = os.environ
) -> Player:
    """Open it; call this in a thread, since devices and ports take their time. UserError if the one that is set in
    `[listen] player` cannot be opened."""
    wanted = workspace.config().listen.player
    clips = EncodedClips(partial(load_clip, workspace, store))
    if wanted == "here" or (wanted == "auto" and not is_remote(environment)):
        from core.listen.local import LocalPlayer, has_device

        if has_device():
            return LocalPlayer(clips, changed)
        if wanted == "here":
            raise UserError(
                "nothing can be heard here", "this machine has no loudspeaker", 'set player = "auto" under [listen]'
            )
    if wanted != "file":
        from core.listen.browser import BrowserPlayer

        try:
            return BrowserPlayer(clips, changed, workspace.logs / REMEMBERED)
        except UserError:
            if wanted == "browser":
                raise
    from core.listen.file import FilePlayer

    return FilePlayer(clips, workspace.logs / CLIP_FILE, changed)
