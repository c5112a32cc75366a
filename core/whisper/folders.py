"""Where a model lies: a folder of the person's, or the Hugging Face cache."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from core.errors import UserError
from core.files import read_bytes
from core.text import as_utf8, is_utf8

ENCODED = ".~encoded"
"""Folder in a workspace's models/ of what encoders made of windows (core/whisper/encoder_cache.py); it may go at any
time. No run can be called so."""

_COMMIT = re.compile(r"[0-9A-Za-z._-]{1,100}(?<!\.)")
"""Of a git repository, or what a test calls one; never a way out of the folder."""
_COMMIT_BYTES = 1000


def cache_folder() -> Path:
    """The Hugging Face cache: HF_HUB_CACHE, else hub/ in HF_HOME, else ~/.cache/huggingface/hub."""
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "huggingface"
    )
    return Path(os.environ.get("HF_HUB_CACHE") or os.path.join(home, "hub")).expanduser()


def repository_folder(id: str) -> Path:
    return cache_folder() / f"models--{id.replace('/', '--')}"


class ModelMissing(UserError):
    """There is no folder and nothing in the cache; fetching the model brings it."""


class ModelDamaged(UserError):
    """A part of the model is missing or broken; fetching it again mends that."""


def fetch_command(name: str) -> str:
    """The command that fetches a model, ready to be copied whatever signs its name holds."""
    return f"whispersmith model {shlex.quote(as_utf8(name))}"


def find(path_or_id: str, root: Path | None = None) -> Path:
    """The folder of a model: a path (also relative to `root`, the workspace) or an id in the Hugging Face cache.

    UserError if it is not here, or if the path to it is no UTF-8: neither the store nor the libraries that read a
    model can name such a folder.
    """
    folder = _folder(path_or_id, root)
    if folder is None:
        raise ModelMissing(
            f"the model {as_utf8(path_or_id)} is not here",
            "it is neither a folder nor in the Hugging Face cache",
            fetch_command(path_or_id),
        )
    if not is_utf8(folder):
        raise UserError(
            f"the model {as_utf8(path_or_id)} cannot be used",
            f"the name of its folder is no UTF-8: {as_utf8(folder)}",
            "rename the folder",
        )
    return folder


def _folder(path_or_id: str, root: Path | None) -> Path | None:
    candidates = [Path(os.path.expanduser(path_or_id))]
    if root is not None:
        candidates.insert(0, root / path_or_id)
    try:
        here = next((candidate for candidate in candidates if candidate.is_dir()), None)
    except (OSError, ValueError):  # a name too long, or with a zero byte in it: no folder
        here = None
    return here.absolute() if here is not None else _cached(path_or_id)


def _cached(repository: str) -> Path | None:
    """The snapshot folder of a repository in the cache (layout: models--owner--name/snapshots/commit)."""
    if repository.count("/") > 1 or repository.startswith((".", "/", "~")):
        return None
    place = repository_folder(repository)
    try:
        commit = read_bytes(place / "refs" / "main", _COMMIT_BYTES).decode().strip()
    except (UserError, UnicodeDecodeError):
        return None
    snapshot = place / "snapshots" / commit
    return snapshot if _COMMIT.fullmatch(commit) and snapshot.is_dir() else None
