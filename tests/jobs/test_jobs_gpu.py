"""Which GPU a job computes on, asked of the stand-in NVML by a real job process."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import set_value
from core.events import GpuChosen, JobState
from core.jobs import EventReader, spawn, stop
from core.jobs.attach import JobView, view
from core.jobs.event_line import LogEntry
from core.workspace import Workspace
from tests.fakes import nvml
from tests.jobs.conftest import wait_for

BUSY = "GPU-100aaaaa-0000-0000-0000-000000000001"
FREE = "GPU-100bbbbb-0000-0000-0000-000000000002"

needs_compiler = pytest.mark.skipif(nvml.compiler() is None, reason="there is no C compiler for the stand-in NVML")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nvml.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def two_cards(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with two H100, the first one busy; the file is read anew at every question."""
    script = tmp_path / "machine.txt"
    script.write_text(nvml.scenario("h100x2-580").read_text())
    for key, value in nvml.environment(library, script).items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return script


def seen(folder: Path) -> JobView:
    found = view(folder)
    assert found is not None
    return found


def entries(folder: Path) -> list[LogEntry]:
    return EventReader(folder / "events.jsonl").all()


def given(workspace: Workspace, stage: str = "nap") -> dict[str, str]:
    folder = spawn(workspace, stage, {"steps": 1})
    wait_for(lambda: not seen(folder).live)
    end = seen(folder)
    assert end.state in (JobState.DONE, JobState.FAILED), end
    chosen = [entry.event.uuid for entry in entries(folder) if isinstance(entry.event, GpuChosen)]
    return {
        "uuid": "".join(chosen),
        "sees": end.result.get("cuda", ""),
        "error": end.error.what if end.error else "",
    }


@needs_compiler
def test_a_job_takes_the_card_with_the_most_free_memory(workspace: Workspace, two_cards: Path) -> None:
    assert given(workspace) == {"uuid": FREE, "sees": f"PCI_BUS_ID {FREE}", "error": ""}


@needs_compiler
@pytest.mark.parametrize("wish", ["0", BUSY, "GPU-100aaaaa"])
def test_it_takes_the_one_it_is_told(workspace: Workspace, two_cards: Path, wish: str) -> None:
    set_value(workspace.config_path, "model", "gpu", wish)
    assert given(workspace)["uuid"] == BUSY


@needs_compiler
def test_a_card_that_is_not_there_is_told(workspace: Workspace, two_cards: Path) -> None:
    set_value(workspace.config_path, "model", "gpu", "7")
    assert given(workspace)["error"] == "the GPU 7 is not there"


@needs_compiler
def test_what_the_scheduler_hides_is_not_taken(
    workspace: Workspace, two_cards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert given(workspace)["uuid"] == BUSY


@needs_compiler
def test_a_stage_that_needs_no_gpu_asks_for_none(workspace: Workspace, two_cards: Path) -> None:
    assert given(workspace, "doze")["uuid"] == ""


@needs_compiler
def test_it_waits_until_there_is_room_and_can_be_stopped_meanwhile(workspace: Workspace, two_cards: Path) -> None:
    full = two_cards.read_text().replace("memory 81559 529 4", "memory 81559 529 70000")
    two_cards.write_text(full)
    set_value(workspace.config_path, "model", "wait_for_gb", 60.0)
    folder = spawn(workspace, "nap", {"steps": 1})
    wait_for(lambda: "waiting for 60 GB on NVIDIA H100" in seen(folder).note)
    another = spawn(workspace, "nap", {"steps": 1})
    stop(another)
    two_cards.write_text(full.replace("memory 81559 529 70000", "memory 81559 529 4"))
    wait_for(lambda: seen(folder).state == JobState.DONE, timeout=30)
    assert any(entry.event == GpuChosen(FREE, "NVIDIA H100 80GB HBM3") for entry in entries(folder))
