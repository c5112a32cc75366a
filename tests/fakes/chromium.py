"""A real headless Chromium, steered over its own debugging socket: open a page, click it, ask it what it sees."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Tab:
    def __init__(self, line: aiohttp.ClientWebSocketResponse, session: str) -> None:
        self._line, self._session = line, session
        self._numbers = itertools.count(100)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._line.send_json({"id": number, "method": method, "params": params, "sessionId": self._session})
        while True:
            answer = await self._line.receive_json(timeout=20)
            if answer.get("id") == number:
                assert "result" in answer, answer
                return answer["result"]

    async def value(self, expression: str) -> Any:
        """What a piece of JavaScript comes to, as JSON."""
        found = await self.call("Runtime.evaluate", expression=f"JSON.stringify({expression})", awaitPromise=True)
        text = found["result"].get("value")
        return json.loads(text) if text is not None else None

    async def until(self, expression: str, seconds: float = 15.0) -> Any:
        end = asyncio.get_running_loop().time() + seconds
        while not (found := await self.value(expression)):
            assert asyncio.get_running_loop().time() < end, f"{expression} did not come true"
            await asyncio.sleep(0.02)
        return found

    async def click(self, selector: str) -> None:
        """With the mouse, as a person does: only that lets a page play."""
        box = await self.until(f"document.querySelector({selector!r})?.getBoundingClientRect()")
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, **at)

    async def go_to(self, address: str) -> None:
        await self.call("Page.navigate", url=address)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")


@asynccontextmanager
async def chromium() -> AsyncIterator[Any]:
    """An async function that opens an address in a new tab."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        switches = ["--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio", "--no-first-run"]
        process = subprocess.Popen(
            [CHROMIUM, *switches, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            async with (
                aiohttp.ClientSession() as web,
                web.ws_connect(await _socket_of(Path(profile)), max_msg_size=0) as line,
            ):

                async def opened(address: str) -> Tab:
                    await line.send_json({"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}})
                    target = (await _answer(line, 1))["targetId"]
                    attach = {"targetId": target, "flatten": True}
                    await line.send_json({"id": 2, "method": "Target.attachToTarget", "params": attach})
                    tab = Tab(line, (await _answer(line, 2))["sessionId"])
                    await tab.go_to(address)
                    return tab

                yield opened
        finally:
            process.terminate()
            process.wait(timeout=10)


async def _socket_of(profile: Path) -> str:
    """Chromium writes the port of its debugging socket, and the socket's path, into its profile."""
    for _ in range(600):
        try:
            text = (profile / "DevToolsActivePort").read_text()
        except FileNotFoundError:
            text = ""
        if found := re.match(r"(\d+)\n(/\S+)", text):
            return f"ws://127.0.0.1:{found.group(1)}{found.group(2)}"
        await asyncio.sleep(0.05)
    raise AssertionError("chromium did not start")


async def _answer(line: aiohttp.ClientWebSocketResponse, number: int) -> dict[str, Any]:
    while True:
        answer = await line.receive_json(timeout=20)
        if answer.get("id") == number:
            return answer["result"]
