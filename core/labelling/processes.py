"""Recordings are heard in several processes: the job's own, and one for each further GPU.

Each leases recordings from the store and hears them as the others do: nothing depends on who hears what.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from core import gpu
from core.config import Config
from core.engines import Engine
from core.errors import UserError
from core.jobs import Job
from core.labelling.forecast import note_speed
from core.labelling.progress import HearingProgress
from core.labelling.recordings import RecordingListener, hearing_settings
from core.store import Segment, Store, Video
from core.text import plural
from core.workspace import Workspace

_END_S = 5.0
_POLL_S = 0.2

Written = Callable[[Sequence[tuple[str, Sequence[str]]]], object]
"""Is told of texts that another process wrote: segments and their flags."""


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


class SharedHearing:
    """One engine hears recordings in this process, and the same model in one more for each further GPU."""

    def __init__(
        self, workspace: Workspace, config: Config, job: Job, store: Store, engine: Engine, progress: HearingProgress
    ) -> None:
        self._workspace, self._config, self._job, self._store = workspace, config, job, store
        self._info, self._progress = engine.info, progress
        self.settings = hearing_settings(workspace, config, engine)
        self.listener = RecordingListener(workspace, store, job, engine, self.settings, progress)

    def run(
        self,
        groups: Sequence[tuple[Video, list[Segment]]],
        hear: Callable[[Video, Sequence[Segment]], object],
        written: Written | None = None,
    ) -> None:
        """Hear these segments of recordings. hear: what this process does with a recording that falls to it. written:
        the others give the segments their texts as well; None: they only hear."""
        info, texts = self._info, self._store.timed_texts
        found = environments(self._config, info.device, len(groups))
        names = [f"{self._job.id}-{number}" for number in range(1, len(found) + 1)]
        task = {
            "model": info.model,
            "engine": info.name,  # a further process shall hear as this one does
            "settings": self.settings,
            "segments": [row.id for _, rows in groups for row in rows],
            "write": written is not None,
        }
        texts.release_all(info.model)
        self._progress.start()
        take = partial(self._take, written)
        with LabellingProcesses(self._workspace.root, self._store, task, names, found, take) as others:

            def look_at_others() -> None:
                for name in others.free_ended():
                    self._warn(f"process {name} has ended; what it was at work on is heard by another")

            def wait() -> None:
                look_at_others()
                self._job.wait(_POLL_S)

            for video, rows in self.listener.leased(groups, self._job.id, wait):
                look_at_others()
                hear(video, rows)
        texts.release_all(info.model)
        if speed := self._progress.speed:
            note_speed(self._store, info.model, speed, self._progress.heard_s)
            self._job.log(f"heard {plural(self._progress.windows, 'window')}, {speed:.1f} s of sound a second")

    def _take(self, written: Written | None, line: dict[str, Any]) -> None:
        """What another process tells."""
        match line["kind"]:
            case "add":
                self._progress.add(line["windows"], line["heard_ms"], line["done_ms"])
            case "skip":
                self._progress.skip(line["ms"])
            case "texts" if written is not None:
                written(line["texts"])
            case "failed":
                self._job.item_failed(line["id"], UserError(**line["error"]))
            case "warn":
                self._warn(line["text"])
            case "error":
                self._warn(f"a further process cannot go on: {' - '.join(UserError(**line['error']).lines())}")

    def _warn(self, text: str) -> None:
        self._job.log(text, "warning")
