"""More processes for one labelling job: one for each further GPU.

Each leases recordings from the store and hears them as the job's own process does: nothing depends on who hears what.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from core import gpu
from core.config import Config
from core.store import Store

_END_S = 5.0


def environments(config: Config, device: str, recordings: int) -> list[dict[str, str]]:
    """Those of the processes beside the job's own: one a GPU, as many as the settings ask for, and no more than there
    are recordings for them."""
    if device == "cuda":
        mine = os.environ.get("CUDA_VISIBLE_DEVICES")
        cards = [card for card in gpu.all_for_job(config.model.gpu) if card.uuid != mine]
        found = [gpu.environment_for(card) for card in cards]
    else:
        found = [{} for _ in range(config.label.processes - 1)]
    most = config.label.processes - 1 if config.label.processes else len(found)
    return found[: max(0, min(most, recordings - 1))]


class LabellingProcesses:
    """Started with `with`, ended at its end."""

    def __init__(
        self,
        root: Path,
        store: Store,
        task: Mapping[str, Any],
        names: Sequence[str],
        environments: Sequence[Mapping[str, str]],
        take: Callable[[dict[str, Any]], object],
    ) -> None:
        """task: what `core.labelling.worker` is to do. names: of the processes, as holders of leases. take: called in
        threads of this object's with each line that a process tells."""
        self._root, self._store, self._task, self._take = root, store, task, take
        self._starts = list(zip(names, environments, strict=True))
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for name, environment in self._starts:
            process = subprocess.Popen(
                [sys.executable, "-m", "core.labelling.worker", str(self._root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **environment},
                text=True,
            )
            assert process.stdin is not None
            with process.stdin as stdin:
                stdin.write(json.dumps({**self._task, "holder": name}))
            self._running[name] = process
            thread = threading.Thread(target=self._listen, args=(process,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            # What a killed process leaves of a line is none.
            if line.endswith("\n"):
                self._take(json.loads(line))

    def free_ended(self) -> list[str]:
        """Give back what processes held that have ended; returns the names of those that failed."""
        ended = {name: code for name, process in self._running.items() if (code := process.poll()) is not None}
        for name in ended:
            self._store.timed_texts.release(name)
            del self._running[name]
        return [name for name, code in ended.items() if code]

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for thread in self._threads:
            thread.join(_END_S)
