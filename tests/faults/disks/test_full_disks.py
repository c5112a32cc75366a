"""A disk that is full before the first write, or gets full at a later one: what, why, fix; and nothing is lost."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.errors import of_os_error
from tests.faults.disks import small_disk

pytestmark = pytest.mark.skipif(not small_disk.works_here(), reason="nothing can be mounted here")

LATER = [8_000, 20_000, 40_000, 90_000, 180_000, 400_000, 700_000, 1_200_000]
"""Bytes that are free: the disk is full at another write with each."""


def sizes(quick: int | None = None) -> list[Any]:
    """quick: the one that is always tried."""
    slow = [pytest.param(size, marks=pytest.mark.slow) for size in (0, *LATER) if size != quick]
    return slow if quick is None else [quick, *slow]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "disk"
    made.mkdir()
    return made


def is_told(said: dict[str, Any]) -> bool:
    """Done all the same, or three lines that name the disk; never a traceback."""
    text = str(said["err"]) + str(said["out"])
    assert "Traceback" not in text
    assert "unexpectedly" not in text
    return said["code"] == 0 or ("the disk is full" in text and "make room" in text)


def test_settings_stay_as_they_were(folder: Path) -> None:
    (said,) = small_disk.run(folder, "settings", "0")
    assert (said["code"], said["out"]) == (3, "as it was")
    assert is_told(said)


def test_no_workspace_can_be_made_and_then_it_can(folder: Path) -> None:
    first, then = small_disk.run(folder, "init", "0")
    assert first["code"] == 3
    assert is_told(first)
    assert then["code"] == 0


@pytest.mark.parametrize("free", sizes(20_000))
def test_a_job_that_cannot_be_started_leaves_none(folder: Path, free: int) -> None:
    started, jobs, listed = small_disk.run(folder, "start", str(free))
    if free <= 40_000:
        assert started["code"] == 3
        assert is_told(started)
        assert json.loads(jobs["out"]) == []
    assert started["code"] in (1, 3)  # there is neither such a file nor such a site
    assert "Traceback" not in started["err"]
    assert listed["code"] == 0


@pytest.mark.parametrize("free", sizes(400_000))
def test_cutting_goes_on_where_it_was(folder: Path, free: int) -> None:
    _, cut, _, again, rows, left = small_disk.run(folder, "segment", str(free))
    assert is_told(cut)
    assert again["code"] == 0
    wavs, temporary = json.loads(left["out"])
    assert [row["id"] for row in json.loads(rows["out"])] == [f"talk_{at}_{min(at + 10, 40)}" for at in range(0, 40, 8)]
    assert sorted(wavs) == [256_044, 320_044, 320_044, 320_044, 320_044]
    assert temporary == []


@pytest.mark.parametrize("free", sizes())
def test_an_export_is_whole_or_not_there_and_the_one_before_stays(folder: Path, free: int) -> None:
    *_, other, same, found, again = small_disk.run(folder, "export", str(free))
    there, is_as_before = json.loads(found["out"])
    assert is_told(other)
    assert is_told(same)
    assert there == (other["code"] == 0)
    assert is_as_before
    assert again["code"] == 0


@pytest.mark.parametrize("free", sizes())
def test_a_download_goes_on_when_there_is_room(folder: Path, free: int) -> None:
    _, fetched, media, _, videos = small_disk.run(folder, "fetch", str(free))
    assert is_told(fetched)
    assert ".mp4" not in json.loads(media["out"]) or fetched["code"] == 0
    assert [row["state"] for row in json.loads(videos["out"])] == ["fetched"]


def test_what_the_system_refuses_in_words() -> None:
    def told(number: int) -> list[str]:
        return list(of_os_error(OSError(number, os.strerror(number), "a.wav"), "w", "try it again").lines())

    for number in (errno.ENOSPC, errno.EDQUOT):
        assert told(number)[1] == "why  the disk is full: a.wav"
    assert told(errno.EROFS)[1] == "why  the file system is mounted read-only: a.wav"
    assert told(errno.EFBIG)[1] == "why  the limit on its size is reached: a.wav"
    assert told(errno.EACCES)[1:] == [
        "why  Permission denied: a.wav",
        "fix  look whether it is there and may be written, then try it again",
    ]
