"""`python -m core.labelling.worker WORKSPACE`: one more process that hears recordings of a labelling job.

It gets what to do as one JSON object on its standard input, and tells what it does in JSON lines on its standard
output; the job's process takes them in (`core.labelling.processes`). It ends with that process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.jobs.output import redact_errors
from core.labelling.dealing import convert_by_settings
from core.labelling.first import write_recording
from core.labelling.labeller import open_labeller_for
from core.labelling.recordings import PROMPT, RecordingListener, by_video
from core.store import Store
from core.store.transcripts import MachineText
from core.workspace import Workspace


class Orphaned(Exception):
    """The job's process is gone."""


class _Voice:
    """What a listener needs of its job, and of its progress, as lines for the job's process."""

    def __init__(self) -> None:
        self._parent = os.getppid()

    def check(self) -> None:
        if os.getppid() != self._parent:
            raise Orphaned

    def item_failed(self, id: str, error: UserError) -> None:
        self.say("failed", id=id, error=error.as_dict())

    def skip(self, ms: int) -> None:
        self.say("skip", ms=ms)

    def add(self, windows: int, heard_ms: int, done_ms: int) -> None:
        self.say("add", windows=windows, heard_ms=heard_ms, done_ms=done_ms)

    def warn(self, text: str) -> None:
        self.say("warn", text=text)

    def note(self, texts: Sequence[MachineText]) -> None:
        self.say("texts", texts=[(text.segment, text.flags) for text in texts])

    def say(self, kind: str, **more: Any) -> None:
        print(json.dumps({"kind": kind, **more}, ensure_ascii=False), flush=True)


def main(root: Path) -> int:
    task = json.loads(sys.stdin.read())
    workspace, voice = Workspace(root), _Voice()
    config = workspace.config()
    try:
        convert = convert_by_settings(workspace, config)
        with Store(workspace.db_path) as store:
            words = task["settings"].get(PROMPT, ())
            engine = open_labeller_for(workspace, config, task["model"], task["engine"], words, voice.check, voice.warn)
            # The job's: a card that computes otherwise must not begin its recordings anew.
            listener = RecordingListener(workspace, store, voice, engine, task["settings"], voice)
            wanted = set(task["segments"])
            groups = by_video(store, [row for row in store.segments.all() if row.id in wanted])

            def wait() -> None:
                voice.check()
                time.sleep(0.2)

            for video, rows in listener.leased(groups, task["holder"], wait):
                if task["write"]:
                    write_recording(listener, store, video, rows, convert, voice.note)
                else:
                    listener.hear_or_fail(video, rows)
    except Orphaned:
        return 1
    except UserError as error:
        voice.say("error", error=error.as_dict())
        return 1
    return 0


if __name__ == "__main__":
    redact_errors()
    sys.exit(main(Path(sys.argv[1])))
