"""`media/<id>.json`: what is to be said of a recording, beside it. CC BY asks for the attribution."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from core.config import write_text
from core.store.records import Video

# What may lie in media/ under a video's id and is not the recording.
_BESIDE = frozenset((".json", ".json3", ".srt", ".vtt", ".tmp", ".part", ".txt"))


def path_of(media: Path, id: str) -> Path:
    return media / f"{id}.json"


def write(media: Path, video: Video, **more: Any) -> None:
    """Write the sidecar of a row; `more` is added as it is. Lengths in milliseconds, dates as YYYY-MM-DD."""
    data = {
        "id": video.id,
        "title": video.title,
        "channel": video.channel,
        "channel_url": video.channel_url,
        "licence": video.licence,
        "licence_text": video.licence_text,
        "url": video.url,
        "upload_date": video.upload_date,
        "fetched": datetime.date.today().isoformat(),
        "duration_ms": video.duration_ms,
        **more,
    }
    write_text(path_of(media, video.id), json.dumps(data, ensure_ascii=False, indent=1) + "\n")


def read(media: Path, id: str) -> dict[str, Any]:
    """The sidecar, or {} where there is none that can be read: it is a record, nothing depends on it."""
    try:
        data = json.loads(path_of(media, id).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def on_disk(media: Path, id: str) -> Path | None:
    """The recording of this id in media/, whatever the store says; None if it is not there or empty."""
    found = [
        path
        for path in sorted(media.glob(f"{id}.*"))
        if path.stem == id and path.suffix.lower() not in _BESIDE and path.is_file() and path.stat().st_size > 0
    ]
    return next((path for path in found if path.suffix == ".mp4"), found[0] if found else None)
