"""What a part of a screen wants done: data that it returns, and that the screen carries out (`PipelineScreen.apply`).

A part decides from what it is given, and needs no app to be tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.screen import Screen

from core.errors import UserError


@dataclass(frozen=True)
class StartJob:
    stage: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StopJob:
    folder: Path


@dataclass(frozen=True)
class PauseJob:
    folder: Path


@dataclass(frozen=True)
class ResumeJob:
    """A job that is paused, or waits for a block to pass."""

    folder: Path


@dataclass(frozen=True)
class SendToJob:
    """A control message; the last one of a name counts."""

    folder: Path
    name: str
    data: Any


@dataclass(frozen=True)
class Toast:
    text: str


@dataclass(frozen=True)
class ShowError:
    error: UserError


@dataclass(frozen=True)
class OpenDialog:
    """answered: what is to be done with the answer; not called where the dialog is closed without one."""

    dialog: Screen[Any]
    answered: Callable[[Any], Iterable[Effect]] = lambda _: ()


@dataclass(frozen=True)
class InThread:
    """Work that takes too long for the UI thread; then: what is to be done with its result. A UserError is shown.

    group: one at a time of a group, and only the newest that waits.
    """

    work: Callable[[], Any]
    then: Callable[[Any], Iterable[Effect]] = lambda _: ()
    group: str = ""


@dataclass(frozen=True)
class Reload:
    """What the screen shows is to be read anew."""


Effect = StartJob | StopJob | PauseJob | ResumeJob | SendToJob | Toast | ShowError | OpenDialog | InThread | Reload
