"""The signs that carry a state, always with a word beside them; a second set for `--ascii`."""

from __future__ import annotations

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
_STYLES = {"ok": "green", "done": "green", "look": "yellow", "failed": "red", "running": "bold", "waiting": "dim"}


def mark(name: str, ascii_only: bool = False) -> str:
    """The sign of a state: ok, done, look, failed, running, waiting, unknown, not, rule."""
    return _MARKS[name][ascii_only]


def style(name: str) -> str:
    """Its colour, which never stands alone; "" for none."""
    return _STYLES.get(name, "")


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces where there are any, never inside a Han character."""
    width = max(2, width)
    lines, line, used = [], "", 0
    for word in text.split(" "):
        size = cell_len(word)
        if line and used + 1 + size <= width:
            line, used = f"{line} {word}", used + 1 + size
            continue
        if line:
            lines.append(line)
        line, used = "", 0
        for character in word:
            cells = cell_len(character)
            if used + cells > width:
                lines.append(line)
                line, used = "", 0
            line, used = line + character, used + cells
    return [*lines, line] if line or not lines else lines


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
