"""A wav from before digests were kept is read for its own once, when the first split is due; others never."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from core.dataset.digests import fill_digests
from core.jobs import Cancelled
from core.stages import split
from core.store import Store
from core.workspace import Workspace
from tests.core.media_kit import logged, make_job, make_workspace, opened_wavs, with_segments


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    workspace = make_workspace(tmp_path / "ws")
    with_segments(workspace, "talk", 70, dict.fromkeys(range(40), "好") | dict.fromkeys(range(60, 70), "好"))
    return workspace


def fill(workspace: Workspace) -> int:
    with Store(workspace.db_path) as store:
        return fill_digests(workspace, store, make_job(workspace, "split"))


def test_digests_from_before_are_filled_once(made: Workspace) -> None:
    with opened_wavs() as opened:
        assert fill(made) == 50
    assert len(opened) == len(set(opened)) == 50
    with Store(made.db_path) as store:
        rows = store.segments.all()
    for row in rows:
        wanted = hashlib.sha256(made.absolute(row.path).read_bytes()).hexdigest() if row.usable else None
        assert row.digest == wanted
    with opened_wavs() as opened:
        assert fill(made) == 0
    assert opened == []


def test_those_of_the_split_in_force_are_filled_too(made: Workspace) -> None:
    with Store(made.db_path) as store:
        ids = [row.id for row in store.segments.all()]
        store.segments.set_parts({ids[50]: "train", ids[51]: None})
    assert fill(made) == 51


def test_a_wav_that_is_gone_stays_without(made: Workspace) -> None:
    (made.segments / "talk" / "talk_0_10.wav").unlink()
    assert fill(made) == 49
    assert fill(made) == 0


def test_a_wav_that_is_written_anew_meanwhile_keeps_its_own(made: Workspace) -> None:
    with Store(made.db_path) as store:
        [row] = [row for row in store.segments.all() if row.id == "talk_0_10"]
        store.segments.add([dataclasses.replace(row, digest="ab" * 32)])
        store.segments.set_digests({"talk_0_10": "cd" * 32, "talk_8_18": "ef" * 32})
        found = {row.id: row.digest for row in store.segments.all()}
    assert (found["talk_0_10"], found["talk_8_18"]) == ("ab" * 32, "ef" * 32)


def test_what_was_read_before_a_stop_is_kept(made: Workspace) -> None:
    job = make_job(made, "split")
    with Store(made.db_path) as store:
        real = store.segments.set_digests

        def set_digests(digests: dict[str, str]) -> None:
            real(digests)
            job.cancel()

        store.segments.set_digests = set_digests  # type: ignore[method-assign]
        with_segments(made, "more", 60, dict.fromkeys(range(60), "好"))
        with pytest.raises(Cancelled):
            fill_digests(made, store, job)
    assert 0 < fill(made) < 110


def test_the_second_split_opens_no_wav(made: Workspace) -> None:
    """And twins are found by what the store holds."""
    with_segments(made, "again", 60, dict.fromkeys(range(60), "好"))
    for number in range(5):
        at = f"{8 * number}_{8 * number + 10}.wav"
        (made.segments / "again" / f"again_{at}").write_bytes((made.segments / "talk" / f"talk_{at}").read_bytes())
    job = make_job(made, "split", by="video")
    first = split.run(made, made.config(), job)
    assert (first["leak"], first["guard"]) == (0, 5)
    assert "110 wav files" in logged(job)
    with opened_wavs() as opened:
        assert split.run(made, made.config(), make_job(made, "split", by="video")) == first
    assert opened == []
