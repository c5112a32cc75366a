"""ctranslate2 as an engine: the same texts as transformers, words with times, clips where a model has none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.engines import Clip, Engine, EngineOptions, PcmWindow, ctranslate2, open_engine
from core.errors import UserError
from core.jobs import Cancelled
from core.media import RATE
from core.text import join_texts
from tests.core.whisper_kit import listener, noise, toy


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One place for all conversions of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("huggingface")))
        patch.delenv("HF_HUB_CACHE", raising=False)
        yield


def engine(name: str = "ctranslate2", model: Path | None = None, **options: Any) -> Engine:
    folder = str(model or listener())
    return open_engine(folder, EngineOptions(**{"language": "zh", "batch": 2, **options}), engine=name)


def windows(*seconds: float) -> list[PcmWindow]:
    return [PcmWindow(40 * RATE * n, noise(one, n)) for n, one in enumerate(seconds)]


def test_what_it_tells_of_itself() -> None:
    info = engine().info
    assert (info.name, info.model, info.window_s) == ("ctranslate2", str(listener()), 30.0)
    assert (info.device, info.precision) in {("cpu", "int8"), ("cuda", "fp16")}
    assert not info.clips_only


def test_words_of_a_batch_are_those_of_its_windows_alone() -> None:
    given = windows(30.0, 7.3, 12.0)
    together = [text for batch in engine(batch=16).hear(given) for _, text in batch]
    assert together == [text for window in given for batch in engine(batch=1).hear([window]) for _, text in batch]
    assert all(text.words for text in together)


@pytest.mark.parametrize("name", ["ctranslate2", "transformers"])
@pytest.mark.parametrize("beam", [1, 3])
def test_words_have_times_inside_their_window(name: str, beam: int) -> None:
    given = windows(30.0, 7.3, 0.4)
    batches = list(engine(name, beam=beam).hear(given))
    assert [[window.start for window, _ in batch] for batch in batches] == [[0, 40 * RATE], [80 * RATE]]
    for batch in batches:
        for window, found in batch:
            assert (found.start_ms, found.end_ms) == (window.start_ms, window.end_ms)
            assert found.text
            assert found.text == join_texts([word.text for word in found.words])
            assert found.avg_logprob < 0
            times = [(word.start_ms, word.end_ms) for word in found.words]
            assert times == sorted(times)
            assert all(window.start_ms <= start <= end <= window.end_ms for start, end in times)
            assert all(word.logprob <= 0 for word in found.words)


def test_both_engines_hear_the_same() -> None:
    ours, theirs = (
        [text for batch in engine(name, beam=3).hear(windows(30.0, 12.0)) for _, text in batch]
        for name in ("ctranslate2", "transformers")
    )
    assert [one.text for one in ours] == [one.text for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.avg_logprob == pytest.approx(other.avg_logprob, abs=0.2)  # int8
        assert len(one.words) == len(other.words)


def test_both_engines_are_told_the_same_words_before() -> None:
    plain = [text.text for batch in engine("transformers", beam=3).hear(windows(12.0)) for _, text in batch]
    ours, theirs = (
        [text for batch in engine(name, beam=3, prompt=("do re", "mi fa sol")).hear(windows(12.0)) for _, text in batch]
        for name in ("ctranslate2", "transformers")
    )
    assert [one.text for one in ours] == [one.text for one in theirs]
    assert [one.text for one in theirs] != plain
    assert theirs[0].avg_logprob == pytest.approx(ours[0].avg_logprob, abs=0.2)  # int8


def test_a_window_does_not_depend_on_its_batch() -> None:
    together = [text for batch in engine(batch=4).hear(windows(9.0, 30.0, 5.0)) for _, text in batch]
    (alone,) = next(engine(batch=1).hear(windows(9.0, 30.0)[1:]))
    assert (alone[1].text, alone[1].words) == (together[1].text, together[1].words)


def test_clips_have_texts_without_times() -> None:
    clips = [Clip(str(n), noise(2.0 + n, n)) for n in range(3)]
    batches = list(engine().hypotheses(clips))
    assert [[clip.id for clip, _ in batch] for batch in batches] == [["0", "1"], ["2"]]
    for batch in batches:
        for _, found in batch:
            assert found.text
            assert found.tokens
            assert found.avg_logprob < 0


def test_a_model_that_cannot_tell_times_hears_window_by_window(tmp_path: Path) -> None:
    without = shutil.copytree(listener(), tmp_path / "without")
    settings = without / "generation_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"alignment_heads": None}))
    one = engine(model=without)
    assert "alignment_heads" in one.info.clips_only
    ((window, found),) = next(one.hear(windows(2.0)))
    assert found.text
    assert found.words == ()
    assert (found.start_ms, found.end_ms) == (window.start_ms, window.end_ms)


def test_a_model_with_another_window_is_refused() -> None:
    with pytest.raises(UserError, match="does not run on ctranslate2"):
        engine(model=toy(2.0))


def test_the_model_may_tell_the_language() -> None:
    ((_, found),) = next(engine(language="auto").hear(windows(3.0)))
    assert found.text == join_texts([word.text for word in found.words])


def test_a_language_nobody_knows() -> None:
    with pytest.raises(UserError, match="does not know the language 'tlh'"):
        engine(language="tlh")


def test_a_clip_or_window_that_is_too_long_is_named() -> None:
    with pytest.raises(UserError, match="a_0_40 is longer"):
        list(engine().hypotheses([Clip("a_0_40", noise(31))]))
    with pytest.raises(UserError, match="the window at 40 s is longer"):
        list(engine().hear(windows(1.0, 31.0)))


def test_a_cancel_is_obeyed_between_two_batches() -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise Cancelled

    heard = engine(batch=1, check=check).hear(windows(1.0, 1.0, 1.0))
    next(heard)
    with pytest.raises(Cancelled):
        next(heard)


def test_memory_that_runs_out_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    plain = ctranslate2.BatchedInferencePipeline.transcribe

    def small_card(self: Any, audio: np.ndarray, **named: Any) -> Any:
        sizes.append(named["batch_size"])
        if named["batch_size"] > 1:
            raise RuntimeError("CUDA failed with error out of memory")
        return plain(self, audio, **named)

    monkeypatch.setattr(ctranslate2, "WORKERS", 1)
    monkeypatch.setattr(ctranslate2.BatchedInferencePipeline, "transcribe", small_card)
    said: list[str] = []
    assert len(list(engine(warn=said.append).hear(windows(1.0, 1.0)))) == 2
    assert sizes[:3] == [2, 1, 1]
    assert len(said) == 1
