"""What lies on this machine: models in the Hugging Face cache, folders in use, tuned models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config import Config
from core.errors import UserError
from core.text import is_utf8
from core.whisper import model_files
from core.whisper.folders import cache_folder, find, repository_folder
from core.whisper.tuned import tuned_folders
from core.workspace import Workspace


@dataclass(frozen=True)
class Installed:
    """A model on this machine, whole or not. kind: hub (in the cache), folder, or tuned (in models/).

    bytes: what it takes on the disk; partial_bytes: what a download that was cut has left for the next one.
    whisper: whether its config.json says so. last_used: seconds since 1970, None where the file system does not tell.
    """

    id: str
    kind: str
    path: Path | None
    bytes: int
    partial_bytes: int
    whisper: bool
    last_used: float | None


def installed(workspace: Workspace | None = None, config: Config | None = None) -> list[Installed]:
    """Everything in the cache, then the folders the settings name, then the tuned models. Asks no network.

    Walks the cache and imports huggingface_hub (half a second the first time): call it in a thread.
    """
    found = _in_the_cache()
    if workspace is None:
        return found
    config = config or workspace.config()
    known = {one.id for one in found}
    for name in dict.fromkeys((config.model.base, config.model.labeller)):
        if name not in known and (folder := _folder(name, workspace.root)):
            found.append(_of_folder(name, "tuned" if _is_tuned(name) else "folder", folder))
            known.add(name)
    unreadable = [folder for folder in workspace.models.glob("[!.]*") if not is_utf8(folder.name) and folder.is_dir()]
    for folder in [*reversed(tuned_folders(workspace.models)), *sorted(unreadable)]:
        if (name := f"models/{folder.name}") not in known:
            found.append(_of_folder(name, "tuned", folder))
    return found


def _in_the_cache() -> list[Installed]:
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        cache = scan_cache_dir(cache_folder())
    except (CacheNotFound, ValueError, OSError):  # no cache yet, a file in its place, or not readable: nothing is here
        return []
    whole = [_of_repository(repo) for repo in cache.repos if repo.repo_type == "model"]
    ids = {one.id for one in whole}
    # A repository whose first download was cut has no snapshot yet, and the scan passes over it.
    cut = [one for folder in _repositories() if (one := _cut_short(folder)) is not None and one.id not in ids]
    return sorted([*whole, *cut], key=lambda one: one.id.lower())


def _repositories() -> list[Path]:
    return [folder for folder in cache_folder().glob("models--*--*") if folder.is_dir()]


def _of_repository(repo: Any) -> Installed:
    revisions = sorted(repo.revisions, key=lambda one: ("main" in one.refs, one.last_modified))
    path = Path(revisions[-1].snapshot_path) if revisions else None
    return Installed(
        id=repo.repo_id,
        kind="hub",
        path=path,
        bytes=repo.size_on_disk,
        partial_bytes=partial_bytes(repo.repo_id),
        whisper=path is not None and is_whisper(path),
        last_used=repo.last_accessed,
    )


def _cut_short(folder: Path) -> Installed | None:
    id = folder.name.removeprefix("models--").replace("--", "/")
    partial = partial_bytes(id)
    return Installed(id, "hub", None, partial, partial, False, None) if partial else None


def partial_bytes(id: str) -> int:
    """What is here of files whose download was cut."""
    blobs = repository_folder(id) / "blobs"
    try:
        return sum(file.stat().st_size for file in blobs.glob("*.incomplete"))
    except OSError:
        return 0


def _of_folder(name: str, kind: str, folder: Path) -> Installed:
    files = [file.stat() for file in folder.rglob("*") if file.is_file()]
    used = max((file.st_atime for file in files), default=None)
    return Installed(name, kind, folder, sum(file.st_size for file in files), 0, is_whisper(folder), used)


def is_whisper(folder: Path) -> bool:
    return model_files.model_type(folder) == "whisper"


def _folder(name: str, root: Path) -> Path | None:
    """The folder a model lies in, wherever that is; None for an id that is not in the cache."""
    try:
        return find(name, root)
    except UserError:
        return None


def _is_tuned(name: str) -> bool:
    return name.startswith("models/")
