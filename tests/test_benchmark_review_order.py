"""`python -m benchmarks.review_order WORKSPACE` weighs an order by what a person has corrected since."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import review_order
from core.store import Store
from core.store.transcripts import MachineText
from core.workspace import create
from tests.core.store_kit import fill

RIGHT = "今天天氣很好我們出去"


def test_its_first_rows_are_laid_beside_a_perfect_and_a_random_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = create(tmp_path / "w")
    with Store(made.db_path) as store:
        ids = fill(store, 11)
        # So many characters of each row are wrong as its number says; how unsure the machine is of row 8 hides that.
        for number, id in enumerate(ids[:10]):
            text, logprob = "錯" * number + RIGHT[number:], -0.1 * (0 if number == 8 else number)
            store.transcripts.write_machine([MachineText(id, text, text, "m", logprob, logprob=10 * logprob)])
            store.transcripts.save(id, RIGHT)
        store.transcripts.save(ids[10], RIGHT)  # no machine has written it
    monkeypatch.setattr(sys, "argv", ["review_order", str(made.root), "--json"])
    assert review_order.main() == 0
    (order,) = json.loads(capsys.readouterr().out)
    assert (order["rows"], order["errors"]) == (10, 45)
    assert order["perfect"] == {"tenth": pytest.approx(100 * 9 / 45), "fifth": pytest.approx(100 * (9 + 8) / 45)}
    assert order["found"] == {"tenth": pytest.approx(100 * 9 / 45), "fifth": pytest.approx(100 * (9 + 7) / 45)}
    assert order["random"] == {"tenth": 10, "fifth": 20}
    monkeypatch.setattr(sys, "argv", ["review_order", str(made.root)])
    assert review_order.main() == 0
    (_, line) = capsys.readouterr().out.splitlines()
    assert "20.0 % (20.0, 10)" in line
    assert "35.6 % (37.8, 20)" in line
    monkeypatch.setattr(sys, "argv", ["review_order", str(tmp_path / "nowhere")])
    assert review_order.main() == 2
    assert "nowhere is not a folder" in capsys.readouterr().err


def test_a_bound_that_does_not_hold_is_told() -> None:
    found = {"tenth": 16.9, "fifth": 31.0}
    order = review_order.Order("own", 10, 45, 40.0, found, found, found, review_order.BOUNDS["own"])
    assert not order.holds
