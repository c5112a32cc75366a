"""The loudspeaker of this machine, through miniaudio, which brings its own drivers' glue and needs no package."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import UserError
from core.listen.clips import EncodedClips
from core.listen.player import Changed, Playback, PlayerState
from core.media import RATE, find_ffmpeg

if TYPE_CHECKING:
    import miniaudio

STAND_INS = ("discard all samples", "null", "dummy")
"""Parts of the names of devices that play to nobody: ALSA's null, PulseAudio's auto_null."""

REPORT_S = 0.1
"""How often a playing clip tells where it is."""


def has_device() -> bool:
    """Whether this machine can be heard: a device that is none of the stand-ins some systems offer."""
    import miniaudio

    try:
        found = miniaudio.Devices().get_playbacks()
    except miniaudio.MiniaudioError:
        return False
    return any(not any(word in device["name"].lower() for word in STAND_INS) for device in found)


def stretched(samples: np.ndarray, rate: float) -> np.ndarray:
    """The same sound at another speed with its pitch kept (ffmpeg's atempo). samples: int16 mono at 16 kHz (n,)."""
    if rate == 1.0 or not len(samples):
        return samples
    raw = ["-f", "s16le", "-ar", str(RATE), "-ac", "1"]
    command = [str(find_ffmpeg().path), "-v", "error", *raw, "-i", "-", "-af", f"atempo={rate:g}", *raw, "-"]
    done = subprocess.run(command, input=samples.astype("<i2").tobytes(), capture_output=True, check=False)
    if done.returncode:
        raise UserError("the sound could not be slowed down", done.stderr.decode(errors="replace").strip()[:200], "")
    return np.frombuffer(done.stdout, "<i2").astype(np.int16)


class LocalPlayer:
    """One device, opened at the first sound. The device's own thread pulls samples; a lock keeps the place."""

    name = "here"

    def __init__(self, clips: EncodedClips, changed: Changed = lambda _: None, backends: Sequence[Any] = ()) -> None:
        """backends: miniaudio's, in the order to try; by default what the system has."""
        self._clips = clips
        self._changed = changed
        self._backends = list(backends)
        self._device: miniaudio.PlaybackDevice | None = None
        self._guard = threading.Lock()
        self._request = 0
        self._original = self._samples = np.zeros(0, np.int16)
        self._lead_s = 0.0
        self._place = 0
        self._playback = Playback(PlayerState.IDLE)

    @property
    def playback(self) -> Playback:
        return self._playback

    def play(self, id: str, *, around: bool = False) -> None:
        with self._guard:
            self._request += 1
            mine = self._request
        self._tell(replace(self._playback, state=PlayerState.LOADING, clip=id, at_s=0.0))
        threading.Thread(target=self._load, args=(mine, id, around), name="listen load", daemon=True).start()

    def _load(self, mine: int, id: str, around: bool) -> None:
        try:
            clip = self._clips.clip(id, around)
            samples = stretched(clip.samples, self._playback.rate)
        except (UserError, OSError):
            if mine == self._request:
                self._tell(replace(self._playback, state=PlayerState.FAILED))
            return
        with self._guard:
            if mine != self._request:
                return
            self._original, self._samples = clip.samples, samples
            self._place, self._lead_s = 0, clip.lead_ms / 1000
        self._begin()

    def _begin(self) -> None:
        import miniaudio

        try:
            if self._device is None:
                stream = self._stream()
                next(stream)
                self._device = miniaudio.PlaybackDevice(
                    miniaudio.SampleFormat.SIGNED16, 1, RATE, 100, backends=self._backends or None
                )
                self._device.start(stream)
        except miniaudio.MiniaudioError:
            self._tell(replace(self._playback, state=PlayerState.FAILED))
            return
        self._tell(replace(self._playback, state=PlayerState.PLAYING))

    def _stream(self) -> Generator[bytes, int, None]:
        """What the device plays: silence while nothing is to be heard."""
        wanted = yield b""
        told = 0
        while True:
            playing = self._playback.state is PlayerState.PLAYING
            with self._guard:
                piece = self._samples[self._place : self._place + wanted] if playing else self._samples[:0]
                self._place += len(piece)
                ended = playing and self._place >= len(self._samples)
                told += len(piece)
            if ended:
                self._tell(replace(self._playback, state=PlayerState.IDLE, at_s=self._at_s()))
            elif told >= REPORT_S * RATE:
                told = 0
                self._tell(replace(self._playback, at_s=self._at_s()))
            wanted = yield piece.tobytes() + bytes(2 * (wanted - len(piece)))

    def _at_s(self) -> float:
        return self._place * self._playback.rate / RATE - self._lead_s

    def pause(self) -> None:
        if self._playback.state is PlayerState.PLAYING:
            self._tell(replace(self._playback, state=PlayerState.PAUSED, at_s=self._at_s()))

    def resume(self) -> None:
        if self._playback.state is PlayerState.PAUSED:
            self._tell(replace(self._playback, state=PlayerState.PLAYING))

    def seek(self, by_s: float) -> None:
        with self._guard:
            step = round(by_s * RATE / self._playback.rate)
            self._place = min(max(0, self._place + step), max(0, len(self._samples) - 1))
        self._tell(replace(self._playback, at_s=self._at_s()))

    def set_rate(self, rate: float) -> None:
        samples = stretched(self._original, rate)
        with self._guard:
            self._place = round(self._place * self._playback.rate / rate)
            self._samples = samples
        self._tell(replace(self._playback, rate=rate))

    def prepare(self, ids: Sequence[str]) -> None:
        """Nothing to do: a wav on this disk is there at once."""

    def forget(self, id: str) -> None:
        self._clips.forget(id)

    def close(self) -> None:
        if self._device is not None:
            self._device.close()
            self._device = None

    def _tell(self, playback: Playback) -> None:
        self._playback = playback
        self._changed(playback)
