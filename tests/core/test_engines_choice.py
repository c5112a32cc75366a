"""Which engine `auto` is: ctranslate2 where it can run, and a reason where it cannot."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from core.engines import choice
from core.engines.choice import choose_engine
from tests.core.whisper_kit import listener, toy


def test_ctranslate2_where_it_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 0)
    assert choose_engine(str(listener())).name == "ctranslate2"


def test_a_window_it_does_not_know() -> None:
    assert choose_engine(str(toy(2.0))) == ("transformers", "ctranslate2 knows no window of 2 s")


def test_a_machine_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice.importlib.util, "find_spec", lambda name: None)
    assert choose_engine(str(listener())) == ("transformers", "faster-whisper is not installed")


@pytest.mark.parametrize("here", [True, False])
def test_a_gpu_whose_libraries_are_of_another_version(here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, *_: Any) -> None:
        if not here:
            raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(ctypes, "CDLL", load)
    found = choose_engine(str(listener()))
    assert found.name == ("ctranslate2" if here else "transformers")
    assert ("libcublas.so.12: cannot open" in found.why) is not here
