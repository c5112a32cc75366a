"""What the commands print: tables, progress, errors. Strangers' text is never parsed as markup."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.errors import UserError
from core.text import clean

GLYPHS = {"ok": "✓", "warn": "!", "fail": "✗", "skipped": "–"}


def console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def error(problem: UserError) -> None:
    """What, why, fix: three short lines on stderr, and never a traceback."""
    harmless = UserError(*(clean(text, 2000) for text in (problem.what, problem.why, problem.fix)))
    print(harmless, file=sys.stderr)


def document(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=1))


def table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Rows under headings; columns are (title, is a number). Without a terminal, tab-separated lines."""
    rows = list(rows)
    if not rows:
        print(empty)
        return
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(clean(cell, 10_000) for cell in row))
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for number, (title, right) in enumerate(columns):
        last = number == len(columns) - 1
        shown.add_column(title, justify="right" if right else "left", no_wrap=not last, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(clean(cell)) for cell in row))
    console().print(shown)


def clock(milliseconds: int | None) -> str:
    """mm:ss, or h:mm:ss from an hour on; – where it is not known."""
    if milliseconds is None:
        return "–"
    seconds = round(milliseconds / 1000)
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def size(count: float) -> str:
    """Bytes as people read them: 967 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("B", "kB", "MB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def memory(count: int | None) -> str:
    """GPU memory, in the GB that cards are sold by (2**30 bytes)."""
    return "–" if count is None else f"{count / 2**30:.1f} GB"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f} %"
