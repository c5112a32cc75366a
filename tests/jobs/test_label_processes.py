"""Labelling by several processes ends as by one; one that dies costs what it was at work on, and that for a moment.

Real processes on the CPU, which hear as `tests.fakes.ear` does and note who decoded what.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from core.config import set_value
from core.jobs import spawn
from core.store import Store
from core.workspace import Workspace
from tests.core.whisper_kit import toy_copy
from tests.faults.kills.test_label import alive, decoded, hears, prepared, state_of, to_the_end
from tests.jobs.conftest import process_of, wait_for


def by_process(journal: Path) -> Counter[int]:
    """How many windows each process has begun."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    return Counter(json.loads(line)[0] for line in lines)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """What one process leaves; nobody writes in it."""
    folder = tmp_path_factory.mktemp("calm")
    made = prepared(folder / "calm", 1)
    with pytest.MonkeyPatch.context() as monkeypatch:
        hears(monkeypatch)
        monkeypatch.setenv("EAR_PAUSE_S", "0")
        monkeypatch.setenv("EAR_JOURNAL", str(folder / "calm.journal"))
        to_the_end(made)
    assert len(by_process(folder / "calm.journal")) == 1
    return made


@pytest.fixture(autouse=True)
def hears_as_the_ear(monkeypatch: pytest.MonkeyPatch) -> None:
    hears(monkeypatch)


def test_three_do_the_work_of_one_though_one_is_killed(
    calm: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "shared.journal"
    monkeypatch.setenv("EAR_JOURNAL", str(journal))
    monkeypatch.setenv("EAR_PAUSE_S", "0.15")
    made = prepared(tmp_path / "shared", 1)
    set_value(made.config_path, "label", "processes", 3)

    folder = spawn(made, "label", {})
    wait_for(lambda: len(by_process(journal)) == 3, timeout=60)
    victim = next(pid for pid in by_process(journal) if pid != process_of(folder))
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not alive(folder), timeout=120)

    assert state_of(made) == state_of(calm)
    assert "has ended; what it was at work on is heard by another" in made.log_file.read_text()
    windows = Counter(decoded(journal))
    assert windows.keys() == Counter(decoded(calm.root.parent / "calm.journal")).keys()
    # The window in which it died, and no other.
    assert sum(windows.values()) - len(windows) <= 1
    with Store(made.db_path) as store:
        assert store.connection.execute("SELECT COUNT(*) FROM timed_texts WHERE holder IS NOT NULL").fetchone()[0] == 0


def test_a_second_opinion_is_shared_out_as_well(
    calm: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "second.journal"
    monkeypatch.setenv("EAR_JOURNAL", str(journal))
    monkeypatch.setenv("EAR_PAUSE_S", "0.1")
    made = Workspace(Path(shutil.copytree(calm.root, tmp_path / "second")))
    toy_copy(made.models / "other")
    set_value(made.config_path, "label", "processes", 2)
    folder = spawn(made, "label", {"second": "models/other"})
    wait_for(lambda: not alive(folder), timeout=120)
    assert len(by_process(journal)) == 2
    assert Counter(decoded(journal)) == Counter(decoded(calm.root.parent / "calm.journal"))
    with Store(made.db_path) as store:
        for segment in store.segments.all():
            reading = store.second_readings.get(segment.id)
            assert reading is not None
            assert (reading.source, reading.other, reading.places) == ("models/other", segment.text, ())


def test_they_end_with_their_job(calm: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = tmp_path / "orphans.journal"
    monkeypatch.setenv("EAR_JOURNAL", str(journal))
    monkeypatch.setenv("EAR_PAUSE_S", "0.15")
    made = prepared(tmp_path / "orphans", 1)
    set_value(made.config_path, "label", "processes", 2)
    folder = spawn(made, "label", {})
    wait_for(lambda: len(by_process(journal)) == 2, timeout=60)
    (other,) = by_process(journal).keys() - {process_of(folder)}
    # The job alone, and not its group: nobody tells the other.
    os.kill(process_of(folder), signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{other}").exists())
    # The next run goes on with what both have left, at once.
    monkeypatch.setenv("EAR_PAUSE_S", "0")
    to_the_end(made)
    assert state_of(made) == state_of(calm)
