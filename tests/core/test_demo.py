"""The demo while it is being made: what is said of it, what is there first, and that a cut making is taken up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import demo
from core.checks.check import Context
from core.checks.runner import run_check
from core.config import set_value
from core.stages import demo as stage
from core.store import Store
from core.workspace import create
from tests.core.media_kit import make_job
from tests.tui.fake_job import FakeJob


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that would have been started."""
    found: list[str] = []
    monkeypatch.setattr(demo, "spawn", lambda workspace, name: found.append(name))
    return found


def test_what_is_being_made_has_not_failed(tmp_path: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    workspace = demo.create_demo(tmp_path / "demo")
    assert spawned == ["demo"]

    def verdicts() -> dict[str, str]:
        context = Context(workspace, workspace.config())
        return {id: run_check(id, context).verdict for id in ("base", "labeller", "huggingface")}

    job = FakeJob(workspace, "demo")
    assert verdicts() == {"base": "warn", "labeller": "warn", "huggingface": "warn"}
    check = run_check("base", Context(workspace, workspace.config()))
    assert "is being made" in check.found
    # Another model that is missing is missing.
    set_value(workspace.config_path, "model", "labeller", "nobody/nothing")
    assert verdicts() == {"base": "warn", "labeller": "fail", "huggingface": "fail"}
    # And so is this one once nobody makes it any more.
    job.finish("failed", {"what": "the disk is full", "why": "", "fix": ""})
    assert verdicts() == {"base": "fail", "labeller": "fail", "huggingface": "fail"}


def test_a_demo_that_was_cut_short_is_made_further(tmp_path: Path, spawned: list[str]) -> None:
    workspace = demo.create_demo(tmp_path / "demo")
    job = FakeJob(workspace, "demo")
    demo.create_demo(workspace.root)
    assert spawned == ["demo"]  # it is being made
    job.die()
    demo.create_demo(workspace.root)
    assert spawned == ["demo", "demo"]
    (workspace.root / demo.TOY).mkdir()
    demo.create_demo(workspace.root)
    demo.create_demo(create(tmp_path / "another").root)
    assert spawned == ["demo", "demo"]  # it is there, or it was never one


def test_the_recordings_are_there_before_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.whisper import toy

    workspace = create(tmp_path / "demo", config_text=demo.SETTINGS)
    listed: list[str] = []
    build = toy.build_toy

    def watched(*given: Any, **more: Any) -> None:
        with Store(workspace.db_path) as store:
            listed.extend(video.id for video in store.videos.all())
        build(*given, **more)

    monkeypatch.setattr(toy, "build_toy", watched)
    monkeypatch.setattr(stage, "MELODIES", tuple((name, 10, form) for name, _, form in stage.MELODIES))
    for _ in range(2):
        job = make_job(workspace, "demo")
        result = stage.run(workspace, workspace.config(), job)
    assert listed == ["melody-1", "melody-2", "melody-3"]
    assert (result["added"], result["known"]) == (0, 3)
    assert (workspace.root / demo.TOY / "config.json").is_file()
    assert sorted(path.name for path in (workspace.root / demo.RECORDINGS).glob("*.[sv]*t*")) == [
        "melody-1.srt",
        "melody-2.vtt",
    ]
