"""One file of all that a person made: settings, database, journal, glossary, and links' secrets. No media or models."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.files import private, sync
from core.store import Store
from core.store.journal import JOURNAL, JOURNAL_BEFORE
from core.temporaries import temporary_folder
from core.workspace import CONFIG_NAME, Workspace

_PRIVATE = 0o600
"""Settings may hold what is nobody else's business."""


@dataclass(frozen=True)
class Backup:
    path: Path
    bytes: int
    files: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"path": str(self.path), "bytes": self.bytes, "files": list(self.files)}


def backup(workspace: Workspace, target: Path) -> Backup:
    """Write the archive, a gzipped tar, at once as a whole; `tar xzf` into an empty folder makes a workspace of it.

    Others may go on writing: the database is of one moment, the journal of a later one, and whoever opens them takes in
    what came between. UserError where `target` holds something else, or cannot be written.
    """
    _refuse_other(target)
    try:
        with Store(workspace.db_path) as store, temporary_folder(target) as folder:
            store.copy_to(folder / "copy.db")
            files = _contents(workspace, folder / "copy.db")
            archive = folder / "archive"
            _write(archive, files)
            sync(archive)
            os.replace(archive, target)
            sync(target.parent)
            return Backup(target, target.stat().st_size, tuple(files))
    except OSError as error:
        fix = "make room on the disk, or choose another place"
        raise UserError(f"{target} could not be written", error.strerror or str(error), fix) from error


def _contents(workspace: Workspace, database: Path) -> dict[str, Path]:
    """What goes into the archive, by its name there."""
    journals = (workspace.root / name for name in (JOURNAL, JOURNAL_BEFORE))
    # Without the vault no link of a private source leads anywhere.
    beside = (workspace.config_path, *journals, workspace.glossary, workspace.vault.path)
    return {workspace.db_path.name: database} | {path.name: path for path in beside if path.is_file()}


def _write(archive: Path, files: dict[str, Path]) -> None:
    with (
        open(archive, "wb", opener=private) as raw,
        gzip.GzipFile("", "wb", fileobj=raw) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for name, path in files.items():
            with path.open("rb") as file:
                # So much of it as is there now: a journal may grow while it is read.
                entry = tarfile.TarInfo(name)
                entry.size, entry.mtime, entry.mode = os.fstat(file.fileno()).st_size, int(time.time()), _PRIVATE
                tar.addfile(entry, io.BufferedReader(file))


def _refuse_other(target: Path) -> None:
    """UserError unless nothing, or a backup of ours, is at `target`."""
    if target.is_dir():
        raise UserError(f"{target} is a folder", "a backup is one file", f"whispersmith backup {target}/backup.tar.gz")
    if not target.exists():
        return
    try:
        with tarfile.open(target, "r:gz") as tar:
            is_ours = CONFIG_NAME in [entry.name for entry, _ in zip(tar, range(10), strict=False)]
    except (OSError, tarfile.TarError, EOFError, ValueError):
        is_ours = False
    if not is_ours:
        raise UserError(
            f"{target} is something else", "it is no backup, and is not written over", "choose another name"
        )
