"""The sources of a workspace: which lists may bring more, and what a line says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.events import JobState
from core.store import Source
from tui.bridge import JobBatch
from tui.widgets import cells


@dataclass(frozen=True)
class AddParams:
    """What a listing was asked for: links and paths."""

    what: tuple[str, ...] = ()


LISTS = frozenset(("playlist", "channel", "feed"))
"""Kinds of sources that are read page by page, and may be stopped half-way."""


def to_list_again(sources: Iterable[Source]) -> list[Source]:
    """Those of which reading them again may bring something new; first what has never been read to its end."""
    found = [s for s in sources if s.kind in LISTS or s.kind == "folder" or (s.kind == "video" and s.listed is None)]
    return sorted(found, key=lambda source: source.listed is not None or source.kind == "folder")


def unlisted(job: JobBatch) -> str:
    """The link that a listing failed at, to be asked for again without typing it; "" where it went well."""
    return next(iter(job.view.params_as(AddParams).what), "") if job.view.state == JobState.FAILED else ""


def stopped_short(sources: Iterable[Source]) -> list[Source]:
    """Lists that have never been read to their end."""
    return [source for source in sources if source.listed is None and source.kind in LISTS]


def names_of(stopped: Sequence[Source], of: int, more: str) -> str:
    """`list` where there is no other, its name where there are, `3 lists` for several."""
    if len(stopped) > 1:
        return f"{len(stopped)} lists"
    return "list" if of == 1 else cells.cut(cells.harmless(stopped[0].title or stopped[0].url), 20, more)


def heading(sources: Sequence[Source]) -> str:
    """The one source by its name; of several how many, and the newest first."""
    titles = [source.title or source.url for source in sources]
    if len(titles) == 1:
        return cells.cut(cells.harmless(titles[0]), 300)
    names = ", ".join(cells.cut(cells.harmless(title), 60) for title in reversed(titles[-20:]))
    return f"{len(titles)}: {names}" if titles else "none yet"
