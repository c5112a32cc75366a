"""split: what it takes from the store, what it leaves there, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from core.stages import split
from core.store import Store
from tests.core.media_kit import make_job, make_workspace, with_segments


def test_the_split_and_its_leak_report_are_written(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws")
    ids = with_segments(workspace, "talk", 60, dict.fromkeys(range(50), "好"))
    with Store(workspace.db_path) as store:
        store.segments.set_parts({ids[55]: "test"})
    result = split.run(workspace, workspace.config(), make_job(workspace, "split", test=0.2))
    assert result["by"] == "time"
    assert (result["test"], result["leak"]) == (10, 0)
    assert result["random_leak"] >= 8
    with Store(workspace.db_path) as store:
        parts, digest = [row.part for row in store.segments.all()], store.segments.usable_digest()
        assert store.note("split") == result | {"usable": 50, "digest": digest, "share": 0.2, "seed": 0}
    assert parts.count("test") == 10
    assert parts.count("train") == result["train"]
    assert parts[50:] == [None] * 10


def test_only_what_a_person_accepted_and_that_says_something_counts(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws")
    ids = with_segments(workspace, "talk", 60, dict.fromkeys(range(50), "好"))
    more = with_segments(workspace, "more", 20, dict.fromkeys(range(10), "好"))
    with Store(workspace.db_path) as store:
        store.transcripts.save(ids[0], " ")
        store.transcripts.review(ids[1], "rejected")
    split.run(workspace, workspace.config(), make_job(workspace, "split", by="video"))
    with Store(workspace.db_path) as store:
        parts = {row.id: row.part for row in store.segments.all()}
    assert [parts[id] for id in ids] == [None, None, *["train"] * 48, *[None] * 10]
    assert [parts[id] for id in more] == [*["test"] * 10, *[None] * 10]


def test_settings_that_make_no_split_are_refused(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws")
    with pytest.raises(UserError, match=r"split\.test is not valid"):
        split.run(workspace, workspace.config(), make_job(workspace, "split", test=1.5))
    with pytest.raises(UserError, match="too little accepted text"):
        split.run(workspace, workspace.config(), make_job(workspace, "split"))
