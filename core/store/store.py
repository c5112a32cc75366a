"""The store: the database with a room for each group of tables."""

from __future__ import annotations

from pathlib import Path

from core.store.captions import CaptionSets
from core.store.cuts import Cuts
from core.store.database import Database
from core.store.evaluations import Evaluations
from core.store.second_readings import SecondReadings
from core.store.segments import Segments
from core.store.timed_texts import TimedTexts
from core.store.transcripts import Transcripts
from core.store.videos import Videos


class Store(Database):
    """The workspace's store, opened with `with Store(workspace.db_path) as store`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.videos = Videos(self)
        self.captions = CaptionSets(self)
        self.segments = Segments(self)
        self.cuts = Cuts(self)
        self.timed_texts = TimedTexts(self)
        self.transcripts = Transcripts(self)
        self.second_readings = SecondReadings(self)
        self.evaluations = Evaluations(self)
