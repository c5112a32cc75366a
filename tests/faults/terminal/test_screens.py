"""The app in a real terminal, in front of a workspace full of hostile text, seen through a terminal in memory."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
import pytest

from tests.faults.terminal.hostile import acting, hostile_workspace
from tests.tui.test_app_terminal import Terminal, wait_for

_SEQUENCE = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b\](?P<command>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b[P_^X](?P<string>[^\x1b]*)\x1b\\"
    r"|\x1b(?P<short>[^\[\]P_^X])"
)

FINALS = frozenset("mHKhlnpu")
"""Colours, places, clearing a line, modes, and what Textual asks of the terminal."""

POINTER = "22;default"
"""The shape of the mouse pointer: the one command that Textual gives."""

MODES = frozenset(("7", "25", "1000", "1003", "1004", "1006", "1015", "1049", "2004", "2026", "2048"))


class TerminalInMemory:
    """What a terminal shows, and in which modes it is, after all that the app has written."""

    def __init__(self, columns: int, lines: int) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.torn = ""
        self.modes: set[str] = set()
        self.commands: set[str] = set()
        self.finals: set[str] = set()
        self.others: set[str] = set()
        self.plain = ""

    def take(self, data: bytes) -> None:
        """All of it that is whole characters and sequences: the rest waits."""
        text = self.torn + self._decoder.decode(data)
        last = 0
        for found in _SEQUENCE.finditer(text):
            self._note(found)
            last = found.end()
        torn = text.find("\x1b", last)
        text, self.torn = (text, "") if torn < 0 else (text[:torn], text[torn:])
        self.plain += _SEQUENCE.sub("", text)
        # pyte takes the 2 of 22 for a title.
        self._stream.feed(text.replace(f"\x1b]{POINTER}\x07", "").replace(f"\x1b]{POINTER}\x1b\\", ""))

    def _note(self, found: re.Match[str]) -> None:
        if found["final"]:
            self.finals.add(found["final"])
            if found["parameters"].startswith("?") and found["final"] in "hl":
                change = self.modes.add if found["final"] == "h" else self.modes.discard
                for mode in found["parameters"][1:].split(";"):
                    assert mode in MODES, f"mode {mode}"
                    change(mode)
        elif found["command"] is not None:
            self.commands.add(found["command"])
        else:
            self.others.add(found[0])

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.screen.display)

    def column(self, line: int, text: str) -> int:
        """The cell in which a text begins: a wide character takes two."""
        row = self.screen.buffer[line]
        cells = [row[at].data for at in range(self.screen.columns)]
        starts = [at for at in range(len(cells)) if "".join(cells[at:]).startswith(text)]
        assert starts, f"{text!r} is not in line {line}: {''.join(cells)}"
        return starts[0]

    def line_of(self, text: str, after: int = 0) -> int:
        return next(at for at in range(after, self.screen.lines) if text in self.screen.display[at])


@contextmanager
def shown_on_failure(seen: TerminalInMemory) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        raise AssertionError("\n".join(seen.screen.display)) from error


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(hostile_workspace(tmp_path / "w").root)
    yield terminal
    terminal.kill()


def test_no_text_acts_on_the_terminal_or_leaves_its_cells(app: Terminal) -> None:
    seen, taken = TerminalInMemory(80, 24), 0

    def shows(text: str) -> bool:
        nonlocal taken
        written = app.output
        seen.take(written[taken:])
        taken = len(written)
        return seen.shows(text)

    wait_for(lambda: shows("▸4 Transcripts"))
    for key, heading, row in (
        ("1", "▸1 Setup", "Python"),
        ("2", "▸2 Playlist", "✗ x"),
        ("3", "▸3 Segments", "No recording is here"),
        ("4", "▸4 Transcripts", "machine wrote"),
        ("5", "▸5 Training", "Learning rate"),
        ("6", "▸6 Results", "Here the base model"),
    ):
        app.type(key)
        with shown_on_failure(seen):
            wait_for(lambda heading=heading, row=row: shows(heading) and shows(row))
        if key == "2":
            head = seen.line_of("length")
            for line in (head + 1, head + 2):
                assert seen.column(line, "– not here" if line == head + 1 else "✗ x") == seen.column(head, "state")
                assert seen.column(line, "A") == seen.column(head, "title")
        elif key == "4":
            head = seen.line_of("susp")
            for line in (head + 1, head + 2):
                assert seen.column(line, "-0.30") + 5 == seen.column(head, "conf") + 4
                assert seen.column(line, "A") == seen.column(head, "text")
            # The editor, where the whole text stands, and what it is drawn with.
            app.type("e")
            wait_for(lambda: shows("enter save"))
            app.type("\x1b")
            wait_for(lambda: shows("e edit"))
    assert {"1049", "2004"} <= seen.modes
    assert "25" not in seen.modes  # no cursor of the terminal's own
    app.type("q")
    wait_for(app.ended)
    app.close()
    seen.take(app.output[taken:])

    assert seen.torn == ""
    assert app.code == 0
    assert seen.commands <= {POINTER}
    assert seen.others == set()
    assert seen.finals <= FINALS
    assert seen.screen.title == ""
    assert acting(seen.plain.replace("\r", "")) == []
    assert "STOLEN" not in seen.plain
    # All is as it was: the cursor, the alternate screen left, no mouse, no pasting in brackets.
    assert seen.modes == {"7", "25"}
