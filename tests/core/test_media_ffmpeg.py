"""Which ffmpeg is found, and that other libraries find it too, without a word."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import UserError
from core.media import ffmpeg as room
from core.media import find_ffmpeg, prepare_environment

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without ffmpeg, and a cache of its own."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "env"):
        os.symlink(shutil.which(name) or f"/bin/{name}", tools / name)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE", raising=False)
    return tmp_path


def _program(path: Path, version: str = "7.7-test", code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'ffmpeg version {version} Copyright'\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_the_order_is_setting_system_bundled(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_ffmpeg().origin == "bundled"
    _program(bare / "system" / "ffmpeg", "6.0")
    monkeypatch.setenv("PATH", f"{bare / 'system'}:{os.environ['PATH']}")
    found = find_ffmpeg()
    assert (found.origin, found.version, found.path) == ("system", "6.0", str(bare / "system" / "ffmpeg"))
    own = _program(bare / "my-ffmpeg")
    assert find_ffmpeg(str(own)) == room.Ffmpeg(str(own), "7.7-test", "setting")


def test_a_set_one_that_does_not_run_is_an_error_and_a_broken_system_one_is_passed_over(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = _program(bare / "system" / "ffmpeg", code=1)
    with pytest.raises(UserError, match="does not run"):
        find_ffmpeg(str(broken))
    with pytest.raises(UserError, match="does not run"):
        find_ffmpeg(str(bare / "nothing"))
    monkeypatch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")
    assert find_ffmpeg().origin == "bundled"


def test_none_at_all(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_bundled", lambda: None)
    with pytest.raises(UserError, match="no ffmpeg was found"):
        find_ffmpeg()


def test_the_bundled_one_gets_its_plain_name(bare: Path) -> None:
    found = prepare_environment()
    plain = shutil.which("ffmpeg") or ""
    assert plain == str(bare / "cache" / "whispersmith" / "bin" / "ffmpeg")
    assert os.path.realpath(plain) == os.path.realpath(found.path)
    path = os.environ["PATH"]
    assert prepare_environment() == found  # what is found now is our own link: still the bundled one
    assert os.environ["PATH"] == path


def test_a_system_one_is_left_as_it_is(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(bare / "system" / "ffmpeg")
    monkeypatch.setenv("PATH", f"{bare / 'system'}:{os.environ['PATH']}")
    path = os.environ["PATH"]
    assert prepare_environment().origin == "system"
    assert os.environ["PATH"] == path
    assert not (bare / "cache").exists()


def test_a_set_one_gets_a_link_of_its_own(bare: Path) -> None:
    own = _program(bare / "my-ffmpeg")
    prepare_environment(str(own))
    assert os.path.realpath(shutil.which("ffmpeg") or "") == str(own)


def test_many_at_once_make_one_good_link(bare: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = {task.result().path for task in [pool.submit(prepare_environment) for _ in range(40)]}
    assert len(found) == 1
    folder = bare / "cache" / "whispersmith" / "bin"
    assert [path.name for path in folder.iterdir()] == ["ffmpeg"]


def test_a_stale_link_is_replaced(bare: Path) -> None:
    folder = bare / "cache" / "whispersmith" / "bin"
    folder.mkdir(parents=True)
    os.symlink(bare / "an-old-environment" / "ffmpeg", folder / "ffmpeg")
    found = prepare_environment()
    assert os.path.realpath(folder / "ffmpeg") == os.path.realpath(found.path)


def test_a_cache_that_cannot_be_written_is_borne(bare: Path) -> None:
    (bare / "cache").write_text("a file where the folder should be")
    found = prepare_environment()
    assert os.path.realpath(shutil.which("ffmpeg") or "") == os.path.realpath(found.path)


def test_pydub_is_loaded_in_silence_and_bound_to_our_ffmpeg(bare: Path) -> None:
    _program(bare / "here" / "avconv", "avconv in the current folder")
    script = (
        "from core.media import load_pydub, find_ffmpeg\n"
        "pydub = load_pydub()\n"
        "assert pydub.AudioSegment.converter == find_ffmpeg().path, pydub.AudioSegment.converter\n"
        "sound = pydub.AudioSegment.silent(300, 16000)\n"
        "sound.export('a.mp3', format='mp3').close()\n"
        "print('fine')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", script],
        cwd=bare / "here",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "fine", done.stderr
    assert done.stderr == ""
    assert (bare / "here" / "a.mp3").stat().st_size > 100
