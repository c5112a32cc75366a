"""Audio that comes with its transcripts: copied into the workspace as segments of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import UserError
from core.files import write_bytes
from core.ids import is_safe, stable_id
from core.media import RATE, parse_segment_name, read_wav, segment_id, stream_pcm
from core.media.sound import measure
from core.media.speech import speech_probabilities
from core.media.wav import digest_of_wav, encode_wav, is_whisper_wav
from core.store import Segment, Store, Video
from core.text import clean
from core.workspace import Workspace

LONGEST_MS = 30_000
"""What Whisper hears at once; a longer clip is a recording to be cut, not a segment."""


@dataclass(frozen=True)
class ClipLocation:
    """The segment that a clip is, its video, and its times in that video."""

    segment: str
    video: str
    start_ms: int
    end_ms: int


def locate(stem: str, duration_ms: int) -> ClipLocation:
    """`talk_8_18` is that piece of the video `talk`; any other name is a recording of its own."""
    parsed = parse_segment_name(stem)
    name, start, end = parsed or (stem, 0, duration_ms)
    video = video_id(name)
    return ClipLocation(segment_id(video, start, end), video, start, end)


def video_id(name: str) -> str:
    """The name where it is safe as an id; else what is safe of it with a hash, the same each time."""
    return name if is_safe(name) else stable_id(name, name)


def import_clip(workspace: Workspace, store: Store, audio: Path, stem: str, check: Callable[[], object]) -> str:
    """Copy a clip in and add its video (licence "own", if it is new) and segment; returns the segment's id.

    A 16 kHz mono 16-bit wav is copied byte for byte, anything else converted to that. UserError if it cannot be
    read, has no sound, or is longer than 30 s.
    """
    if is_whisper_wav(audio):
        samples, data = read_wav(audio)[0], audio.read_bytes()
    else:
        samples = np.concatenate([np.zeros(0, np.int16), *stream_pcm(audio, cancelled=check)])
        data = encode_wav(samples)
    duration = len(samples) * 1000 // RATE
    if duration == 0 or duration > LONGEST_MS:
        why = "it holds no sound" if duration == 0 else f"{duration / 1000:.0f} s; a segment has at most 30"
        raise UserError(f"{audio.name} is no segment", why, f"whispersmith add '{audio}', then cut it")
    place = locate(stem, duration)
    path = workspace.segments / place.video / f"{place.segment}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
    name = (parse_segment_name(stem) or (stem,))[0]
    is_new = store.videos.add(Video(place.video, title=clean(name, 200), licence="own", state="fetched"))
    video = None if is_new else store.videos.get(place.video)
    # Beside the pieces of a cut it is one that was made elsewhere.
    kept = video is not None and (video.cut or video.cutting) is not None
    measured = measure(samples, speech_probabilities([samples]))
    stored, digest = workspace.relative(path), digest_of_wav(data)
    span = place.start_ms, place.end_ms
    store.segments.add([Segment(place.segment, place.video, *span, stored, *measured, digest, kept)])
    return place.segment
