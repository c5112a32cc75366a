"""What is wrong with the accepted segments as a data set: each problem with its rows. Nothing is changed here.

Rows are streamed, and of a text only its characters and a hash are kept. 100 000 rows take seconds.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.dataset.leak import sharing_audio
from core.review.chinese_script import Script, foreign_to, written_in
from core.review.suspicion import HAN_PER_SECOND, flags_of
from core.store import Store
from core.store.records import DatasetRow
from core.text import is_unspaced
from core.workspace import Workspace

LONGEST_LABEL = 448
"""Tokens that Whisper's decoder takes at most: longer labels raise, or are cut (transformers#33196)."""

TOKENS = {True: 0.93, False: 0.3}
"""By whether a character is of a script without spaces: measured on the reference run's texts; English has some four
letters a token."""

LEAST_ALIKE = 10
"""Letters of a text from which on it is odd that somebody says the very same elsewhere."""

HEADER_BYTES = 44
"""Of a wav without sound."""

Mend = Literal["cut", "delete", "leave-out", "rewrite", "split", ""]
"""What mends a problem: cutting its recordings again, deleting files that nobody names, taking rows out of training,
rewriting their texts, splitting again. "" where only a person can tell."""

# Controls, marks of direction, what is invisible, private use, and the sign for a character that was lost.
ODD = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffd\ue000-\uf8ff"
    "\U000f0000-\U0010ffff]"
)
LOST = "\ufffd"
"""The sign for a character that could not be read."""

_NO_LETTER = re.compile(r"[\W_]+")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_WIDE = re.compile("[０-９Ａ-Ｚａ-ｚ]")
_NARROW = re.compile("[0-9A-Za-z]")
_HAN = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True)
class Problem:
    """rows: ids of the segments that have it, in playing order. files: paths in the workspace, of what has no row.

    spoiling: those of the rows that are left out where that mends it; of copies all but the first. name: as in a filter
    and on the command line. text: what is wrong, in words.
    """

    name: str
    text: str
    mend: Mend
    rows: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    spoiling: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return len(self.rows) or len(self.files)

    def as_json(self) -> dict[str, Any]:
        return {
            "problem": self.name,
            "what": self.text,
            "count": self.count,
            "segments": list(self.rows),
            "files": list(self.files),
            "mend": self.mend,
        }


KINDS: dict[str, tuple[str, Mend]] = {
    "missing": ("the wav is not there, or holds nothing", "cut"),
    "extra": ("wavs in segments/ that belong to no segment", "delete"),
    "same-audio": ("wavs with the same bytes at different places", "leave-out"),
    "same-text": ("the very same words at different places", "leave-out"),
    "empty": ("accepted, and says nothing", "leave-out"),
    "long": (f"more than {LONGEST_LABEL} tokens, by estimate", "leave-out"),
    "fast": ("more words than anybody says in such a time", "leave-out"),
    "kana": ("Japanese kana among Chinese", "leave-out"),
    "tai": ("台 and 臺 are mixed; these have the rarer one", "rewrite"),
    "odd": ("control, invisible or private-use characters", "rewrite"),
    "width": ("full-width letters or digits, elsewhere half-width", "rewrite"),
    "script": ("characters of the other Chinese script", "rewrite"),
    "leak": ("test segments whose audio is trained on, too", "split"),
}
"""Every problem there can be, in the order in which they are told: what is wrong, and what mends it."""


@dataclass
class TextCharacters:
    """Which characters the accepted texts have, and how many of these texts have kana, and Han."""

    counts: Counter[str] = field(default_factory=Counter)
    kana: int = 0
    han: int = 0

    @classmethod
    def of(cls, texts: Iterable[str]) -> TextCharacters:
        found = cls()
        for text in texts:
            found.counts.update(text)
            found.kana += _KANA.search(text) is not None
            found.han += _HAN.search(text) is not None
        return found

    @property
    def script(self) -> Script | None:
        return written_in(character * min(count, 1000) for character, count in self.counts.items())

    @property
    def rarer_tai(self) -> str:
        """台 or 臺, whichever is the rarer where both occur; "" where one is never written."""
        one, other = self.counts["台"], self.counts["臺"]
        return "" if not one or not other else "台" if one < other else "臺"

    @property
    def is_chinese(self) -> bool:
        """Kana are odd where most texts have Han and no kana."""
        return self.kana * 2 < self.han


def check_dataset(workspace: Workspace, store: Store, check: Callable[[], object] = lambda: None) -> list[Problem]:
    """All problems that there are, in the order of KINDS. check: called now and then; it may raise to stop."""
    found: dict[str, list[str]] = {name: [] for name in KINDS}
    characters = TextCharacters.of(row.text for row in _checked(store, check) if row.is_usable)
    rules = _text_rules(characters)
    files = _wavs(workspace)
    named: set[str] = set()
    digests: dict[str, list[str]] = {}
    texts: dict[int, list[DatasetRow]] = {}
    parts: dict[str, list[DatasetRow]] = {"train": [], "test": []}
    for row in _checked(store, check):
        named.add(row.path)
        if files.get(row.path, 0) <= HEADER_BYTES:
            found["missing"].append(row.id)
        if row.review != "accepted":
            continue
        if row.digest:
            digests.setdefault(row.digest, []).append(row.id)
        if len(bare := _NO_LETTER.sub("", row.text)) >= LEAST_ALIKE:
            texts.setdefault(hash(bare.casefold()), []).append(row._replace(text=""))
        if row.is_usable and row.part in parts:
            parts[row.part].append(row)
        for name, holds in rules.items():
            if holds(row):
                found[name].append(row.id)
    found["leak"] = sorted(sharing_audio(parts["test"], parts["train"]))
    extra = tuple(sorted(files.keys() - named))
    copies = {
        "same-audio": [ids for ids in digests.values() if len(ids) > 1],
        "same-text": [ids for rows in texts.values() if len(ids := _apart(rows)) > 1],
    }
    return [
        problem
        for name in KINDS
        if (problem := _problem(name, found[name], copies.get(name, []), extra if name == "extra" else ())).count
    ]


def _problem(name: str, rows: Sequence[str], copies: Sequence[Sequence[str]], files: tuple[str, ...]) -> Problem:
    text, mend = KINDS[name]
    if copies:
        together = tuple(id for ids in copies for id in ids)
        return Problem(name, text, mend, together, spoiling=tuple(id for ids in copies for id in ids[1:]))
    return Problem(name, text, mend, tuple(rows), files, tuple(rows) if mend == "leave-out" else ())


def _checked(store: Store, check: Callable[[], object]) -> Iterator[DatasetRow]:
    for number, row in enumerate(store.segments.dataset_rows()):
        if number % 1000 == 0:
            check()
        yield row


def _text_rules(characters: TextCharacters) -> dict[str, Callable[[DatasetRow], bool]]:
    """By problem, whether an accepted row has it; only those that any text can have."""
    rules: dict[str, Callable[[DatasetRow], bool]] = {
        "empty": lambda row: not _NO_LETTER.sub("", row.text),
        # Most texts are too short for either, which costs less to see.
        "long": lambda row: len(row.text) > LONGEST_LABEL and tokens(row.text) > LONGEST_LABEL,
        "fast": lambda row: (
            len(row.text) > HAN_PER_SECOND * _seconds(row) and "fast" in flags_of(row.text, _seconds(row))
        ),
    }
    here = "".join(characters.counts)
    script = characters.script
    foreign = {character for character in here if foreign_to(script, character)}
    if characters.is_chinese and _KANA.search(here):
        rules["kana"] = lambda row: _KANA.search(row.text) is not None
    if rarer := characters.rarer_tai:
        rules["tai"] = lambda row: rarer in row.text
    if ODD.search(here):
        rules["odd"] = lambda row: ODD.search(row.text) is not None
    if _WIDE.search(here) and _NARROW.search(here):
        rules["width"] = lambda row: _WIDE.search(row.text) is not None
    if foreign:
        rules["script"] = lambda row: not foreign.isdisjoint(row.text)
    return rules


def _seconds(row: DatasetRow) -> float:
    return (row.end_ms - row.start_ms) / 1000


def tokens(text: str) -> float:
    """About how many tokens Whisper's tokenizer makes of a text."""
    unspaced = sum(map(is_unspaced, text))
    return TOKENS[True] * unspaced + TOKENS[False] * (len(text) - unspaced)


def _apart(rows: Sequence[DatasetRow]) -> list[str]:
    """Those of the rows, in playing order, that share no time with the one before: neighbours hold the same words."""
    found: list[str] = []
    before: DatasetRow | None = None
    for row in rows:
        if before is None or row.video != before.video or row.start_ms >= before.end_ms:
            found.append(row.id)
        before = row
    return found


def _wavs(workspace: Workspace) -> dict[str, int]:
    """The bytes of every wav in segments/, by its path in the workspace."""
    found: dict[str, int] = {}
    for folder in [workspace.segments, *sorted(_folders(workspace.segments))]:
        if folder.is_dir():
            place = workspace.relative(folder)
            with os.scandir(folder) as entries:
                found |= {
                    f"{place}/{entry.name}": entry.stat().st_size
                    for entry in entries
                    if entry.name.endswith(".wav") and entry.is_file()
                }
    return found


def _folders(place: Path) -> list[Path]:
    return [entry for entry in place.iterdir() if entry.is_dir()] if place.is_dir() else []
