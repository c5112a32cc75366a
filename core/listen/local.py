"""The loudspeaker of this machine, through miniaudio, which brings its own drivers' glue and needs no package."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import UserError
from core.listen.clips import EncodedClips, SegmentClip
from core.listen.player import Changed, Playback, PlayerState, SharedPlayback
from core.listen.stretch import stretched
from core.media import RATE

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


class LocalPlayer:
    """One device, opened at the first sound. Its own thread pulls samples; a lock keeps place and state together."""

    name = "here"
    steers = True

    def __init__(self, clips: EncodedClips, changed: Changed = lambda _: None, backends: Sequence[Any] = ()) -> None:
        """backends: miniaudio's, in the order to try; by default what the system has."""
        self._clips = clips
        self._backends = list(backends)
        self._device: miniaudio.PlaybackDevice | None = None
        self._device_guard = threading.Lock()
        """Never taken inside the playback's: a device that starts may ask for samples before it has started."""
        self._request = 0
        self._original = self._samples = np.zeros(0, np.int16)
        """The clip, and what is played of it: the same at another speed."""
        self._lead_s = 0.0
        self._place = 0
        self._shared = SharedPlayback(PlayerState.IDLE, changed)

    @property
    def playback(self) -> Playback:
        return self._shared.now

    def play(self, id: str, *, around: bool = False, ahead: Sequence[str] = ()) -> None:
        with self._shared.guard:
            self._request += 1
            request = self._request
            self._shared.change(state=PlayerState.LOADING, clip=id, at_s=0.0, why="")
        threading.Thread(target=self._load, args=(request, id, around), name="listen load", daemon=True).start()

    def follow(self, id: str, ahead: Sequence[str]) -> None:
        """Nothing to do: a wav on this disk is there at once."""

    def _load(self, request: int, id: str, around: bool) -> None:
        import miniaudio

        try:
            clip = self._clips.clip(id, around)
            self._open_device(request)
            while not self._begin(request, clip, rate := self._shared.now.rate, stretched(clip.samples, rate)):
                continue  # the speed was changed meanwhile
        except (UserError, OSError, miniaudio.MiniaudioError) as error:
            with self._shared.guard:
                if request == self._request:
                    self._shared.change(state=PlayerState.FAILED, why=str(error).partition("\n")[0])

    def _begin(self, request: int, clip: SegmentClip, rate: float, samples: np.ndarray) -> bool:
        """Play, unless something else is asked for. samples: of the clip at `rate`; False if that is not the speed."""
        with self._shared.guard:
            if request == self._request and rate == self._shared.now.rate:
                self._original, self._samples = clip.samples, samples
                self._place, self._lead_s = 0, clip.lead_ms / 1000
                self._shared.change(state=PlayerState.PLAYING)
            return request != self._request or rate == self._shared.now.rate

    def _open_device(self, request: int) -> None:
        import miniaudio

        with self._device_guard:
            if self._device is not None or request != self._request:
                return
            stream = self._stream()
            next(stream)
            device = miniaudio.PlaybackDevice(
                miniaudio.SampleFormat.SIGNED16, 1, RATE, 100, backends=self._backends or None
            )
            device.start(stream)
            self._device = device

    def _stream(self) -> Generator[bytes, int, None]:
        """What the device plays: silence while nothing is to be heard."""
        wanted = yield b""
        told = 0
        while True:
            piece = self._samples[:0]
            with self._shared.guard:
                if self._shared.now.state is PlayerState.PLAYING:
                    piece = self._samples[self._place : self._place + wanted]
                    self._place += len(piece)
                    told += len(piece)
                    if self._place >= len(self._samples):
                        self._shared.change(state=PlayerState.IDLE, at_s=self._at_s())
                    elif told >= REPORT_S * RATE:
                        told = 0
                        self._shared.change(at_s=self._at_s())
            wanted = yield piece.tobytes() + bytes(2 * (wanted - len(piece)))

    def _at_s(self) -> float:
        return self._place * self._shared.now.rate / RATE - self._lead_s

    def pause(self) -> None:
        with self._shared.guard:
            if self._shared.now.state is PlayerState.PLAYING:
                self._shared.change(state=PlayerState.PAUSED, at_s=self._at_s())

    def resume(self) -> None:
        with self._shared.guard:
            if self._shared.now.state is PlayerState.PAUSED:
                self._shared.change(state=PlayerState.PLAYING)

    def seek(self, by_s: float) -> None:
        with self._shared.guard:
            step = round(by_s * RATE / self._shared.now.rate)
            self._place = min(max(0, self._place + step), max(0, len(self._samples) - 1))
            self._shared.change(at_s=self._at_s())

    def set_rate(self, rate: float) -> None:
        while True:
            original = self._original
            samples = stretched(original, rate)
            with self._shared.guard:
                if original is self._original:
                    self._place = round(self._place * self._shared.now.rate / rate)
                    self._samples = samples
                    self._shared.change(rate=rate)
                    return

    def close(self) -> None:
        with self._shared.guard:
            self._request += 1
        with self._device_guard:
            if self._device is not None:
                self._device.close()
                # miniaudio leaves this as it is where stopping fails, and its finaliser then stops what is gone.
                self._device.running = False
                self._device = None
