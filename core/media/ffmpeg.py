"""Which ffmpeg is used, and how every library that calls plain `ffmpeg` is made to find it."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from core.errors import UserError
from core.temporaries import SETTLED_S

Origin = Literal["setting", "system", "bundled"]

_pydub_lock = threading.Lock()


@dataclass(frozen=True)
class Ffmpeg:
    """path: the executable. version: as it calls itself, e.g. "n9.0.2". origin: where it was found."""

    path: str
    version: str
    origin: Origin


def find_ffmpeg(setting: str | None = None) -> Ffmpeg:
    """The ffmpeg to use: the one set, else the system's, else the one that imageio-ffmpeg brings.

    One that is set and does not run is an error; a broken one on PATH is passed over.
    UserError when there is none at all.
    """
    if setting:
        path = shutil.which(os.path.expanduser(setting))
        version = _version(path) if path else None
        if path is None or version is None:
            raise UserError(
                f"the ffmpeg that is set does not run: {setting}",
                "it is not there, not executable, or not ffmpeg",
                "correct the setting, or remove it to use the one whispersmith brings",
            )
        return Ffmpeg(path, version, "setting")
    path = shutil.which("ffmpeg")
    if path is not None and not _is_ours(path) and (version := _version(path)):
        return Ffmpeg(path, version, "system")
    bundled = _bundled()
    if bundled is not None and (version := _version(bundled)):
        return Ffmpeg(bundled, version, "bundled")
    raise UserError(
        "no ffmpeg was found",
        "none is on PATH, and imageio-ffmpeg brings none for this machine",
        "sudo apt install ffmpeg",
    )


def prepare_environment(setting: str | None = None) -> Ffmpeg:
    """Make plain `ffmpeg` mean the one that `find_ffmpeg` finds, for this process and its children.

    pydub (at import), yt-dlp and transformers look for a program of exactly that name on PATH. The bundled one
    has another name, so it gets a symlink in a folder of the app, put first on PATH; nothing is changed when
    the system has its own. May be called any number of times, from any number of processes at once.
    """
    found = find_ffmpeg(setting)
    if found.origin == "system":
        return found
    folder = _link_folder(found)
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if parts[:1] != [str(folder)]:
        rest = [part for part in parts if part != str(folder)]
        os.environ["PATH"] = os.pathsep.join([str(folder), *rest])
    return found


def load_pydub() -> ModuleType:
    """pydub, imported in silence and bound to our ffmpeg.

    At import it warns when no ffmpeg is on PATH, prefers an `avconv` lying in the current folder, and on Python
    3.12+ prints SyntaxWarnings; in a full-screen app each of these lands on the screen.
    """
    with _pydub_lock:
        found = prepare_environment()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pydub
        pydub.AudioSegment.converter = found.path
        return pydub


def app_bin() -> Path:
    """The folder of the app that holds the symlink; it need not exist."""
    cache = os.environ.get("XDG_CACHE_HOME")
    root = Path(cache) if cache and os.path.isabs(cache) else Path.home() / ".cache"
    return root / "whispersmith" / "bin"


def _is_ours(path: str) -> bool:
    """True for a link that `prepare_environment` of this process or of a parent made."""
    return "whispersmith" in Path(path).parent.as_posix().split("/")[-3:] and os.path.islink(path)


def _link_folder(found: Ffmpeg) -> Path:
    target = os.path.realpath(found.path)
    folder = app_bin()
    if found.origin == "setting":
        # A folder of its own, so that two workspaces with two settings do not swap one link under each other.
        folder /= hashlib.sha256(target.encode()).hexdigest()[:12]
    try:
        _link(folder, target)
    except OSError:
        # A home that is read-only or absent; the temporary folder lives as long as the machine's /tmp.
        folder = Path(tempfile.mkdtemp(prefix="whispersmith-")) / "whispersmith" / "bin"
        _link(folder, target)
    return folder


def _link(folder: Path, target: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "ffmpeg"
    if os.path.islink(link) and os.readlink(link) == target:
        return
    for left in folder.glob(".ffmpeg.*"):  # a link cannot be held by a lock
        if time.time() - left.lstat().st_mtime > SETTLED_S:
            left.unlink(missing_ok=True)
    beside = folder / f".ffmpeg.{os.getpid()}.{threading.get_ident()}"
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    os.replace(beside, link)


def _bundled() -> str | None:
    try:
        import imageio_ffmpeg

        path = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):  # RuntimeError: no binary for this platform, and none elsewhere
        return None
    return shutil.which(path)


def _version(path: str) -> str | None:
    try:
        stamp = os.stat(path).st_mtime_ns
    except OSError:
        return None
    return _ask_version(path, stamp)


@functools.lru_cache(maxsize=16)
def _ask_version(path: str, stamp: int) -> str | None:
    """What `-version` says on its first line; None if the file is no ffmpeg that runs. stamp: for the cache."""
    try:
        done = subprocess.run(
            [path, "-hide_banner", "-version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.decode("utf-8", "replace").split()
    if done.returncode != 0 or words[:2] != ["ffmpeg", "version"] or len(words) < 3:
        return None
    return words[2]
