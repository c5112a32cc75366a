"""Which segment, or which recording, the name of a file means."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from core.exchange.clip_import import locate, video_id
from core.spans import parse_segment_name
from core.store import Segment

_COPY = re.compile(r"_[1-9]$")
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that is uploaded to it."""


@dataclass(frozen=True)
class Match:
    """segment: its id. is_copy: the name is that of the segment with a number behind it, `talk_0_10_1`."""

    segment: str
    is_copy: bool


class NameMatcher:
    """Finds the segments that names of clips mean, among those that it was given."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._segments: dict[str, Segment] = {}
        self._of_video: dict[str, list[Segment]] = {}
        self._starts: dict[tuple[str, int], list[Segment]] = {}
        for segment in segments:
            self._note(segment)
        # Clips that were imported under a name of their own: a video with a single segment from its start.
        self._alone = {
            video: rows[0].id for video, rows in self._of_video.items() if len(rows) == 1 and rows[0].start_ms == 0
        }

    def add(self, segment: Segment) -> None:
        """A clip has been imported."""
        self._note(segment)
        if segment.start_ms == 0:
            self._alone.setdefault(segment.video, segment.id)

    def _note(self, segment: Segment) -> None:
        self._segments[segment.id] = segment
        self._of_video.setdefault(segment.video, []).append(segment)
        self._starts.setdefault((segment.video, segment.start_ms), []).append(segment)

    def of_video(self, video: str) -> list[Segment]:
        return self._of_video.get(video, [])

    def example(self) -> str | None:
        """The id of any segment, to show what they are called like."""
        return next(iter(self._segments), None)

    def match(self, stem: str) -> Match | None:
        """The segment that a file's name without its suffix means; None if no segment is meant.

        As it stands, else without what a labelling tool has made of it: `1f2e3d4c-talk_0_10`, `%E8%AB%87_0_10`.
        """
        for name in dict.fromkeys((stem, bare := unquote(stem), _UPLOADED.sub("", bare))):
            found = self._named(name)
            if found is not None:
                return Match(found, False)
            found = self._named(name[:-2]) if _COPY.search(name) else None
            if found is not None:
                return Match(found, True)
        return None

    def _named(self, stem: str) -> str | None:
        """The segment of that id, or the one that a clip of that name became when it was imported."""
        if stem in self._segments:
            return stem
        if parse_segment_name(stem) is None:
            return self._alone.get(video_id(stem))
        place = locate(stem, 0)
        if place.segment in self._segments:
            return place.segment
        # Others write the last piece of a recording in whole seconds: `talk_1600_1603` is 1600 s to 1603.57 s.
        near = self._starts.get((place.video, place.start_ms), [])
        fitting = [segment.id for segment in near if abs(segment.end_ms - place.end_ms) < 1000]
        return fitting[0] if len(fitting) == 1 else None


def is_copy_of(stem: str, stems: Collection[str]) -> bool:
    """Whether a name is that of another of these with a number behind it."""
    return _COPY.search(stem) is not None and stem[:-2] in stems


def without_copy_number(stem: str) -> str:
    """`talk_0_10` for `talk_0_10_1`; any other name as it is."""
    if _COPY.search(stem) and parse_segment_name(stem) is None and parse_segment_name(stem[:-2]):
        return stem[:-2]
    return stem


def video_of_captions(name: str, videos: Collection[str]) -> str | None:
    """`talk.srt`, `talk.zh-TW.srt` and `talk.zh-TW.mp4.srt` belong to the video `talk`; None if to none of these."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name in videos:
            return name
    return None
