"""Broken wavs in front of a labeller and of a training: told by name, and the others go on."""

from __future__ import annotations

from pathlib import Path

from core.dataset.digests import fill_digests
from core.events import ItemFailed
from core.stages import label, train
from core.store import Store
from core.workspace import Workspace
from tests.core.whisper_kit import Listened, make_workspace, toy


def _broken(made: Workspace, id: str) -> str:
    """Give a segment other samples, after its digest was kept."""
    with Store(made.db_path) as store:
        fill_digests(made, store, Listened(made, "split", {}).job)
        row = store.segments.get(id)
        assert row is not None
        if row.digest is None:  # nothing accepted: as `segment` would have left it
            path = made.absolute(row.path)
            path.write_bytes(path.read_bytes()[:1000])
            return id
    path = made.absolute(row.path)
    data = path.read_bytes()
    path.write_bytes(data[:-2] + bytes([data[-2] ^ 1, data[-1]]))
    return id


def test_a_labeller_hears_the_others(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=3, test=1, accepted=False)
    broken = _broken(made, "train_8_18")
    listened = Listened(made, "label", {"by": "clips"})
    result = label.run(made, made.config(), listened.job)
    assert (result["labelled"], result["failed"]) == (3, 1)
    assert [event.id for event in listened.of(ItemFailed)] == [broken]


def test_a_training_learns_from_the_others(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=4, test=1)
    broken = _broken(made, "train_8_18")
    listened = Listened(made, "train", {})
    result = train.run(made, made.config(), listened.job)
    assert result["train_segments"] == 3
    (failed,) = listened.of(ItemFailed)
    assert failed.id == broken
    assert "its sound is not what was written" in failed.error.why
