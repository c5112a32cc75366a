"""transformers as an engine: clips in order, whole recordings in windows, memory and cancel as the protocol says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from core import demo_audio
from core.engines import Clip, Engine, EngineOptions, open_engine, transformers
from core.engines.windows import consecutive, windows_of
from core.errors import UserError
from core.jobs import Cancelled
from core.media import stream_pcm
from core.timed_text import TimedText
from tests.core.whisper_kit import RATE, noise, toy


def engine(**options: Any) -> Engine:
    return open_engine(str(toy(2.0)), EngineOptions(**{"language": "zh", "batch": 3, **options}))


def heard(one: Engine, pcm: Iterable[np.ndarray]) -> list[TimedText]:
    return [text for batch in one.hear(windows_of(pcm, one.info)) for _, text in batch]


def test_what_an_engine_tells_of_itself() -> None:
    info = engine().info
    assert (info.name, info.model, info.window_s) == ("transformers", str(toy(2.0)), 2.0)
    assert (info.device, info.precision) in {("cpu", "fp32"), ("cuda", "bf16"), ("cuda", "fp16")}
    assert "2 s at once" in info.clips_only


def test_clips_come_back_in_order_with_what_was_heard_in_each() -> None:
    clips = [Clip(str(index), noise(0.5 + index / 4, index)) for index in range(5)]
    batches = list(engine().hypotheses(clips))
    assert [[clip.id for clip, _ in batch] for batch in batches] == [["0", "1", "2"], ["3", "4"]]
    together = [one.avg_logprob for batch in batches for _, one in batch]
    alone = [next(engine(batch=1).hypotheses([clip]))[0][1].avg_logprob for clip in clips]
    assert together == pytest.approx(alone, abs=1e-4)
    assert len({round(figure, 3) for figure in together}) == 5  # no two of them could be mistaken for each other


def test_a_recording_is_covered_whole(tmp_path: Any) -> None:
    demo_audio.make_recording(tmp_path / "song.wav", seconds=7, seed=1)
    found = heard(engine(), stream_pcm(tmp_path / "song.wav"))
    assert [(one.start_ms, one.end_ms) for one in found] == [(0, 2000), (2000, 4000), (4000, 6000), (6000, 7000)]
    for one in found:
        assert one.text == " ".join(one.text.split())
        assert one.words == ()  # nobody has told when each is said
        assert one.avg_logprob < 0
    clips = [Clip("", window.samples) for window in consecutive(stream_pcm(tmp_path / "song.wav"), 2 * RATE)]
    alone = [hypothesis for batch in engine().hypotheses(clips) for _, hypothesis in batch]
    assert [one.text for one in found] == [" ".join(one.text.split()) for one in alone]
    assert [one.avg_logprob for one in found] == pytest.approx([one.avg_logprob for one in alone], abs=1e-4)


def test_a_recording_is_read_as_it_is_decoded() -> None:
    read: list[int] = []

    def blocks() -> Iterator[np.ndarray]:
        for second in range(100):
            read.append(second)
            yield noise(1, second)

    small = engine(batch=2)
    next(small.hear(windows_of(blocks(), small.info)))
    assert len(read) == 4


def test_memory_that_runs_out_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    plain = transformers.decode

    def small_card(loaded: Any, features: np.ndarray, *more: Any, **named: Any) -> Any:
        sizes.append(len(features))
        if len(features) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(loaded, features, *more, **named)

    monkeypatch.setattr(transformers, "decode", small_card)
    said: list[str] = []
    small = engine(warn=said.append)
    assert len(list(small.hypotheses(Clip(str(n), noise(0.5, n)) for n in range(3)))) == 3
    assert len(heard(small, [noise(3)])) == 2
    assert sizes == [3, 1, 1, 1, 1, 1]
    assert len(said) == 1


def test_a_card_too_small_for_one_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(transformers, "decode", full)
    with pytest.raises(UserError, match="memory ran out"):
        list(engine().hypotheses([Clip("a", noise(1))]))


def test_cancelling_a_job_ends_a_batch_in_its_middle() -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(engine(check=check).hypotheses([Clip("a", noise(2))]))


def test_a_clip_that_is_too_long_is_named() -> None:
    with pytest.raises(UserError, match="a_0_10 is longer"):
        list(engine().hypotheses([Clip("a_0_10", noise(3))]))
