"""Downloading from a loopback hub through the real huggingface_hub: whole, cut, resumed, damaged, and twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.errors import UserError
from core.jobs.handle import Cancelled
from core.models import download as downloading
from core.models.cache import installed
from core.models.hub import needed
from core.whisper.folders import find, repository_folder
from core.whisper.info import describe
from core.whisper.loading import load
from tests.core.model_kit import ID, WEIGHTS, Place, place, spoil
from tests.fakes.hub import git_id

__all__ = ["place"]


def test_a_model_arrives_whole_and_works(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    run = place.begin(id=ID, role="base")
    capfd.readouterr()
    result = place.run(run)
    out, error = capfd.readouterr()
    assert out + error == ""  # no bar is drawn
    assert (result["id"], result["roles"], result["downloaded"]) == (ID, ["base"], True)
    assert (result["window_s"], result["generation_config"]) == (2.0, "own")
    assert "zh" in result["languages"]
    folder = Path(result["path"])
    assert folder == find(ID)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == place.repository.files
    assert load(ID).info.parameters == result["parameters"]
    config = place.workspace.config()
    assert (config.model.base, config.model.labeller == ID) == (ID, False)


def test_progress_is_one_figure_over_all_files(place: Place) -> None:
    run = place.begin(id=ID)
    place.run(run)
    told = run.progress
    total = sum(len(data) for data in place.repository.files.values())
    done = [one.done for one in told]
    assert done == sorted(done)
    assert done[-1] == total
    assert {(one.total, one.unit) for one in told} == {(total, "B")}
    assert "MB" in told[-1].note
    assert told[-1].transfer is not None


def test_the_second_run_asks_nothing(place: Place) -> None:
    place.get(role="base")
    asked = place.hub.asked()
    result = place.get(role="labeller")
    assert not result["downloaded"]
    assert place.hub.asked() == asked
    assert place.workspace.config().model.labeller == ID


def test_only_one_set_of_safetensors_is_fetched(place: Place) -> None:
    folder = place.repository.folder
    others = {"pytorch_model.bin", "flax_model.msgpack", "model.fp32-00001-of-00002.safetensors", "training_args.bin"}
    for name in others:
        (folder / name).write_bytes(b"x" * 1000)
    result = place.get()
    there = {file.name for file in Path(result["path"]).iterdir()}
    assert WEIGHTS in there
    assert not there & others
    assert not any(place.hub.sent(ID, name) for name in others)


def test_weights_in_parts_come_with_their_index() -> None:
    parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    names = [*parts, "config.json", "model.safetensors.index.json", "README.md", "vocab.json"]
    assert needed("a/b", names) == ["config.json", "vocab.json", "model.safetensors.index.json", *parts]


def test_a_cut_line_is_taken_up_where_it_broke(place: Place) -> None:
    place.repository.cut_at, place.repository.cuts = 600_000, 1
    run = place.begin(id=ID)
    place.run(run)
    assert place.sent() == [(0, 600_000), (600_000, place.size - 600_000)]
    assert any("the line broke" in line for line in run.log())
    describe(ID)


def test_a_dead_line_gives_up_and_the_next_run_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "RETRY_WAITS_S", (0.01,))
    place.repository.cut_at, place.repository.after_cut = 600_000, (503, 1000)
    run = place.begin(id=ID)
    with pytest.raises(UserError) as caught:
        place.run(run)
    assert "could not be downloaded" in caught.value.what
    assert "goes on where it was" in caught.value.fix
    assert place.unchanged()
    assert place.partial.stat().st_size == 600_000
    (cut,) = [one for one in installed() if one.id == ID]
    assert cut.partial_bytes == 600_000
    with pytest.raises(UserError):
        describe(ID)
    place.repository.busy, place.repository.cut_at = None, None
    before = len(place.sent())
    place.get()
    assert place.sent()[before:] == [(600_000, place.size - 600_000)]
    assert not place.partial.exists()


def test_the_token_goes_to_the_hub_and_to_nobody_else(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    place.get()
    assert {request.what for request in place.hub.requests if request.token} == {"info", "tree", "resolve"}
    assert {request.what for request in place.hub.requests if not request.token} == {"content"}


def test_a_server_that_knows_no_ranges_sends_it_all_again(place: Place) -> None:
    place.repository.cut_at, place.repository.cuts, place.repository.ranges = 600_000, 1, False
    run = place.begin(id=ID)
    place.run(run)
    assert place.sent() == [(0, 600_000), (0, place.size)]
    assert run.progress[-1].share == 1


def test_wrong_bytes_are_thrown_away(place: Place) -> None:
    place.repository.wrong = frozenset({WEIGHTS})
    with pytest.raises(UserError) as caught:
        place.get()
    assert "damaged" in caught.value.what
    assert "checksum" in caught.value.why
    assert caught.value.fix
    assert place.unchanged()
    assert not place.blob.exists()
    assert not place.partial.exists()
    place.repository.wrong = frozenset()
    assert place.get()["downloaded"]


def test_a_damaged_part_from_before_comes_anew(place: Place) -> None:
    place.partial.parent.mkdir(parents=True)
    place.partial.write_bytes(b"\0" * 400_000)
    place.get()
    assert place.sent() == [(400_000, place.size - 400_000), (0, place.size)]
    describe(ID)


def test_a_part_longer_than_the_file_comes_anew(place: Place) -> None:
    place.partial.parent.mkdir(parents=True)
    place.partial.write_bytes(b"\0" * (place.size + 1))
    place.get()
    assert place.sent() == [(0, place.size)]


@pytest.mark.parametrize("damage", [spoil, lambda path: path.write_bytes(path.read_bytes()[:1000])])
def test_damaged_weights_in_the_cache_are_mended(place: Place, damage: object) -> None:
    place.get()
    damage(place.blob)  # type: ignore[operator]
    (find(ID) / "config.json").unlink()  # a damage that is seen without reading the weights
    run = place.begin(id=ID)
    assert place.run(run)["downloaded"]
    assert any("damaged" in line for line in run.log())
    assert place.sent() == [(0, place.size)] * 2
    assert place.blob.read_bytes() == place.repository.files[WEIGHTS]


def test_a_damaged_small_file_in_the_cache_is_mended(place: Place) -> None:
    place.get()
    name = git_id(place.repository.files["config.json"])
    (repository_folder(ID) / "blobs" / name).write_text("{")
    place.get()
    assert (find(ID) / "config.json").read_bytes() == place.repository.files["config.json"]
    assert len(place.sent()) == 1


def test_a_new_commit_counts_only_when_it_is_whole(place: Place) -> None:
    place.get()
    old = find(ID)
    (place.repository.folder / "generation_config.json").write_text("{}\n")
    place.repository.wrong = frozenset({WEIGHTS})
    weights = place.repository.folder / WEIGHTS
    spoil(weights)
    run = place.begin(id=ID)
    with pytest.raises(UserError):
        downloading.download(ID, run.job)
    assert find(ID) == old
    describe(ID)
    place.repository.wrong = frozenset()
    assert downloading.download(ID, run.job) == find(ID) != old


def test_a_cancel_ends_it_and_keeps_what_came(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    run = place.begin(id=ID)
    receive = downloading._fetch_rest

    def stopping(*args: object) -> None:
        add = args[2].add  # type: ignore[attr-defined]

        def counted(count: int) -> None:
            add(count)
            if place.partial.stat().st_size > 300_000:
                run.job.cancel()

        monkeypatch.setattr(args[2], "add", counted)
        receive(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(downloading, "_fetch_rest", stopping)
    with pytest.raises(Cancelled):
        place.run(run)
    kept = place.partial.stat().st_size
    assert 300_000 < kept < place.size
    assert place.unchanged()
    monkeypatch.setattr(downloading, "_fetch_rest", receive)
    place.get()
    assert place.sent()[-1] == (kept, place.size - kept)


def test_the_disk_is_looked_at_before_anything_is_fetched(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(place.workspace.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100_500_000))
    with pytest.raises(UserError) as caught:
        place.get()
    assert "no room" in caught.value.what
    assert "MB" in caught.value.why
    assert "HF_HOME" in caught.value.fix
    assert not place.sent()
    assert place.unchanged()
    # 0.5 MB beside the reserve are free: enough for the rest of a download that was nearly done.
    place.partial.parent.mkdir(parents=True)
    place.partial.write_bytes(place.repository.files[WEIGHTS][:-100_000])
    assert place.get()["downloaded"]
