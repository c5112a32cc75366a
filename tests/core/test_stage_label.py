"""label: every segment gets its transcript once; human text is never touched; what is stored stays stored."""

from pathlib import Path

import pytest
import torch

from core.errors import UserError
from core.jobs import Cancelled
from core.stages import label
from core.store import Store
from core.whisper import decoding
from core.workspace import Workspace
from tests.core.whisper_kit import Listened, make_workspace, toy


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", toy(), train=5, test=2, accepted=False)


def run(made: Workspace, **params: object) -> tuple[dict[str, object], Listened]:
    listened = Listened(made, "label", params)
    return label.run(made, made.config(), listened.job), listened


def test_labels_all_with_numbers_and_events(made: Workspace) -> None:
    result, listened = run(made)
    assert result["labelled"] == 7
    with Store(made.db_path) as store:
        segments = store.segments.all()
        assert {s.origin for s in segments} == {"machine"}
        assert {s.review for s in segments} == {"pending"}
        assert all(s.model == str(toy()) and s.avg_logprob is not None and s.avg_logprob < 0 for s in segments)
        assert all(s.suspicion is not None and 0 <= s.suspicion <= 1 for s in segments)
        assert all(s.raw for s in segments)
    assert sorted(event["id"] for event in listened.of("item")) == sorted(s.id for s in segments)
    last = listened.of("progress")[-1]
    assert (last["done"], last["total"]) == (7, 7)


def test_goes_on_where_it_was(made: Workspace) -> None:
    run(made, ids=["train_0_10", "train_8_18"])
    result, listened = run(made)
    assert result["labelled"] == 5
    assert {"train_0_10", "train_8_18"}.isdisjoint(event["id"] for event in listened.of("item"))
    again, _ = run(made)
    assert again["labelled"] == 0


def test_human_text_is_never_touched(made: Workspace) -> None:
    with Store(made.db_path) as store:
        store.transcripts.save("train_0_10", "人寫的")
    run(made)
    run(made, redo=True)
    run(made, redo=True, ids=["train_0_10"])
    with Store(made.db_path) as store:
        segment = store.segments.get("train_0_10")
        assert segment is not None
        assert (segment.text, segment.origin, segment.review) == ("人寫的", "human", "accepted")
        assert len(store.transcripts.history("train_0_10")) == 1
        assert len(store.transcripts.history("train_8_18")) == 2


def test_a_broken_file_is_one_failed_item(made: Workspace) -> None:
    (made.root / "segments/train/train_8_18.wav").write_bytes(b"RIFF")
    result, listened = run(made)
    assert (result["labelled"], result["failed"]) == (6, 1)
    failed = [event for event in listened.of("item") if event["state"] == "failed"]
    assert [event["id"] for event in failed] == ["train_8_18"]
    assert failed[0]["error"]["fix"]


def test_cancel_keeps_the_batches_that_were_stored(made: Workspace) -> None:
    listened = Listened(made, "label", {})
    emit = listened.job.emit

    def cancel_at_first_item(kind: str, **data: object) -> None:
        emit(kind, **data)
        if kind == "item":
            listened.job.cancel()

    listened.job.emit = cancel_at_first_item  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        label.run(made, made.config(), listened.job)
    with Store(made.db_path) as store:
        assert store.segments.counts()["labelled"] == 4
    result, _ = run(made)
    assert result["labelled"] == 3


def test_batch_is_halved_when_memory_runs_out(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = decoding.decode

    def small_card(loaded: object, audio: list[object], **more: object) -> object:
        sizes.append(len(audio))
        if len(audio) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(loaded, audio, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(decoding, "decode", small_card)
    result, _ = run(made)
    assert result["labelled"] == 7
    assert sizes == [4, 2, 1, 1, 1, 1, 1, 1, 1]


def test_no_segments_says_what_comes_first(tmp_path: Path) -> None:
    empty = make_workspace(tmp_path / "w", toy(), train=0, test=0)
    with pytest.raises(UserError, match="no segments"):
        run(empty)


def test_missing_labeller_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", tmp_path / "nowhere", train=1, test=0, accepted=False)
    with pytest.raises(UserError) as caught:
        run(made)
    assert caught.value.fix.startswith("whispersmith model")
