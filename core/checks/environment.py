"""Python and ffmpeg."""

from __future__ import annotations

import platform
import sys

from core.checks.check import Answer, Context, ok, warn


def check_python(_: Context) -> Answer:
    found = f"{platform.python_version()}, {sys.prefix}"
    if sys.maxsize < 2**32:
        return warn(found, "a 32-bit Python; there is no torch for it", "install a 64-bit Python 3.11 or newer")
    return ok(found if sys.prefix != sys.base_prefix else f"{found}, no virtual environment")


def check_ffmpeg(_: Context) -> Answer:
    from core.media import find_ffmpeg

    ffmpeg = find_ffmpeg()
    return ok(f"{ffmpeg.version}, {ffmpeg.origin}, {ffmpeg.path}")
