"""What a model hears of the rows it has not learnt from, as labelling would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from benchmarks.window_trials.bundle import Bundle
from benchmarks.window_trials.split import Fold
from benchmarks.window_trials.train import LANGUAGE
from core.engines import Clip, EngineOptions, PcmWindow
from core.engines.transformers import TransformersEngine
from core.text import corpus_cer
from core.timed_text import shares
from core.training.windows import Row
from core.whisper.loading import LoadedModel

Texts = list[str]
BATCH = 256


def clips(loaded: LoadedModel, bundle: Bundle, rows: Sequence[Row]) -> Texts:
    engine = TransformersEngine(loaded, EngineOptions(LANGUAGE, BATCH))
    heard = engine.hypotheses(Clip(row.segment, bundle.clip(row)) for row in rows)
    return [hypothesis.text for batch in heard for _, hypothesis in batch]


def whole(loaded: LoadedModel, bundle: Bundle, rows: Sequence[Row], beam: int) -> list[Texts]:
    """The rows' texts out of the windows of each place, dealt by the times of their words."""
    engine = TransformersEngine(loaded, EngineOptions(LANGUAGE, BATCH, beam=beam))
    numbered = [(place, window) for place, windows in enumerate(bundle.windows) for window in _over(windows, rows)]
    heard = [text for batch in engine.hear(window for _, window in numbered) for _, text in batch]
    by_place: list[list] = [[] for _ in bundle.windows]
    for (place, _), text in zip(numbered, heard, strict=True):
        by_place[place].append(text)
    return [[share.text for share in shares(texts, rows)] for texts in by_place]


def _over(windows: Sequence[PcmWindow], rows: Sequence[Row]) -> list[PcmWindow]:
    return [one for one in windows if any(one.start_ms < row.end_ms and row.start_ms < one.end_ms for row in rows)]


def cer(bundle: Bundle, rows: Sequence[Row], texts: Sequence[Texts]) -> float:
    """In percent, the mean over places; characters are changed one by one to Traditional, which is near enough to
    choose by."""
    found = [
        corpus_cer((row.text, text.translate(bundle.script)) for row, text in zip(rows, one, strict=True))
        for one in texts
    ]
    return round(100 * sum(rate or 0.0 for rate in found) / len(found), 2)


def between(
    base: Mapping[str, torch.Tensor], tuned: Mapping[str, torch.Tensor], alpha: float
) -> dict[str, torch.Tensor]:
    """(1 - alpha) · base + alpha · tuned."""
    return {name: torch.lerp(one, tuned[name], alpha) for name, one in base.items()}


def heard(loaded: LoadedModel, bundle: Bundle, fold: Fold, *, beam: int) -> dict:
    """Texts, and the CER that they come to roughly. beam 1: of the rows to choose by, too, and clips."""
    both = sorted({*fold.chosen_by, *fold.held_out} if beam == 1 else fold.held_out, key=lambda row: row.start_ms)
    result: dict = {"beam": beam, "rows": [row.start_ms for row in both], "whole": whole(loaded, bundle, both, beam)}
    if beam == 1:
        result["clips"] = clips(loaded, bundle, both)
    for name, rows in (("chosen_by", fold.chosen_by if beam == 1 else []), ("held_out", fold.held_out)):
        places = [both.index(row) for row in rows]
        if places:
            result[f"{name}_whole"] = cer(bundle, rows, [[texts[at] for at in places] for texts in result["whole"]])
        if places and beam == 1:
            result[f"{name}_clips"] = cer(bundle, rows, [[result["clips"][at] for at in places]])
    return result
