"""What killed processes were writing: gone with the next start, never under the hands of who still writes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import atomic_folder, temporaries
from core.atomic_folder import MANIFEST, replace_folder
from core.files import write_private, write_text
from core.jobs import spec
from core.stages import import_
from core.training import runs
from core.workspace import Workspace
from tests.core.media_kit import make_job, make_workspace, speech_like, write_wav

_WRITER = """
import sys, time
from pathlib import Path
from core import temporaries
with getattr(temporaries, sys.argv[1])(Path(sys.argv[2])) as made:
    print(made if isinstance(made, Path) else made.name, flush=True)
    time.sleep(600)
"""


@contextmanager
def _writing(kind: str, target: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A process that is at work on `target`: what it writes, and how it is killed."""
    process = subprocess.Popen([sys.executable, "-c", _WRITER, kind, str(target)], stdout=subprocess.PIPE, text=True)

    def kill() -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert process.stdout is not None
    try:
        yield Path(process.stdout.readline().strip()), kill
    finally:
        kill()
        process.stdout.close()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_was_being_written_goes_with_the_next_of_its_name(tmp_path: Path) -> None:
    target = tmp_path / "settings.toml"
    with _writing("temporary_file", target) as (left, kill):
        write_text(target, "while it lives")
        assert left.exists()
        assert target.read_text() == "while it lives"
        kill()
        assert left.exists()
        write_private(target, "after it")
        assert _names(tmp_path) == ["settings.toml"]
        assert target.stat().st_mode & 0o777 == 0o600


def test_a_data_set_that_was_being_written_goes_with_the_next(tmp_path: Path) -> None:
    target = tmp_path / "dataset"
    with _writing("temporary_folder", target) as (left, kill):
        (left / "half").touch()
        with replace_folder(target) as folder:
            (folder / "a.csv").write_text("one")
        assert (left / "half").exists()
        kill()
        with replace_folder(target) as folder:
            (folder / "a.csv").write_text("two")
    assert _names(tmp_path) == ["dataset"]
    assert _names(target) == [MANIFEST, "a.csv"]


def test_a_number_that_another_process_has_taken_keeps_nothing(tmp_path: Path) -> None:
    """As the version before called it: its process was killed, and the number is a living one's."""
    left, young = tmp_path / f".dataset.{os.getpid()}.new", tmp_path / f".dataset.{os.getppid()}.new"
    for folder in (left, young):
        folder.mkdir()
    past = time.time() - 2 * temporaries.SETTLED_S
    os.utime(left, (past, past))
    with replace_folder(tmp_path / "dataset"):
        pass
    assert _names(tmp_path) == sorted([young.name, "dataset"])


def test_without_flock_what_was_left_alone_for_long_is_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporaries, "try_flock", lambda descriptor, shared=False: None)
    old, young = tmp_path / ".a.wav.tmp", tmp_path / ".b.wav.tmp"
    for path in (old, young):
        path.touch()
    past = time.time() - 2 * temporaries.SETTLED_S
    os.utime(old, (past, past))
    for name in ("a.wav", "b.wav"):
        write_text(tmp_path / name, "whole")
    assert _names(tmp_path) == [young.name, "a.wav", "b.wav"]


def test_a_data_set_that_was_put_aside_is_back(tmp_path: Path) -> None:
    """A kill between the two steps of a file system that cannot exchange names."""
    with replace_folder(tmp_path / "dataset") as folder:
        (folder / "a.csv").write_text("one")
    (tmp_path / "dataset").rename(tmp_path / ".dataset.old")
    with pytest.raises(RuntimeError), replace_folder(tmp_path / "dataset"):
        raise RuntimeError("and this time nothing comes of it")
    assert _names(tmp_path) == ["dataset"]
    assert (tmp_path / "dataset" / "a.csv").read_text() == "one"


def test_a_folder_that_only_looks_put_aside_is_a_person_s(tmp_path: Path) -> None:
    mine = tmp_path / ".dataset.old" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("before I changed everything")
    for text in ("one", "two"):
        with replace_folder(tmp_path / "dataset") as folder:
            (folder / "a.csv").write_text(text)
    assert mine.read_text() == "before I changed everything"
    assert (tmp_path / "dataset" / "a.csv").read_text() == "two"


def test_an_old_data_set_whose_removal_was_killed_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where names cannot be exchanged; the kill comes once the rest of it is gone."""
    monkeypatch.setattr(atomic_folder, "_exchange_names", lambda one, other: False)
    with replace_folder(tmp_path / "dataset") as folder:
        (folder / "a.csv").write_text("one")
    with monkeypatch.context() as killed:
        killed.setattr(atomic_folder.shutil, "rmtree", lambda *_, **__: None)
        with replace_folder(tmp_path / "dataset") as folder:
            (folder / "a.csv").write_text("two")
    assert [path.name for path in (tmp_path / ".dataset.old").iterdir()] == [atomic_folder.MANIFEST]
    with replace_folder(tmp_path / "dataset") as folder:
        (folder / "a.csv").write_text("three")
    assert _names(tmp_path) == ["dataset"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "ws")


def test_an_import_clears_what_a_killed_one_left_anywhere(workspace: Workspace, tmp_path: Path) -> None:
    other = workspace.segments / "other"
    other.mkdir()
    left = other / ".other_0_2.wav.tmp"
    left.write_bytes(b"half")
    clips = tmp_path / "clips"
    clips.mkdir()
    write_wav(clips / "one.wav", speech_like(2))
    (clips / "metadata.csv").write_text("file_name,transcription\none.wav,話\n", encoding="utf-8")
    with _writing("temporary_file", other / "other_2_4.wav") as (live, _):
        import_.run(workspace, workspace.config(), make_job(workspace, "import", path=str(clips)))
        assert live.exists()
        assert not left.exists()


def test_a_job_clears_what_killed_ones_left(workspace: Workspace) -> None:
    before = spec.create(workspace, "split", {})
    (workspace.jobs / ".20260101-000000-split-aaaaaa.tmp" / "control").mkdir(parents=True)
    (before / ".status.json.tmp").touch()
    folder = spec.create(workspace, "split", {})
    assert _names(workspace.jobs) == sorted([before.name, folder.name])
    assert ".status.json.tmp" not in _names(before)


def test_a_training_clears_models_that_were_being_written(tmp_path: Path) -> None:
    hidden = tmp_path / ".run-01"
    for name in (".final.new", "final.part", "old"):
        (hidden / name).mkdir(parents=True)
    (hidden / ".run.json.tmp").touch()
    (hidden / runs.RECORD).touch()
    runs.remove_half_written(tmp_path)
    assert _names(hidden) == [runs.RECORD]
