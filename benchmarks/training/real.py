"""Real speech and a real Whisper in a workspace of their own, driven by the command line as a person would."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.labels import human_texts
from benchmarks.training.hearing import Recording
from core.config import set_values
from core.spans import Span
from core.store import Store
from core.text import normalise
from core.workspace import Workspace

MEASURED = Path(__file__).with_name("measured.json")
BATCH, ACCUMULATION = 4, 4
"""Sixteen windows a step as by default, fewer of them at once: full tuning then takes 5 GB in place of 9."""


def kept(part: str) -> dict[str, Any]:
    """What was measured of a part; {} if it never was."""
    return json.loads(MEASURED.read_text(encoding="utf-8")).get(part, {}) if MEASURED.is_file() else {}


def keep(part: str, found: dict[str, Any]) -> None:
    """Each figure as soon as it is there: a long run that is broken off loses none."""
    content = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.is_file() else {}
    content[part] = found
    MEASURED.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class RealSpeech:
    """A workspace with one recording, `video`, in segments, and what a person wrote for them. base: the Whisper's
    folder."""

    folder: Path
    video: str
    base: Path
    recording: Recording

    @classmethod
    def at(cls, folder: Path, options: argparse.Namespace) -> RealSpeech:
        """The workspace; a new one where there is none yet. Nothing in it is accepted."""
        path, texts = human_texts(Path(options.speech))
        base = Path(options.model).resolve()
        found = cls(folder, path.stem, base, Recording.read(path, texts))
        if not (folder / "whispersmith.toml").is_file():
            _command("init", str(folder))
            settings = Workspace(folder).config_path
            set_values(settings, "model", {"base": str(base), "labeller": str(base)})
            set_values(settings, "train", {"batch": BATCH, "accumulation": ACCUMULATION})
            found.run("add", str(path.resolve()))
            found.run("fetch", "--all")
            found.run("segment")
        return found

    def run(self, *arguments: str) -> float:
        """A command on the workspace; the seconds it took."""
        begun = time.perf_counter()
        _command("-w", str(self.folder), *arguments)
        return time.perf_counter() - begun

    def model(self, name: str) -> Path:
        return self.folder / "models" / name

    def note(self, name: str) -> dict[str, Any]:
        """What the workspace has noted under a name."""
        with Store(Workspace(self.folder).db_path) as store:
            return store.note(name) or {}

    def test_spans(self) -> list[Span]:
        """Where the test segments with a text lie."""
        with Store(Workspace(self.folder).db_path) as store:
            found = [Span(one.start_ms, one.end_ms) for one in store.segments.all(part="test")]
        return [span for span in sorted(found) if normalise(self.recording.texts.get(span, ""))]


def _command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "tui.launch", *arguments], check=True, stdout=sys.stderr)
