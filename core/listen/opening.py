"""Which player fits here: this machine's loudspeaker where somebody sits in front of it, else a browser tab."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

from core.listen.clips import EncodedClips
from core.listen.player import Changed, Player, is_remote
from core.listen.segment_clips import load_clip
from core.store import Store
from core.workspace import Workspace

REMEMBERED = "listen.json"
"""In the workspace's logs: port and token of the tab, for the next app."""


def open_player(
    workspace: Workspace, store: Store, changed: Changed, environment: Mapping[str, str] = os.environ
) -> Player:
    """Open it; call this in a thread, since devices and ports take their time. UserError if nothing can be opened."""
    clips = EncodedClips(partial(load_clip, workspace, store))
    if not is_remote(environment):
        from core.listen.local import LocalPlayer, has_device

        if has_device():
            return LocalPlayer(clips, changed)
    from core.listen.browser import BrowserPlayer

    return BrowserPlayer(clips, changed, workspace.logs / REMEMBERED)
