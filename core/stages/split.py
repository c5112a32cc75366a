"""split: part the accepted segments into train and test, and say what that leaks."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from core.config import Config, SplitConfig, with_changes
from core.dataset.columns import SegmentColumns
from core.dataset.digests import fill_digests
from core.dataset.leak import random_leak
from core.dataset.split import LEFT_OUT, PARTS, TEST, TRAIN, By, leak, split_segments
from core.spans import segment_id
from core.store import Store
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs import Job


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", choices=get_args(By))
    parser.add_argument("--test", type=float, metavar="SHARE", help=f"default {SplitConfig().test:g}")


def params(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"by": arguments.by, "test": arguments.test}


def report(result: dict[str, Any]) -> str:
    parts = f"{result['train']} train, {result['test']} test, {result['guard']} left out between them"
    leak = f"test segments that share audio with training ones: {result['leak']}"
    return f"{parts}; {leak} (a random split: {result['random_leak']})"


def check_params(workspace: Workspace, config: Config, params: dict[str, Any]) -> None:
    """Refuse settings that are not valid."""
    _settings(config, params)


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Split what a person accepted; params `by`, `test`, `guard_s`, `seed` override the config. Returns counts.

    guard: accepted segments left out because they lie too near to test ones, or hold the very same audio.
    """
    settings = _settings(config, job.params)
    with Store(workspace.db_path) as store:
        fill_digests(workspace, store, job)
        # Before they are read: who accepts one meanwhile makes this split one of other rows.
        digest = store.segments.usable_digest()
        segments = SegmentColumns.usable(store, job.check)
        split = split_segments(segments, settings.by, settings.test, round(settings.guard_s * 1000), settings.seed)
        result = {
            "by": split.by,
            "train": split.count(TRAIN),
            "test": split.count(TEST),
            "guard": split.count(LEFT_OUT),
            "leak": leak(segments, split.parts),
            "random_leak": random_leak(segments, split.count(TEST)),
        }
        job.check()
        facts = {"usable": len(segments), "digest": digest, "share": settings.test, "seed": settings.seed}
        store.segments.set_parts(_pairs(segments, split.parts), result | facts)
    workspace.log(f"by {split.by}: {report(result)}", "split")
    return result


def _settings(config: Config, params: dict[str, Any]) -> SplitConfig:
    asked = {name: params[name] for name in ("by", "test", "guard_s", "seed") if params.get(name) is not None}
    return with_changes(config.split, asked, "split", "--by auto --test 0.1")


def _pairs(segments: SegmentColumns, parts: np.ndarray) -> Iterator[tuple[str, str | None]]:
    """(id, part), one recording after the other, so that no million of names is held."""
    for begin, end in itertools.pairwise(segments.bounds().tolist()):
        video = segments.videos[segments.video[begin]]
        spans = zip(segments.start_ms[begin:end].tolist(), segments.end_ms[begin:end].tolist(), strict=True)
        for (start_ms, end_ms), part in zip(spans, parts[begin:end].tolist(), strict=True):
            yield segment_id(video, start_ms, end_ms), PARTS[part]
