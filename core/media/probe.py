"""What is in a media file, from ffmpeg alone: the bundled one comes without ffprobe."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.media.ffmpeg import find_ffmpeg
from core.media.stream import RATE, BadMedia, input_arguments, last_line, stream_pcm

# Anchored at ffmpeg's own indentation: a title that reads "Duration: …" stands further in, behind its key.
_CONTAINER = re.compile(r"^Input #0, (\S+), from ", re.MULTILINE)
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d)(?:\.(\d+))?,", re.MULTILINE)
_AUDIO = re.compile(r"^  Stream #0:\d+[^\n]*?: Audio: ([^\n]+)$", re.MULTILINE)
_VIDEO = re.compile(r"^  Stream #0:\d+[^\n]*?: Video: ([^\n]+)$", re.MULTILINE)
_CHANNELS = {"mono": 1, "stereo": 2, "2.1": 3, "3.0": 3, "quad": 4, "4.0": 4, "5.0": 5, "5.1": 6, "6.1": 7, "7.1": 8}


@dataclass(frozen=True)
class MediaInfo:
    """duration_ms: length of the recording. codec, rate (Hz), channels: of its sound track, else "", 0, 0.

    tracks: sound tracks in the file. track: the number, from 1, of the one that ffmpeg takes by itself: one that is
    marked as default before others, then the one with most channels, then the first. has_video: beside a cover.
    """

    duration_ms: int
    has_audio: bool
    codec: str
    rate: int
    channels: int
    container: str
    tracks: int = 0
    track: int = 0
    has_video: bool = False


def probe(
    path: Path | str,
    *,
    need_sound: bool = True,
    need_length: bool = True,
    cancelled: Callable[[], object] | None = None,
    ffmpeg: str | None = None,
) -> MediaInfo:
    """Read the head of a media file.

    When the container does not tell its length, or only guesses it from the bit rate, the sound is decoded once and
    counted, unless `need_length` is False: the length is 0 then. UserError: no such file, a folder, not readable;
    BadMedia: an empty file, no media, no sound (unless `need_sound` is False).
    """
    path = Path(path)
    check_readable(path)
    exe = ffmpeg or find_ffmpeg().path
    text = _ask(exe, path)
    container = _CONTAINER.search(text)
    if container is None:
        raise BadMedia(
            f"{path.name} is not a recording",
            last_line(_without_advice(text)) or "ffmpeg knows no format like it",
            "give an audio or video file; if it was downloaded, fetch it again",
            detail=text,
        )
    tracks = _AUDIO.findall(text)
    if not tracks:
        if need_sound:
            raise BadMedia(f"{path.name} has no sound", "there is no audio stream in it", "choose another file")
        return MediaInfo(_container_ms(text) or 0, False, "", 0, 0, container[1])
    has_video = any("(attached pic)" not in line for line in _VIDEO.findall(text))
    facts = [_audio_facts(line) for line in tracks]
    taken = max(range(len(tracks)), key=lambda at: ("(default)" in tracks[at], facts[at][2], -at))
    codec, rate, channels = facts[taken]
    duration = _container_ms(text)
    if duration is None and need_length:
        duration = _decoded_ms(path, cancelled, exe)
    return MediaInfo(duration or 0, True, codec, rate, channels, container[1], len(tracks), taken + 1, has_video)


def check_readable(path: Path) -> None:
    """UserError unless `path` is a file with something in it that may be read."""
    name = path.name or str(path)
    if not path.exists():
        raise UserError(f"{path} is not there", "no such file", "check the path")
    if path.is_dir():
        raise UserError(f"{path} is a folder", "a file is wanted here", "name one of the files in it")
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise UserError(f"{name} cannot be read", error.strerror or str(error), f"chmod u+r '{path}'") from error
    if not first:
        raise BadMedia(f"{name} is empty", "the file has 0 bytes", "fetch or copy it again")


def _ask(exe: str, path: Path) -> str:
    """What ffmpeg prints about its input. It ends with an error on purpose: no output was named."""
    try:
        done = subprocess.run(
            [exe, *input_arguments(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            env={**os.environ, "LC_ALL": "C", "AV_LOG_FORCE_NOCOLOR": "1"},
            process_group=0,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"{path.name} could not be read in a minute", "the disk or the network folder does not answer", "try again"
        ) from error
    except OSError as error:
        raise UserError("ffmpeg could not be started", f"{exe}: {error.strerror}", "whispersmith check") from error
    return done.stderr[-200_000:].decode("utf-8", "replace")


def _without_advice(text: str) -> str:
    """ffmpeg's lines without the two that only repeat the file's name."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("Error opening input file "))


def _container_ms(text: str) -> int | None:
    """The container's own length; None if it has none or guesses ("may be inaccurate", as for bare MP3 or AAC)."""
    match = _DURATION.search(text)
    if match is None or "Estimating duration from bitrate" in text:
        return None
    hours, minutes, seconds, fraction = match.groups(default="0")
    ms = int(fraction[:3].ljust(3, "0"))
    total = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + ms
    return total or None


def _audio_facts(line: str) -> tuple[str, int, int]:
    """codec, Hz and channels of `aac (LC) (mp4a / 0x6134706D), 44100 Hz, stereo, fltp, 96 kb/s (default)`."""
    codec = re.split(r"[ ,]", line, maxsplit=1)[0]
    rate = re.search(r", (\d+) Hz", line)
    channels = 0
    if rate is not None:
        layout = line[rate.end() :].lstrip(", ").split(",")[0].strip()
        counted = re.match(r"(\d+) channels", layout)
        channels = int(counted[1]) if counted else _CHANNELS.get(layout.split("(")[0], 0)
    return codec, int(rate[1]) if rate else 0, channels


def _decoded_ms(path: Path, cancelled: Callable[[], object] | None, exe: str) -> int:
    samples = sum(len(block) for block in stream_pcm(path, cancelled=cancelled, ffmpeg=exe))
    return round(samples * 1000 / RATE)
