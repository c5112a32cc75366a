"""A second opinion: where it differs is stored with both readings, and comes first in the review."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from core.engines import EngineOptions, PcmWindow
from core.errors import UserError
from core.events import Item
from core.review.differences import Difference
from core.stages import label
from core.store import Store
from core.store.transcripts import MachineText
from core.timed_text import TimedText
from core.workspace import Workspace
from tests.core.labelling_kit import Ears, cut_anew, ears, recorded_workspace, rows, run, truth
from tests.core.whisper_kit import toy_copy
from tests.fakes.ear import Ear

__all__ = ["ears"]


class Deaf(Ear):
    """Takes every 羽 for a 宮."""

    def _decode(self, windows: list[PcmWindow]) -> list[TimedText]:
        return [_misheard(text) for text in super()._decode(windows)]


def _misheard(text: TimedText) -> TimedText:
    words = tuple(word._replace(text=word.text.replace("羽", "宮")) for word in text.words)
    return TimedText(text.start_ms, text.end_ms, text.text.replace("羽", "宮"), -1.0, 0.0, words)


@pytest.fixture
def made(tmp_path: Path) -> Workspace:
    toy_copy(tmp_path / "w" / "models" / "deaf")
    return recorded_workspace(tmp_path / "w")


@pytest.fixture
def both(made: Workspace, ears: Ears) -> Workspace:
    """One that hears well and one that is somewhat deaf."""

    def make(model: str, options: EngineOptions) -> Ear:
        return (Deaf if model == "models/deaf" else Ear)(model, options)

    ears.make = make
    return made


def test_where_another_model_differs_is_told_with_both_readings(both: Workspace, ears: Ears) -> None:
    run(both)
    alone = {id: row.suspicion or 0.0 for id, row in rows(both).items()}
    result, listened = run(both, second="models/deaf", redo=True)
    assert (result["labelled"], result["second"], result["compared"]) == (7, "models/deaf", 7)
    found = rows(both)
    assert {id: row.text for id, row in found.items()} == truth()
    with Store(both.db_path) as store:
        readings = store.second_readings.of("train") | store.second_readings.of("test")
    for id, row in found.items():
        reading = readings[id]
        assert (reading.source, reading.text, reading.other) == ("models/deaf", row.text, row.text.replace("羽", "宮"))
        places = [place for place in range(len(row.text)) if row.text[place] == "羽"]
        assert [at for one in reading.places for at in range(one.start, one.end)] == places
    # The more they differ, the sooner a row is looked at: sooner than without a second opinion, or not so late.
    order = sorted(found.values(), key=lambda row: -(row.suspicion or 0.0) / alone[row.id])
    counts = [row.text.count("羽") for row in order]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]
    assert {event.id for event in listened.of(Item)} == set(found)


def test_it_is_heard_once_and_only_where_a_text_is_open(both: Workspace, ears: Ears) -> None:
    run(both, second="models/deaf", ids=["train_0_10"])
    labeller, second = ears.opened
    assert second.heard == labeller.heard == [0, 4000, 8000]
    with Store(both.db_path) as store:
        store.transcripts.save("train_32_42", "人寫的")
    assert run(both, second="models/deaf")[0]["compared"] == 6
    assert ears.opened[-1].heard == [12_000, 16_000, 20_000, 24_000, 28_000, 32_000, *range(0, 18_000, 4000)]
    assert run(both, second="models/deaf")[0]["compared"] == 6
    assert ears.opened[-1].heard == []
    row = rows(both)["train_32_42"]
    assert (row.text, row.review) == ("人寫的", "accepted")


def test_cut_anew_both_readings_are_dealt_again(both: Workspace, ears: Ears) -> None:
    run(both, second="models/deaf")
    new = cut_anew(both, "train", 7, 6)
    ears.make = None  # type: ignore[assignment]
    run(both)
    with Store(both.db_path) as store:
        readings = store.second_readings.of("train")
        texts = {row.id: row.text for row in store.segments.all(video="train")}
    assert set(readings) == set(new)
    assert all(readings[id].other == texts[id].replace("羽", "宮") for id in new)


def test_the_settings_can_ask_for_one(both: Workspace, ears: Ears) -> None:
    with both.config_path.open("a", encoding="utf-8") as file:
        file.write('\n[labeller]\nsecond = "models/deaf"\n')
    assert run(both)[0]["compared"] == 7


def test_a_files_texts_are_a_second_opinion(made: Workspace, ears: Ears, tmp_path: Path) -> None:
    listing = ["file_name,transcription", "train_0_10.wav,羽羽羽", "train_8_18_1.wav,商", "other_0_10.wav,無"]
    listing.append(f"train_16_26.wav,{'嗯' * 200}")  # which is no opinion
    (tmp_path / "other.csv").write_text("\n".join(listing), encoding="utf-8")
    result, _ = run(made, second=str(tmp_path / "other.csv"))
    assert result["compared"] == 2
    with Store(made.db_path) as store:
        readings = store.second_readings.of("train")
    assert {id: reading.other for id, reading in readings.items()} == {"train_0_10": "羽羽羽", "train_8_18": "商"}
    assert {reading.source for reading in readings.values()} == {"import:other.csv"}
    # A file that was changed has the opinion that it has now.
    (tmp_path / "other.csv").write_text("\n".join(listing[:2]), encoding="utf-8")
    assert run(made, second=str(tmp_path / "other.csv"))[0]["compared"] == 1
    with Store(made.db_path) as store:
        assert list(store.second_readings.of("train")) == ["train_0_10"]


def test_it_is_that_of_whom_was_asked_last(both: Workspace, ears: Ears, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("file_name,transcription\ntrain_0_10.wav,羽羽羽\n", encoding="utf-8")

    def sources() -> list[str]:
        with Store(both.db_path) as store:
            return [reading.source for _, reading in sorted(store.second_readings.of("test").items())] + [
                store.second_readings.of("train")["train_0_10"].source
            ]

    run(both, second="models/deaf")
    assert sources() == ["models/deaf"] * 3
    run(both, second=str(tmp_path / "other.csv"))
    assert sources() == ["models/deaf", "models/deaf", "import:other.csv"]
    run(both, second="models/deaf")
    assert sources() == ["models/deaf"] * 3
    assert ears.opened[-1].heard == []


def test_what_can_give_no_opinion_is_refused_before_anything_is_heard(made: Workspace, tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("file_name,transcription\nother_0_10.wav,無\n", encoding="utf-8")
    (tmp_path / "colours.csv").write_text("colour,size\nred,3\n", encoding="utf-8")
    (tmp_path / "empty.csv").touch()
    labeller = made.config().model.labeller
    for second, says in (
        (str(tmp_path / "none.csv"), r"none of 1 row of none\.csv belongs to a segment here"),
        (str(tmp_path / "colours.csv"), r"none of 2 rows of colours\.csv belongs to a segment here"),
        (str(tmp_path / "empty.csv"), "is empty"),
        ("texts.csv", r"texts\.csv is not there"),
        ("nobody/no-such-whisper", "no-such-whisper is not here"),
        (labeller, "the labeller itself"),
        (f"{labeller}/.", "the labeller itself"),
    ):
        with pytest.raises(UserError, match=says):
            label.check_params(made, made.config(), {"second": second})
    label.check_params(made, made.config(), {"second": "models/deaf"})


def test_both_are_tried_on_the_same_few_segments(both: Workspace, ears: Ears) -> None:
    assert run(both, first=2)[0]["labelled"] == 2
    assert run(both, first=2, second="models/deaf")[0]["compared"] == 2
    assert ears.opened[-1].heard == [16_000, 20_000, 24_000, 28_000, 32_000]  # 16-26 and 24-34 s
    run(both)
    assert run(both, first=3, second="models/deaf")[0]["compared"] == 3
    assert ears.opened[-1].heard == [0, 4000, 8000, 12_000]


def test_a_labeller_is_the_second_opinion_on_imported_texts(made: Workspace, ears: Ears) -> None:
    with Store(made.db_path) as store:
        texts = [MachineText(id, text[:-1], text[:-1], "import:machine.csv") for id, text in truth().items()]
        store.transcripts.write_machine(texts)
    toy = made.config().model.labeller
    text = made.config_path.read_text(encoding="utf-8").replace(f'labeller = "{toy}"', 'labeller = "models/deaf"')
    made.config_path.write_text(text, encoding="utf-8")
    result, _ = run(made, second=toy)
    assert (result["labelled"], result["compared"]) == (0, 7)
    with Store(made.db_path) as store:
        reading = store.second_readings.get("train_0_10")
    assert reading is not None
    last = truth()["train_0_10"][-1]
    assert reading.places[-1] == Difference(len(reading.text), len(reading.text), last)


def test_a_model_that_cannot_hear_recordings_hears_the_clips(both: Workspace, ears: Ears) -> None:
    make = ears.make

    def short(model: str, options: Any) -> Ear:
        ear = make(model, options)
        ear.info = dataclasses.replace(ear.info, clips_only="it hears 4 s at once")
        return ear

    run(both)
    ears.make = short
    assert run(both, second="models/deaf")[0]["compared"] == 7
    with Store(both.db_path) as store:
        assert {id: reading.other for id, reading in store.second_readings.of("test").items()} == {
            id: text for id, text in truth().items() if id.startswith("test")
        }
