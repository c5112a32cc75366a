"""The connections to the listening port, before they have shown the token: few, and not for long.

The app's process has some thousand descriptors, which its database and its jobs need, too. Anybody on this machine can
connect to a loopback port; so of connections that have said nothing useful yet the oldest are closed for new ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

MOST_UNKNOWN = 256
UNKNOWN_S = 10.0
"""A browser shows the token in its first request, which comes with the connection."""


class ConnectionLimit:
    """What a server makes its protocols with. make: the protocol behind it, for each connection."""

    def __init__(self, make: Callable[[], asyncio.Protocol]) -> None:
        self._make = make
        self._unknown: dict[asyncio.BaseTransport, asyncio.TimerHandle] = {}

    def __call__(self) -> asyncio.Protocol:
        return _Limited(self, self._make())

    def opened(self, transport: asyncio.Transport) -> None:
        if len(self._unknown) >= MOST_UNKNOWN:
            oldest = next(iter(self._unknown))
            self.settle(oldest)
            cast("asyncio.Transport", oldest).abort()
        loop = asyncio.get_running_loop()
        self._unknown[transport] = loop.call_later(UNKNOWN_S, transport.abort)

    def settle(self, transport: asyncio.BaseTransport | None) -> None:
        """It has shown the token, or is closed: it is none of the unknown ones any more."""
        if transport is not None and (timer := self._unknown.pop(transport, None)) is not None:
            timer.cancel()


class _Limited(asyncio.Protocol):
    """Passes everything on, and tells when the connection opens and closes."""

    def __init__(self, limit: ConnectionLimit, below: asyncio.Protocol) -> None:
        self._limit = limit
        self._below = below
        self._transport: asyncio.BaseTransport | None = None
        self.data_received = below.data_received
        self.eof_received = below.eof_received
        self.pause_writing = below.pause_writing
        self.resume_writing = below.resume_writing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._limit.opened(cast("asyncio.Transport", transport))
        self._below.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._limit.settle(self._transport)
        self._below.connection_lost(exc)
