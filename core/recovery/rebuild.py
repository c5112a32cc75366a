"""A new database from what lies in a workspace: first what could be read of the old one, last the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import typed_json
from core.events import Finished, Item, ItemState
from core.ids import is_safe
from core.jobs import EventReader
from core.jobs.spec import EVENTS, of_name
from core.licences import WORDS
from core.sources import sidecar
from core.sources.names import is_youtube_id, watch_url
from core.spans import parse_segment_name
from core.store import Segment, Store, Video
from core.store.salvage import salvage, take_in_edits, take_in_journals
from core.text import clean
from core.typed_json import Count
from core.workspace import Workspace


@dataclass(frozen=True)
class Sources:
    """How much each source has given. database: rows that could be read, by table; media, logs: recordings; segments:
    by their wavs; journal: segments with another text or verdict by it; unreadable: its lines that are none; edits:
    segments whose text or verdict only the edits in the database told of."""

    database: dict[str, int] = field(default_factory=dict)
    media: int = 0
    segments: int = 0
    logs: int = 0
    journal: int = 0
    unreadable: int = 0
    edits: int = 0


def rebuild(workspace: Workspace, damaged: Path, store: Store) -> Sources:
    """Fill an empty store with all that is left. damaged: the old database, which need not be there."""
    database = salvage(damaged, store) if damaged.exists() else {}
    media = _media(workspace, store)
    logs = _logs(workspace, store)
    segments = _segments(workspace, store)
    unreadable = 0

    def count_unreadable() -> None:
        nonlocal unreadable
        unreadable += 1

    journal = take_in_journals(workspace.root, store, count_unreadable)
    by_edits = take_in_edits(store)
    store.segments.recount()
    return Sources(database, media, segments, logs, journal, unreadable, by_edits)


# -- media/


@dataclass(frozen=True)
class _Sidecar:
    """What is taken from `media/<id>.json`, as `sidecar.write` puts it there."""

    title: str = ""
    channel: str = ""
    channel_url: str = ""
    licence: str = "unknown"
    licence_text: str = ""
    url: str = ""
    upload_date: str = ""
    duration_ms: Count | None = None


def _media(workspace: Workspace, store: Store) -> int:
    """Add the recordings that lie in media/ and have no row, and give those a path that have none."""
    known = {video.id: video for video in store.videos.all()}
    found = {id: path for id, path in sidecar.all_on_disk(workspace.media).items() if is_safe(id)}
    for id, path in found.items():
        stored, size = workspace.relative(path), path.stat().st_size
        if id not in known:
            store.videos.add(_video(workspace, id, stored, size))
        elif not known[id].path:
            store.videos.update(id, state="fetched", path=stored, bytes=size)
    return len(found.keys() - known.keys())


def _video(workspace: Workspace, id: str, path: str, size: int) -> Video:
    said = typed_json.build_or_default(_Sidecar, sidecar.read(workspace.media, id))
    return Video(
        id=id,
        url=clean(said.url, 4000),
        title=clean(said.title, 300) or id,
        channel=clean(said.channel, 200),
        channel_url=clean(said.channel_url, 500),
        duration_ms=said.duration_ms,
        upload_date=clean(said.upload_date, 20),
        licence=said.licence if said.licence in WORDS else "unknown",
        licence_text=clean(said.licence_text, 300),
        state="fetched",
        path=path,
        bytes=size,
    )


# -- segments/


def _segments(workspace: Workspace, store: Store) -> int:
    """Add the wavs that lie in segments/<recording>/ under the name of a segment and have no row."""
    known = {(row.video, row.start_ms, row.end_ms) for row in store.segments.all()}
    rows = []
    for path in sorted(workspace.segments.glob("*/*.wav")):
        found = parse_segment_name(path.name)
        if found is not None and found[0] == path.parent.name and is_safe(found[0]) and found not in known:
            rows.append(Segment(path.stem, *found, workspace.relative(path)))
    for id in sorted({row.video for row in rows} - {video.id for video in store.videos.all()}):
        store.videos.add(Video(id=id, title=id))
    store.segments.add(rows)
    return len(rows)


# -- logs/jobs/


@dataclass(frozen=True)
class _AddedSource:
    url: str
    kind: str
    title: str = ""


def _logs(workspace: Workspace, store: Store) -> int:
    """Bring back what the jobs have said: lists that were read, YouTube's recordings in them, and evaluations."""
    count = 0
    measured = store.evaluations.models()
    for folder in sorted(workspace.jobs.glob("*-*")):
        stage = of_name(folder).stage
        if stage not in ("add", "evaluate"):
            continue
        entries = [entry.event for entry in EventReader(folder / EVENTS).all()]
        result = next((event.result for event in entries if isinstance(event, Finished)), {})
        if stage == "evaluate":
            name = _measured_model(result)
            if name and name not in measured:
                store.evaluations.add(name, result, [])
            continue
        source = None
        for said in _added_sources(result):
            source = store.videos.add_source(said.url, said.kind, clean(said.title, 300))
        listed = [event.id for event in entries if isinstance(event, Item) and event.state == ItemState.LISTED]
        rows = [
            Video(id=id, source=source, position=position, url=watch_url(id), title=id)
            for position, id in enumerate(listed)
            if is_youtube_id(id)
        ]
        count += len(store.videos.add_many(rows))
    return count


def _added_sources(result: dict[str, Any]) -> Iterator[_AddedSource]:
    said = result.get("sources")
    for one in said if isinstance(said, list) else []:
        try:
            yield typed_json.build(_AddedSource, one)
        except ValueError:
            continue


def _measured_model(result: dict[str, Any]) -> str:
    """The name of the tuned model that an evaluation was of; "" where its result is not whole."""
    models = result.get("models")
    if not isinstance(models, dict) or not {"segments", "characters", "leak"} <= result.keys():
        return ""
    both = [models.get(which) for which in ("base", "tuned")]
    names = [str(one["name"]) for one in both if isinstance(one, dict) and {"name", "cer"} <= one.keys()]
    return names[1] if len(names) == len(both) else ""
