"""Whether a recording is still the one that was cut, whose sound its segments have, and what was heard in it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.files import spread_samples
from core.store import Video
from core.workspace import Workspace


def media_digest(path: Path) -> str:
    """What tells a recording from others: 20 hex digits of the SHA-256 of its length and of 1 MB spread over it.

    It stays the same where a workspace is moved, which times do not. Raises OSError.
    """
    digest = hashlib.sha256(f"{path.stat().st_size} ".encode())
    for sample in spread_samples(path):
        digest.update(sample)
    return digest.hexdigest()[:20]


def is_same(cut: dict[str, Any], size: int, digest: str) -> bool:
    """Whether a file is the one that was cut, or is being cut. cut: as the store keeps it; before digests were kept the
    length alone tells."""
    return cut.get("bytes") in (None, size) and cut.get("media") in (None, digest)


def check_same(workspace: Workspace, video: Video) -> None:
    """UserError if another recording lies where the one was that a video's segments are cut from."""
    cut = video.cut or video.cutting
    if cut is None or not video.path:
        return
    path = workspace.absolute(video.path)
    try:
        same = is_same(cut, path.stat().st_size, media_digest(path))
    except OSError:
        return  # whoever reads it says what is wrong with it
    if not same:
        raise UserError(
            f"{video.id} is another recording than the one that was cut",
            f"{video.path} was replaced: what is said in it belongs to none of its segments",
            f"whispersmith segment {video.id}, or put the recording back",
        )
