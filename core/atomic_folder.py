"""A folder that appears whole or not at all, and never in place of something that is not ours."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from core.errors import UserError
from core.files import read_json
from core.flock import try_flock
from core.temporaries import ASIDE, leftovers_of, remove_abandoned, temporary_folder

MANIFEST = ".whispersmith.json"
"""Written last into a folder of ours: what lies in it, and the digests of the text files a person might edit."""

_TEXTS = (".csv", ".jsonl", ".json", ".srt", ".md")
_AT_CWD = -100
_EXCHANGE = 2


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """A new empty folder beside `target`, which takes its place when the block ends well and is removed otherwise.

    UserError if `target` is a file, holds files that we did not write, or text that was changed since.
    """
    check_replaceable(target)
    with ExitStack() as making:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _clear_leftovers(target)
            staging = making.enter_context(temporary_folder(target))
        except OSError as error:
            raise UserError(
                f"{target.parent} cannot be written", error.strerror or str(error), "choose a folder of your own"
            ) from error
        yield staging
        _write_manifest(staging)
        check_replaceable(target)
        move_into_place(staging, target)


def check_replaceable(target: Path) -> None:
    """UserError unless `target` is absent, empty, or a folder we wrote that nobody has changed."""
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir():
        raise UserError(f"{target} is a file", "a folder is to be written there", "choose another name")
    present = _files(target)
    if not present and not any(target.iterdir()):
        return
    written = _read_manifest(target)
    if written is None:
        raise UserError(
            f"{target} is not empty",
            "whispersmith did not write what is in it, so it is left alone",
            "choose another folder, or empty this one",
        )
    strange = sorted(present - set(written) - {MANIFEST})
    if strange:
        raise UserError(
            f"{target} holds files that whispersmith did not write",
            ", ".join(strange[:5]) + (" …" if len(strange) > 5 else ""),
            "move them elsewhere, or choose another folder",
        )
    changed = [
        name for name, digest in written.items() if digest and name in present and _digest(target / name) != digest
    ]
    if changed:
        raise UserError(
            f"{target / changed[0]} was changed by hand",
            "writing the folder anew would lose that",
            f"whispersmith import '{target}' first, or choose another folder",
        )


def _is_replaceable(path: Path) -> bool:
    try:
        check_replaceable(path)
    except UserError:
        return False
    return True


def _write_manifest(folder: Path) -> None:
    names = sorted(_files(folder))
    digests = {name: _digest(folder / name) if name.endswith(_TEXTS) else "" for name in names}
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        json.dump({"v": 1, "files": digests}, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())


def _read_manifest(folder: Path) -> dict[str, str] | None:
    try:
        data = read_json(folder / MANIFEST)
    except UserError:
        return None
    files = data.get("files") if isinstance(data, dict) else None
    return files if isinstance(files, dict) else None


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def move_into_place(staging: Path, target: Path) -> None:
    """Put a folder in `target`'s place, in one step where the file system can; what was there is removed."""
    try:
        before = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        os.rename(staging, target)
        return
    try:
        try_flock(before)  # whoever wants its name meanwhile does not take it for abandoned
        if _exchange_names(staging, target):
            shutil.rmtree(staging, ignore_errors=True)
            return
        # Two steps where the kernel or the file system cannot exchange; a kill between them leaves the old folder
        # under its hidden name and none under its own, which the next run puts right.
        aside = staging.with_suffix(f".{ASIDE}")
        os.rename(target, aside)
        os.rename(staging, target)
        _remove_ours(aside)
    finally:
        os.close(before)


def _remove_ours(folder: Path) -> None:
    """The manifest last: a kill in between leaves a folder that is still known for ours."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != MANIFEST:
                path.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _exchange_names(one: Path, other: Path) -> bool:
    """renameat2(RENAME_EXCHANGE): both names change their folders in one step. False where it is not to be had."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return call(_AT_CWD, os.fsencode(one), _AT_CWD, os.fsencode(other), _EXCHANGE) == 0


def _clear_leftovers(target: Path) -> None:
    """Of runs that were killed; what one had put aside and not replaced yet is put back. A folder of that name which a
    person made, or has worked in, is left alone."""
    left = [path for path in leftovers_of(target) if path.suffix != f".{ASIDE}" or _is_replaceable(path)]
    aside = [path for path in left if path.suffix == f".{ASIDE}"]
    if aside and not os.path.lexists(target):
        os.rename(aside[-1], target)
    remove_abandoned(left)
