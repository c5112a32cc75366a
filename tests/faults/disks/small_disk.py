"""`python -m tests.faults.disks.small_disk FOLDER SCENARIO`: a workspace on a disk of its own that gets full.

The disk is a tmpfs in a mount namespace of this process, so that nobody else sees it and nothing of it is left. What
the commands said is printed as one JSON list, [{code, out, err}, ...].
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = 24_000_000
DISK = """\
mount -t tmpfs -o size=%d tmpfs "$0" && exec "$@"
"""


def works_here() -> bool:
    """Whether this machine lets us mount something for ourselves."""
    probe = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=65536 tmpfs /mnt"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(probe, capture_output=True, timeout=20, check=False).returncode == 0
    return False


def run(folder: Path, scenario: str, *arguments: str) -> list[dict[str, object]]:
    """What a scenario's commands said."""
    inside = [sys.executable, "-m", "tests.faults.disks.small_disk", str(folder), scenario, *arguments]
    command = ["unshare", "-rm", "sh", "-c", DISK % SIZE, str(folder), *inside]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


class SmallDisk:
    """root: the workspace on it."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"
        self.root = folder / "w"
        self.said: list[dict[str, object]] = []

    def command(self, *words: str) -> dict[str, object]:
        """In this process, as `whispersmith` would; its job is a process of its own."""
        from core.cli import main

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(["-w", str(self.root), *words], lambda folder, options: 0)
            except SystemExit as end:
                code = int(end.code or 0)
        self.said.append({"code": code, "out": out.getvalue(), "err": err.getvalue()})
        return self.said[-1]

    @contextmanager
    def full(self, free: int = 0) -> Iterator[None]:
        """While inside, only so many bytes are free."""
        with open(self._ballast, "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(65_536))
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(512))
            file.truncate(max(0, file.tell() - free))
        try:
            yield
        finally:
            self._ballast.unlink()

    def recording(self, name: str, seconds: int) -> None:
        from tests.core.media_kit import speech_like

        path = self.root.parent / f"{name}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(speech_like(seconds).tobytes())
        self.command("add", str(path))


def _settings(disk: SmallDisk, free: int) -> None:
    from core.config import set_value
    from core.errors import UserError

    before = (disk.root / "whispersmith.toml").read_text()
    with disk.full(free):
        try:
            set_value(disk.root / "whispersmith.toml", "project", "language", "en")
            code, err = 0, ""
        except UserError as error:
            code, err = 3, str(error)
        same = (disk.root / "whispersmith.toml").read_text() == before
    disk.said.append({"code": code, "out": "as it was" if same else "changed", "err": err})


def _start(disk: SmallDisk, free: int) -> None:
    with disk.full(free):
        disk.command("add", str(disk.root.parent / "nothing.wav"), "http://127.0.0.1:9/feed")
        jobs = sorted(path.name for path in (disk.root / "logs" / "jobs").iterdir() if path.name[0] != ".")
        disk.said.append({"code": 0, "out": json.dumps(jobs), "err": ""})
        disk.command("jobs")


def _segment(disk: SmallDisk, free: int) -> None:
    disk.recording("talk", 40)
    with disk.full(free):
        disk.command("segment")
        disk.command("jobs", "--json")
    disk.command("segment", "--json")
    disk.command("segments", "--json")
    wavs = [path.stat().st_size for path in (disk.root / "segments").rglob("*.wav")]
    left = [path.name for path in disk.root.rglob("*") if path.suffix in (".tmp", ".new")]
    disk.said.append({"code": 0, "out": json.dumps([wavs, left]), "err": ""})


def _export(disk: SmallDisk, free: int) -> None:
    from core.store import Store

    disk.recording("talk", 40)
    disk.command("segment")
    with Store(disk.root / "whispersmith.db") as store:
        for row in store.segments.all():
            store.transcripts.save(row.id, f"text of {row.id}")
    disk.command("split")
    disk.command("export", "--json")
    before = _contents(disk.root / "dataset")
    with disk.full(free):
        disk.command("export", "--format", "parquet", str(disk.root / "other"))
        there = (disk.root / "other").exists()
        disk.command("export")
    disk.said.append({"code": 0, "out": json.dumps([there, _contents(disk.root / "dataset") == before]), "err": ""})
    disk.command("export", "--format", "parquet", str(disk.root / "other"), "--json")


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _fetch(disk: SmallDisk, free: int) -> None:
    from tests.fakes.feed import Episode, FeedServer

    with FeedServer(disk.root.parent.parent / "podcast", [Episode("one", seconds=30)]) as site:
        disk.command("add", site.feed_url, "--json")
        with disk.full(free):
            disk.command("fetch", "--all", "--any-licence")
            media = [path.suffix for path in (disk.root / "media").iterdir() if path.is_file()]
            disk.said.append({"code": 0, "out": json.dumps(media), "err": ""})
        disk.command("fetch", "--all", "--any-licence", "--json")
        disk.command("videos", "--json")


def _init(disk: SmallDisk, free: int) -> None:
    with disk.full(free):
        disk.command("init", str(disk.root.parent / "new"))
    disk.command("init", str(disk.root.parent / "new"))


SCENARIOS: dict[str, Callable[[SmallDisk, int], None]] = {
    "settings": _settings,
    "start": _start,
    "segment": _segment,
    "export": _export,
    "fetch": _fetch,
    "init": _init,
}


def main(folder: Path, scenario: str, free: int) -> None:
    from core.store import Store
    from core.workspace import create

    disk = SmallDisk(folder)
    with Store(create(disk.root).db_path):
        pass
    if scenario == "fetch":
        settings = disk.root / "whispersmith.toml"
        quick = "[fetch]\ntries = 1\npause_max_s = 0\npause_min_s = 0"
        settings.write_text(settings.read_text().replace("[fetch]", quick, 1))
    SCENARIOS[scenario](disk, free)
    print(json.dumps(disk.said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
