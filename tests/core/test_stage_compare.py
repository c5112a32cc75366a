"""compare: models on the same accepted rows, each measured once, with what speaks against tuning them."""

from pathlib import Path

import pytest

from core.errors import UserError
from core.stages import compare
from core.store import Store
from core.text import normalise
from tests.core.whisper_kit import Listened, make_workspace, toy, toy_copy


def test_models_stand_beside_each_other_on_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=5, test=1)
    other = toy_copy(tmp_path / "other")
    broken = toy_copy(tmp_path / "broken")
    (broken / "tokenizer.json").write_text("{")
    asked = {"models": [str(toy()), str(other), str(broken)]}
    job = Listened(made, "compare", asked).job
    result = compare.run(made, made.config(), job)
    assert [failed for failed, _ in job.failures] == [str(broken)]
    assert {model["id"] for model in result["models"]} == {str(toy()), str(other)}
    one, two = result["models"]
    assert one["cer"] == two["cer"] > 0  # the same weights
    assert one["cer_low"] <= one["cer"] <= one["cer_high"]
    assert min(one["speed"], one["memory_train_bytes"]) > 0
    assert (result["segments"], one["fits"], one["warning"]) == (6, True, "")
    assert result["speech_s"] == 42 + 10  # 10 s every 8 s: what overlaps counts once
    text = compare.report(result)
    assert text.startswith("on 6 accepted rows")
    assert all(model["id"] in text for model in result["models"])

    # Whatever was measured stays, also after a kill; another text is another measurement.
    opened: list[str] = []
    first = compare._measure

    def measure(*given: object) -> dict[str, object]:
        opened.append(str(given[3]))
        return first(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(compare, "_measure", measure)
    again = {"models": [str(toy())]}
    assert compare.run(made, made.config(), Listened(made, "compare", again).job)["models"] in ([one], [two])
    assert opened == []
    with Store(made.db_path) as store:
        row = next(row for row in store.segments.all() if normalise(row.text))
        store.transcripts.save(row.id, row.text + "宮")
    compare.run(made, made.config(), Listened(made, "compare", again).job)
    assert opened == [str(toy())]


def test_a_large_model_and_little_speech_are_warned_of() -> None:
    assert "likely to hurt" in compare.warning(1_543_000_000, 3_600_000)
    assert compare.warning(1_543_000_000, 2 * 3_600_000) == ""
    assert compare.warning(242_000_000, 60_000) == ""


def test_nothing_accepted_and_unknown_models_are_refused(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", toy(), train=1, test=1, accepted=False)
    with pytest.raises(UserError, match="nothing to compare with"):
        compare.check_params(made, made.config(), {})
    with pytest.raises(UserError):
        compare.check_params(made, made.config(), {"models": ["nobody/nothing"]})
