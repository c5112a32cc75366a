"""Sound: finding ffmpeg, probing and streaming recordings, cutting plans, loudness, waveform and log-mel."""

from __future__ import annotations

from core.media.ffmpeg import Ffmpeg, find_ffmpeg, load_pydub, prepare_environment
from core.media.probe import MediaInfo, probe
from core.media.sound import dbfs, read_wav
from core.media.stream import RATE, StreamStopped, stream_pcm
from core.spans import Span, parse_segment_name, plan_spans, segment_id, segment_name

__all__ = [
    "RATE",
    "Ffmpeg",
    "MediaInfo",
    "Span",
    "StreamStopped",
    "dbfs",
    "find_ffmpeg",
    "load_pydub",
    "parse_segment_name",
    "plan_spans",
    "prepare_environment",
    "probe",
    "read_wav",
    "segment_id",
    "segment_name",
    "stream_pcm",
]
