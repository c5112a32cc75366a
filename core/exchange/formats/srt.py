"""SubRip: numbered captions with their times. As a data set: one file for each recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.exchange.captions import one_line, timestamp
from core.exchange.clips import LabelledClip, Parts, Step, WrittenDataset, write_durably
from core.timed_text import Cue, merge_overlaps


def render(cues: Sequence[Cue]) -> str:
    """Numbered blocks, a comma before the milliseconds. Empty cues are left out."""
    spoken = [cue for cue in cues if cue.text]
    return "\n".join(
        f"{number}\n{timestamp(cue.start_ms, ',')} --> {timestamp(cue.end_ms, ',')}\n{one_line(cue.text)}\n"
        for number, cue in enumerate(spoken, start=1)
    )


def write(folder: Path, parts: Parts, step: Step) -> WrittenDataset:
    """`<video>.srt` in `folder`: what overlapping segments both hold is shown once. No sound is written or read."""
    videos: dict[str, list[LabelledClip]] = {}
    for clips in parts.values():
        for clip in clips:
            videos.setdefault(clip.video, []).append(clip)
    count = 0
    for video, clips in videos.items():
        cues = merge_overlaps(Cue(clip.start_ms, clip.end_ms, clip.text) for clip in clips)
        write_durably(folder / f"{video}.srt", render(cues))
        count += len(clips)
        step(count)
    return WrittenDataset("srt")
