"""Many texts as one file that a person edits in an editor of their own, and back. Pure functions.

A line is a segment: its name, its time, a bar, its text. What cannot be read back is told with its line, and changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.text import LONGEST_TEXT, clean, plural

BAR = " | "
HEAD = """\
# The texts of {rows}. Change what stands behind the bar; save, and close the editor.
# A changed line becomes your own text, accepted; u takes all of them back as one.
# A line that is deleted changes nothing, and neither does one with # at its beginning.
"""


class FormLine(NamedTuple):
    """segment: its id; place: what the person knows it by, without blanks; text: one line."""

    segment: str
    place: str
    text: str


class ReadForm(NamedTuple):
    """texts: by segment, those that are others now. problems: what could not be read, a sentence for each line.
    missing: how many segments have no line any more."""

    texts: dict[str, str]
    problems: list[str]
    missing: int


def written(lines: Sequence[FormLine]) -> str:
    """The file. Texts are cleaned, so that each is one line."""
    return HEAD.format(rows=plural(len(lines), "row")) + "".join(
        f"{line.segment} {line.place}{BAR}{_flat(line.text)}\n" for line in lines
    )


def read(content: str, lines: Iterable[FormLine]) -> ReadForm:
    """What a person has made of it. lines: as they were written."""
    before = {line.segment: _flat(line.text) for line in lines}
    seen: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(content.removeprefix("\ufeff").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        # Editors take blanks from the end of a line, also those behind the bar of an empty text.
        name, bar, text = f"{line} ".partition(BAR)
        segment = name.split(" ", 1)[0]
        text = _flat(text)
        if not bar:
            problems.append(f"line {number} has no bar: {clean(line, 60)}")
        elif segment not in before:
            problems.append(f"line {number} begins with no row that was given: {clean(name, 60)}")
        elif segment in seen:
            if text != seen[segment]:
                problems.append(f"line {number} is a second one of {segment}; the first one counts")
        elif len(text) > max(LONGEST_TEXT, len(before[segment])):
            problems.append(f"line {number} has more than {LONGEST_TEXT} characters")
            seen[segment] = before[segment]
        else:
            seen[segment] = text
    changed = {segment: text for segment, text in seen.items() if text != before[segment]}
    return ReadForm(changed, problems, len(before.keys() - seen.keys()))


def _flat(text: str) -> str:
    """One line, nothing of it cut off."""
    return clean(text, max(1, len(text)))
