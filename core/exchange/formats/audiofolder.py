"""Hugging Face's audiofolder: wav files beside a metadata file, in train/ and test/ or in one folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from core.exchange.clips import LabelledClip, Parts, Step, WrittenDataset, link_or_copy, write_durably
from core.exchange.formats import delimited, json_lines
from core.exchange.rows import MetadataTable

METADATA = {"metadata.jsonl": json_lines.read, "metadata.csv": delimited.read, "metadata.tsv": delimited.read}
"""What may lie beside the clips, the likeliest to be whole first, and how it is read."""

LOADING = 'load_dataset("audiofolder", data_dir="this folder")'
"""How the `datasets` library opens what is written here."""

# What pandas, which the loader reads CSV with, takes for "no value" (its documented default of `na_values`).
_PANDAS_NOTHING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"}
    | {"NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)


def find(folder: Path) -> list[Path]:
    """The metadata files at the top and one folder down, one for each folder, in order; [] if it is no audiofolder."""
    found = []
    for place in [folder, *sorted(entry for entry in folder.iterdir() if entry.is_dir())]:
        there = [place / name for name in METADATA if (place / name).is_file()]
        found += there[:1]
    return found


def read(metadata: Path) -> MetadataTable:
    return METADATA[metadata.name](metadata)


def survives_csv(texts: Sequence[str]) -> bool:
    """Whether pandas would read these texts back from a CSV as they are.

    It makes None of an empty text and of "NA" and its like, and numbers or truth values of a column (it is read
    in chunks of 10 000 rows) that holds nothing else; quotes do not help.
    """
    if any(text in _PANDAS_NOTHING or "\r" in text or "\0" in text for text in texts):
        return False
    chunks = [texts[begin : begin + 10_000] for begin in range(0, len(texts), 10_000)]
    return all(any(_is_plain_text(text) for text in chunk) for chunk in chunks)


def _is_plain_text(text: str) -> bool:
    if text.strip().lower() in ("true", "false", "inf", "-inf", "infinity", "-infinity"):
        return False
    try:
        complex(text.strip().replace(",", ""))
    except ValueError:
        return True
    return False


def write(folder: Path, parts: Parts, step: Step = lambda count: None) -> WrittenDataset:
    """Write train/ and test/ (those that have clips) into `folder`, which is empty.

    Every metadata file is quoted where CSV needs it and UTF-8 without a mark, so that
    `load_dataset("audiofolder", data_dir=folder)` reads back the same names, texts and sound. Where a text would not
    survive CSV all parts get JSON lines, since the loader refuses two kinds together.
    """
    safe = all(survives_csv([clip.text for clip in clips]) for clips in parts.values() if clips)
    count = 0
    for part, clips in parts.items():
        if not clips:
            continue
        place = folder / part
        place.mkdir(parents=True)
        for clip in clips:
            link_or_copy(clip.audio, place / clip.name)
            count += 1
            step(count)
        write_durably(place / ("metadata.csv" if safe else "metadata.jsonl"), _csv(clips) if safe else _jsonl(clips))
    if safe:
        return WrittenDataset("csv")
    return WrittenDataset(
        "jsonl", ("metadata.jsonl instead of .csv: a text like NA, or only numbers, would not survive CSV",)
    )


def _csv(clips: Sequence[LabelledClip]) -> str:
    rows = [("file_name", "transcription"), *((clip.name, clip.text) for clip in clips)]
    return "".join(f"{_cell(name)},{_cell(text)}\n" for name, text in rows)


def _cell(text: str) -> str:
    """Quoted where CSV needs it, and where a reader might take spaces at an end for layout."""
    needed = any(sign in text for sign in ',"\r\n') or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if needed else text


def _jsonl(clips: Sequence[LabelledClip]) -> str:
    rows = [json.dumps({"file_name": clip.name, "transcription": clip.text}, ensure_ascii=False) for clip in clips]
    return "".join(row + "\n" for row in rows)
