"""Room in the workspace and in the model cache, against what is to come."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

from core.checks.check import Answer, Context, ok, warn
from core.checks.models import is_here, shape_of
from core.errors import UserError
from core.store import Store

CHECKPOINT_BYTES = 12
"""A weight in fp32 and its two moments; the tuned model is four bytes a weight more."""
MP4_BYTES_S, WAV_BYTES_S = 16_000, 32_000
"""A second of YouTube's m4a (128 kbit/s); a second of 16 kHz mono 16-bit."""
RESERVE_BYTES = 1_000_000_000
LEAST_TOLD_BYTES = 50_000_000
UNKNOWN_WEIGHTS = 242_000_000
"""A small, where the size of the base model is not known."""


def check_disk(context: Context) -> Answer:
    from core.whisper.folders import ENCODED, cache_folder

    here = context.workspace.root if context.workspace else Path.cwd()
    cache = _existing(cache_folder())
    free_here, free_cache = shutil.disk_usage(here).free, shutil.disk_usage(cache).free
    models, training, media = _models(context), _training(context), _media(context)
    found = f"{free_here / 1e9:.0f} GB free here, {free_cache / 1e9:.0f} GB in the model cache"
    coming = [("models", models), ("a training run", training), ("audio", media)]
    detail = "to come: " + ", ".join(f"{name} {size / 1e9:.1f} GB" for name, size in coming if size)
    encoded, checkpoints = _held(context)
    held = [("encoders' outputs", encoded), ("checkpoints of runs", checkpoints)]
    if said := ", ".join(f"{name} {size / 1e9:.1f} GB" for name, size in held if size >= LEAST_TOLD_BYTES):
        detail += f"; here and only to go on faster: {said}"
    same = os.stat(here).st_dev == os.stat(cache).st_dev
    need_here, need_cache = training + media + (models if same else 0), models
    if free_here < need_here + RESERVE_BYTES:
        fix = f"du -xh {here} | sort -h | tail"
        if context.workspace and encoded >= LEAST_TOLD_BYTES:
            fix = f"rm -r {shlex.quote(str(context.workspace.models / ENCODED))}"
        return warn(found, f"{detail}: {need_here / 1e9:.1f} GB here", fix, detail=detail)
    if free_cache < need_cache + RESERVE_BYTES:
        why = f"the models still to come take {need_cache / 1e9:.1f} GB"
        return warn(found, why, "hf cache prune, or set HF_HOME to a folder on a larger disk", detail=detail)
    return ok(found, detail)


def _models(context: Context) -> int:
    """Bytes of the models that are not here yet."""
    from core.models.suggested import suggestion

    names = {context.config.model.base, context.config.model.labeller}
    missing = [name for name in names if not is_here(name, context)]
    known = [suggestion(name) for name in missing]
    return sum(one.download_bytes if one else 4 * UNKNOWN_WEIGHTS for one in known)


def _training(context: Context) -> int:
    from core.training.checkpoints import AT_ONCE
    from core.training.methods import METHODS

    shape = shape_of(context.config.model.base, context)
    if shape is None:
        return UNKNOWN_WEIGHTS * (AT_ONCE * CHECKPOINT_BYTES + 4)
    return AT_ONCE * METHODS[context.config.train.method].checkpoint(shape) + 4 * shape.parameters


def _held(context: Context) -> tuple[int, int]:
    """Bytes of what encoders made of windows, and of checkpoints."""
    from core.whisper.folders import ENCODED

    if context.workspace is None:
        return 0, 0
    models = context.workspace.models
    return _bytes(models.glob(f"{ENCODED}/*/*")), _bytes(models.glob(".*/*checkpoint-*/*"))


def _bytes(files: Iterable[Path]) -> int:
    total = 0
    for file in files:
        with contextlib.suppress(OSError):  # a run removes its own meanwhile
            total += file.stat().st_size
    return total


def _media(context: Context) -> int:
    """Bytes of the videos that were chosen and are not fetched yet, with the segments they become."""
    if context.workspace is None or not context.workspace.db_path.is_file():
        return 0
    cut = context.config.segment
    overlap = cut.length_s / (cut.length_s - cut.overlap_s)
    try:
        with Store(context.workspace.db_path) as store:
            videos = store.videos.all()
    except UserError:  # what is wrong with it the check of the database tells
        return 0
    seconds = sum(v.duration_ms or 0 for v in videos if v.selected and v.state != "fetched") / 1000
    return int(seconds * (MP4_BYTES_S + WAV_BYTES_S * overlap))


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
