"""Recordings that are on this machine already: found, linked into `media/`, never re-encoded."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.exchange.formats.table import caption_suffixes
from core.ids import short_hash, slug
from core.media import MediaInfo, probe
from core.temporaries import temporary_file
from core.text import as_utf8, clean
from core.workspace import Workspace

# Files that lie beside recordings and are none. Pictures would pass for videos without sound.
# fmt: off
_NEVER = frozenset({
    ".ass", ".lrc", ".txt", ".md", ".json", ".jsonl", ".csv", ".tsv", ".xml", ".html", ".pdf", ".toml",
    ".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".svg", ".py", ".zip", ".gz", ".part", ".ytdl", ".db", ".tmp",
})
# fmt: on
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_ENDS = 1 << 20
_BLOCK = 1 << 22


@dataclass(frozen=True)
class LocalRecording:
    """A file that holds sound. fingerprint: tells the same content apart from other, under any name.

    captions: (language, file) of the caption files of the same stem; language "und" where the name has none.
    """

    path: Path
    info: MediaInfo
    fingerprint: str
    captions: tuple[tuple[str, Path], ...]


def candidates(path: Path, workspace: Path) -> list[Path]:
    """The files that may be recordings: the file itself, or all in a folder and below, in order of their names.

    Hidden files and the workspace's own are passed over. UserError for a path that is not there or holds none.
    """
    if not path.exists():
        raise UserError(f"{clean(str(path), 300)} is not there", "no such file or folder", "check the path")
    own = [folder.resolve() for folder in Workspace(workspace).own_folders]
    if _within(path, own):
        raise UserError(
            f"{clean(str(path), 300)} is the workspace's own",
            "what is in media/ or segments/ belongs to it already",
            "give a file or folder outside of it",
        )
    if not path.is_dir():
        _check_regular(path)
        return [path]
    found = [file for file in _walk(path) if not _within(file, own)]
    if not found:
        raise UserError(
            f"there is no recording in {clean(str(path), 300)}",
            "no audio or video file is in it, or in a folder below it",
            "give the folder that holds the recordings",
        )
    return found


def _check_regular(path: Path) -> None:
    """Reading a named pipe would wait for its writer for ever."""
    if not path.is_file():
        raise UserError(
            f"{clean(str(path), 300)} is neither a file nor a folder",
            "it is a pipe, a socket or a device, which nothing can be read from twice",
            "save it as a file and give that",
        )


def _within(path: Path, folders: Sequence[Path]) -> bool:
    real = path.resolve()
    return any(folder == real or folder in real.parents for folder in folders)


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UserError(
            f"{clean(str(error.filename), 300)} cannot be read", error.strerror or str(error), "check its permissions"
        ) from error

    never = _NEVER | caption_suffixes()
    for root, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root, name)
            if not name.startswith(".") and path.suffix.lower() not in never and path.is_file():
                yield path


def examine(path: Path, check: Callable[[], None] = lambda: None) -> LocalRecording:
    """Look into a file. UserError where it is empty, unreadable, no media, or has no sound."""
    info = probe(path, cancelled=check)
    return LocalRecording(path, info, fingerprint(path), tuple(_captions(path)))


def address(path: Path) -> str:
    """The path as the store keeps it. SQLite takes only text: bytes in a name that are no UTF-8 become `\\xff`."""
    return as_utf8(path.resolve())


def fingerprint(path: Path) -> str:
    """A hash of the size and of both ends of a file: the same recording is known again without reading gigabytes."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_ENDS))
        if size > _ENDS:
            file.seek(max(_ENDS, size - _ENDS))
            digest.update(file.read(_ENDS))
    return digest.hexdigest()[:32]


def _captions(path: Path) -> Iterator[tuple[str, Path]]:
    suffixes = caption_suffixes()
    for file in sorted(path.parent.iterdir()):
        if file.suffix.lower() not in suffixes or not file.is_file():
            continue
        if file.stem == path.stem:
            yield "und", file
        elif file.stem.startswith(path.stem + "."):
            language = file.stem[len(path.stem) + 1 :]
            if _LANGUAGE.fullmatch(language):
                yield language, file


def choose_id(recording: LocalRecording, taken: Callable[[str], bool]) -> str:
    """The stem as an id. A hash is added where the stem has other letters than ASCII's, or the id is taken."""
    stem = recording.path.stem
    base = slug(stem) or "recording"
    if not stem.isascii():
        base = f"{base}-{short_hash(stem)}"
    if not taken(base):
        return base
    return f"{base}-{recording.fingerprint[:8]}"


def place(source: Path, target: Path, partial: Path, check: Callable[[], None] = lambda: None) -> None:
    """Hard-link a file to `target`, or copy it where that cannot be (another disk, another owner).

    The target appears whole or not at all. `check` is called every few megabytes and may raise.
    """
    try:
        # Resolved, since a link to a symlink would point into nowhere once the workspace is moved.
        os.link(source.resolve(), target)
    except OSError:
        if not (target.exists() and target.samefile(source)):
            _copy(source, target, partial, check)


def _copy(source: Path, target: Path, partial: Path, check: Callable[[], None]) -> None:
    try:
        partial.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reader, temporary_file(partial / target.name) as writer:
            while block := reader.read(_BLOCK):
                check()
                writer.write(block)
            writer.flush()
            os.fsync(writer.fileno())
            with contextlib.suppress(OSError):  # a file system without times
                shutil.copystat(source, writer.name)
            os.replace(writer.name, target)
    except OSError as error:
        raise UserError(
            f"{clean(source.name, 200)} could not be copied into the workspace",
            error.strerror or str(error),
            "make room on the disk, or put the workspace on the same disk as the recordings",
        ) from error
