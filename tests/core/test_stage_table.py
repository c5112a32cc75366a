"""The table of stages, and what comes next by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.stage import STAGES, lookup, seen_on
from core.status import Count, next_stage, summary
from core.store import Segment, Store, Video
from core.store.transcripts import MachineText
from core.workspace import create
from tui import keymap
from tui.status.steps import STEPS, NextStep, key_for, next_step, screen_due

FOUND = {"videos": 1, "segments": 100, "base_missing": 0, "labeller_missing": 0}
DONE = {name: Count(1, 0) for name in ("model", "fetch", "segment", "label", "review", "split", "train", "evaluate")}


@pytest.mark.parametrize("stage", [stage for stage in STAGES.values() if stage.is_job], ids=lambda stage: stage.name)
def test_every_stage_offers_what_its_row_says(stage) -> None:
    module = stage.load()
    assert callable(module.run)
    assert all(callable(getattr(module, name)) for name in ("arguments", "params", "report") if stage.help)
    assert stage.resume_param == "" or stage.resume_param in Path(module.__file__ or "").read_text()


def test_screens_and_actions_of_the_table_are_there() -> None:
    screens, actions = {name for name, _, _ in STEPS}, {action.id for action in keymap.ACTIONS}
    for stage in STAGES.values():
        assert set(stage.screens) <= screens
        assert not stage.action or stage.action in actions
    assert seen_on("playlist") == {"demo", "add", "details", "fetch", "captions"}


def test_a_stage_of_another_version_has_a_row_all_the_same() -> None:
    assert (lookup("fly").title, lookup("fly").screen, lookup("fly").is_job) == ("fly", "setup", False)


def test_what_is_next_stands_with_its_place_and_its_key() -> None:
    assert next_step("label") == NextStep("4 Transcripts: let the labeller write (b)", "4 label")
    assert next_step("train", pane="results") == NextStep("5 Training: start the training (enter)", "5 train")
    # On its own screen it needs no place; what lies over that has to be left first.
    assert next_step("train", pane="training.plan") == NextStep("start the training (enter)", "enter start")
    assert next_step("train", pane="training.run") == NextStep("start the training (esc, then enter)", "esc plan")
    assert next_step("model", pane="models").long == "download the model that is missing (esc, then d)"
    assert next_step("done") == NextStep("nothing, every stage is done", "nothing")
    # What is being done already is not asked for, nor is anything while a workspace is being filled.
    running = {"label": False, "train": False}
    assert next_step("train", running) == NextStep("5 Training: training is at work", "wait, train")
    assert next_step("fetch", {"fetch": True}, "playlist").long == "the download is on hold"
    assert next_step("review", running, "transcripts").short == "a accept"
    assert next_step("add", {"demo": False}, "setup").long == "2 Playlist: making the demo is at work"
    assert (screen_due("add"), screen_due("evaluate"), screen_due("done")) == ("setup", "results", "results")
    for stage in STAGES.values():
        assert not stage.done or stage.advice, stage.name


def test_what_a_fix_tells_a_shell_has_its_key_in_the_app() -> None:
    assert key_for("whispersmith train") == "5 Training, enter"
    assert key_for("whispersmith train", "training.run") == "enter"
    assert key_for("whispersmith split, after accepting some transcripts", "results") == "5 Training, p"
    assert key_for("check the network, then whispersmith add", "playlist") == "+"
    assert key_for("whispersmith import PATH") == "4 Transcripts, i"
    # With options it is another thing; and not every command is a stage.
    fixes = ("whispersmith label --redo takes those", "whispersmith segments --json", "whispersmith check", "make room")
    for fix in (*fixes, ""):
        assert key_for(fix) == ""


@pytest.mark.parametrize(
    ("counts", "found", "due"),
    [
        ({}, {"videos": 0, "segments": 0}, "add"),
        ({}, {}, "done"),
        ({"fetch": Count(1, 1), "label": Count(0, 9)}, {}, "fetch"),
        ({"label": Count(0, 1), "review": Count(0, 1)}, {}, "label"),
        ({"label": Count(80, 20)}, {}, "label"),
        # A few segments without a text hold nothing up, and are due all the same.
        ({"label": Count(95, 5), "train": Count(0, 1)}, {}, "train"),
        ({"label": Count(3, 1), "split": Count(0, 3)}, {}, "split"),
        ({"label": Count(95, 5), "review": Count(90, 10)}, {}, "review"),
        ({"label": Count(95, 5), "review": Count(95, 5)}, {}, "label"),
        # Nor does a review that has begun; one that has not is a person's turn.
        ({"review": Count(0, 100), "split": Count(0, 5)}, {}, "review"),
        ({"review": Count(5, 95), "split": Count(0, 5)}, {}, "split"),
        ({"review": Count(5, 95)}, {}, "review"),
        # Nor do a few that were accepted since the split, until all is reviewed.
        ({"review": Count(41, 59), "split": Count(40, 1)}, {}, "review"),
        ({"review": Count(43, 57), "split": Count(40, 3)}, {}, "split"),
        ({"review": Count(100, 0), "split": Count(99, 1)}, {}, "split"),
        # A model is fetched for the stage that needs it, and for no other.
        ({"model": Count(1, 1), "train": Count(0, 1)}, {"base_missing": 1}, "model"),
        ({"model": Count(1, 1), "train": Count(0, 1)}, {"labeller_missing": 1}, "train"),
        ({"model": Count(1, 1), "label": Count(0, 9)}, {"labeller_missing": 1}, "model"),
        ({"model": Count(1, 1), "split": Count(0, 9)}, {"base_missing": 1}, "split"),
    ],
)
def test_what_a_person_would_do_next(counts: dict[str, Count], found: dict[str, int], due: str) -> None:
    assert next_stage(DONE | counts, FOUND | found) == due


def test_one_segment_without_a_text_does_not_keep_from_training(tmp_path: Path) -> None:
    workspace = create(tmp_path / "ws", config_text='[model]\nbase = "here"\nlabeller = "here"\n')
    with Store(workspace.db_path) as store:
        store.videos.add(Video("v", title="v", duration_ms=200_000, licence="own"))
        store.videos.update("v", state="fetched", path="media/v.wav", cut={"length_ms": 10_000})
        rows = [Segment(f"v_{n}_{n + 10}", "v", n * 1000, n * 1000 + 10_000, f"segments/v/{n}.wav") for n in range(20)]
        store.segments.add(rows)
        store.transcripts.write_machine([MachineText(row.id, "text", "text", "m") for row in rows[:-1]])
        assert summary(store, workspace).next == "review"
        store.transcripts.review(rows[0].id, "accepted")
        assert (summary(store, workspace).next, summary(store, workspace).stages["split"].due) == ("review", 0)
        for row in rows[1:-1]:
            store.transcripts.review(row.id, "accepted")
        assert summary(store, workspace).next == "split"
        assert summary(store, workspace).stages["label"] == Count(19, 1)
        keys = json.loads(json.dumps(summary(store, workspace).as_json()))
        assert list(keys) == [*DONE, "next"]
        # What was split and is accepted no more is nothing to train on.
        store.segments.set_parts({row.id: "train" if n else "test" for n, row in enumerate(rows[:-1])}, {"usable": 19})
        assert summary(store, workspace).stages["train"].due == 1
        for row in rows[1:-1]:
            store.transcripts.review(row.id, "rejected")
        assert summary(store, workspace).stages["train"].due == 0
