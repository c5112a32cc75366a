"""evaluate: both models on the same test segments, counts that add up, a leak that is seen."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.dataset import lineage
from core.engines import Clip
from core.engines.transformers import TransformersEngine
from core.errors import UserError
from core.events import LogLine
from core.files import digest_of
from core.jobs import Cancelled
from core.jobs import spec as job_spec
from core.jobs.spec import EVENTS
from core.stage import STAGES
from core.stages import evaluate
from core.store import Store
from core.whisper.toy import build_toy
from core.workspace import Workspace
from tests.core.whisper_kit import Listened, make_workspace, noise, toy, toy_copy, write_wav


def test_the_leak_is_counted_not_assumed(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=3, test=1)
    shutil.copytree(toy(), made.models / "mine")
    with Store(made.db_path) as store:
        store.segments.set_parts(
            {"train_0_10": "train", "train_8_18": "test", "train_16_26": None, "test_0_10": "test"}
        )
    result = evaluate.run(made, made.config(), Listened(made, "evaluate", {}).job)
    assert (result["segments"], result["leak"], result["leak_against"], result["excluded"]) == (2, 1, "train", 0)


def listed(made: Workspace, *ids: str, validated: tuple[str, ...] = ()) -> None:
    """A tuned model "mine" that has heard these segments."""
    shutil.copytree(toy(), made.models / "mine")
    with Store(made.db_path) as store:
        found = {row.id: row for row in store.segments.all()}
    digests = {id: digest_of(made.absolute(row.path)) for id, row in found.items()}
    known = {id: replace(row, digest=digests[id]) for id, row in found.items()}
    heard = [lineage.refs_of([known[id] for id in group]) for group in (ids, validated)]
    lineage.write(made.models / "mine", lineage.Lineage(heard[0], heard[1]))


def test_what_the_model_has_heard_is_not_measured_with(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=6, test=3)
    listed(made, "train_0_10", "train_8_18", validated=("train_40_50",))
    twin = made.absolute("segments/test/test_16_26.wav")
    shutil.copyfile(made.absolute("segments/train/train_0_10.wav"), twin)
    with Store(made.db_path) as store:  # a later split: all of it is for testing
        store.segments.set_parts({row.id: "test" for row in store.segments.all()})
    listened = Listened(made, "evaluate", {})
    result = evaluate.run(made, made.config(), listened.job)
    with Store(made.db_path) as store:
        stored = store.evaluations.latest()
    assert stored is not None
    # SegmentRef: train_0, train_8, train_40; overlapping those: train_16, train_32; the same bytes: test_16.
    assert {row.segment for row in stored.rows} == {"train_24_34", "test_0_10", "test_8_18"}
    assert (result["segments"], result["excluded"], result["leak"], result["leak_against"]) == (3, 6, 0, "model")
    assert any("6 of 9 test segments are left out" in line.text for line in listened.of(LogLine))


def test_a_base_that_was_tuned_itself_has_heard_things_too(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=2)
    listed(made, "test_0_10")
    (made.models / "mine").rename(made.root / "grown")
    shutil.copytree(toy(), made.models / "other")
    config = made.config()
    config.model.base = "grown"
    with pytest.raises(UserError, match="nothing left to measure other with") as caught:
        evaluate.run(made, config, Listened(made, "evaluate", {}).job)  # test_8_18 overlaps it
    assert caught.value.fix == "whispersmith train"


def test_base_beside_tuned_and_rows_in_the_store(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=2, test=3)
    shutil.copytree(toy(), made.models / "older")
    with Store(made.db_path) as store:
        store.transcripts.save("test_16_26", "。")  # accepted, but nothing to compare with
    listened = Listened(made, "evaluate", {})
    result = evaluate.run(made, made.config(), listened.job)
    assert result["segments"] == 2
    assert result["empty_references"] == 1
    assert result["leak"] == 0
    base, tuned = result["models"]["base"], result["models"]["tuned"]
    assert tuned["name"] == "older"
    assert base["cer"] == tuned["cer"] > 0.8  # the same weights
    with Store(made.db_path) as store:
        stored = store.evaluations.latest()
    assert stored is not None
    assert stored.result == result
    assert {row.segment for row in stored.rows} == {"test_0_10", "test_8_18"}
    assert sum(row.characters for row in stored.rows) == result["characters"]
    errors = base["substitutions"] + base["deletions"] + base["insertions"]
    assert sum(row.base_errors for row in stored.rows) == errors


def test_model_can_be_named(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=1)
    shutil.copytree(toy(), made.models / "mine")
    result = evaluate.run(made, made.config(), Listened(made, "evaluate", {"model": "mine"}).job)
    assert result["models"]["tuned"]["name"] == "mine"
    with pytest.raises(UserError, match="nobody"):
        evaluate.run(made, made.config(), Listened(made, "evaluate", {"model": "nobody"}).job)


def test_a_model_that_is_not_there_is_said_before_the_queue(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=1)
    check = STAGES["evaluate"].check
    with pytest.raises(UserError, match="nope is not here"):
        check(made, made.config(), {"model": "nope"})
    toy_copy(made.models / "cut")
    (made.models / "cut" / "model.safetensors").unlink()
    with pytest.raises(UserError, match="is not whole"):
        check(made, made.config(), {"model": "cut"})
    shutil.rmtree(made.models / "cut")
    with pytest.raises(UserError, match="there is no tuned model yet"):
        check(made, made.config(), {})
    (made.models / ".coming").mkdir()  # being trained: it may be there when its turn comes
    for fine in ({"model": "coming"}, {"model": str(toy())}):
        check(made, made.config(), fine)
    with pytest.raises(UserError, match="there is no tuned model yet"):
        check(made, made.config(), {})  # that run was left
    (job_spec.create(made, "train", {}) / EVENTS).touch()
    check(made, made.config(), {})  # a training waits, and has made no folder


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=1)
    with pytest.raises(UserError) as caught:
        evaluate.run(made, made.config(), Listened(made, "evaluate", {}).job)
    assert caught.value.fix == "whispersmith train"
    bare = make_workspace(tmp_path / "v", toy(), train=1, test=1, accepted=False)
    with pytest.raises(UserError, match="nothing to measure"):
        evaluate.run(bare, bare.config(), Listened(bare, "evaluate", {}).job)


def test_a_killed_evaluation_goes_on_and_new_audio_is_heard_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=6)
    build_toy(made.models / "mine", seed=7)
    decoded: list[str] = []
    plain = TransformersEngine._decode

    def counting(engine: TransformersEngine, clips: list[Clip]) -> object:
        decoded.extend(clip.id for clip in clips)
        return plain(engine, clips)

    monkeypatch.setattr(TransformersEngine, "_decode", counting)
    listened = Listened(made, "evaluate", {})
    progress = listened.job.progress

    def stop_in_the_middle(done: float, total: float | None = None, unit: str = "", note: str = "") -> None:
        progress(done, total, unit, note)
        if unit == "segments" and done >= 4:
            listened.job.cancel()

    listened.job.progress = stop_in_the_middle  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        evaluate.run(made, made.config(), listened.job)
    assert len(decoded) == 4
    log = next((made.models / ".~heard").iterdir())
    log.write_bytes(log.read_bytes() + b'{"segment": "test_32_42", "ma')  # a kill in the middle of a write

    first = evaluate.run(made, made.config(), Listened(made, "evaluate", {}).job)
    assert len(decoded) == 12  # 6 segments, 2 models, none of them twice
    again = evaluate.run(made, made.config(), Listened(made, "evaluate", {}).job)
    assert len(decoded) == 12
    assert again == first
    new = made.root / "segments/test/test_0_10.wav"
    write_wav(new, noise(10))
    with Store(made.db_path) as store, store.write() as db:  # as an import of it leaves it
        db.execute("UPDATE segments SET digest = ? WHERE id = 'test_0_10'", (digest_of(new),))
    evaluate.run(made, made.config(), Listened(made, "evaluate", {}).job)
    assert decoded[12:] == ["test_0_10", "test_0_10"]
