"""`media/<id>.json`: what is to be said of a recording, beside it. CC BY asks for the attribution."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.exchange.formats.table import caption_suffixes
from core.files import read_json, write_text
from core.licences import WORDS
from core.links import url_parts
from core.store.records import Video
from core.text import clean

# What may lie in media/ under a video's id and is not the recording.
_BESIDE = frozenset((".json", ".json3", ".tmp", ".part", ".txt"))


def path_of(media: Path, id: str) -> Path:
    return media / f"{id}.json"


def write(media: Path, video: Video, **more: Any) -> None:
    """Write the sidecar of a row; `more` is added as it is. Lengths in milliseconds, dates as YYYY-MM-DD.

    Whatever strangers call themselves, it has a title, a channel (the site, where there is none or nothing is left of
    its name), an address and a licence in words.
    """
    site = url_parts(video.url).hostname or ""
    data = {
        "id": video.id,
        "title": clean(video.title, 300) or video.id,
        "channel": clean(video.channel, 200) or clean(site, 200),
        "channel_url": clean(video.channel_url, 500),
        "licence": video.licence,
        "licence_text": clean(video.licence_text, 300) or WORDS.get(video.licence, ""),
        "url": clean(video.url, 4000),
        "upload_date": video.upload_date,
        "fetched": datetime.date.today().isoformat(),
        "duration_ms": video.duration_ms,
        **more,
    }
    text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    # Half a surrogate pair, as a broken title can hold it, is no UTF-8.
    write_text(path_of(media, video.id), text.encode("utf-8", "replace").decode("utf-8"))


def read(media: Path, id: str) -> dict[str, Any]:
    """The sidecar, or {} where there is none that can be read: it is a record, nothing depends on it."""
    try:
        data = read_json(path_of(media, id))
    except UserError:
        return {}
    return data if isinstance(data, dict) else {}


def on_disk(media: Path, id: str) -> Path | None:
    """The recording of this id in media/, whatever the store says; None if it is not there or empty."""
    return _best(path for path in media.glob(f"{id}*") if path.stem == id and _is_recording(path))


def all_on_disk(media: Path) -> dict[str, Path]:
    """id -> recording, as `on_disk` tells it one by one: the folder is read once."""
    found: dict[str, list[Path]] = {}
    for path in media.iterdir() if media.is_dir() else ():
        if _is_recording(path):
            found.setdefault(path.stem, []).append(path)
    return {id: path for id, paths in found.items() if (path := _best(paths)) is not None}


def _is_recording(path: Path) -> bool:
    return path.suffix.lower() not in _BESIDE | caption_suffixes() and path.is_file() and path.stat().st_size > 0


def _best(paths: Iterable[Path]) -> Path | None:
    found = sorted(paths)
    return next((path for path in found if path.suffix == ".mp4"), found[0] if found else None)
