"""How many processes hear, and on which cards: one a GPU, the job's own among them."""

from __future__ import annotations

import pytest

from core.config import Config, LabelConfig
from core.gpu import Gpu
from core.labelling import processes
from core.labelling.processes import environments

CARDS = [Gpu(n, f"GPU-{n}", "RTX 4060", (8, 9), 80, 0, 80, 0, 0, 0.0) for n in range(4)]


def settings(count: int) -> Config:
    return Config(label=LabelConfig(processes=count))


def test_each_further_gpu_has_a_process_that_sees_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes.gpu, "all_for_job", lambda wish: CARDS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1")  # which the job has settled on

    def cards(count: int, recordings: int) -> list[str]:
        return [one["CUDA_VISIBLE_DEVICES"] for one in environments(settings(count), "cuda", recordings)]

    assert cards(0, 10) == ["GPU-0", "GPU-2", "GPU-3"]
    assert cards(2, 10) == ["GPU-0"]
    assert cards(9, 10) == ["GPU-0", "GPU-2", "GPU-3"]
    # One that would get no recording is not started.
    assert cards(0, 2) == ["GPU-0"]
    assert cards(0, 1) == []
    assert cards(1, 10) == []


def test_on_a_cpu_there_are_as_many_as_are_asked_for() -> None:
    assert [len(environments(settings(count), "cpu", 10)) for count in (0, 1, 3)] == [0, 0, 2]
    assert len(environments(settings(8), "cpu", 3)) == 2
