"""The one table of file formats. Adding one is a file beside this one, and its entry here: `import`, `export`,
`transcribe`, their help and what lies beside a recording all read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.exchange.captions import read_captions
from core.exchange.clips import Parts, Step, WrittenDataset
from core.exchange.formats import audiofolder, delimited, json_document, json_lines, nemo, parquet, plain_text, srt, vtt
from core.exchange.rows import MetadataTable
from core.timed_text import Cue


@dataclass(frozen=True)
class Format:
    """A format and what can be done with it; what is None cannot.

    name: what `--format` calls it. suffixes: of the files it reads, with their dots.
    find: for one that is a folder: the files in it that `read_rows` takes, [] where the folder is none.
    read_rows: clips and their texts, from a file. read_cues: the captions of one recording, from a file. Both raise
    UserError with the line. write_dataset: the parts of a data set into an empty folder. write_transcription: a
    recording's cues as the text of a file. by_split: False where a data set is not parted into train and test.
    loading: the Python expression that opens a data set, for its card.
    """

    name: str
    suffixes: tuple[str, ...] = ()
    find: Callable[[Path], list[Path]] | None = None
    read_rows: Callable[[Path], MetadataTable] | None = None
    read_cues: Callable[[Path], list[Cue]] | None = None
    write_dataset: Callable[[Path, Parts, Step], WrittenDataset] | None = None
    write_transcription: Callable[[Sequence[Cue]], str] | None = None
    by_split: bool = True
    loading: str = ""


FORMATS: tuple[Format, ...] = (
    Format(
        "audiofolder",
        find=audiofolder.find,
        read_rows=audiofolder.read,
        write_dataset=audiofolder.write,
        loading=audiofolder.LOADING,
    ),
    Format("csv", (".csv", ".tsv", ".tab", ".txt"), read_rows=delimited.read),
    Format("jsonl", (".jsonl", ".ndjson", ".json"), read_rows=json_lines.read, write_dataset=json_lines.write),
    Format("parquet", write_dataset=parquet.write),
    Format("nemo", write_dataset=nemo.write),
    Format("txt", write_transcription=plain_text.render),
    Format(
        "srt",
        (".srt",),
        read_cues=read_captions,
        write_dataset=srt.write,
        write_transcription=srt.render,
        by_split=False,
    ),
    Format("vtt", (".vtt",), read_cues=read_captions, write_transcription=vtt.render),
    Format("json", write_transcription=json_document.render),
)

DATASET, TRANSCRIPTION = "audiofolder", "txt"
"""What is written where nobody says."""


def dataset_formats() -> list[str]:
    """What `export --format` takes."""
    return [one.name for one in FORMATS if one.write_dataset]


def transcription_formats() -> list[str]:
    """What `transcribe --format` takes."""
    return [one.name for one in FORMATS if one.write_transcription]


def readable() -> list[str]:
    """Names of what `import` takes, for its help."""
    return [one.name for one in FORMATS if one.read_rows or one.read_cues]


def readable_suffixes() -> tuple[str, ...]:
    """Of files that `import` takes, with their dots."""
    return tuple(dict.fromkeys(suffix for one in FORMATS for suffix in one.suffixes))


def caption_suffixes() -> frozenset[str]:
    """Of files that hold the captions of one recording, with their dots."""
    return frozenset(suffix for one in FORMATS if one.read_cues for suffix in one.suffixes)


def dataset_format(name: str) -> Format:
    """The one that a data set is written in. UserError, with those that are known, for another name."""
    return _named(name, dataset_formats())


def transcription_format(name: str) -> Format:
    """The one that a transcription is written in. UserError, with those that are known, for another name."""
    return _named(name, transcription_formats())


def _named(name: str, known: list[str]) -> Format:
    found = next((one for one in FORMATS if one.name == name and name in known), None)
    if found is None:
        raise UserError(f"there is no format {name}", f"the formats are {', '.join(known)}", f"--format {known[0]}")
    return found


def read_cues(path: Path) -> list[Cue]:
    """The captions in a file, by its suffix. UserError where they cannot be read."""
    found = _by_suffix(path)
    if found is None or found.read_cues is None:
        raise UserError(f"{path.name} holds no captions", f"they end with {' '.join(sorted(caption_suffixes()))}", "")
    return found.read_cues(path)


def recognise(path: Path) -> list[tuple[Format, Path]]:
    """The files to be imported from a path, each with its format: a file, a folder that is a format, or all captions
    of a folder. UserError where there is nothing that can be read."""
    suffixes = " ".join(readable_suffixes())
    if not path.is_dir():
        found = _by_suffix(path)
        if found is None:
            raise UserError(
                f"{path.name} is not a kind of file that can be imported",
                f"{path.suffix or 'no suffix'}; known are {suffixes} and folders with metadata.csv",
                "save it as CSV with the columns file_name and transcription",
            )
        return [(found, path)]
    for one in FORMATS:
        if one.find and (files := one.find(path)):
            return [(one, file) for file in files]
    captions = [(one, file) for file in sorted(path.iterdir()) if (one := _by_suffix(file)) and one.read_cues]
    if not captions:
        raise UserError(
            f"{path} holds nothing that can be imported",
            f"neither metadata.csv or metadata.jsonl, as in an audiofolder, nor files that end with "
            f"{' '.join(sorted(caption_suffixes()))}",
            f"name a file ({suffixes}), or a folder with metadata.csv beside its wav files",
        )
    return captions


def _by_suffix(path: Path) -> Format | None:
    return next((one for one in FORMATS if path.suffix.lower() in one.suffixes), None)
