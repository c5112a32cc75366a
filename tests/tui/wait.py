"""Waiting for a screen to come to a state, and reading the screen as plain text."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import Callable
from typing import Any

from rich.cells import cell_len
from textual import events
from textual._context import active_app
from textual.app import App, ScreenStackError
from textual.keys import _character_to_key
from textual.pilot import Pilot


async def wait_until(pilot: Pilot[Any], predicate: Callable[[], object], timeout: float = 10) -> None:
    """Let the app run until `predicate()` is true; AssertionError with the screen's text after `timeout` seconds."""
    end, pause = time.monotonic() + timeout, 0.01
    while not predicate():
        if time.monotonic() > end:
            raise AssertionError(f"not so within {timeout} s; the screen reads:\n{screen_text(pilot.app)}")
        await pilot.pause(pause)
        # Who waits for another process leaves it the processor.
        pause = min(1.2 * pause, 0.05)


async def settled(min_sleep: float = 0, max_sleep: float = 1) -> None:
    """What a pilot waits for after each key, in place of Textual's own (`textual._wait.wait_for_idle`, whose arguments
    it takes): no widget has a message to handle, all is drawn, and the process computes next to nothing.

    Textual asks only for the last, in slices of 20 ms and for up to a second, twice a key: on a busy machine too soon
    for what is still queued, and most of a second too late where a thread looks every millisecond whether a file is
    free. What computes on is waited for no longer than 0.2 s here.
    """
    app, start = active_app.get(), time.monotonic()
    while (waited := time.monotonic() - start) < max_sleep:
        computed = time.process_time()
        await asyncio.sleep(0.004)
        busy = waited < 0.2 and time.process_time() - computed > 0.001
        if not (busy or await _has_to_do(app)):
            return


async def _has_to_do(app: App[Any]) -> bool:
    """Whether messages wait to be handled or are on their way, or something is to be drawn."""
    for _ in range(8):  # turns of the loop: from a thread to a queue, from one queue to the next
        await asyncio.sleep(0)
        if app._exit:  # what is left in the queues is nobody's any more
            return False
        try:
            screen = app.screen
        except ScreenStackError:  # one screen is taking the place of another
            return True
        # More private names of Textual: these timers run while the screen is to be drawn, or given another size.
        if screen._update_timer._active.is_set() or app._resize_timer is not None:
            return True
        if any(node.message_queue_size for node in (app, *screen.walk_children(with_self=True))):
            return True
    return False


def screen_lines(app: App[Any]) -> list[str]:
    """The lines of the screen on top as text, as wide as the terminal (a Han character is one character, two cells)."""
    # A private name of Textual, used in this one place; plain text outlives the styling that an SVG pins.
    return [line.text for line in app.screen._compositor.render_strips()]


def screen_text(app: App[Any]) -> str:
    """The screen as text without the blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in screen_lines(app))


def toast_text(app: App[Any]) -> str:
    """What toasts say, their lines put together."""
    return " ".join(line.partition("▌")[2].strip() for line in screen_lines(app) if "▌" in line)


def wrong_widths(app: App[Any]) -> list[str]:
    """Lines of the screen that are not exactly as many cells wide as the terminal; empty if all is well."""
    return [line for line in screen_lines(app) if cell_len(line) != app.size.width]


async def fits_at(pilot: Pilot[Any], *sizes: tuple[int, int]) -> None:
    """Assert that at each of these sizes every line is as wide as the terminal, which keeps the last one."""
    for size in sizes:
        await pilot.resize_terminal(*size)
        assert (pilot.app.size, wrong_widths(pilot.app)) == (size, [])


def hidden_characters(app: App[Any]) -> list[str]:
    """Control and format characters that reached the screen, as numbers; empty if all is well."""
    seen = set("".join(screen_lines(app)))
    return [hex(ord(c)) for c in sorted(seen) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def ambiguous(app: App[Any]) -> str:
    """Characters on the screen that some terminals draw two cells wide where Textual counts one."""
    seen = sorted(set("".join(screen_lines(app))))
    return "".join(c for c in seen if unicodedata.east_asian_width(c) == "A" and not unicodedata.combining(c))


def type_at_once(app: App[Any], *keys: str) -> None:
    """Keys as one read of the terminal gives them: none waits for what the one before it does."""
    assert app._driver is not None
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
        app._driver.send_message(events.Key(name, key if len(key) == 1 else None))
