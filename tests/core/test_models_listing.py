"""The table of suggested models, what is in the cache, and the list of both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.config import DEFAULT_MODEL, set_value
from core.models.cache import installed
from core.models.listing import listing
from core.models.suggested import LANGUAGES_99, LANGUAGES_100, SUGGESTED, suggestion
from core.training.methods import METHODS
from core.whisper.decoding_memory import MOST, USUAL, batch_to_label, memory_to_label
from core.whisper.folders import find, repository_folder
from core.whisper.info import describe
from tests.core.model_kit import ID, Place, place, rewrite, spoil
from tests.core.whisper_kit import toy_copy

__all__ = ["place"]

KEYS = {
    "id",
    "roles",
    "here",
    "bytes",
    "path",
    "parameters",
    "download_bytes",
    "memory_label_bytes",
    "memory_train_bytes",
    "languages",
    "window_s",
    "error",
}


@pytest.mark.parametrize(
    ("id", "millions", "gigabytes"),
    [
        ("openai/whisper-tiny", 37.8, 0.151),
        ("openai/whisper-base", 72.6, 0.290),
        ("openai/whisper-small", 241.7, 0.967),
        ("openai/whisper-medium", 763.9, 3.06),
        ("openai/whisper-large-v3", 1543.5, 3.09),
        ("openai/whisper-large-v3-turbo", 808.9, 1.62),
    ],
)
def test_sizes_follow_from_the_shapes_as_published(id: str, millions: float, gigabytes: float) -> None:
    one = suggestion(id)
    assert one is not None
    assert one.parameters / 1e6 == pytest.approx(millions, abs=0.05)
    assert one.download_bytes / 1e9 == pytest.approx(gigabytes, rel=0.03)


def test_the_default_comes_first_and_ids_are_unique() -> None:
    assert SUGGESTED[0].id == DEFAULT_MODEL
    assert len({one.id for one in SUGGESTED}) == len(SUGGESTED)


def test_the_language_codes_are_whispers() -> None:
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    assert set(LANGUAGES) == set(LANGUAGES_100)
    assert set(LANGUAGES_100) - set(LANGUAGES_99) == {"yue"}


def test_memory_to_label_grows_with_the_batch_and_the_hypotheses() -> None:
    small = SUGGESTED[0].shape
    # 55 MB of keys and values a segment for a small, 246 MB for a large, with what is said and the widest layer.
    more = (memory_to_label(small, 9, 1) - memory_to_label(small, 8, 1)) / 1.07e6
    assert more == pytest.approx(55.3 + 16.5 + 18.4, abs=0.1)
    of_five = (memory_to_label(small, 9, 5) - memory_to_label(small, 8, 5)) / 1.07e6
    assert of_five == pytest.approx(5 * (55.3 + 16.5) + 18.4, abs=0.5)


def test_as_much_is_decoded_at_once_as_the_memory_holds() -> None:
    small = SUGGESTED[0].shape
    assert batch_to_label(small, 5, None) == USUAL
    assert batch_to_label(small, 5, 80 * 2**30) == MOST
    assert batch_to_label(small, 5, 0) == 1
    free = 4 * 2**30
    size = batch_to_label(small, 5, free)
    taken = [memory_to_label(small, count, 5) - memory_to_label(small, 0, 5) for count in (size, size + 1)]
    assert taken[0] <= free < taken[1]


def test_the_list_of_an_empty_cache(place: Place) -> None:
    rows = listing(place.workspace)
    assert [row.id for row in rows] == [one.id for one in SUGGESTED]
    first = rows[0]
    assert (first.roles, first.here, first.suggested) == (("base", "labeller"), False, True)
    assert first.error is not None
    assert first.error["fix"] == f"whispersmith model {DEFAULT_MODEL}"
    assert all(row.error is None for row in rows[1:])
    assert place.hub.asked() == 0


def test_what_is_here_what_is_chosen_and_what_is_suggested(place: Place) -> None:
    place.get(role="labeller")
    toy_copy(place.workspace.models / "mine", 2.0)
    rows = listing(place.workspace)
    assert [row.id for row in rows[:3]] == [DEFAULT_MODEL, ID, "models/mine"]
    assert [row.roles for row in rows[:3]] == [("base",), ("labeller",), ("tuned",)]
    there = rows[1]
    assert (there.here, there.path, there.kind) == (True, str(find(ID)), "hub")
    assert there.bytes == sum(len(data) for data in place.repository.files.values())
    assert there.window_s == 2.0
    assert "zh" in there.languages
    assert there.memory_train_bytes == METHODS["full"].memory(describe(str(there.path)).shape, 8, recompute=False)
    assert rows[2].kind == "tuned"
    for row in json.loads(json.dumps([row.as_json() for row in rows])):
        assert set(row) >= KEYS


def test_a_plain_folder_that_is_chosen_is_listed(place: Place, tmp_path: Path) -> None:
    set_value(place.workspace.config_path, "model", "base", str(tmp_path / "toy"))
    row = listing(place.workspace)[0]
    assert (row.id, row.kind, row.here, row.roles) == (str(tmp_path / "toy"), "folder", True, ("base",))


def test_what_is_not_a_whisper_is_installed_but_not_offered(place: Place) -> None:
    place.get(role="labeller")
    other = repository_folder("someone/other")
    (other / "refs").mkdir(parents=True)
    (other / "refs" / "main").write_text("a" * 40)
    toy_copy(other / "snapshots" / ("a" * 40), 2.0)
    rewrite(other / "snapshots" / ("a" * 40) / "config.json", model_type="bert")
    found = {one.id: one for one in installed()}
    assert (found[ID].whisper, found["someone/other"].whisper) == (True, False)
    assert found[ID].last_used is not None
    assert "someone/other" not in [row.id for row in listing(place.workspace)]


def test_a_chosen_model_that_is_broken_says_why(place: Place) -> None:
    place.get(role="base")
    place.blob.write_bytes(place.blob.read_bytes()[:1000])
    row = listing(place.workspace)[0]
    assert (row.id, row.here, row.bytes is not None) == (ID, False, True)
    assert row.error is not None
    assert "broken" in row.error["what"]


def test_a_download_that_was_cut_is_told(place: Place) -> None:
    place.partial.parent.mkdir(parents=True)
    place.partial.write_bytes(b"\0" * 5000)
    (row,) = [row for row in listing(place.workspace) if row.id == ID] or [None]
    assert row is None  # neither chosen nor known to be a Whisper: it is no model yet
    set_value(place.workspace.config_path, "model", "base", ID)
    row = listing(place.workspace)[0]
    assert (row.id, row.partial_bytes, row.here) == (ID, 5000, False)


def test_a_cache_with_rubbish_in_it(place: Place) -> None:
    place.get()
    spoil(place.blob)
    (repository_folder("a/b") / "snapshots").mkdir(parents=True)
    (repository_folder("a/b").parent / "rubbish").touch()
    (repository_folder("c/d")).write_text("a file")
    assert ID in [one.id for one in installed()]


def test_nothing_heavy_is_loaded() -> None:
    code = (
        "import sys; import core.models.listing, core.models.download, core.models.inspect, core.stages.model;"
        "assert not {'torch', 'transformers', 'huggingface_hub', 'tqdm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
