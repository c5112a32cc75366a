"""A line between a browser and the listening server, as an SSH tunnel is: with a delay, a rate, and breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PIECE = 4096


class Relay:
    """port: where it listens. delay_s: one way; rate: bytes a second of each direction, 0 for as fast as it goes; the
    connections share it, as they share an ssh's one line."""

    def __init__(self, target: int, delay_s: float, rate: float) -> None:
        self.port = 0
        self.bytes_down = 0
        """Sent towards the browser so far, headers included."""
        self._target, self._delay, self._rate = target, delay_s, rate
        self._free = {True: 0.0, False: 0.0}
        """By direction (down or not), when all that was sent so far is through."""
        self._moving = asyncio.Event()
        self._moving.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen (again, on the same port)."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection, and let none through until `open`."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        """Let nothing through, and break nothing: a line that went dead without a word."""
        self._moving.clear()

    async def thaw(self) -> None:
        """A new line, on the same port."""
        await self.cut()
        self._moving.set()
        await self.open()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            writers.append(far_writer)
            await asyncio.gather(self._pump(reader, far_writer, False), self._pump(far_reader, writer, True))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for each in writers:
                with contextlib.suppress(OSError):
                    each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, down: bool) -> None:
        """Each piece arrives `delay` after it was sent, once the rate has let those ahead of it through."""
        clock = asyncio.get_running_loop().time
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await pieces.get()
                await asyncio.sleep(max(0.0, due - clock()))
                await self._moving.wait()
                writer.write(data)
                await writer.drain()
                if not data:
                    return

        delivering = asyncio.create_task(deliver())
        try:
            while data := await reader.read(PIECE):
                self._free[down] = max(self._free[down], clock()) + (len(data) / self._rate if self._rate else 0.0)
                self.bytes_down += len(data) if down else 0
                pieces.put_nowait((self._free[down] + self._delay, data))
                await asyncio.sleep(max(0.0, self._free[down] - clock()))  # the others' pieces come between
        finally:
            delivering.cancel()


@asynccontextmanager
async def relay(target: int, delay_s: float = 0.0, rate: float = 0.0) -> AsyncIterator[Relay]:
    line = Relay(target, delay_s, rate)
    await line.open()
    try:
        yield line
    finally:
        await line.cut()
