"""A recording as a stream of samples: one ffmpeg, one pipe, flat memory whatever the length."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

import numpy as np

from core.errors import UserError
from core.media.ffmpeg import find_ffmpeg

RATE = 16_000
"""Samples a second that Whisper listens to."""

T = TypeVar("T")

_STDERR_LIMIT = 256 * 1024
_POLL_S = 0.1

_PIPE_BYTES = 1 << 20
"""So much, half a minute, ffmpeg decodes while nobody reads; with 64 KiB the two wait for each other all the time."""


class BadMedia(UserError):
    """The file itself is at fault: as long as it is what it is, trying again changes nothing."""


class StreamStopped(Exception):
    """`cancelled` said yes. Raised rather than ending quietly, so that half a recording is never taken for all."""


def input_arguments(path: Path) -> list[str]:
    """Options that open a local file and nothing else.

    The whitelist keeps a playlist or concat script that calls itself `.mp4` from reaching the network; an absolute
    path cannot be taken for an option or a protocol.
    """
    return ["-hide_banner", "-nostdin", "-protocol_whitelist", "file", "-i", os.path.abspath(path)]


def stream_pcm(
    path: Path | str,
    rate: int = RATE,
    *,
    cancelled: Callable[[], object] | None = None,
    on_warning: Callable[[str], object] | None = None,
    ffmpeg: str | None = None,
) -> Generator[np.ndarray, None, None]:
    """Blocks of about 1 s, mono int16 of shape (samples,), of the file's sound track; `probe` tells which of several.

    ffmpeg resamples: it has a proper low-pass, where pydub folds a 10 kHz tone back to 6 kHz (measured, -1.5 dB).
    cancelled: asked at least every 200 ms; when it answers true the stream raises StreamStopped, and it may raise
    by itself (`job.check`). on_warning: given ffmpeg's last line when it bore with faults and still ended well, as it
    does with a file that was cut off. The ffmpeg process is ended and reaped in every case, also when the generator is
    closed half-way. UserError if ffmpeg cannot be started or is ended from outside; BadMedia if it gives up, also in
    the middle.
    """
    path = Path(path)
    exe = ffmpeg or find_ffmpeg().path
    command = [
        exe,
        *("-loglevel", "error"),
        *input_arguments(path),
        *("-vn", "-sn", "-dn", "-ac", "1", "-ar", str(rate), "-f", "s16le", "-acodec", "pcm_s16le"),
        *("-flush_packets", "0", "pipe:1"),  # else a write for each packet of 23 ms, a fifth of all the work
    ]
    with tempfile.TemporaryFile() as errors:
        # Appending, so that it can be emptied under ffmpeg's hands when a broken file fills it; set afterwards,
        # since tempfile does not take it from the mode.
        flags = fcntl.fcntl(errors, fcntl.F_GETFL)
        fcntl.fcntl(errors, fcntl.F_SETFL, flags | os.O_APPEND)
        process = _start(command, errors)
        try:
            yield from _blocks(process, rate * 2, errors, cancelled)
            code = process.wait()
        finally:
            _reap(process)
        tail = _tail(errors)
        if code == 0 and tail and on_warning is not None:
            on_warning(last_line(tail))
        if code < 0:
            raise UserError(f"ffmpeg was ended while it read {path.name}", f"by signal {-code}", "try again", tail)
        if code != 0:
            raise BadMedia(
                f"{path.name} could not be decoded",
                last_line(tail) or f"ffmpeg ended with {code}",
                "play it from start to end; if it stops there too, fetch it again",
                detail=tail,
            )


def read_ahead(items: Generator[T, None, None], most: int = 4) -> Generator[T, None, None]:
    """The same items, made in a thread of their own while the caller is busy, up to `most` before they are asked for.

    What the making of one raises is raised where that item would have come. Closing ends the thread, and `items`.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        ahead = deque(pool.submit(next, items, None) for _ in range(most))
        try:
            while (item := ahead.popleft().result()) is not None:
                ahead.append(pool.submit(next, items, None))
                yield item
        finally:
            pool.shutdown(cancel_futures=True)
            items.close()


def _start(command: list[str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        # Its own process group: Ctrl+C in the terminal is the job's business, not ffmpeg's.
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, process_group=0
        )
    except OSError as error:
        raise UserError(
            "ffmpeg could not be started", f"{command[0]}: {error.strerror}", "whispersmith check"
        ) from error


def _blocks(
    process: subprocess.Popen[bytes],
    size: int,
    errors: IO[bytes],
    cancelled: Callable[[], object] | None,
) -> Iterator[np.ndarray]:
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    with contextlib.suppress(AttributeError, OSError):  # Linux only, and a user may have used up what is allowed
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    buffer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if cancelled is not None and cancelled():
                raise StreamStopped
            if not selector.select(_POLL_S):
                continue
            data = os.read(descriptor, 1 << 16)
            if not data:
                break
            buffer += data
            if len(buffer) >= size:
                whole = len(buffer) // 2 * 2
                yield np.frombuffer(bytes(buffer[:whole]), dtype="<i2")
                del buffer[:whole]
                if os.fstat(errors.fileno()).st_size > _STDERR_LIMIT:
                    os.ftruncate(errors.fileno(), 0)
    if len(buffer) >= 2:
        yield np.frombuffer(bytes(buffer[: len(buffer) // 2 * 2]), dtype="<i2")


def _reap(process: subprocess.Popen[bytes]) -> None:
    """End the process and collect it, whatever state it is in."""
    if process.stdout is not None:
        process.stdout.close()
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)  # it only writes to our pipe: nothing is lost
    process.wait()


def _tail(errors: IO[bytes], size: int = 4096) -> str:
    length = os.fstat(errors.fileno()).st_size
    return os.pread(errors.fileno(), size, max(0, length - size)).decode("utf-8", "replace").strip()


def last_line(text: str) -> str:
    """The last line that says something, without ffmpeg's `[name @ 0x…]` in front."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[-1]
    while line.startswith("[") and "] " in line:
        line = line.split("] ", 1)[1]
    return line
