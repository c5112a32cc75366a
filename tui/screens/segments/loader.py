"""Reading the store for the segments screen: the recordings, and the rows of the one that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.config import SegmentConfig
from core.errors import UserError
from core.media.mel import MelSettings
from core.store import SegmentRow, Store, Video
from core.whisper.info import mel_settings
from core.workspace import Workspace
from tui.many_rows import read_many
from tui.screens.review_state import short_name
from tui.screens.segments.rows import SegmentRows


@dataclass(frozen=True)
class Hearing:
    """How the chosen model hears. name: what it is called, "" while it is not here."""

    name: str = ""
    mel: MelSettings = field(default_factory=MelSettings)


@dataclass(frozen=True)
class Loaded:
    """videos: those that are here. video: the one shown, its id. rows: of it; None where they are as they were."""

    videos: Sequence[Video]
    video: str | None
    rows: SegmentRows | None
    settings: SegmentConfig
    hearing: Hearing


def load(workspace: Workspace, wanted: str | None, known: Sequence[SegmentRow] | None, ascii: bool) -> Loaded:
    """Read it all; a third of a second for 100 000 segments, so in a thread. UserError if something cannot be read.

    wanted: the recording to show, else the first. known: its rows as they are shown; None where others are.
    """
    # A store of its own, closed at once: the shared one keeps a connection for every thread that ever asked.
    with Store(workspace.db_path) as store:
        videos = [video for video in store.videos.all() if video.path]
        ids = [video.id for video in videos]
        id = wanted if wanted in ids else next(iter(ids), None)
        rows = read_many(lambda: SegmentRows(store.segments.of_recording(id) if id is not None else [], ascii))
        config = workspace.config()
        hearing = hearing_of((config.model.base, config.model.labeller), workspace)
        same = known is not None and id == wanted and rows.rows == known
        return Loaded(videos, id, None if same else rows, config.segment, hearing)


def hearing_of(models: Sequence[str], workspace: Workspace) -> Hearing:
    """How the first of these models that is here hears; as most Whispers do where none is."""
    for model in models:
        try:
            return Hearing(short_name(model), mel_settings(model, workspace.root))
        except UserError:
            continue  # Setup says what is wrong with it
    return Hearing()
