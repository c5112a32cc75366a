"""What the terminal can show: colours, UTF-8, width of ambiguous characters, size."""

from __future__ import annotations

import os
import re
import select
import termios
import time
import tty

from core.checks.check import Answer, Context, ok, warn

LEAST = (80, 24)


def check_terminal(context: Context) -> Answer:
    size = terminal_size()
    if size is None:
        return ok("not a terminal: the command line needs none")
    columns, rows = size
    colours, encoding, width = colours_of(os.environ), encoding_of(os.environ), context.ambiguous_width
    found = ", ".join(
        part
        for part in (
            f"{columns}×{rows}",
            {0: "no colours", 16_777_216: "16 million colours"}.get(colours, f"{colours} colours"),
            encoding or "no encoding set",
            f"─ is {width} cell{'s' * (width > 1)} wide" if width else "",
        )
        if part
    )
    if encoding.upper().replace("-", "") != "UTF8":
        return warn(found, "Chinese would be shown as question marks or boxes", "export LANG=C.UTF-8")
    if width == 2:
        return warn(found, "lines and blocks take two cells here, and tables would shift", "whispersmith --ascii")
    if columns < LEAST[0] or rows < LEAST[1]:
        return warn(found, f"the screens are drawn for {LEAST[0]}×{LEAST[1]} and more", "make the window larger")
    if colours < 16:
        return warn(found, "states can be told by their signs and words only", "export TERM=xterm-256color")
    return ok(found)


def ask_ambiguous_width(patience_s: float = 0.5) -> int | None:
    """How many cells the terminal gives to "─": it is drawn, the cursor's place asked for, and the line wiped again.

    To be called before anything full-screen begins. 1 or 2; None where there is no terminal, or it does not answer.
    """
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return None
    try:
        before = termios.tcgetattr(descriptor)
    except termios.error:
        os.close(descriptor)
        return None
    try:
        tty.setcbreak(descriptor, termios.TCSANOW)
        os.write(descriptor, "\r─\x1b[6n".encode())
        answer = _cursor_report(descriptor, time.monotonic() + patience_s)
        os.write(descriptor, b"\r\x1b[K")
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
        os.close(descriptor)
    return answer - 1 if answer in (2, 3) else None


def _cursor_report(descriptor: int, deadline: float) -> int | None:
    """The column out of "ESC [ row ; column R", counted from 1."""
    heard = b""
    while (left := deadline - time.monotonic()) > 0 and len(heard) < 100:
        if select.select([descriptor], [], [], left)[0]:
            heard += os.read(descriptor, 1)
            if found := re.search(rb"\x1b\[\d+;(\d+)R$", heard):
                return int(found.group(1))
    return None


def terminal_size() -> tuple[int, int] | None:
    """(columns, rows) of the controlling terminal's window, whatever the output is redirected to; None if none."""
    for descriptor in (0, 1, 2):
        try:
            found = os.get_terminal_size(descriptor)
        except OSError:
            continue
        if found.columns and found.lines:
            return found.columns, found.lines
    return None


def colours_of(environment: dict[str, str] | os._Environ[str]) -> int:
    """As terminals tell: COLORTERM, else the name in TERM."""
    term = environment.get("TERM", "")
    if term in ("", "dumb"):
        return 0
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit") or term.endswith("-direct"):
        return 16_777_216
    if "256" in term:
        return 256
    return 2 if term.startswith("vt") else 16


def encoding_of(environment: dict[str, str] | os._Environ[str]) -> str:
    """The encoding that LC_ALL, LC_CTYPE or LANG names, the first that is set; "" for C and POSIX."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := environment.get(name, ""):
            return value.partition(".")[2].partition("@")[0]
    return ""
