"""What the commands print: tables, progress, errors. Strangers' text is never parsed as markup."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.errors import UserError
from core.text import clean, hidden_escaped, printable

# Variation selectors, tints of skin, and joiners before a picture.
_UNSTEADY = re.compile(
    "[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]|\u200d\ufe0f?(?=[\u2190-\u2bff\U0001f000-\U0001faff])"
)

GLYPHS = {"ok": "✓", "warn": "!", "fail": "✗", "skipped": "–"}


def console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def error(problem: UserError) -> None:
    """What, why, fix: three short lines on stderr, and never a traceback."""
    harmless = UserError(*(clean(text, 2000) for text in (problem.what, problem.why, problem.fix)))
    say(str(harmless), sys.stderr)


def say(text: str, out: TextIO | None = None) -> None:
    """A line, or a text of several, for people: on stdout, or on `out`. Whatever it repeats of others acts on no
    terminal."""
    print(printable(text), file=out or sys.stdout, flush=True)


def document(value: Any) -> None:
    """One JSON document on stdout."""
    print(as_document(value))


def as_document(value: Any) -> str:
    """A value as `document` prints it: what would act on a terminal stands escaped, and reads as the same value."""
    return hidden_escaped(json.dumps(value, ensure_ascii=False, indent=1))


def documents(rows: Iterable[Any]) -> None:
    """A list as one JSON document on stdout, an item a line, each written as it comes; escaped as in `document`."""
    before, encode = "[", json.JSONEncoder(ensure_ascii=False).encode
    for row in rows:
        sys.stdout.write(f"{before}\n{hidden_escaped(encode(row))}")
        before = ","
    print("[]" if before == "[" else "\n]")


def table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Rows under headings; columns are (title, is a number). Without a terminal, tab-separated lines, the titles first.

    The first column is always whole, so that ids can be copied; the last one may run over several lines. empty: what is
    said instead where there is no row; not between lines that a program reads.
    """
    if not sys.stdout.isatty():
        print("\t".join(title for title, _ in columns))
        is_empty = True
        for row in rows:
            print("\t".join(clean(cell, 10_000) for cell in row))
            is_empty = False
        if is_empty:
            say(empty, sys.stderr)
        return
    rows = list(rows)
    if not rows:
        say(empty)
        return
    shown, out = Table(box=None, pad_edge=False, header_style="bold"), console()
    for number, (title, right) in enumerate(columns):
        last = number == len(columns) - 1
        shown.add_column(title, justify="right" if right else "left", no_wrap=not last, overflow="fold")
    for row in rows:
        cells = [Text(steady(clean(cell))) for cell in row]
        for cell in cells[1:-1]:
            cell.truncate(max(12, out.width // 3), overflow="ellipsis")
        shown.add_row(*cells)
    out.print(shown)


def steady(text: str) -> str:
    """A text of one width in every terminal: nothing that some of them join or widen and others do not.

    Pictures of several parts stand side by side, without the tint of a skin.
    """
    return _UNSTEADY.sub("", text)


def memory(count: int | None) -> str:
    """GPU memory, in the GB that cards are sold by (2**30 bytes)."""
    return "–" if count is None else f"{count / 2**30:.1f} GB"
