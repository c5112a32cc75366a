"""The labeller is opened with the engine that was asked for, or with the one that a trial found better."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from core.engines import PcmWindow, trial
from core.engines.choice import EngineChoice
from core.events import LogLine
from core.labelling import labeller
from core.labelling.labeller import known_engine
from core.stages import transcribe
from core.store import Store
from core.timed_text import TimedText
from tests.core.labelling_kit import Ears, ears, recorded_workspace, run
from tests.core.whisper_kit import Listened
from tests.fakes.ear import Ear, windows_of

__all__ = ["ears"]


class LoopingEar(Ear):
    def _decode(self, windows: list[PcmWindow]) -> list[TimedText]:
        found = super()._decode(windows)
        return [replace(text, flags=("loop",)) for text in found]


def logged(listened: Listened) -> list[str]:
    return [event.text for event in listened.of(LogLine)]


@pytest.fixture
def both(ears: Ears, monkeypatch: pytest.MonkeyPatch) -> Ears:
    """Both engines can run the model, and little sound is enough for a trial."""
    monkeypatch.setattr(labeller, "choose_engine", lambda model, root: EngineChoice("ctranslate2", "a rule"))
    monkeypatch.setattr(transcribe, "choose_engine", lambda model, root: EngineChoice("ctranslate2", "a rule"))
    monkeypatch.setattr(labeller, "windows_of", windows_of)
    monkeypatch.setattr(labeller, "WORTH_A_TRIAL_MS", 30_000)
    monkeypatch.setattr(labeller, "TRIAL_S", 12)
    # Such engines take next to no time: on a busy machine any limit made of that breaks the second one off.
    monkeypatch.setattr(trial, "PATIENCE", math.inf)
    return ears


def test_auto_is_measured_once(tmp_path: Path, both: Ears) -> None:
    made = recorded_workspace(tmp_path)
    # The first that is opened writes loops, the second does not.
    both.make = lambda model, options: (Ear if both.opened else LoopingEar)(model, options)
    _, listened = run(made)
    model = made.config().model.labeller
    assert [ear.info.name for ear in both.opened] == ["ctranslate2", "transformers"]
    assert len(both.opened[0].heard) == 4  # three windows and the second to get ready
    assert any("is run by transformers: of 12 s of speech 0 of its texts are odd" in line for line in logged(listened))
    with Store(made.db_path) as store:
        assert known_engine(store, model) is not None
    both.opened.clear()
    run(made, redo=True)
    assert [ear.info.name for ear in both.opened] == ["transformers"]
    job = Listened(made, "transcribe", {"engine": None}).job
    assert transcribe._engine(made, job, model) == "transformers"


def test_on_another_machine_it_is_measured_anew(tmp_path: Path, both: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recorded_workspace(tmp_path)
    run(made)
    monkeypatch.setattr(labeller.os, "cpu_count", lambda: 4096)
    with Store(made.db_path) as store:
        assert known_engine(store, made.config().model.labeller) is None


def test_what_was_measured_is_asked_for_where_a_package_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(labeller, "version", missing)
    with Store(tmp_path / "store.db") as store:
        store.set_note("engine of tiny", {"engine": "transformers", "why": "a trial", "here": labeller._here()})
        assert known_engine(store, "tiny") == EngineChoice("transformers", "a trial")


def test_little_sound_is_worth_no_trial(tmp_path: Path, both: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labeller, "WORTH_A_TRIAL_MS", 3_600_000)
    made = recorded_workspace(tmp_path)
    _, listened = run(made)
    assert [ear.info.name for ear in both.opened] == ["ctranslate2"]
    assert any("is run by ctranslate2: a rule" in line for line in logged(listened))


def test_what_was_asked_for_is_taken(tmp_path: Path, both: Ears) -> None:
    run(recorded_workspace(tmp_path), engine="transformers")
    assert [ear.info.name for ear in both.opened] == ["transformers"]
