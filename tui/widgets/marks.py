"""The signs that carry a state, always with a word beside them; a second set for `--ascii`."""

from __future__ import annotations

import re

from rich.cells import cell_len

_MARKS: dict[str, tuple[str, str]] = {
    "ok": ("✓", "+"),
    "done": ("✓", "+"),
    "look": ("!", "!"),
    "failed": ("✗", "x"),
    "running": ("●", "*"),
    "waiting": ("◌", "o"),
    "unknown": ("–", "-"),
    "not": ("·", "."),
    "rule": ("│", "|"),
}
_IN_ASCII = str.maketrans({**dict(_MARKS.values()), "↑": "Up", "↓": "Down"})
_STYLES = {"ok": "green", "done": "green", "look": "yellow", "failed": "red", "running": "bold", "waiting": "dim"}


_UNITS = re.compile(
    r" +|[^ \u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\U0003ffff]+|.", re.DOTALL
)
"""Spaces, words, and single characters of scripts that are written without spaces."""


def mark(name: str, ascii_only: bool = False) -> str:
    """The sign of a state: ok, done, look, failed, running, waiting, unknown, not, rule."""
    return _MARKS[name][ascii_only]


def in_ascii(text: str) -> str:
    """A text of the core, or the name of a key, with the signs of `--ascii` in place of ours."""
    return text.translate(_IN_ASCII)


def style(name: str) -> str:
    """Its colour, which never stands alone; "" for none."""
    return _STYLES.get(name, "")


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells: broken at spaces and between Han characters, within a word only if it must be."""
    width = max(2, width)
    lines, line, used = [], "", 0
    for unit in _UNITS.findall(text):
        for piece in (unit,) if cell_len(unit) <= width else unit:
            size = cell_len(piece)
            if used + size > width:
                lines.append(line.rstrip(" "))
                line, used = "", 0
                if piece.isspace():
                    continue
            line, used = line + piece, used + size
    return [*lines, line.rstrip(" ")] if line.strip() or not lines else lines


def megabytes(size: float | None) -> str:
    """`967 MB`, `1.2 GB`, `412 KB`; "–" where it is not known."""
    if size is None:
        return "–"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}" if unit == "GB" or size / scale < 10 else f"{size / scale:.0f} {unit}"
    return f"{size:.0f} B"


def length(ms: int | None) -> str:
    """`26:43`, or `1:02:03` from an hour on; "–" where it is not known."""
    if ms is None:
        return "–"
    seconds = round(ms / 1000)
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"


def total_length(ms: int) -> str:
    """`5 h 41 m`, `16 m`, `42 s`."""
    minutes = round(ms / 60_000)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} m"
    return f"{minutes} m" if ms >= 60_000 else f"{round(ms / 1000)} s"
