"""The list of what a model has heard, as it lies beside its weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.dataset import lineage
from core.dataset.lineage import Lineage, SegmentRef
from tests.core.dataset.rows import digest

WRITTEN_BEFORE = """{
 "trained": [
  {
   "id": "talk_0_10",
   "video": "talk",
   "start_ms": 0,
   "end_ms": 10000,
   "digest": "%s"
  }
 ],
 "validated": [
  {
   "id": "talk_30_40",
   "video": "talk",
   "start_ms": 30000,
   "end_ms": 40000,
   "digest": null
  }
 ],
 "on": "validation",
 "measured": [
  "talk_30_40"
 ],
 "inherited": []
}"""


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    heard = SegmentRef("鼓_0_10", "鼓", 0, 10_000, digest("a"))
    kept = Lineage((heard,), (SegmentRef("b_0_1", "b", 0, 1000),), "test", ("c_0_10",), (heard, heard))
    lineage.write(tmp_path / "run", kept)
    assert lineage.read(tmp_path / "run") == kept
    lineage.write(tmp_path / "run", Lineage(()))
    assert lineage.read(tmp_path / "run") == Lineage(())


def test_a_list_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    (tmp_path / lineage.FILE).write_text(WRITTEN_BEFORE % digest("a"))
    assert lineage.read(tmp_path) == Lineage(
        (SegmentRef("talk_0_10", "talk", 0, 10_000, digest("a")),),
        (SegmentRef("talk_30_40", "talk", 30_000, 40_000),),
        "validation",
        ("talk_30_40",),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"trained": None},
        {"trained": [{"id": "a"}]},
        {"trained": [{"id": "a", "video": 5, "start_ms": 0, "end_ms": 1}]},
        {"trained": [{"id": "a", "video": "a", "start_ms": "0", "end_ms": 1}]},
        {"validated": [{"id": "a", "video": "a", "start_ms": 0, "end_ms": 1, "digest": "no hex"}]},
        {"inherited": [[[]]]},
        {"measured": 3},
    ],
)
def test_a_list_that_cannot_be_trusted_is_none_at_all(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / lineage.FILE).write_text(json.dumps(json.loads(WRITTEN_BEFORE % "") | change))
    assert lineage.read(tmp_path) is None
    (tmp_path / lineage.FILE).write_text("[" * 100_000)
    assert lineage.read(tmp_path) is None
