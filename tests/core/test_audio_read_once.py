"""With the digests in the store nobody opens a wav to get ready, however many there are."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from core.dataset.digests import fill_digests
from core.jobs import Cancelled
from core.stages import evaluate, train
from core.store import Store
from tests.core.media_kit import opened_wavs
from tests.core.whisper_kit import Listened, make_workspace, toy


@pytest.mark.parametrize("stage", [train, evaluate])
def test_getting_ready_opens_no_wav(tmp_path: Path, stage: ModuleType) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=36, test=3)
    shutil.copytree(toy(), made.models / "mine")
    name = stage.__name__.rpartition(".")[2]
    with Store(made.db_path) as store:
        assert fill_digests(made, store, Listened(made, name, {}).job) == 39
    listened = Listened(made, name, {})
    # The first progress is that a model is about to be loaded: whatever is selected has been selected.
    listened.job.progress = lambda *_, **__: listened.job.cancel()  # type: ignore[method-assign]
    with opened_wavs() as opened, pytest.raises(Cancelled):
        stage.run(made, made.config(), listened.job)
    assert opened == []
