"""The command palette: what the keys do on a screen, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from textual.app import App, SystemCommand
from textual.screen import Screen

from tui import keymap

NOT_BY_NAME = ("command_palette", "interrupt")
"""Actions that make no sense from within the palette."""


def commands(screen: Screen[Any], app: App[Any]) -> Iterator[SystemCommand]:
    """The actions of the pane under the focus, then those of the app."""
    for target, pane in ((screen, keymap.pane_of(screen)), (app, "app")):
        for action in keymap.actions(pane):
            if action.help and action.method not in NOT_BY_NAME:
                run = partial(app.run_action, action.method, default_namespace=target)
                yield SystemCommand(f"{action.label} ({action.key})", action.help, run)
