"""Checkpoints of a run: whether they are whole, which is the best, what stays on the disk. Loads no torch."""

from __future__ import annotations

import errno
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.files import digest_read, read_json, sync, write_text
from core.training import checkpoint_state
from core.training.checkpoint_state import STATE, read_state
from core.whisper.model_files import whole_safetensors, whole_weights

SENTINEL = "checkpoint-is-incomplete.txt"  # transformers leaves it while it writes a checkpoint in a hurry
_NAME = re.compile(r"checkpoint-([0-9]{1,15})")
DIGESTS = "digests.json"
"""SHA-256 of every other file, as it was saved; not of the state, which is written again later."""
DIGESTS_BYTES = 1_000_000
ADAPTER = "adapter_model.safetensors"
AT_ONCE = 3
"""How many a run has on the disk at most: the newest, the best, and the one that is being written."""
_PUT_ASIDE = "unloadable-"
"""Before the name of a checkpoint that is as it was saved, and does not load with what is installed here."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is whole. step: optimizer steps done."""

    path: Path
    step: int


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint; one that a kill left half-written is passed over."""
    found = [Checkpoint(path, step) for path, step in _steps(folder).items() if is_whole(path)]
    return max(found, key=lambda checkpoint: checkpoint.step, default=None)


def best_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint with the lowest CER as the newest state remembers it, else the newest."""
    last = last_checkpoint(folder)
    state = read_state(last.path) if last else None
    best = folder / state.best if state is not None and state.best else None
    step = _step(best) if best is not None else None
    return Checkpoint(best, step) if best is not None and step is not None and is_whole(best) else last


def is_whole(path: Path) -> bool:
    """All that a resume needs is there: weights, optimizer, schedule, chance, and how far it was. Quick, for who lists
    runs; `fault_of` reads the files."""
    if (path / SENTINEL).exists() or read_state(path) is None or not _whole_weights(path):
        return False
    chance = [file.name for file in path.glob("rng_state*.pth")]  # one of each process
    return bool(chance) and all(_is_zip(path / name) for name in ("optimizer.pt", "scheduler.pt", *chance))


def fault_of(path: Path) -> str:
    """Why nothing can go on from a checkpoint; "" for one whose files are those that were saved.

    Before digests were kept, the checksums inside the files have to be right. OSError where the disk does not give a
    file: that tells nothing of the checkpoint.
    """
    if not is_whole(path):
        return "it is half-written"
    digests = _read_digests(path)
    for file in sorted(path.glob("*.pt*")) if digests is None else ():
        if not _sums_are_right(file):
            return f"{file.name} is damaged"
    for name, digest in (digests or {}).items():
        if not (path / name).is_file() or digest_read(path / name) != digest:
            return f"{name} is not what was saved"
    return ""


def _is_zip(file: Path) -> bool:
    try:
        return zipfile.is_zipfile(file)
    except zipfile.BadZipFile:  # its end speaks of other disks
        return False


def _sums_are_right(file: Path) -> bool:
    """Of a zip, as torch writes it."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except OSError as error:
        if error.errno == errno.EINVAL:  # its directory leads to before its beginning
            return False
        raise
    except Exception:  # noqa: BLE001 - what a damaged file makes its reader raise has no bounds
        return False


def _read_digests(path: Path) -> dict[str, str] | None:
    """None for a checkpoint that was saved before there were any."""
    if not (path / DIGESTS).exists():
        return None
    try:
        data = read_json(path / DIGESTS, DIGESTS_BYTES)
    except UserError:
        data = None
    if not isinstance(data, dict):
        return {DIGESTS: ""}  # it has none to be compared with, so it is not what was saved
    return {Path(name).name: str(digest) for name, digest in data.items()}


@contextmanager
def being_written(path: Path) -> Iterator[None]:
    """While it lasts the checkpoint is not whole; afterwards it is, on the disk, with the digests of its files."""
    path.mkdir(parents=True, exist_ok=True)
    (path / SENTINEL).touch()
    yield
    digests: dict[str, str] = {}
    for file in path.iterdir():
        sync(file)
        if file.is_file() and file.name not in (SENTINEL, STATE, DIGESTS):
            digests[file.name] = digest_read(file)
    write_text(path / DIGESTS, json.dumps(digests))
    (path / SENTINEL).unlink()
    sync(path)


def rotate(folder: Path, best: str | None) -> None:
    """Keep the newest whole checkpoint and the best one, or the one before it where those are the same."""
    steps = _steps(folder)
    whole = sorted((path for path in steps if is_whole(path)), key=lambda path: steps[path])
    others = [path for path in whole[:-1] if best and path.name == Path(best).name] or whole[-2:-1]
    for path in whole[:-1]:
        if path not in others:
            shutil.rmtree(path, ignore_errors=True)


def _steps(folder: Path) -> dict[Path, int]:
    """The checkpoints' folders and their steps; what a person put beside them is none."""
    steps = {path: _step(path) for path in sorted(folder.glob("checkpoint-*")) if path.is_dir()}
    return {path: step for path, step in steps.items() if step is not None}


def _step(path: Path) -> int | None:
    """The step in the name of a checkpoint's folder; None where it is another one's."""
    named = _NAME.fullmatch(path.name)
    return int(named[1]) if named else None


def _whole_weights(path: Path) -> bool:
    """Of the whole model, or of the change that a light tuning learns."""
    return whole_safetensors(path / ADAPTER) if (path / ADAPTER).is_file() else whole_weights(path)


def mend(folder: Path, log: Callable[[str], object], fault_in_loading: Callable[[Path], str]) -> None:
    """Before a resume: remove checkpoints that are broken, put those aside that do not load, and point the best one to
    where the folder is now.

    log: told of each that goes, and why. fault_in_loading: asked of those that are as they were saved. The trainer
    remembers the best checkpoint by an absolute path, which is stale once the workspace has moved. OSError, and nothing
    is removed, where the disk does not give a file.
    """
    for path in _steps(folder):
        name = f"{path.name} of {folder.name.removeprefix('.')}"
        if fault := fault_of(path):
            log(f"{name} is passed over and removed: {fault}")
            shutil.rmtree(path)
            continue
        if fault := fault_in_loading(path):
            # Another torch, or more memory, may load it.
            aside = path.with_name(_PUT_ASIDE + path.name)
            shutil.rmtree(aside, ignore_errors=True)
            path.rename(aside)
            log(f"{name} is passed over and kept as {aside.name}: {fault}")
            continue
        state = read_state(path)
        if state is not None and state.best and state.best_model_checkpoint != str(folder / state.best):
            checkpoint_state.point_to_best(path, state, folder / state.best)
    for path in _steps(folder):
        state = read_state(path)
        if state is not None and state.best and not (folder / state.best).is_dir():
            # A best figure whose weights are gone would be reported for other weights.
            checkpoint_state.forget_best(path, state)


def forget_measures(folder: Path) -> None:
    """Make every checkpoint forget what was measured so far: figures of other segments cannot be compared with."""
    for path in _steps(folder):
        state = read_state(path)
        if state is not None:
            checkpoint_state.forget_measures(path, state)


def keep_last(folder: Path) -> None:
    """Free the disk after a finished run: the newest checkpoint stays, so that the run can be extended, and the best
    one, so that an extension which makes it worse still ends with it."""
    last, best = last_checkpoint(folder), best_checkpoint(folder)
    if last is None or best is None:
        return
    for path in [*_steps(folder), *folder.glob(f"{_PUT_ASIDE}checkpoint-*")]:
        if path not in (last.path, best.path):
            shutil.rmtree(path, ignore_errors=True)
