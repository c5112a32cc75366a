"""The README.md of an exported data set: what is in it, and whose voices these are."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping, Sequence

from core.licences import WORDS, cc_by_version
from core.links import url_parts
from core.redaction import without_secrets
from core.store import Segment, Video
from core.text import clean

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

_ATTRIBUTION = """\
Recordings under {names} may be passed on and changed by anyone who names their author, title, address and licence, \
as the table does, and who says what was changed: here their sound was cut into pieces, converted to 16 kHz mono, and \
written down.\
"""


def dataset_card(
    name: str,
    language: str,
    loading: str,
    parts: Mapping[str, Sequence[Segment]],
    videos: Sequence[Video],
    leak: int,
    fetched: Mapping[str, str] | None = None,
) -> str:
    """Markdown with the hub's metadata on top.

    loading: the expression of the `datasets` library that opens it, "" for none. parts: the segments of each split.
    videos: those they come from. fetched: the day (YYYY-MM-DD) on which each was, by id, of those where it is known.
    """
    lines = [
        "---",
        *([f"language: {language}"] if language.isalpha() and language != "auto" else []),
        f"license: {_hub_licence(videos)}",
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
    if said := _captions_line([row for rows in parts.values() for row in rows]):
        lines += ["", said]
    if loading:
        lines += ["", "```python", "from datasets import load_dataset", "", f"data = {loading}", "```"]
    return "\n".join([*lines, *_recordings(videos, fetched or {})]) + "\n"


def _captions_line(rows: Sequence[Segment]) -> str:
    """How many texts began as captions: their writers are authors, too. What a person changed since keeps its model."""
    begun = [row for row in rows if row.origin == "caption" or row.model.startswith("captions:")]
    if not begun:
        return ""
    heard = sum(row.model.endswith(":automatic") for row in begun)
    by = f", {heard} of them written by a site's speech recognition" if heard else ""
    return (
        f"{len(begun)} of the {len(rows)} transcripts began as captions of the recordings{by}; a person accepted all."
    )


def _recordings(videos: Sequence[Video], fetched: Mapping[str, str]) -> list[str]:
    lines = ["", "## Recordings", ""]
    free = sorted({_licence(video) for video in videos if video.licence == "cc-by"})
    if free:
        lines += [_ATTRIBUTION.format(names=" or ".join(free)), ""]
    lines += ["| title | channel | licence | published | fetched | address |", "|---|---|---|---|---|---|"]
    for video in videos:
        cells = (
            _cell(video.title or video.id),
            _link(video.channel, video.channel_url),
            _licence(video),
            _day(video.upload_date),
            _day(fetched.get(video.id, "")),
            f"<{address}>" if (address := _address(video.url)) else "–",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _licence(video: Video) -> str:
    """The licence of a recording, as a cell: of CC BY the name, version and address, and always the site's words."""
    said = _cell(video.licence_text)
    if video.licence != "cc-by":
        return said or WORDS.get(video.licence, _cell(video.licence))
    version = cc_by_version(video.licence_text, video.url)
    address = f"https://creativecommons.org/licenses/by/{version}/"
    name = f"[CC BY {version}]({address})" if version else "CC BY"
    return name + (f": {said}" if said else "")


def _hub_licence(videos: Sequence[Video]) -> str:
    """The hub's name for the licence, "other" where they are mixed or not all free: the table says which is whose.

    The hub knows no CC BY without a version: where none is stated, YouTube's stands for it.
    """
    versions = {
        cc_by_version(video.licence_text, video.url) or "3.0" if video.licence == "cc-by" else "" for video in videos
    }
    return f"cc-by-{versions.pop()}" if len(versions) == 1 and "" not in versions else "other"


def _day(text: str) -> str:
    return text if _DAY.fullmatch(text) else "–"


def _link(text: str, url: str) -> str:
    name, address = _cell(text), _address(url)
    return f"[{name or address}]({address})" if address else name or "–"


def _address(url: str) -> str:
    """A link without login and tokens, and with nothing in it that could end it or the cell; "" for none of the web."""
    flat = without_secrets(clean(url, 2000))
    parts = url_parts(flat)
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return ""
    return urllib.parse.quote(flat, safe=":/?#@!$&'+,;=%~.-_")


def _cell(text: str) -> str:
    """A stranger's text for one cell: one line, no markup, no cell border."""
    flat = clean(text, 300).replace("&", "&amp;")
    for sign in "\\|`*_[]<>~$":
        flat = flat.replace(sign, "\\" + sign)
    return flat
