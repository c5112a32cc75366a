"""Part the accepted segments into train and test so that no second of test audio is ever trained on."""

from __future__ import annotations

import hashlib
import random
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from core.config import Config, SplitConfig
from core.errors import UserError
from core.store import Segment, Store
from core.workspace import Workspace

if TYPE_CHECKING:
    from core.jobs import Job

By = Literal["auto", "video", "time"]

_STRETCH_MS = 180_000
_STRETCHES = 4
_DRAWS = 20


@dataclass(frozen=True)
class Split:
    """parts: train, test or None (left out) for every usable segment. by: how it was parted, never "auto"."""

    parts: dict[str, str | None]
    by: str

    def count(self, part: str | None) -> int:
        return sum(found == part for found in self.parts.values())


def run(workspace: Workspace, config: Config, job: Job) -> dict[str, Any]:
    """Split what a person accepted; params `by`, `test`, `guard_s`, `seed` override the config. Returns counts.

    guard: accepted segments left out because they lie too near to test ones, or hold the very same audio.
    """
    settings = _settings(config.split, job.params)
    with Store(workspace.db_path) as store:
        segments = [row for row in store.segments.all() if row.usable]
        digests = same_audio({row.id: workspace.absolute(row.path) for row in segments}, job)
        split = split_segments(
            segments, settings.by, settings.test, round(settings.guard_s * 1000), settings.seed, digests
        )
        result = {
            "by": split.by,
            "train": split.count("train"),
            "test": split.count("test"),
            "guard": split.count(None),
            "leak": leak(segments, split.parts, digests),
            "random_leak": random_leak(segments, split.count("test"), settings.seed, digests),
        }
        job.check()
        report = result | {"usable": len(segments), "share": settings.test, "seed": settings.seed}
        store.segments.set_parts(split.parts, report)
    workspace.log(
        f"by {split.by}: {result['train']} train, {result['test']} test, {result['guard']} left out; "
        f"{result['leak']} test segments share audio with training ones (a random split: {result['random_leak']})",
        "split",
    )
    return result


def _settings(base: SplitConfig, params: dict[str, Any]) -> SplitConfig:
    from pydantic import ValidationError

    override = {name: params[name] for name in ("by", "test", "guard_s", "seed") if params.get(name) is not None}
    try:
        return SplitConfig.model_validate(base.model_dump() | override)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"split.{'.'.join(map(str, first['loc']))} is not valid",
            f"{first['msg']}, but it is {first['input']!r}",
            "for example --by auto --test 0.1",
        ) from error


def split_segments(
    segments: Sequence[Segment],
    by: By,
    test_share: float,
    guard_ms: int,
    seed: int,
    digests: Mapping[str, str] | None = None,
) -> Split:
    """Part the usable ones among `segments`; the same arguments give the same split.

    video: whole videos go to test. time: stretches of each video do, and what lies within `guard_ms` of one belongs
    to neither side. auto: video where several have usable text, else time. Segments whose audio is the same, byte for
    byte, as that of a test segment are left out of training too. UserError if there is too little for two sides.
    """
    usable = [row for row in segments if row.usable]
    videos: dict[str, list[Segment]] = {}
    for row in sorted(usable, key=lambda row: (row.video, row.start_ms, row.end_ms)):
        videos.setdefault(row.video, []).append(row)
    if len(usable) < 2:
        raise _too_little(len(usable))
    if by == "video" and len(videos) < 2:
        raise UserError(
            "a split by video needs two videos with accepted text",
            f"there is accepted text in {len(videos)}",
            "whispersmith split --by time",
        )
    chosen = "video" if by == "video" or (by == "auto" and len(videos) > 1) else "time"
    rng = random.Random(seed)
    if chosen == "video":
        parts = _by_video(videos, test_share, rng)
    else:
        parts = {}
        for rows in videos.values():
            parts |= _by_time(rows, test_share, guard_ms, rng)
    _part_twins(parts, digests or {})
    split = Split(parts, chosen)
    if not split.count("train") or not split.count("test"):
        raise _too_little(len(usable))
    return split


def _too_little(count: int) -> UserError:
    return UserError(
        "there is too little accepted text for a split",
        f"{count} accepted segments do not give two sides that share no audio",
        "accept more transcripts, then split again",
    )


def _by_video(videos: dict[str, list[Segment]], share: float, rng: random.Random) -> dict[str, str | None]:
    """Whole videos to test: the sum of segments nearest above the share; below it if above is more than half.

    All sums that some choice of videos reaches are the bits of one number (subset sums); going back through the
    numbers of each step finds the videos.
    """
    names = sorted(videos)
    rng.shuffle(names)
    total = sum(map(len, videos.values()))
    reached = [1]
    for name in names:
        reached.append(reached[-1] | reached[-1] << len(videos[name]))
    sums = [number for number in range(1, total) if reached[-1] >> number & 1]
    target = max(1, round(share * total))
    above = [number for number in sums if number >= target]
    below = [number for number in sums if number < target]
    rest = above[0] if above and (above[0] * 2 <= total or not below) else below[-1]
    test: set[str] = set()
    for index in range(len(names), 0, -1):
        if not reached[index - 1] >> rest & 1:
            test.add(names[index - 1])
            rest -= len(videos[names[index - 1]])
    return {row.id: "test" if name in test else "train" for name, rows in videos.items() for row in rows}


def _by_time(rows: list[Segment], share: float, guard_ms: int, rng: random.Random) -> dict[str, str | None]:
    """Stretches of one video to test, at random places; all to train where no place leaves any for training."""
    wanted = max(1, round(share * len(rows)))
    span = sum(row.end_ms - row.start_ms for row in rows[:wanted])
    stretches = max(1, min(_STRETCHES, wanted, span // _STRETCH_MS))
    while stretches:
        cuts = _places(rows, wanted, stretches, rng)
        parts = _around(rows, cuts, guard_ms)
        if "train" in parts.values():
            return parts
        stretches -= 1
    for first in (0, len(rows) - wanted):  # at an edge only one guard is needed
        parts = _around(rows, [_bounds(rows[first : first + wanted])], guard_ms)
        if "train" in parts.values():
            return parts
    return dict.fromkeys((row.id for row in rows), "train")


def _places(rows: list[Segment], wanted: int, stretches: int, rng: random.Random) -> list[tuple[int, int]]:
    """(from, to) in ms of `stretches` runs of rows, one at a random place in each equal part of the video."""
    cuts = []
    for number in range(stretches):
        low, high = number * len(rows) // stretches, (number + 1) * len(rows) // stretches
        size = (number + 1) * wanted // stretches - number * wanted // stretches
        first = rng.randint(low, max(low, high - size))
        cuts.append(_bounds(rows[first : first + size]))
    return cuts


def _bounds(rows: Sequence[Segment]) -> tuple[int, int]:
    return min(row.start_ms for row in rows), max(row.end_ms for row in rows)


def _around(rows: Sequence[Segment], cuts: Sequence[tuple[int, int]], guard_ms: int) -> dict[str, str | None]:
    parts: dict[str, str | None] = {}
    for row in rows:
        if any(low <= row.start_ms and row.end_ms <= high for low, high in cuts):
            parts[row.id] = "test"
        elif any(row.start_ms < high + guard_ms and row.end_ms > low - guard_ms for low, high in cuts):
            parts[row.id] = None
        else:
            parts[row.id] = "train"
    return parts


def _part_twins(parts: dict[str, str | None], digests: Mapping[str, str]) -> None:
    """Take out of training what sounds exactly as a test segment does: the same recording published twice."""
    heard = {digests[id] for id, part in parts.items() if part == "test" and id in digests}
    for id, part in parts.items():
        if part == "train" and digests.get(id) in heard:
            parts[id] = None


def leak(
    segments: Sequence[Segment],
    parts: Mapping[str, str | None] | None = None,
    digests: Mapping[str, str] | None = None,
) -> int:
    """How many test segments share audio with a training one: the same moment of a video, or the same bytes.

    parts: the split to look at; without it, the one the segments carry.
    """
    side = parts if parts is not None else {row.id: row.part for row in segments}
    digests = digests or {}
    spans: dict[str, list[tuple[int, int]]] = {}
    heard = set()
    for row in segments:
        if side.get(row.id) == "train":
            spans.setdefault(row.video, []).append((row.start_ms, row.end_ms))
            heard.add(digests.get(row.id))
    heard.discard(None)
    reach = {video: _Reach(found) for video, found in spans.items()}
    count = 0
    for row in segments:
        if side.get(row.id) == "test":
            near = reach.get(row.video)
            shared = near is not None and near.overlaps(row.start_ms, row.end_ms)
            count += shared or digests.get(row.id) in heard
    return count


class _Reach:
    """Answers whether any of many spans overlaps one, in the time of a binary search."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        spans.sort()
        self.starts = [start for start, _ in spans]
        self.ends: list[int] = []
        for _, end in spans:
            self.ends.append(max(end, self.ends[-1]) if self.ends else end)

    def overlaps(self, start: int, end: int) -> bool:
        before = bisect_left(self.starts, end)  # the spans that begin before this one ends
        return before > 0 and self.ends[before - 1] > start


def random_leak(
    segments: Sequence[Segment], test_count: int, seed: int = 0, digests: Mapping[str, str] | None = None
) -> int:
    """The same figure for a random split with as many test segments: the mean of 20 draws, rounded."""
    usable = [row for row in segments if row.usable]
    rng = random.Random(seed)
    total = 0
    for _ in range(_DRAWS):
        test = {row.id for row in rng.sample(usable, min(test_count, len(usable)))}
        total += leak(usable, {row.id: "test" if row.id in test else "train" for row in usable}, digests)
    return round(total / _DRAWS)


def same_audio(files: Mapping[str, Path], job: Job | None = None) -> dict[str, str]:
    """A digest for each segment whose audio some other one has too, byte for byte; the others are not in it.

    Only files that agree in size and in 4 KB from their middle are read whole, so hours cost little. A file that is
    missing or unreadable counts as unlike any other.
    """
    alike: dict[tuple[int, bytes], list[str]] = {}
    for id, path in files.items():
        if job is not None:
            job.check()
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                file.seek(size // 2)
                alike.setdefault((size, file.read(4096)), []).append(id)
        except OSError:
            continue
    digests: dict[str, list[str]] = {}
    for ids in alike.values():
        for id in ids if len(ids) > 1 else ():
            if job is not None:
                job.check()
            with files[id].open("rb") as file:
                digests.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), []).append(id)
    return {id: digest for digest, ids in digests.items() if len(ids) > 1 for id in ids}
