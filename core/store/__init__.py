"""The workspace's SQLite file. `Store` opens it; each table group has a room of its own.

with Store(workspace.db_path) as store:
    store.videos.all()
    store.transcripts.save("talk_0_10", "text", who="person")
"""

from core.store.connection import DamagedStore, StoreFault
from core.store.records import Captions, Evaluation, EvaluationRow, Segment, SegmentRow, Source, TranscriptRow, Video
from core.store.store import Store

__all__ = [
    "Captions",
    "DamagedStore",
    "Evaluation",
    "EvaluationRow",
    "Segment",
    "SegmentRow",
    "Source",
    "Store",
    "StoreFault",
    "TranscriptRow",
    "Video",
]
