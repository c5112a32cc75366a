"""The README.md of an exported data set: what is in it, and whose voices these are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.store import Segment, Video
from core.text import clean

_LICENCES = {
    "cc-by": "Creative Commons Attribution",
    "standard": "standard YouTube licence: not free to pass on",
    "own": "own recording",
    "unknown": "unknown",
}


def dataset_card(
    name: str, language: str, form: str, parts: Mapping[str, Sequence[Segment]], videos: Sequence[Video], leak: int
) -> str:
    """Markdown with the hub's metadata on top. parts: the segments of each split; videos: those they come from."""
    licences = {video.licence for video in videos}
    # YouTube's Creative Commons licence is version 3.0; anything mixed is "other", with the table to say what.
    licence = "cc-by-3.0" if licences == {"cc-by"} else "other"
    lines = [
        "---",
        *([f"language: {language}"] if language.isalpha() else []),
        f"license: {licence}",
        "task_categories:",
        "- automatic-speech-recognition",
        "tags:",
        "- whispersmith",
        "---",
        "",
        f"# {_cell(name)}",
        "",
        "Short pieces of speech (16 kHz, mono) with transcripts that a person accepted.",
        "",
        "| split | segments | minutes | characters |",
        "|---|---:|---:|---:|",
    ]
    for part, rows in parts.items():
        minutes = sum(row.end_ms - row.start_ms for row in rows) / 60_000
        lines.append(f"| {part} | {len(rows)} | {minutes:.1f} | {sum(len(row.text) for row in rows)} |")
    if parts.get("test"):
        lines += ["", f"Test segments that share audio with training ones: {leak}."]
    if form == "audiofolder":
        lines += ["", "```python", "from datasets import load_dataset", "", _LOADING, "```"]
    lines += ["", "## Recordings", "", "| title | channel | licence | address |", "|---|---|---|---|"]
    for video in videos:
        licence_text = video.licence_text or _LICENCES.get(video.licence, video.licence)
        cells = (video.title or video.id, video.channel, licence_text, video.url)
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


_LOADING = 'data = load_dataset("audiofolder", data_dir="this folder")'


def _cell(text: str) -> str:
    """A stranger's text for one cell: one line, no markup, no cell border."""
    flat = clean(text, 300)
    for sign in "\\|`*_[]<>":
        flat = flat.replace(sign, "\\" + sign)
    return flat
