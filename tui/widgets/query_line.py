"""QueryLine: the one editable line in which a person says which rows to show, with what could stand there next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.text import Text
from textual import on
from textual.message import Message
from textual.widgets import Input

from core.query.completion import Completion, complete
from core.query.grammar import Query, QueryLanguage
from tui.widgets import cells, marks

SUGGESTED = 9
"""Suggestions that a hint names; no terminal has room for more."""


@dataclass(frozen=True)
class Turn:
    """A suggestion that was taken with tab: the next tab takes the one after it. line: what stands there since."""

    completion: Completion
    number: int
    line: str


class QueryLine(Input):
    """Its own pane: while it is written in, the keys of the rows are letters.

    A subclass names its PANE, with a key for `complete`. `asked` is what stands in it, to be taken with each
    `Input.Changed`.
    """

    class Hinted(Message):
        """What is wrong with the line, or could stand next; told: what the marked suggestion means. Both may be ""."""

        def __init__(self, hint: Text, told: str = "") -> None:
            super().__init__()
            self.hint, self.told = hint, told

    def __init__(self, language: QueryLanguage[Any], placeholder: str, *, id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, classes="filter", compact=True, select_on_focus=False, id=id)
        # A blinking cursor sends a repaint twice a second over the line.
        self.cursor_blink = False
        self._language = language
        self._turn: Turn | None = None

    @property
    def language(self) -> QueryLanguage[Any]:
        return self._language

    @language.setter
    def language(self, language: QueryLanguage[Any]) -> None:
        """Its suggestions, and what it knows, are others now."""
        self._language = language

    @property
    def asked(self) -> Query[Any]:
        return self._language.parse(self.value)

    def action_complete(self, step: int = 1) -> None:
        """Put the next suggestion in the place of what was typed."""
        turn = self._turn if self._turn is not None and self._turn.line == self.value else None
        completion = complete(self._language, self.value, self.cursor_position) if turn is None else turn.completion
        if not completion.suggestions:
            return
        number = (0 if turn is None else turn.number + step) % len(completion.suggestions)
        taken = completion.suggestions[number].text
        rest = self.value[self.cursor_position :]
        line = self.value[: completion.start] + taken + rest
        # With one suggestion only there is no next: tab goes on with what could follow it.
        self._turn = Turn(completion, number, line) if len(completion.suggestions) > 1 else None
        self.value = line
        self.cursor_position = len(line) - len(rest)

    def open(self) -> None:
        """Go on with what stands in it."""
        self.value = f"{self.value.rstrip()} " if self.value.strip() else ""
        self.cursor_position = len(self.value)
        self.focus()

    @on(Input.Changed)
    def _changed(self) -> None:
        self._tell(self.has_focus)

    def on_focus(self) -> None:
        self._tell(True)

    def on_blur(self) -> None:
        # `has_focus` is still true here.
        self._tell(False)

    def _tell(self, is_typed: bool) -> None:
        self.post_message(self._hint() if is_typed or self.asked.complaint else self.Hinted(Text()))

    def _hint(self) -> Hinted:
        """`! low is no number: conf<-0.5`, or the suggestions, the one that stands there marked."""
        complaint = self.asked.complaint
        turn = self._turn if self._turn is not None and self._turn.line == self.value else None
        completion = complete(self._language, self.value, self.cursor_position) if turn is None else turn.completion
        is_typed = self.cursor_position == len(self.value) and bool(turn or completion.suggestions)
        # Half a term is no mistake yet while it is typed.
        if complaint and not is_typed:
            return self.Hinted(Text(f"{marks.mark('look', cells.is_ascii(self.app))} {complaint}", marks.style("look")))
        if not completion.suggestions:
            return self.Hinted(Text())
        chosen = 0 if turn is None else turn.number
        first = max(0, chosen - SUGGESTED + 1)
        text = Text().append("tab ", "bold")
        for number, one in list(enumerate(completion.suggestions))[first : first + SUGGESTED]:
            text.append(
                f" {cells.harmless(one.text)} ", "bold reverse" if turn is not None and number == chosen else ""
            )
        return self.Hinted(text, completion.suggestions[chosen].told)
